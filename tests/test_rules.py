"""The rules have annotations, tests and runbooks, and use existing metrics. `make rules` tests when they fire."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.helm_chart import ROOT
from tests.support.parity import NINE as NINE_METRICS
from tools import alerts_table, families, rule_tests
from tools.rules import (
    NINE,
    OPTIONAL,
    RENDERED,
    documented,
    external_tokens,
    rendered,
    rules_by_name,
    source,
    values,
)

RULES = rules_by_name(RENDERED, *OPTIONAL.values())
ALERTS = {name: rule for name, rule in RULES.items() if "alert" in rule}
RUNBOOKS = ROOT / "docs" / "runbooks.md"
PARTS = ["Meaning", "Impact", "Diagnosis", "Mitigation"]

WITHOUT_LABELS = {"KubeRayExporterDown", "KubeRayNotReconciling", "KubeRayDuplicateMetrics"}
"""Alerts on the exporter or the operator as a whole: they have no label of an object."""


@cache
def groups() -> list[dict[str, Any]]:
    """Return every group of promtool's tests, of all files."""
    pages: list[Path] = sorted((ROOT / "tests" / "rules").glob("*.yaml"))
    return [group for page in pages for group in yaml.safe_load(page.read_text())["tests"]]


def cases(alert: str) -> list[tuple[str, bool]]:
    """Return the tests of an alert: the name of each group, and whether the alert has to fire."""
    return [
        (group["name"], bool(case["exp_alerts"]))
        for group in groups()
        for case in group.get("alert_rule_test", ())
        if case["alertname"] == alert
    ]


@pytest.mark.parametrize("path", [RENDERED, NINE, *OPTIONAL.values()])
def test_rules_for_prometheus_are_those_of_the_chart(path: Path) -> None:
    """Stale: run `make rules`."""
    assert path.read_text() == rendered(path=path)


def test_needed_families_are_what_make_rules_writes() -> None:
    """Stale: run `make rules`."""
    assert families.FILE.read_text() == families.rendered()


@pytest.mark.parametrize(
    ("expr", "needed"),
    [
        ("kuberay_a > 1 unless on (uid) kuberay_b{x='}'} and on (uid) kuberay_c", {"kuberay_a", "kuberay_c"}),
        ("kuberay_a unless on () max by (uid) (rate(kuberay_b[5m])) or kuberay_c", {"kuberay_a", "kuberay_c"}),
        ("kuberay_a unless (kuberay_b or (kuberay_c))", {"kuberay_a"}),
        ("absent(kuberay_a) or sum(rate(kuberay_b_bucket[5m]))", {"kuberay_b"}),
    ],
)
def test_what_only_takes_series_away_is_not_needed(expr: str, needed: set[str]) -> None:
    """Without it, an alert fires for more objects."""
    assert families.needs(expr) == needed


def test_rules_of_the_nine_need_the_nine_alone() -> None:
    """And the exporter's own metrics; the names of the alerts are those of the other rules."""
    alerts = rules_by_name(NINE)
    assert set(alerts) <= set(ALERTS)
    needed = set().union(*(families.reads(rule["expr"]) for rule in alerts.values()))
    assert {name for name in needed if not name.startswith("kuberay_exporter_")} <= NINE_METRICS


def test_rules_of_the_nine_are_tested_as_the_others() -> None:
    """Each where it fires and where it does not."""
    page = yaml.safe_load((ROOT / "tests" / "rules" / "nine.yaml").read_text())
    found = [case for group in page["tests"] for case in group["alert_rule_test"]]
    own = {name for name in rules_by_name(NINE) if not name.startswith("KubeRay")}
    for fires in (True, False):
        assert {case["alertname"] for case in found if bool(case["exp_alerts"]) is fires} == own


def test_alerts_have_a_severity_and_annotations() -> None:
    """A summary and a description with the name of the object; the address of a runbook only if the values have one.

    The description begins with the cluster, if there is one: Go's templates pass nil for a label without a guard to
    `printf`, and the query is `{cluster=%!q(<nil>)}`.
    """
    text = "".join(map(source, (RENDERED, *OPTIONAL.values())))
    for alert, rule in ALERTS.items():
        annotations = rule["annotations"]
        assert rule["labels"]["severity"] in ("info", "warning", "critical"), alert
        assert set(annotations) == {"summary", "description"}, alert
        assert f"          runbook_url: ${{runbookUrl}}#{alert.lower()}\n" in text, alert
        description = annotations["description"]
        assert re.search(r"\$labels\.(name|namespace|resource)\b", description) or alert in WITHOUT_LABELS, alert
        assert description.startswith("{{ with $labels.cluster }}cluster {{ . }}: {{ end }}"), alert
        assert "$labels.cluster" not in description.replace("{{ with $labels.cluster }}", ""), alert


