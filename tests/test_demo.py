"""`kuberay-exporter demo`: what a newcomer sees."""

import re
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest

from exporter.collectors import KINDS
from exporter.demo.cluster import SimulatedCluster
from tests.support.bodies import parse
from tests.support.commands import COMMAND, environment
from tests.support.demo_process import get, is_ready
from tests.support.watching import wait_until

FAMILIES = {row.name.removesuffix("_total") for kind in KINDS for row in (*kind.rows, *kind.lifecycle)}


def test_the_demo_shows_everything_and_leaves_nothing(tmp_path: Path) -> None:
    """Addresses at once, all families within 20 s, states changing; Ctrl-C ends it with exit code 0."""
    command = [*COMMAND, "demo", "--metrics-addr", "127.0.0.1:0", "--speed", "10"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(), cwd=tmp_path
    ) as process:
        try:
            assert process.stdout
            assert process.stderr
            started = time.monotonic()
            shown = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
            assert time.monotonic() - started < 10
            metrics, api = re.findall(r"(http://\S+/metrics) ", shown)[0], re.findall(r"http://\S+/rayjobs", shown)[0]
            assert b'"kind":"RayJobList"' in get(api)
            wait_until(lambda: is_ready(metrics))
            wait_until(lambda: parse(get(metrics)).keys() >= FAMILIES, "all families")
            states = _states(get(metrics))
            assert {"Complete", "Failed", "Running"} <= states
            wait_until(lambda: "Retrying" in _states(get(metrics)), "a job that is being retried")
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0
            assert process.stderr.read().split() == ["Making", "the", "cluster"]
            assert process.stdout.read().strip() == ""
        finally:
            process.kill()
    with pytest.raises(OSError, match="refused"):
        get(api)


def _states(body: bytes) -> set[str]:
    """Return the states of jobs now, and those that attempts ended with."""
    families = parse(body)
    now = {dict(labels)["deployment_status"] for _, labels in families["kuberay_job_deployment_status"].series}
    ended = families["kuberay_job_execution_duration_seconds"].series
    return now | {dict(labels)["job_deployment_status"] for _, labels in ended}


def test_the_simulated_cluster_leaves_no_thread() -> None:
    """Its block ends, and everything in it has ended."""
    before = threading.active_count()
    cluster = SimulatedCluster(seed=3, speed=100, objects=20)
    steps: list[tuple[int, int]] = []
    cluster.populate(lambda made, wanted: steps.append((made, wanted)))
    assert steps[-1] == (20, 20)
    with cluster:
        assert b"items" in get(f"{cluster.url}/apis/ray.io/v1/rayclusters")
    assert threading.active_count() == before
