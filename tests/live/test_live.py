"""A real Prometheus scrapes the demo with the rules loaded: dashboards show something, and alerts are there.

The demo goes so fast that within seconds all kinds of things happen. Scrapes and evaluations are as fast, but what
alerts wait for stays as it is: those that the API's times are measured by fire at once, as objects have been stuck
for hours; the others are at least pending.

The exporter is two targets, as after a restart, when it has another `instance`: nothing may be doubled by that, and no
join may fail.
"""

import re
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from exporter.kinds import KINDS
from tests.support.boards import QUERIES, BoardQuery
from tests.support.demo_process import NOT_SIMULATED, demo, get, is_ready
from tests.support.prometheus_process import ask, prometheus, query
from tests.support.watching import wait_until
from tools import gpu_metrics
from tools.rules import OPTIONAL, RENDERED, by_name, rules_by_name

HURRIED = (
    ("[10m]", "[10s]"),
    ("offset 10m", "offset 10s"),
    ("[2m]", "[4s]"),
    ("interval: 1m", "interval: 1s"),
    ("interval: 5m", "interval: 5s"),
    ("time() - 420", "time() - 7"),
    ("time() - 120", "time() - 2"),
)
"""The windows of the optional rules, which are too long to wait for, and what they are here."""


def hurried(path: Path) -> str:
    """Return a file of rules with shorter windows."""
    text = path.read_text()
    for usual, short in HURRIED:
        text = text.replace(usual, short)
    return text


RULES = rules_by_name() | {name: rule for path in OPTIONAL.values() for name, rule in by_name(hurried(path)).items()}
ALERTS = {name: rule for name, rule in RULES.items() if "alert" in rule}

ALL_KINDS = ",".join(kind.plural for kind in KINDS)
"""Also Workloads of Kueue, which the demo simulates only if they are asked for."""

PATIENCE_SECONDS = 300.0
"""How long from the start until everything has happened; it usually takes a third of it."""

NOTHING_TO_SHOW = {
    "kuberay-fleet: Not reconciled A": "the demo's operator reconciles all objects",
    "kuberay-RayCluster: At worker limit A": "the demo's autoscaled clusters stay below their maximum",
    "kuberay-exporter: Kinds not synced A": "all kinds are installed",
    "kuberay-exporter: Missing watches A": "the API server answers",
}
"""Queries whose result may be empty, with the reason."""

NOT_DESERVED = {
    "KubeRayExporterDown": "the exporter is up; another test is without one",
    "KubeRayExporterStale": "the API server answers",
    "KubeRayExporterNotSynced": "the API server refuses nothing",
    "KubeRayExporterInternalErrors": "the exporter has no fault",
    "KubeRayExporterDataCut": "no object reaches a limit",
    "KubeRayDuplicateMetrics": "pending, as there are two targets, but without labels of an object",
    "RayClusterLeftBehind": "no cluster is left for an hour",
    "RayJobDeadlineNear": "whether a job comes near its deadline is by chance",
    "KubeRayExporterDecodeFailures": "all objects are well-formed",
    "KubeRayNotReconciling": "the demo's operator looks at all objects",
    "RayClusterSlowProvisioning": "the demo hurries: nothing takes 10 minutes",
    "RayClusterReplicaFailure": "the demo's last less than 5 minutes",
    "RayServiceNoServeEndpoints": "the demo's services are without endpoints for less than 5 minutes",
    "RayCronJobFailing": "whether three jobs of a cron job fail in a row is by chance",
    "RayCronJobMissedSchedule": "the demo's operator misses no time of a schedule",
    "RayClusterGpusNotMeasured": "all GPUs are measured",
    "RayJobErrorBudgetBurnsFast": "whether jobs fail so often is by chance",
    "RayJobErrorBudgetBurnsSlowly": "whether jobs fail so often is by chance",
    "RayJobFailureRateHigh": "whether half of a namespace's jobs fail is by chance",
}
"""Alerts on nothing that is stuck in the demo, and why. All others have to be there."""

WITHOUT_UID = {
    "RayClusterPodsUnschedulable": {"namespace", "name"},
    "RayClusterGpusIdle": {"namespace", "name"},
    "RayPodsImagePull": {"namespace", "kind", "name"},
    # Of a head whose pod was deleted at once, only the namespace is known.
    "RayHeadOutOfMemory": {"namespace"},
}
"""Alerts on pods, which name their cluster or job but not its uid, and the labels that they have."""

