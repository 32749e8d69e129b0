"""One Prometheus scrapes two simulated clusters with equal objects, under different `cluster` labels."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from tests.support.boards import QUERIES, BoardQuery
from tests.support.demo_process import demo
from tests.support.prometheus_process import ask, prometheus, query
from tests.support.watching import wait_until
from tools.rules import RENDERED, rules_by_name

PATIENCE_SECONDS = 150.0

CLUSTERS = ("eu", "us")


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Prometheus with the rules; the demos have the same seed."""
    folder = tmp_path_factory.mktemp("prometheus")
    flags = ("--speed", "30", "--objects", "60", "--seed", "1")
    with demo(*flags) as eu, demo(*flags) as us:
        targets = [
            {"targets": [f"127.0.0.1:{urlsplit(url).port}"], "labels": {"cluster": name}}
            for name, url in zip(CLUSTERS, (eu, us), strict=True)
        ]
        job = {"job_name": "kuberay-exporter", "honor_labels": True, "static_configs": targets}
        configuration = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "2s"},
            "rule_files": [str(RENDERED)],
            "scrape_configs": [job],
        }
        path = folder / "prometheus.yml"
        path.write_text(yaml.safe_dump(configuration))
        with prometheus(path, folder) as started:
            yield started


def rules(address: str) -> list[dict[str, Any]]:
    return [rule for group in ask(address, "rules")["groups"] for rule in group["rules"]]


def alerts(address: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = ask(address, "alerts")["alerts"]
    return found


def test_rules_are_evaluated_without_an_error(address: str) -> None:
    """A join that ignores the cluster would have several matches on both sides."""
    wait_until(lambda: all(rule["health"] != "unknown" for rule in rules(address)), "evaluated", PATIENCE_SECONDS)
    wait_until(
        lambda: {alert["labels"].get("cluster") for alert in alerts(address)} == set(CLUSTERS),
        "both clusters alert",
        PATIENCE_SECONDS,
    )
    assert {rule["name"]: rule.get("lastError") for rule in rules(address) if rule["health"] != "ok"} == {}


def alerts_of_objects(address: str) -> list[dict[str, Any]]:
    return [alert for alert in alerts(address) if alert["labels"]["alertname"] != "KubeRayExporterDown"]


def test_every_alert_names_its_cluster(address: str) -> None:
    """In a label and at the beginning of its description. No alert is on two clusters or on none.

    Except one: before the first scrape there is no exporter at all, and no label that could name a cluster.
    """
    wait_until(lambda: alerts_of_objects(address), "an alert", PATIENCE_SECONDS)
    for alert in alerts_of_objects(address):
        assert alert["annotations"]["description"].startswith(f"cluster {alert['labels']['cluster']}: ")
    assert {alert["labels"]["alertname"] for alert in alerts(address)} <= set(rules_by_name())
    assert "KubeRayDuplicateMetrics" not in {alert["labels"]["alertname"] for alert in alerts(address)}


@pytest.mark.parametrize("board_query", QUERIES, ids=lambda board_query: board_query.key)
def test_query_of_a_dashboard_is_of_the_selected_cluster(address: str, board_query: BoardQuery) -> None:
    """Prometheus evaluates it for both, and no result of one cluster has the label of the other."""
    query(address, board_query.promql)
    selected = board_query.promql.replace('cluster=~".*"', 'cluster=~"eu"')
    assert {series["metric"].get("cluster", "eu") for series in query(address, selected)} <= {"eu"}
