"""Totals of the dashboards without suspended clusters, computed by promtool (Debian: prometheus).

One cluster runs, one waits in a queue, and two were resumed a moment ago, one of them by an old KubeRay without
conditions. Each of them is scraped from two targets, as during a restart of the exporter.
"""

import re
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.support.boards import QUERIES

FLEET, CLUSTERS = "kuberay-fleet", "kuberay-RayCluster"

GPUS = {"runs": 8, "queued": 64, "resumed": 4, "old": 2}
"""GPUs of each cluster; every other request is the same number, so that one set of results fits all."""

REQUESTS = ("workers", "cpu_cores", "memory_bytes", "gpus", "tpus")

TOTALS = {
    f"{FLEET}: GPUs requested A": 14,
    f"{FLEET}: GPUs queued A": 64,
    f"{FLEET}: Usage by namespace E": 14,
    f"{FLEET}: Usage by namespace F": 14,
    f"{FLEET}: Usage by namespace G": 14,
    f"{FLEET}: Usage by namespace H": 64,
    f"{CLUSTERS}: Cores requested A": 14,
    f"{CLUSTERS}: GPUs requested A": 14,
    f"{CLUSTERS}: GPUs queued A": 64,
    f"{CLUSTERS}: Workers A": 14,
    f"{CLUSTERS}: Workers D": 14,
    f"{CLUSTERS}: Workers E": 64,
    f"{CLUSTERS}: Cores and GPUs requested A": 14,
    f"{CLUSTERS}: Cores and GPUs requested B": 14,
    f"{CLUSTERS}: Cores and GPUs requested C": 14,
    f"{CLUSTERS}: Cores and GPUs requested D": 64,
    f"{CLUSTERS}: Memory requested A": 14,
    "kuberay-utilisation: Requested GPUs A": 14,
    "kuberay-utilisation: GPUs A": 14,
    "kuberay-utilisation: Requested by name A": 14,
}
"""The result of each query that adds up requests."""


def series(name: str, uid: int, number: int, where: str) -> Iterator[tuple[str, int]]:
    """Yield the series of one RayCluster with their values; `where` is empty or the Kubernetes cluster's label."""
    spec_suspend = int(name == "queued")
    status = "true" if spec_suspend else "false"
    state = "ready" if name == "runs" else "suspended"
    for target in ("a", "b"):
        labels = f'{where}name="{name}",namespace="ml",uid="{uid}",instance="{target}"'
        for request in REQUESTS:
            yield f"kuberay_cluster_desired_{request}{{{labels}}}", number
        yield f"kuberay_cluster_min_workers{{{labels}}}", number
        yield f'kuberay_cluster_desired_extended_resources{{{labels},resource="nvidia.com/gpu"}}', number
        yield f"kuberay_cluster_suspended{{{labels}}}", spec_suspend
        yield f'kuberay_cluster_state{{{labels},state="{state}"}}', 1
        if name != "old":
            yield f'kuberay_cluster_status_condition{{{labels},condition="RayClusterSuspended",status="{status}"}}', 1


def samples(expr: str, total: int, clusters: Sequence[str]) -> list[dict[str, Any]]:
    """Return the results of a query: one for each namespace of each cluster, or one for all clusters."""
    if "sum by (resource)" in expr:
        return [{"labels": '{resource="nvidia.com/gpu"}', "value": total * len(clusters)}]
    if "sum by (cluster, namespace)" in expr:
        return [{"labels": f'{{{where}namespace="ml"}}', "value": total} for where in clusters]
    return [{"labels": "{}", "value": total * len(clusters)}]


def promtool(
    folder: Path, gpus: dict[str, int], expected: dict[str, int], clusters: Sequence[str] = ("",)
) -> "subprocess.CompletedProcess[str]":
    """Compare the results of the dashboards' queries with the expected ones, for equal objects in each cluster."""
    found = [
        item
        for where in clusters
        for uid, (name, number) in enumerate(gpus.items())
        for item in series(name, uid, number, where)
    ]
    promql = {query.key: query.promql for query in QUERIES}
    cases = [
        {"expr": promql[key], "eval_time": "1m", "exp_samples": samples(promql[key], total, clusters)}
        for key, total in expected.items()
    ]
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": f"{value}x2"} for name, value in found],
        "promql_expr_test": cases,
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    return subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)


def test_totals_count_suspended_clusters_only_as_queued(tmp_path: Path) -> None:
    """A resumed cluster counts as requested, although its state is still `suspended`."""
    result = promtool(tmp_path, GPUS, TOTALS)
    assert result.returncode == 0, result.stdout + result.stderr


def test_totals_add_up_clusters_with_equal_objects(tmp_path: Path) -> None:
    """The same names and uids in two Kubernetes clusters; a suspended one hides none of the other."""
    result = promtool(tmp_path, GPUS, TOTALS, ('cluster="eu",', 'cluster="us",'))
    assert result.returncode == 0, result.stdout + result.stderr


def test_eight_gpus_in_use_and_64_in_a_queue_are_not_72(tmp_path: Path) -> None:
    """promtool reports a wrong total as an error, so the comparison can fail."""
    gpus = {name: number for name, number in GPUS.items() if name in ("runs", "queued")}
    key = f"{FLEET}: GPUs requested A"
    assert promtool(tmp_path, gpus, {key: 8}).returncode == 0
    assert promtool(tmp_path, gpus, {key: 72}).returncode == 1


def test_waiting_times_begin_with_a_resume_or_a_retry(tmp_path: Path) -> None:
    """Before, the service had been suspended for an hour, and the job had run for as long."""
    condition = 'kuberay_service_status_condition_transition_timestamp_seconds{name="x",namespace="ml",uid="1",'
    job = 'name="y",namespace="ml",uid="2"'
    series = {
        condition + 'condition="Ready",status="false"}': 0,
        condition + 'condition="Suspended",status="false"}': 3600,
        f'kuberay_job_deployment_status{{{job},deployment_status="Initializing"}}': 1,
        f"kuberay_job_created_timestamp_seconds{{{job}}}": 0,
        f"kuberay_job_start_timestamp_seconds{{{job}}}": 3600,
    }
    labels = {
        "Services not ready A": '{name="x",namespace="ml",uid="1"}',
        "Jobs not started A": f'{{{job},deployment_status="Initializing"}}',
    }
    promql = {query.key: query.promql for query in QUERIES}
    cases = [
        {
            "expr": promql[f"{FLEET}: {panel}"],
            "eval_time": "61m",
            "exp_samples": [{"labels": expected, "value": 60}],
        }
        for panel, expected in labels.items()
    ]
    inputs = [{"series": name, "values": f"{value}x61"} for name, value in series.items()]
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": cases}
    path = tmp_path / "test.yaml"
    path.write_text(yaml.safe_dump({"rule_files": [], "tests": [test]}))
    result = subprocess.run(["promtool", "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr


def test_every_total_of_requests_has_an_expected_result() -> None:
    """A new panel needs an entry in TOTALS. What divides measured GPUs by the same sum is none."""
    adds_up_requests = re.compile(r"\bsum\b.*kuberay_cluster_(desired|min)_")
    totals = {query.key for query in QUERIES if adds_up_requests.search(query.expr)}
    assert set(TOTALS) == totals - {query.key for query in QUERIES if "gpus_measured:count" in query.expr}