KUBERAYS_OWN = [
    "count(kuberay_cluster_info) by (namespace)",
    'kuberay_cluster_info{namespace=~"$namespace"}',
    'kuberay_cluster_provisioned_duration_seconds{namespace=~"$namespace"}',
    'kuberay_cluster_condition_provisioned{namespace=~"$namespace", condition=~"false"}',
    "count(kuberay_service_info) by (namespace)",
    'kuberay_service_condition_ready{namespace=~"$namespace", condition=~"false"}',
    'kuberay_service_condition_upgrade_in_progress{namespace=~"$namespace", condition=~"true"}',
    "count(kuberay_job_info) by (namespace)",
    'kuberay_job_execution_duration_seconds{namespace=~"$namespace"}',
    'sum(kuberay_job_deployment_status{namespace=~"$namespace"}) by (deployment_status)',
    (
        'kuberay_job_deployment_status{namespace=~"$namespace",'
        ' deployment_status=~"Failed|Suspending|Suspended|Retrying|Waiting"}'
    ),
]
"""Of KubeRay's own dashboard, KubeRay-Operator.json, word for word: all that it asks of the nine metrics."""


def configure(folder: Path, *targets: str, gpus: Sequence[str] = ()) -> Path:
    """Write a configuration: the rules, these targets, and those that measure GPUs."""
    for rules in OPTIONAL.values():
        (folder / rules.name).write_text(hurried(rules))
    jobs = {"kuberay-exporter": list(targets), "gpus": list(gpus)}
    configuration = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
        "rule_files": [str(RENDERED), *(str(folder / rules.name) for rules in OPTIONAL.values())],
        "scrape_configs": [
            {"job_name": name, "honor_labels": True, "static_configs": [{"targets": addresses}]}
            for name, addresses in jobs.items()
        ],
    }
    path = folder / "prometheus.yml"
    path.write_text(yaml.safe_dump(configuration))
    return path


class Live:
    """Prometheus with the demo, and how long there is still to wait for it."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._deadline = time.monotonic() + PATIENCE_SECONDS

    def first_result(self, expr: str) -> list[dict[str, Any]]:
        """Return what a query finds as soon as it finds anything; nothing after the common deadline."""
        while not (found := query(self.address, expr)) and time.monotonic() < self._deadline:
            time.sleep(0.5)
        return found

    def alerts(self, name: str) -> list[dict[str, Any]]:
        return [alert for alert in ask(self.address, "alerts")["alerts"] if alert["labels"]["alertname"] == name]

    def first_alerts(self, name: str, states: set[str]) -> list[dict[str, Any]]:
        while not (found := [alert for alert in self.alerts(name) if alert["state"] in states]):
            if time.monotonic() > self._deadline:
                return []
            time.sleep(0.5)
        return found


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    folder = tmp_path_factory.mktemp("prometheus")
    with demo("--speed", "30", "--objects", "150", "--collectors", ALL_KINDS) as url:
        targets = [f"{host}:{urlsplit(url).port}" for host in ("127.0.0.1", "localhost")]
        gpus = gpu_metrics.serve(targets[0]).server_address
        configuration = configure(folder, *targets, gpus=[f"{gpus[0]!s}:{gpus[1]}"])
        with prometheus(configuration, folder) as address:
            yield Live(address)
            # As long as the tests took, no evaluation has failed.
            assert set(evaluation_failures(address)) == {"0"}


def evaluation_failures(address: str) -> list[str]:
    """How many evaluations failed so far, by group of rules."""
    with urllib.request.urlopen(f"{address}/metrics", timeout=10) as answer:
        own = answer.read().decode()
    return re.findall(r"^prometheus_rule_evaluation_failures_total\S* (\S+)$", own, re.MULTILINE)


@pytest.mark.parametrize("board_query", QUERIES, ids=lambda board_query: board_query.key)
def test_query_of_a_dashboard_finds_something(live: Live, board_query: BoardQuery) -> None:
    """Its series have no label that a restart of the exporter changes."""
    # The default 0 would hide an empty result.
    expr = board_query.promql.removesuffix(" or vector(0)")
    if board_query.key in NOTHING_TO_SHOW:
        query(live.address, expr)
        return
    found = live.first_result(expr)
    assert found
    if board_query.board != "kuberay-exporter":
        assert not [series for series in found if {"job", "instance"} & set(series["metric"])]


@pytest.mark.parametrize("kind", ["RayCluster", "RayJob", "RayService"])
def test_a_second_target_doubles_no_object(live: Live, kind: str) -> None:
    """They are two scrapes of a world that changes: the numbers agree at one moment, or never."""
    word = kind.removeprefix("Ray").lower()
    (shown,) = [asked.promql for asked in QUERIES if asked.key == f"kuberay-{kind}: {word.capitalize()}s A"]
    of_one_target = f'count(kuberay_{word}_info{{instance=~"127.+"}})'

    def agree() -> bool:
        (shown_now,), (counted_now,) = (query(live.address, expr) for expr in (shown, of_one_target))
        return bool(shown_now["value"][1] == counted_now["value"][1])

    assert live.first_result(of_one_target)
    wait_until(agree, "every object counts once", PATIENCE_SECONDS)


def test_promtool_has_nothing_to_say_of_all_families() -> None:
    """The golden exposition has no RayCronJobs and no users' labels; the demo shows every family that it simulates."""
    rows = [row for kind in KINDS for row in (*kind.rows, *kind.lifecycle, *kind.integrals)]
    wanted = {row.name for row in rows} - NOT_SIMULATED
    with demo("--speed", "10", "--collectors", ALL_KINDS) as url:
        wait_until(lambda: is_ready(url), "ready", PATIENCE_SECONDS)
        wait_until(lambda: all(b"\n# TYPE %b " % name.encode() in get(url) for name in wanted), "all families", 60)
        judged = subprocess.run(["promtool", "check", "metrics"], input=get(url), capture_output=True, check=False)
    assert (judged.returncode, judged.stdout, judged.stderr) == (0, b"", b"")


