"""Tests the rules with promtool: for one cluster, for two clusters, and without external labels (`make rules`).

The tests in tests/rules have one cluster and no external label. Tests of two clusters are derived from them, and are
not kept. Once both clusters have the same objects, with equal uids, and each has to alert for itself. Once one of them
has an exporter, and only objects with the same uids that must not alert: neither hides nor ends an alert of the other.
"""

import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from tests.support.helm_chart import ROOT
from tools.rules import NINE, OPTIONAL, RENDERED, rendered

TESTS = ROOT / "tests" / "rules"

LONG = "slo-28-days.yaml"
"""Tests that take half a minute, and run once."""

NOT_DERIVED = {"absent.yaml", LONG}
"""Those, and tests of alerts that are not on one cluster."""

AT_REST = {
    'kuberay_cluster_suspended{name="x",namespace="NS",uid="UID"}': "1x400",
    'kuberay_service_suspended{name="x",namespace="NS",uid="UID"}': "1x400",
    # In the far future, so that the deletion does not take too long.
    'kuberay_job_deletion_timestamp_seconds{name="x",namespace="NS",uid="UID"}': "1000000000x400",
}
"""Series of objects that do not alert, because they are suspended or being deleted."""

HEALTHY = (
    'up{job="kuberay-exporter",namespace="mon",instance="us"}',
    'kuberay_exporter_build_info{job="kuberay-exporter",namespace="mon",instance="us"}',
    'kuberay_exporter_synced{job="kuberay-exporter",namespace="mon",instance="us",resource="rayjobs"}',
)
"""Series of an exporter without objects."""


def in_cluster(cluster: str, series: str) -> str:
    """Return a series with the label of its cluster."""
    name, _, labels = series.partition("{")
    return f'{name}{{cluster="{cluster}",{labels or "}"}'


def of_clusters(group: dict[str, Any], clusters: Iterable[str]) -> dict[str, Any]:
    """Return a group of tests whose series and expected results exist in each of these clusters."""
    copy: dict[str, Any] = {"name": group["name"], "interval": group["interval"], "input_series": []}
    copy["alert_rule_test"] = [case | {"exp_alerts": []} for case in group.get("alert_rule_test", ())]
    copy["promql_expr_test"] = [case | {"exp_samples": []} for case in group.get("promql_expr_test", ())]
    for cluster in clusters:
        copy["input_series"] += [
            item | {"series": in_cluster(cluster, item["series"])} for item in group["input_series"]
        ]
        for ours, case in zip(copy["alert_rule_test"], group.get("alert_rule_test", ()), strict=True):
            ours["exp_alerts"] += [_alert(cluster, alert) for alert in case["exp_alerts"]]
        for ours, case in zip(copy["promql_expr_test"], group.get("promql_expr_test", ()), strict=True):
            ours["exp_samples"] += [
                item | {"labels": in_cluster(cluster, item["labels"])} for item in case["exp_samples"]
            ]
    return copy


def _alert(cluster: str, alert: dict[str, Any]) -> dict[str, Any]:
    annotations = alert["exp_annotations"]
    described = annotations | {"description": f"cluster {cluster}: {annotations['description']}"}
    return {"exp_labels": alert["exp_labels"] | {"cluster": cluster}, "exp_annotations": described}


def beside_a_healthy_one(group: dict[str, Any]) -> dict[str, Any]:
    """Return a group of tests of one cluster, beside another one without an object that alerts."""
    copy = of_clusters(group, ["eu"])
    copy["input_series"] += [{"series": in_cluster("us", series), "values": "1x400"} for series in HEALTHY]
    for namespace, uid in sorted(_objects(group)):
        copy["input_series"] += [
            {"series": in_cluster("us", series.replace("NS", namespace).replace("UID", uid)), "values": values}
            for series, values in AT_REST.items()
        ]
    # The other cluster's objects are in these results, too.
    copy["promql_expr_test"] = [case for case in copy["promql_expr_test"] if "at_rest" not in case["expr"]]
    return copy


def _objects(group: dict[str, Any]) -> set[tuple[str, str]]:
    """Return namespace and uid of each object in a group of tests."""
    series = [item["series"] for item in group["input_series"]]
    found = [(re.search(r'namespace="([^"]+)"', item), re.search(r'uid="([^"]+)"', item)) for item in series]
    return {(namespace[1], uid[1]) for namespace, uid in found if namespace and uid}


def read(path: Path) -> dict[str, Any]:
    """Return a file of tests. `0x20` in the values of a series is no hexadecimal number."""
    text = path.read_text()
    page: dict[str, Any] = yaml.safe_load(text)
    as_strings = yaml.load(text, yaml.BaseLoader)  # noqa: S506 - this loader creates only strings, lists and dicts
    for group, as_text in zip(page["tests"], as_strings["tests"], strict=True):
        group["input_series"] = as_text["input_series"]
    return page


def derived() -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield file names and contents of the tests of two clusters."""
    for path in sorted(TESTS.glob("*.yaml")):
        if path.name not in NOT_DERIVED:
            page = read(path)
            page["rule_files"] = [str((TESTS / name).resolve()) for name in page["rule_files"]]
            yield f"both-{path.name}", page | {"tests": [of_clusters(group, ["eu", "us"]) for group in page["tests"]]}
            yield f"one-{path.name}", page | {"tests": [beside_a_healthy_one(group) for group in page["tests"]]}


def without_external_labels(folder: Path) -> Iterator[Path]:
    """Write the rules without external labels, and the tests of one cluster for them."""
    for rules in (RENDERED, NINE, *OPTIONAL.values()):
        (folder / rules.name).write_text(rendered([], path=rules))
    for path in sorted(set(TESTS.glob("*.yaml")) - {TESTS / LONG}):
        copy = folder / f"unlabelled-{path.name}"
        copy.write_text(path.read_text().replace("../../deploy/prometheus", str(folder)))
        yield copy


def main() -> int:
    """Run promtool, and return its exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = [*sorted(TESTS.glob("*.yaml")), *without_external_labels(folder)]
        for file_name, page in derived():
            paths.append(folder / file_name)
            paths[-1].write_text(yaml.safe_dump(page, sort_keys=False))
        two_labels = folder / "two-labels.yaml"
        two_labels.write_text(rendered(["region", "cluster"], ["north", "south"]))
        checked = subprocess.run(
            ["promtool", "check", "rules", RENDERED, NINE, *OPTIONAL.values(), *folder.glob("rules*.yaml"), two_labels]
        )
        return checked.returncode or subprocess.run(["promtool", "test", "rules", *paths]).returncode


if __name__ == "__main__":
    sys.exit(main())
