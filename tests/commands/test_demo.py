"""`kuberay-exporter demo` as a process, and the simulated cluster that it starts."""

import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from exporter.collectors.event import EVENTS_TOTAL, LAST_WARNING
from exporter.collectors.workload import WORKLOADS
from exporter.kinds import KINDS
from exporter.simulator.cluster import SimulatedCluster
from tests.support.bodies import parse
from tests.support.commands import COMMAND, environment, run
from tests.support.demo_process import NOT_SIMULATED, demo, get, is_ready
from tests.support.watching import wait_until

ROWS = [*(row for kind in KINDS for row in (*kind.rows, *kind.lifecycle, *kind.integrals)), EVENTS_TOTAL, LAST_WARNING]
OF_WORKLOADS = {row.name.removesuffix("_total") for row in (*WORKLOADS.rows, *WORKLOADS.lifecycle)}
FAMILIES = {row.name.removesuffix("_total") for row in ROWS if row.name not in NOT_SIMULATED} - OF_WORKLOADS


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
            # The README says that the first address is the page.
            assert get(re.findall(r"http://\S+", shown)[0]).startswith(b"<!DOCTYPE html>")
            wait_until(lambda: is_ready(metrics))
            wait_until(lambda: parse(get(metrics)).keys() >= FAMILIES, "all families", every_seconds=0.2)
            states = _states(get(metrics))
            assert {"Complete", "Failed", "Running"} <= states
            wait_until(lambda: "Retrying" in _states(get(metrics)), "a job that is being retried", every_seconds=0.1)
            process.send_signal(signal.SIGINT)
            assert process.wait(15) == 0
            assert process.stderr.read().split() == ["Creating", "the", "cluster"]
            assert process.stdout.read().strip() == ""
        finally:
            process.kill()
    with pytest.raises(OSError, match="refused"):
        get(api)


def test_kueue_is_shown_on_request() -> None:
    """All families of Workloads, with a job that is stopped for another, one in a backoff and one deactivated."""
    collectors = ",".join(kind.plural for kind in KINDS)
    states = {"admitted", "pending", "not_queued", "inactive"}

    def shows_all(body: bytes) -> bool:
        families = parse(body)
        if not families.keys() >= OF_WORKLOADS:
            return False
        shown = {dict(labels)["state"] for _, labels in families["kuberay_workload_state"].series}
        evicted = families["kuberay_workloads_evictions"].series.items()
        reasons = {dict(labels)["reason"] for (_, labels), count in evicted if count}
        return shown >= states and "Preempted" in reasons

    with demo("--speed", "20", "--collectors", collectors) as metrics:
        wait_until(lambda: is_ready(metrics))
        wait_until(lambda: shows_all(get(metrics)), "all families of Workloads", every_seconds=0.2)


def _states(body: bytes) -> set[str]:
    """Return the states of jobs now, and those that attempts ended with."""
    families = parse(body)
    now = {dict(labels)["deployment_status"] for _, labels in families["kuberay_job_deployment_status"].series}
    ended = families["kuberay_job_execution_duration_seconds"].series
    return now | {dict(labels)["job_deployment_status"] for _, labels in ended}


@contextmanager
def _port_in_use(port: int) -> Iterator[None]:
    """Listen on the port of loopback; if another program does, it is in use as well."""
    with ExitStack() as stack:
        with suppress(OSError):
            stack.enter_context(socket.create_server(("127.0.0.1", port)))
        yield


def test_a_default_port_in_use_is_replaced_by_a_free_one() -> None:
    """A line on standard error says so, and the shown addresses have the free port."""
    with (
        _port_in_use(8080),
        subprocess.Popen(
            [*COMMAND, "demo", "--objects", "1"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        ) as process,
    ):
        try:
            assert process.stdout
            assert process.stderr
            shown = "".join(iter(process.stdout.readline, "Ctrl-C ends it.\n"))
            metrics = re.findall(r"(http://\S+/metrics) ", shown)[0]
            wait_until(lambda: is_ready(metrics))
            assert process.stderr.readline() == "127.0.0.1:8080 is in use, so the demo uses a free port.\n"
        finally:
            process.terminate()


@pytest.mark.parametrize(
    ("arguments", "variables"),
    [
        (["--metrics-addr", "127.0.0.1:8080"], {}),
        ([], {"KUBERAY_EXPORTER_METRICS_ADDR": "127.0.0.1:8080"}),
    ],
    ids=["flag", "variable"],
)
def test_a_given_port_in_use_is_an_error(arguments: list[str], variables: dict[str, str]) -> None:
    """Exit code 2: no other port than the given one is used, even if it is the default."""
    with _port_in_use(8080):
        result = run("demo", "--objects", "1", *arguments, stdin=b"", **variables)
    assert result.returncode == 2
    error = "kuberay-exporter: --metrics-addr: couldn't listen on '127.0.0.1:8080': Address already in use"
    assert result.stderr.decode().splitlines()[-1] == error


def test_the_same_seed_gives_the_same_cluster() -> None:
    """At the same time it has the same objects, to the byte, and another seed has others."""

    def lists(seed: int) -> list[bytes]:
        cluster = SimulatedCluster(seed=seed, speed=1, objects=100, with_workloads=True, clock=lambda: 1_800_000_000.0)
        cluster.populate(lambda _count, _desired: None)
        with cluster:
            return [get(f"{cluster.url}{kind.path('')}") for kind in KINDS]

    assert lists(5) == lists(5)
    names = [{item["metadata"]["uid"] for item in json.loads(body)["items"]} for body in (lists(5)[0], lists(6)[0])]
    assert names[0].isdisjoint(names[1])
