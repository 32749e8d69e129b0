"""`serve --metrics nine` in a real Prometheus, with the six rules and the fifteen queries that need nothing else."""

import json
import re
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
import yaml

from exporter.simulator.cluster import SimulatedCluster
from tests.support.boards import QUERIES
from tests.support.bodies import parse
from tests.support.parity import NINE
from tests.support.processes import Process, serving, write_kubeconfig
from tests.support.prometheus_process import ask, prometheus, query
from tests.support.watching import wait_until
from tools.dashboards.nine import board
from tools.rules import NINE as RULES

PATIENCE_SECONDS = 120.0

SIX = {
    "RayClusterProvisioningStuck",
    "RayClusterSlowProvisioning",
    "RayJobFailed",
    "RayJobExecutionTimeout",
    "RayServiceNotReady",
    "RayServiceUpgradeStuck",
}

Objects = list[dict[str, Any]]


class World:
    """A simulated cluster, the exporter on it, and the Prometheus that scrapes that."""

    def __init__(self, cluster: SimulatedCluster, exporter: Process, address: str) -> None:
        self._url = cluster.url
        self.exporter = exporter
        self.address = address

    def objects(self, plural: str) -> Objects:
        with urllib.request.urlopen(f"{self._url}/apis/ray.io/v1/{plural}", timeout=10) as answer:
            items: Objects = json.load(answer)["items"]
            return items

    def values(self, expr: str) -> dict[str, float]:
        """Return the values of a query, by the label that it groups by."""
        return {
            next(iter(series["metric"].values()), ""): float(series["value"][1]) for series in query(self.address, expr)
        }

    def firing(self) -> set[str]:
        alerts = ask(self.address, "alerts")["alerts"]
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    def failing_rules(self) -> dict[str, str]:
        rules = [rule for group in ask(self.address, "rules")["groups"] for rule in group["rules"]]
        return {rule["name"]: rule["lastError"] for rule in rules if rule.get("lastError")}


def hurried(rules: str) -> str:
    """Return the rules with seconds in place of their minutes: nothing in the simulation takes so long."""
    return re.sub(r"> 600$", "> 1", re.sub(r"for: \d+s", "for: 2s", rules), flags=re.MULTILINE)


@contextmanager
def world(folder: Path, rules: str, *flags: str, speed: float) -> Iterator[World]:
    (folder / "rules.yaml").write_text(rules)
    cluster = SimulatedCluster(seed=1, speed=speed, objects=150)
    cluster.populate(lambda _made, _wanted: None)
    with cluster, serving(write_kubeconfig(folder / "kubeconfig", cluster.url), *flags) as exporter:
        exporter.wait_until_ready()
        static = {"targets": exporter.addresses()}
        job = {"job_name": "kuberay-exporter", "honor_labels": True, "static_configs": [static]}
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "scrape_configs": [job],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        with prometheus(folder / "prometheus.yml", folder) as address:
            wait_until(lambda: query(address, "kuberay_job_info"), "scraped", PATIENCE_SECONDS)
            yield World(cluster, exporter, address)


@pytest.fixture(scope="module")
def fast(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("fast"), hurried(RULES.read_text()), "--metrics", "nine", speed=30) as made:
        yield made


