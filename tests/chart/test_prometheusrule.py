"""The chart's PrometheusRule: the rules that promtool tests, with the values of an installation."""

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.helm_chart import CHART, NAMESPACE, refusal, template
from tools.rules import OPTIONAL, RENDERED, rendered, rules_by_name

ALL_GROUPS = dict.fromkeys(OPTIONAL, True)

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
def test_threshold_changes_one_rule_or_two(threshold: str, tmp_path: Path) -> None:
    """Prometheus can parse the number, even a million seconds.

    Both alerts of an objective need so many jobs, and both of a service that is not ready wait as long after a start.
    """
    value = 0.875 if threshold.endswith("Ratio") else 1234567
    changed = prometheus_rule(thresholds={threshold: value}, groups=ALL_GROUPS)
    pairs = zip(rules(changed), rules(prometheus_rule(groups=ALL_GROUPS)), strict=True)
    different = [ours for ours, usual in pairs if ours != usual]
    assert len(different) == (2 if threshold in ("sloMinimumJobs", "serviceNotReadySeconds") else 1)
    assert all(str(value) in ours["expr"] + ours.get("for", "") for ours in different)
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


def by_name(rule: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {alert["alert"]: alert for alert in rules(rule) if "alert" in alert}


def changed_alerts(**values: Any) -> dict[str, dict[str, Any]]:
    """Return the alerts that these values change."""
    usual = by_name(prometheus_rule())
    return {name: alert for name, alert in by_name(prometheus_rule(**values)).items() if alert != usual[name]}


ALERTS = [name for name, rule in rules_by_name(RENDERED, *OPTIONAL.values()).items() if "alert" in rule]

SCHEMA = json.loads((CHART / "values.schema.json").read_text())


def test_every_alert_can_be_named_and_no_other() -> None:
    """The schema has the names of the rules, in their order, those of optional groups last."""
    assert SCHEMA["definitions"]["alertName"]["enum"] == ALERTS
    assert list(SCHEMA["properties"]["prometheusRule"]["properties"]["alerts"]["properties"]) == ALERTS


@pytest.mark.parametrize(
    ("labels", "clusters"), [([], []), (["region", "k8s_cluster"], []), (["region", "cluster"], ["prod-eu", "prod-us"])]
)
def test_external_labels_are_those_of_make_own_rules(labels: list[str], clusters: list[str], tmp_path: Path) -> None:
    """With the clusters that must have an exporter."""
    spec = prometheus_rule(externalLabels=labels, expectedClusters=clusters)["spec"]
    assert spec == yaml.safe_load(rendered(labels, clusters))
    check(spec["groups"], tmp_path / "rules.yaml")


def test_expected_clusters_need_an_external_label() -> None:
    """The message names both values."""
    message = refusal({"prometheusRule": {"enabled": True, "externalLabels": [], "expectedClusters": ["a"]}})
    assert "prometheusRule.expectedClusters needs" in message
    assert "prometheusRule.externalLabels" in message


def test_disabled_alerts_are_omitted_and_nothing_else() -> None:
    """Recorded series stay, as the dashboards use them."""
    found = prometheus_rule(disabled=["RayJobRetrying", "RayJobFailed"])
    assert set(by_name(prometheus_rule())) - set(by_name(found)) == {"RayJobRetrying", "RayJobFailed"}
    assert [rule["record"] for rule in rules(found) if "record" in rule] == [
        rule["record"] for rule in rules(prometheus_rule()) if "record" in rule
    ]


def test_a_group_without_rules_is_omitted() -> None:
    """All alerts on the exporter are disabled."""
    names = [name for name in ALERTS if name.startswith("KubeRayExporter") or name == "KubeRayDuplicateMetrics"]
    groups = prometheus_rule(disabled=names)["spec"]["groups"]
    assert "kuberay-exporter" not in [group["name"] for group in groups]
    assert all(group["rules"] for group in groups)


@pytest.mark.parametrize(
    ("values", "place"),
    [
        ({"disabled": ["RayJobFails"]}, "/prometheusRule/disabled/0"),
        ({"alerts": {"RayJobFails": {"severity": "info"}}}, "/prometheusRule/alerts"),
        ({"alerts": {"RayJobFailed": {"severty": "info"}}}, "/prometheusRule/alerts/RayJobFailed"),
        ({"alerts": {"RayJobFailed": {"for": "soon"}}}, "/prometheusRule/alerts/RayJobFailed/for"),
        (
            {"alerts": {"KubeRayExporterDown": {"namespaces": {"include": ["a"]}}}},
            "/prometheusRule/alerts/KubeRayExporterDown",
        ),
        ({"namespaces": {"include": ["it's"]}}, "/prometheusRule/namespaces/include/0"),
        ({"objectLabels": ["team"]}, "/prometheusRule/objectLabels/0"),
    ],
)
def test_misspelt_or_useless_settings_of_an_alert_are_refused(values: dict[str, Any], place: str) -> None:
    """With their path."""
    assert f"at '{place}': " in refusal({"prometheusRule": values})


def test_settings_of_a_disabled_alert_are_refused() -> None:
    """They would have no effect."""
    message = refusal({"prometheusRule": {"disabled": ["RayJobFailed"], "alerts": {"RayJobFailed": {"for": "1m"}}}})
    assert "prometheusRule.alerts.RayJobFailed has no effect" in message


def test_a_duration_that_is_a_threshold_cannot_be_set_twice() -> None:
    """The message names the threshold."""
    values = {"enabled": True, "alerts": {"RayClusterWorkersMissing": {"for": "1m"}}}
    assert "prometheusRule.thresholds.clusterWorkersMissingSeconds" in refusal({"prometheusRule": values})


def test_one_alert_has_its_own_severity_duration_labels_and_annotations(tmp_path: Path) -> None:
    """Its labels replace those of all alerts; the other alerts are unchanged."""
    own = {
        "severity": "page",
        "for": "2m",
        "labels": {"team": "research"},
        "annotations": {"dashboard": "https://grafana.example.com", "summary": "A job failed."},
    }
    found = prometheus_rule(labels={"team": "ml"}, alerts={"RayJobFailed": own})
    alert = by_name(found)["RayJobFailed"]
    assert alert["labels"] == {"severity": "page", "team": "research"}
    assert alert["for"] == "2m"
    assert alert["annotations"]["summary"] == "A job failed."
    assert alert["annotations"]["dashboard"] == "https://grafana.example.com"
    assert alert["annotations"]["description"].startswith("{{ with $labels.cluster }}")
    assert by_name(found)["RayJobRetrying"]["labels"] == {"severity": "info", "team": "ml"}
    assert set(changed_alerts(alerts={"RayJobFailed": own})) == {"RayJobFailed"}
    check(found["spec"]["groups"], tmp_path / "rules.yaml")


def test_namespaces_of_alerts_are_included_and_excluded(tmp_path: Path) -> None:
    """Of every alert on objects; one alert can have others. Recorded series keep all namespaces."""
    everywhere = {"include": ["team-.+", "ml"], "exclude": ["team-test"]}
    values = {"namespaces": everywhere, "alerts": {"RayJobFailed": {"namespaces": {"exclude": ["sandbox"]}}}}
    found = prometheus_rule(**values)
    alerts = by_name(found)
    matchers = "{namespace=~'team-.+|ml', namespace!~'team-test'"
    for name, alert in alerts.items():
        on_exporter = name.startswith("KubeRayExporter") or name == "KubeRayDuplicateMetrics"
        expr = re.sub(r"\{\s+", "{", alert["expr"])
        assert (matchers in expr) is not (on_exporter or name == "RayJobFailed"), name
    assert "{namespace!~'sandbox', job_deployment_status" in alerts["RayJobFailed"]["expr"]
    assert "team" not in str([rule for rule in rules(found) if "record" in rule])
    check(found["spec"]["groups"], tmp_path / "rules.yaml")


def promtool_test(
    groups: Any, folder: Path, series: dict[str, str], alert: str, expected: list[dict[str, Any]], text: str = "all"
) -> str:
    """Return what promtool prints about an alert after two hours; empty if it fires with exactly these labels."""
    check(groups, folder / "rules.yaml")
    case: dict[str, Any] = {
        "eval_time": "2h",
        "alertname": alert,
        "exp_alerts": [{"exp_labels": labels} for labels in expected],
    }
    for item in case["exp_alerts"]:
        item["exp_annotations"] = {"text": text}
    test: dict[str, Any] = {"interval": "1m", "alert_rule_test": [case]}
    test["input_series"] = [{"series": name, "values": values} for name, values in series.items()]
    page = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(page))
    result = subprocess.run([os.environ["PROMTOOL"], "test", "rules", path], capture_output=True, text=True)
    return "" if result.returncode == 0 else result.stdout + result.stderr


