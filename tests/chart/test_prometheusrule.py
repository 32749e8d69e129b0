"""The chart's PrometheusRule: the rules that promtool tests, with the values of an installation."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.helm_chart import CHART, NAMESPACE, refusal, template
from tools.rules import RENDERED

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())["prometheusRule"]


def prometheus_rule(**values: Any) -> dict[str, Any]:
    return template({"prometheusRule": {"enabled": True, **values}}).one("PrometheusRule")


def rules(rule: dict[str, Any]) -> list[dict[str, Any]]:
    return [rule for group in rule["spec"]["groups"] for rule in group["rules"]]


def check(groups: Any, path: Path) -> str:
    """Check rendered groups with promtool; return its output."""
    path.write_text(yaml.safe_dump({"groups": groups}))
    result = subprocess.run([os.environ["PROMTOOL"], "check", "rules", path], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    return result.stdout


def test_there_is_none_by_default() -> None:
    """Not every cluster has the Prometheus Operator."""
    assert not template({}).of("PrometheusRule")


def test_default_rules_are_those_for_a_plain_prometheus() -> None:
    """Two programs insert the values: helm, and `make rules`."""
    assert prometheus_rule()["spec"] == yaml.safe_load(RENDERED.read_text())


def test_is_found_by_its_labels_in_its_namespace() -> None:
    """In the release's namespace, unless the values have another one."""
    metadata = prometheus_rule(namespace="prometheus", additionalLabels={"release": "stack"})["metadata"]
    assert metadata["namespace"] == "prometheus"
    assert metadata["labels"]["release"] == "stack"
    assert prometheus_rule()["metadata"]["namespace"] == NAMESPACE


def test_labels_are_added_to_every_alert_and_to_nothing_recorded() -> None:
    """They do not replace the severity."""
    found = rules(prometheus_rule(labels={"team": "ml", "severity": "page"}))
    alerts = [rule["labels"] for rule in found if "alert" in rule]
    assert {labels["team"] for labels in alerts} == {"ml"}
    assert {labels["severity"] for labels in alerts} == {"info", "warning", "critical"}
    assert not [rule for rule in found if "record" in rule and "labels" in rule]


@pytest.mark.parametrize("threshold", VALUES["thresholds"])
def test_threshold_changes_one_alert(threshold: str, tmp_path: Path) -> None:
    """Prometheus can parse the number, even a million seconds."""
    value = 0.875 if threshold.endswith("Ratio") else 1234567
    changed = prometheus_rule(thresholds={threshold: value})
    pairs = zip(rules(changed), rules(prometheus_rule()), strict=True)
    ((ours, _),) = [(ours, usual) for ours, usual in pairs if ours != usual]
    assert str(value) in ours["expr"] + ours.get("for", "")
    check(changed["spec"]["groups"], tmp_path / "rules.yaml")


def test_another_label_can_have_the_namespace(tmp_path: Path) -> None:
    """For scrapes without honorLabels; the exporter's own series still use `namespace`."""
    changed = prometheus_rule(namespaceLabel="exported_namespace", runbookUrl="https://wiki.example.com/ray")
    check(changed["spec"]["groups"], tmp_path / "rules.yaml")
    for rule in rules(changed):
        if not rule.get("alert", "").startswith("KubeRayExporter"):
            # Except in the name of a recorded series.
            assert not re.search(r"\bnamespace\b(?!:)", rule["expr"])
            assert "$labels.namespace" not in str(rule)
        if "alert" in rule:
            assert rule["annotations"]["runbook_url"] == f"https://wiki.example.com/ray#{rule['alert'].lower()}"


def test_a_threshold_cannot_be_taken_away() -> None:
    """Its rule would be invalid."""
    assert "jobFailureRatio" in refusal({"prometheusRule": {"thresholds": {"jobFailureRatio": None}}})
