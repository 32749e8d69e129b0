"""The limit of descriptors: raised, and too low a one is one line."""

import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.apiserver.store import ObjectStore
from tests.support.commands import COMMAND, environment
from tests.support.faults import FaultServer
from tests.support.processes import Process, write_kubeconfig
from tests.support.watching import wait_until

NAMESPACES = [f"team-{i}" for i in range(20)]
KINDS = 3


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(ObjectStore()) as server:
        yield server


def _serve(server: FaultServer, directory: Path, limit: str) -> list[str]:
    kubeconfig = write_kubeconfig(directory / "kubeconfig", server.url)
    arguments = ["serve", "--kubeconfig", str(kubeconfig), "--metrics-addr", "127.0.0.1:0"]
    watch = ["--watch-namespace", ",".join(NAMESPACES)]
    return ["sh", "-c", f'ulimit {limit}; exec "$@"', "sh", *COMMAND, *arguments, *watch]


def _run(command: list[str]) -> "subprocess.Popen[str]":
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment())


def test_the_soft_limit_is_raised_to_the_hard_one(server: FaultServer, tmp_path: Path) -> None:
    """So that every namespace can be watched, and nothing is said about it."""
    with _run(_serve(server, tmp_path, "-Sn 50")) as popen:
        process = Process(popen)
        try:
            wait_until(process.addresses)
            process.wait_until_ready()
            server.wait_for_requests(KINDS * len(NAMESPACES), "watch")
            assert process.end(signal.SIGTERM) == 0
            assert {line["level"] for line in process.lines} == {"info"}
        finally:
            popen.kill()


def test_too_low_a_hard_limit_is_one_clear_line(server: FaultServer, tmp_path: Path) -> None:
    """With the numbers; what can be watched is watched, and probes are answered."""
    with _run(_serve(server, tmp_path, "-n 150")) as popen:
        process = Process(popen)
        try:
            wait_until(process.addresses)
            process.wait_until_ready()
            assert process.get("/healthz").status == 200
            assert process.end(signal.SIGTERM) == 0
        finally:
            popen.kill()
    (line,) = (line for line in process.lines if line["level"] != "info")
    assert _numbers(line) == {"limit": 150, "needed": 60 + 512 + 32, "watches": 60, "client_connections": 58}
    assert "ulimit -Hn" in line["msg"]
    assert line["level"] == "warn"


def _numbers(line: dict[str, Any]) -> dict[str, Any]:
    return {key: line[key] for key in ("limit", "needed", "watches", "client_connections")}