def without_annotations(rule: dict[str, Any]) -> Any:
    """Return the groups with one short annotation for each alert, as these tests compare labels."""
    for alert in by_name(rule).values():
        alert["annotations"] = {"text": "all"}
    return rule["spec"]["groups"]


def test_an_expected_cluster_without_an_exporter_alerts(tmp_path: Path) -> None:
    """Also if it never had one. The second external label is not part of the expected names."""
    found = prometheus_rule(externalLabels=["region", "cluster"], expectedClusters=["north", "south"])
    series = {'kuberay_exporter_build_info{region="north",cluster="a"}': "1x200"}
    expected = [{"severity": "critical", "region": "south"}]
    assert promtool_test(without_annotations(found), tmp_path, series, "KubeRayExporterDown", expected) == ""
    series |= {'kuberay_exporter_build_info{region="south",cluster="b"}': "1x200"}
    assert promtool_test(without_annotations(found), tmp_path, series, "KubeRayExporterDown", []) == ""


KINDS = ("RayCluster", "RayJob", "RayService")


def test_alerts_on_an_object_can_have_its_labels(tmp_path: Path) -> None:
    """For routes by team; an object without labels alerts, too, and a restart of the exporter adds no alert."""
    values = {"metricLabelsAllowlist": {"rayjobs": ["team"]}}
    rule = {"enabled": True, "objectLabels": ["label_team"], "alerts": {"RayJobFailed": {"severity": "warning"}}}
    found = template({**values, "prometheusRule": rule}).one("PrometheusRule")
    unchanged = [name for name, alert in by_name(found).items() if "group_left (label_team)" not in alert["expr"]]
    # By the beginning of their names, alerts are on a RayCluster, RayJob or RayService.
    later = [name for name in ALERTS[ALERTS.index("KubeRayNotReconciling") :] if not name.startswith(KINDS)]
    assert unchanged == ["RayJobFailureRateHigh", "RayCronJobFailing", "RayCronJobMissedSchedule", *later]
    labels = {
        'kuberay_job_labels{label_team="search",name="a",namespace="ml",uid="1",instance="a"}': "1x200",
        'kuberay_job_labels{label_team="search",name="a",namespace="ml",uid="1",instance="b"}': "1x200",
    }
    expected = [FIRING[0] | {"label_team": "search"}, FIRING[1]]
    groups = without_annotations(found)
    assert promtool_test(groups, tmp_path, RUNNING | labels, "RayJobExecutionTimeout", expected) == ""
    assert "exp" in promtool_test(groups, tmp_path, RUNNING | labels, "RayJobExecutionTimeout", FIRING)