def test_queries_without_a_result_are_there() -> None:
    """The list has none that was renamed."""
    assert set(NOTHING_TO_SHOW) <= {board_query.key for board_query in QUERIES}
    assert set(NOT_DESERVED) < set(ALERTS)
    assert set(WITHOUT_UID) < set(ALERTS)


@pytest.mark.parametrize("expr", KUBERAYS_OWN)
def test_query_of_kuberays_own_dashboard_finds_something(live: Live, expr: str) -> None:
    """Unchanged."""
    assert live.first_result(expr.replace("$namespace", ".*"))


@pytest.mark.parametrize("rule", sorted(set(RULES) - set(NOT_DESERVED)))
def test_expression_of_a_rule_finds_something(live: Live, rule: str) -> None:
    """Of those alerts that the demo deserves, and of all that is recorded."""
    assert live.first_result(RULES[rule]["expr"])


@pytest.mark.parametrize("alert", sorted(set(ALERTS) - set(NOT_DESERVED)))
def test_alert_that_the_demo_deserves_is_there(live: Live, alert: str) -> None:
    """Firing, where it is measured by the API's times; at least pending, where it has to last."""
    states = {"pending", "firing"} if "for" in ALERTS[alert] else {"firing"}
    found = live.first_alerts(alert, states)
    assert found
    for shown in found:
        assert WITHOUT_UID.get(alert, {"namespace", "name", "uid"}) <= set(shown["labels"])
        assert shown["labels"].get("name", "in namespace") in shown["annotations"]["description"]
        assert "error" not in shown["annotations"]["description"]


def test_all_rules_are_evaluated_without_an_error(live: Live) -> None:
    """Those with templates that query too."""

    def rules() -> list[dict[str, Any]]:
        return [rule for group in ask(live.address, "rules")["groups"] for rule in group["rules"]]

    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules()), "all are evaluated", PATIENCE_SECONDS)
    assert {rule["name"]: rule.get("lastError") for rule in rules() if rule["health"] != "ok"} == {}
    assert {rule["name"] for rule in rules()} == set(RULES)


def test_alert_on_an_exporter_that_is_down_is_pending(tmp_path: Path) -> None:
    """Nothing listens at its target."""
    with prometheus(configure(tmp_path, "127.0.0.1:1"), tmp_path) as address:
        wait_until(
            lambda: (
                [alert["labels"]["alertname"] for alert in ask(address, "alerts")["alerts"]] == ["KubeRayExporterDown"]
            ),
            "KubeRayExporterDown is pending",
            PATIENCE_SECONDS,
        )