def test_rules_do_not_depend_on_a_reason() -> None:
    """Those of conditions alternate while the cause stays the same, and would reset `for`; those of Events do not.

    Of Workloads the reason is what an alert is about, so that these have no `for`.
    """
    for name, rule in RULES.items():
        expr = re.sub(r"\bby \([^)]*\)", "", rule["expr"])
        families = re.findall(r"(\w+)\{[^}]*\breason\b", expr)
        of_workloads = [family for family in families if family.startswith("kuberay_workload_")]
        others = set(families) - set(of_workloads)
        assert all(family.startswith(("kuberay_event_", "kuberay_pod")) for family in others), name
        assert not of_workloads or "for" not in rule, name
        assert families or "reason" not in expr, name


def test_alerts_are_tested_where_they_fire_where_they_must_not_and_across_a_restart() -> None:
    """A misspelt name in a test of promtool never fires, so that a test without alerts passes."""
    for alert in ALERTS:
        found = cases(alert)
        assert {fires for _, fires in found} == {True, False}, alert
        assert any("restart" in group for group, _ in found), alert


def test_tests_name_no_other_alert() -> None:
    """For example one that was renamed."""
    named = {case["alertname"] for group in groups() for case in group.get("alert_rule_test", ())}
    assert named == set(ALERTS)


def test_recorded_series_are_tested_and_well_named() -> None:
    """As level:metric:operations."""
    tested = [case["expr"] for group in groups() for case in group.get("promql_expr_test", ())]
    for record in set(RULES) - set(ALERTS):
        assert any(record in expr for expr in tested), record
        assert re.fullmatch(r"namespace[A-Za-z_]*:(kuberay|ray|dcgm)_[a-z_]+:[a-z0-9_]+", record), record


def test_rules_use_metrics_and_labels_that_exist() -> None:
    """They are in docs/metrics.md, which `make docs` writes from the collectors' tables."""
    known, external = documented(), set(values()["externalLabels"])
    for rule in RULES.values():
        text = rule["expr"] + rule.get("annotations", {}).get("description", "")
        used = re.sub(r"namespace\w*:[\w:]+", "", text)
        for name, matchers in re.findall(r"\b(kuberay_\w+)(?:\{([^}]*)\})?", used):
            family = name.removesuffix("_bucket")
            assert family in known, rule
            assert set(re.findall(r"""(\w+)(?:=~|!=|=)["'%]""", matchers)) <= known[family] | external, rule


def test_runbooks_have_a_section_for_every_alert_and_no_other() -> None:
    """In the order of the rules; the heading is the anchor. Causes of a diagnosis follow, in lower case."""
    assert re.findall(r"^### ([A-Z]\w+)$", RUNBOOKS.read_text(), re.MULTILINE) == list(ALERTS)


def test_every_runbook_has_four_parts_in_order() -> None:
    """The usual ones."""
    sections = re.split(r"^### [\w-]+$", RUNBOOKS.read_text(), flags=re.MULTILINE)[1:]
    for section in sections:
        assert re.findall(r"^\*\*(\w+)\.\*\*", section, re.MULTILINE) == PARTS


def test_runbooks_of_objects_begin_their_diagnosis_with_explain() -> None:
    """With a command for the object of the alert, of any kind where the alert has the label `kind`."""
    for heading, section in re.findall(
        r"^### (Ray\w+)$(.*?)(?=^##|\Z)", RUNBOOKS.read_text(), re.MULTILINE | re.DOTALL
    ):
        command = re.search(r"\*\*Diagnosis\.\*\* `kuberay-exporter explain (\S+)( \$NAME)? -n \$NS`", section)
        assert command, heading
        kinds = re.findall("Ray(?:Cluster|CronJob|Job|Service)", ALERTS[heading]["annotations"]["description"])
        assert command[1] in ("$KIND", *map(str.lower, kinds)), heading