RUNNING = {
    'kuberay_job_start_timestamp_seconds{name="a",namespace="ml",uid="1"}': "0x200",
    'kuberay_job_deployment_status{deployment_status="Running",name="a",namespace="ml",uid="1"}': "1x200",
    'kuberay_job_start_timestamp_seconds{name="b",namespace="web",uid="2"}': "0x200",
    'kuberay_job_deployment_status{deployment_status="Running",name="b",namespace="web",uid="2"}': "1x200",
}

FIRING = [
    {"severity": "warning", "name": "a", "namespace": "ml", "uid": "1"},
    {"severity": "warning", "name": "b", "namespace": "web", "uid": "2"},
]


ADDRESSES = {"pageUrl": "https://ray.example.com/", "dashboardUrl": "https://grafana.example.com"}


@pytest.mark.parametrize("cluster", ["", "eu"])
def test_alert_links_its_object_on_the_page_and_on_its_dashboard(cluster: str, tmp_path: Path) -> None:
    """With the cluster, if it has one."""
    found = prometheus_rule(**ADDRESSES)
    for alert in by_name(found).values():
        links = alert["annotations"]
        alert["annotations"] = {"text": f"{links.get('page_url')} {links['dashboard_url']}"}
    labels = {"cluster": cluster} if cluster else {}
    extra = "".join(f'{name}="{value}",' for name, value in labels.items())
    series = {name.replace("{", "{" + extra): values for name, values in RUNNING.items() if 'name="a"' in name}
    page = "https://ray.example.com/?kind=RayJob&namespace=ml&q=a&open=RayJob/ml/a"
    board = "https://grafana.example.com/d/kuberay-RayJob?var-namespace=ml&var-name=a"
    text = f"{page} {board}" + (f"&var-cluster={cluster}" if cluster else "")
    groups = found["spec"]["groups"]
    assert promtool_test(groups, tmp_path, series, "RayJobExecutionTimeout", [FIRING[0] | labels], text) == ""