@pytest.fixture(scope="module")
def slow(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Nothing changes in it while a test counts."""
    with world(tmp_path_factory.mktemp("slow"), RULES.read_text(), "--metrics", "nine", speed=0.0001) as made:
        yield made


def test_exactly_the_nine_and_the_exporters_own_are_there(fast: World) -> None:
    """No other is derived, and the kinds without one of the nine are not watched."""
    families = parse(fast.exporter.get("/metrics").body).keys()
    others = {name for name in families if not name.startswith(("kuberay_exporter", "process_", "python_"))}
    assert others <= NINE
    assert set(fast.values("count by (resource) (kuberay_exporter_synced)")) == {
        "rayclusters",
        "rayjobs",
        "rayservices",
    }


def test_all_six_alerts_fire_and_no_rule_fails(fast: World) -> None:
    """Others do not, but for KubeRayExporterDown before the first scrape; promtool tests the usual durations."""
    wait_until(lambda: fast.firing() >= SIX, "all six fire", PATIENCE_SECONDS, 0.5)
    assert fast.firing() <= SIX | {"KubeRayExporterDown"}
    assert fast.failing_rules() == {}


def seconds(begin: str, end: str) -> float:
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def has(obj: dict[str, Any], condition: str) -> bool:
    conditions = obj.get("status", {}).get("conditions", [])
    return any((found["type"], found["status"]) == (condition, "True") for found in conditions)


def provisioning(obj: dict[str, Any]) -> list[float]:
    """Return the time from creation to provisioned, which the operator still knows of a suspended cluster."""
    status = obj.get("status", {})
    found = [
        each["lastTransitionTime"] for each in status.get("conditions", []) if each["type"] == "RayClusterProvisioned"
    ]
    times = status.get("stateTransitionTimes", {})
    if not has(obj, "RayClusterProvisioned"):
        found = [times["ready"]] if found and {"suspended", "ready"} <= times.keys() else []
    return [seconds(obj["metadata"]["creationTimestamp"], time) for time in found]


def owner(obj: dict[str, Any]) -> str:
    return str(next((ref["kind"] for ref in obj["metadata"].get("ownerReferences", [])), "None"))


def state(obj: dict[str, Any]) -> str:
    return str(obj.get("status", {}).get("jobDeploymentStatus", ""))


def p99(values: list[float]) -> float:
    """Return the quantile as Prometheus interpolates it."""
    values = sorted(values)
    rank = 0.99 * (len(values) - 1)
    below = values[int(rank)]
    return below + (values[min(int(rank) + 1, len(values) - 1)] - below) * (rank % 1)


def durations(clusters: Objects) -> list[float]:
    return [value for obj in clusters for value in provisioning(obj)]


def executions(jobs: Objects) -> list[float]:
    ended = [obj["status"] for obj in jobs if state(obj) in ("Complete", "Failed")]
    return [seconds(status["startTime"], status["endTime"]) for status in ended if status.get("startTime")]


def counted(values: Any) -> dict[str, float]:
    return {name: float(number) for name, number in Counter(values).items()}


ORDERED: list[tuple[str, str, Callable[[Objects], dict[str, float]]]] = [
    ("rayclusters", "count(kuberay_cluster_info)", lambda objects: {"": len(objects)}),
    (
        "rayclusters",
        'count(kuberay_cluster_condition_provisioned{condition="true"})',
        lambda objects: {"": sum(has(obj, "RayClusterProvisioned") for obj in objects)},
    ),
    (
        "rayclusters",
        'count(kuberay_cluster_condition_provisioned{condition="false"})',
        lambda objects: {"": sum(not has(obj, "RayClusterProvisioned") for obj in objects)},
    ),
    (
        "rayclusters",
        "avg(kuberay_cluster_provisioned_duration_seconds)",
        lambda objects: {"": fmean(durations(objects))},
    ),
    # Of a gauge, which has no buckets for histogram_quantile.
    (
        "rayclusters",
        "quantile(0.99, kuberay_cluster_provisioned_duration_seconds)",
        lambda objects: {"": p99(durations(objects))},
    ),
    ("rayclusters", "count by (owner_kind) (kuberay_cluster_info)", lambda objects: counted(map(owner, objects))),
    ("rayjobs", "count(kuberay_job_info)", lambda objects: {"": len(objects)}),
    (
        "rayjobs",
        "count by (deployment_status) (kuberay_job_deployment_status)",
        lambda objects: counted(map(state, objects)),
    ),
    ("rayjobs", "avg(kuberay_job_execution_duration_seconds)", lambda objects: {"": fmean(executions(objects))}),
    (
        "rayjobs",
        'count(kuberay_job_deployment_status{deployment_status="Failed"})',
        lambda objects: {"": counted(map(state, objects))["Failed"]},
    ),
    ("rayservices", "count(kuberay_service_info)", lambda objects: {"": len(objects)}),
    (
        "rayservices",
        'count(kuberay_service_condition_ready{condition="true"})',
        lambda objects: {"": sum(has(obj, "Ready") for obj in objects)},
    ),
    (
        "rayservices",
        'count(kuberay_service_condition_upgrade_in_progress{condition="true"})',
        lambda objects: {"": sum(has(obj, "UpgradeInProgress") for obj in objects)},
    ),
    (
        "rayservices",
        'count(kuberay_service_condition_ready{condition="false"})',
        lambda objects: {"": sum(not has(obj, "Ready") for obj in objects)},
    ),
]


@pytest.mark.parametrize(
    ("plural", "expr", "expected"), ORDERED, ids=lambda value: value if isinstance(value, str) else ""
)
def test_query_gives_the_numbers_of_the_objects(
    slow: World, plural: str, expr: str, expected: Callable[[Objects], dict[str, float]]
) -> None:
    """Counted and computed from what the API server has."""
    wait_until(
        lambda: slow.values(expr) == pytest.approx(expected(slow.objects(plural))),
        f"{slow.values(expr)} is {expected(slow.objects(plural))}",
        20,
        0.5,
    )


def test_retried_attempts_are_found(fast: World) -> None:
    """They are seen only while they happen."""
    expr = 'kuberay_job_execution_duration_seconds{job_deployment_status="Retrying"}'
    wait_until(lambda: query(fast.address, expr), "a retried attempt", PATIENCE_SECONDS, 0.5)


@pytest.mark.parametrize("title", [panel["title"] for panel in board()["panels"] if panel["type"] != "row"])
def test_panel_of_the_dashboard_shows_something(fast: World, title: str) -> None:
    """With the nine alone."""
    (expr,) = [asked.promql for asked in QUERIES if (asked.board, asked.title) == ("kuberay-nine", title)]
    wait_until(lambda: query(fast.address, expr.removesuffix(" or vector(0)")), "a result", PATIENCE_SECONDS, 0.5)


def test_an_exporter_without_its_own_metrics_is_not_down(tmp_path: Path) -> None:
    """With an allowlist of the nine alone: before the first scrape it is pending, and then not."""
    allowlist = f"^({'|'.join(sorted(NINE))})$"
    with world(tmp_path, RULES.read_text(), "--metric-allowlist", allowlist, speed=1) as made:
        group = {"type": "alert", "rule_name[]": "KubeRayExporterDown"}
        wait_until(
            lambda: ask(made.address, "rules", **group)["groups"][0]["rules"][0]["health"] == "ok", "evaluated", 30, 0.5
        )
        wait_until(
            lambda: not query(made.address, 'ALERTS{alertname="KubeRayExporterDown"}'), "it is not pending", 30, 0.5
        )
        assert not query(made.address, "kuberay_exporter_build_info")