def test_runbooks_have_no_long_lines() -> None:
    """Prose is wrapped; tables may be wide."""
    assert all(len(line) <= 120 or line.startswith("|") for line in RUNBOOKS.read_text().splitlines())


def test_table_of_alerts_is_what_make_rules_writes() -> None:
    """Stale: run `make rules`."""
    assert RUNBOOKS.read_text() == alerts_table.runbooks()


def test_only_services_operator_and_exporter_are_critical() -> None:
    """What a person has to act on at night; and what Kueue has given up, which nothing starts again."""
    critical = {name for name, rule in ALERTS.items() if rule["labels"]["severity"] == "critical"}
    assert critical == {
        "RayServiceNotReady",
        "RayServiceNoServeEndpoints",
        "RayServiceInitializingTimeout",
        "KubeRayNotReconciling",
        "RayObjectDeactivated",
        "KubeRayExporterDown",
        "KubeRayExporterStale",
    }


def test_aggregations_and_joins_keep_the_external_labels() -> None:
    """Objects of two clusters can have the same names. `on ()` compares with all clusters on purpose."""
    for name, rule in RULES.items():
        groupings = re.findall(r"\b(?:by|on) \(([^)]*)\)", rule["expr"].replace("unless on ()", ""))
        # Recorded series have these labels and no others.
        others = re.search(r"(?<![\w:])[a-zA-Z]+_\w+(?![\w:])", rule["expr"].replace("sum_over_time", ""))
        assert groupings or name == "KubeRayExporterDown" or not others, name
        # A quantile's inner sum and every other grouping.
        assert all(labels.split(", ")[0] == "cluster" for labels in groupings), name


def test_rules_without_external_labels_name_no_cluster() -> None:
    """Nor an empty set of matchers."""
    text = rendered([])
    assert not re.search(r"\b(?:by|on) \([^)]*\bcluster\b|\bcluster=|labels\.cluster", text)
    assert "{}" not in text
    assert "${" not in text


def test_expected_clusters_need_a_label() -> None:
    """The first external label has their names."""
    assert external_tokens(["region", "cluster"], ["a", "b"])["expectedExporters"] == (
        'label_replace(vector(1), "region", "a", "", "") or label_replace(vector(1), "region", "b", "", "")'
    )
    with pytest.raises(ValueError, match="external label"):
        external_tokens([], ["a"])


def test_tests_of_two_clusters_are_derived_from_those_of_one() -> None:
    """Every series and every alert in each cluster; or a second cluster without an alert."""
    group = {
        "name": "a group",
        "interval": "1m",
        "input_series": [{"series": 'up{job="a",namespace="ml",uid="7"}', "values": "0x20"}],
        "alert_rule_test": [
            {
                "eval_time": "1m",
                "alertname": "A",
                "exp_alerts": [{"exp_labels": {"job": "a"}, "exp_annotations": {"description": "Down."}}],
            }
        ],
    }
    both = rule_tests.of_clusters(group, ["eu", "us"])
    assert [item["series"] for item in both["input_series"]] == [
        'up{cluster="eu",job="a",namespace="ml",uid="7"}',
        'up{cluster="us",job="a",namespace="ml",uid="7"}',
    ]
    assert both["alert_rule_test"][0]["exp_alerts"] == [
        {"exp_labels": {"job": "a", "cluster": name}, "exp_annotations": {"description": f"cluster {name}: Down."}}
        for name in ("eu", "us")
    ]
    one = rule_tests.beside_a_healthy_one(group)
    assert len(one["alert_rule_test"][0]["exp_alerts"]) == 1
    others = [item["series"] for item in one["input_series"] if 'cluster="us"' in item["series"]]
    assert len(others) == len(rule_tests.HEALTHY) + len(rule_tests.AT_REST)
    assert 'kuberay_cluster_suspended{cluster="us",name="x",namespace="ml",uid="7"}' in others


def test_every_alert_is_tested_for_two_clusters() -> None:
    """None is tested only in a file that no tests are derived from."""
    pages = [page for _, page in rule_tests.derived()]
    named = {case["alertname"] for page in pages for group in page["tests"] for case in group["alert_rule_test"]}
    assert named == set(ALERTS)