def test_alerts_link_only_objects_and_boards_that_there_are() -> None:
    """Nothing without the addresses, and no object where the alert is on none."""
    assert not [name for name, alert in by_name(prometheus_rule()).items() if "_url" in str(alert)]
    alerts = by_name(prometheus_rule(**ADDRESSES, groups=ALL_GROUPS))
    objects = {name for name in ALERTS if name.startswith("Ray")} - {
        "RayJobFailureRateHigh",
        "RayJobErrorBudgetBurnsFast",
        "RayJobErrorBudgetBurnsSlowly",
    }
    assert {name for name, alert in alerts.items() if "page_url" in alert["annotations"]} == objects
    boards = {path.stem for path in (CHART / "files" / "dashboards").glob("*.json")}
    uids = {json.loads((CHART / "files" / "dashboards" / f"{name}.json").read_text())["uid"] for name in boards}
    linked = {alert["annotations"]["dashboard_url"].split("?")[0].split("/")[-1] for alert in alerts.values()}
    assert linked == uids - {"kuberay-nine", "kuberay-utilisation"}
    nine = template({"metrics": "nine", "prometheusRule": {"enabled": True, **ADDRESSES}}).one("PrometheusRule")
    assert all("/d/kuberay-nine?" in alert["annotations"]["dashboard_url"] for alert in by_name(nine).values())


def test_only_included_namespaces_alert(tmp_path: Path) -> None:
    """As promtool evaluates the rules of the chart."""
    for namespaces, expected in (
        ({}, FIRING),
        ({"include": ["m."]}, FIRING[:1]),
        ({"exclude": ["m."]}, FIRING[1:]),
    ):
        groups = without_annotations(prometheus_rule(namespaces=namespaces))
        assert promtool_test(groups, tmp_path, RUNNING, "RayJobExecutionTimeout", expected) == ""


@pytest.mark.parametrize("name", OPTIONAL)
def test_optional_groups_have_their_rules_and_dashboards(name: str) -> None:
    """Off by default; the rules are those of the file for a Prometheus without its operator, with its interval."""
    chosen = {"prometheusRule": {"enabled": True, "groups": {name: True}}, "dashboards": {"enabled": True}}
    result, default = template(chosen), template({**chosen, "prometheusRule": {"enabled": True}})
    groups = result.one("PrometheusRule")["spec"]["groups"]
    (own,) = yaml.safe_load(OPTIONAL[name].read_text())["groups"]
    assert groups == [*default.one("PrometheusRule")["spec"]["groups"], own]
    boards = {file for board in result.of("ConfigMap") for file in board["data"]}
    assert boards - {file for board in default.of("ConfigMap") for file in board["data"]} == {f"kuberay-{name}.json"}
