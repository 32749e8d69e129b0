"""Signals at any time of the process's life, and its end whatever happens to standard output."""

import fcntl
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import hypothesis
import pytest

from tests.support.commands import COMMAND, environment
from tests.support.processes import write_kubeconfig
from tests.support.watching import wait_until

STARTS = max(4, hypothesis.settings().max_examples // 10)
"""Delays that are tried; `make soak` tries many."""

START_SECONDS = 1.2
"""Signals are sent up to so long after the start: the imports, the set-up and the first requests."""


@pytest.fixture
def serve(tmp_path: Path) -> list[str]:
    """The command; its API server does not exist."""
    kubeconfig = write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")
    return [*COMMAND, "serve", "--kubeconfig", str(kubeconfig), "--metrics-addr", "127.0.0.1:0"]


@contextmanager
def running(command: list[str], stdout: int | IO[Any] = subprocess.DEVNULL) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command, stdout=stdout, stderr=subprocess.PIPE, env=environment()) as process:
        try:
            wait_until(lambda: _handles(process.pid, signal.SIGINT, "SigCgt"))
            yield process
        finally:
            process.kill()


def _handles(pid: int, number: int, kind: str) -> bool:
    """Tell from the kernel whether the process has a handler, or ignores the signal."""
    status = Path(f"/proc/{pid}/status").read_text()
    mask = int(status.partition(f"{kind}:")[2].split()[0], 16)
    # Python has a handler for SIGINT of its own; the one for SIGTERM is set before ours for SIGINT.
    wanted = [number, signal.SIGTERM] if kind == "SigCgt" else [number]
    return all(mask >> (number - 1) & 1 for number in wanted)


def end(process: "subprocess.Popen[bytes]", number: int) -> tuple[int, bytes]:
    """Send a signal; return exit code and standard error."""
    process.send_signal(number)
    _, errors = process.communicate(timeout=12)
    return process.returncode, errors


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_at_any_time_of_the_start_ends_it_silently(serve: list[str], number: signal.Signals) -> None:
    """SIGTERM with 0; SIGINT with 130 before anything is served, with 0 afterwards. A failure names the delay."""
    seed = random.randrange(10**6)
    delays = random.Random(seed)
    for _ in range(STARTS):
        delay = delays.uniform(0, START_SECONDS)
        with running(serve) as process:
            time.sleep(delay)
            code, errors = end(process, number)
        allowed = (0,) if number == signal.SIGTERM else (0, 130)
        assert code in allowed, f"seed {seed}, {number.name} after {delay:.3f} s: {code}, {errors.decode()}"
        assert errors == b"", f"seed {seed}, {number.name} after {delay:.3f} s"


def test_signals_one_after_the_other_end_it_silently(serve: list[str]) -> None:
    """Also while it is ending already, and while the interpreter ends."""
    with running(serve) as process:
        time.sleep(random.uniform(0.4, START_SECONDS))
        while process.poll() is None:
            process.send_signal(random.choice([signal.SIGTERM, signal.SIGINT, signal.SIGHUP]))
            time.sleep(0.001)
        assert process.stderr
        assert (process.returncode in (0, 130), process.stderr.read()) == (True, b"")


def test_sighup_is_ignored(serve: list[str], tmp_path: Path) -> None:
    """From the start on: it ends no process that a terminal has started, and nothing has to be loaded again."""
    path = tmp_path / "exporter.log"
    with running([*serve, "--log-file-path", str(path)]) as process:
        process.send_signal(signal.SIGHUP)
        wait_until(lambda: _address(path))
        process.send_signal(signal.SIGHUP)
        assert _status(path, "/healthz") == 200
        assert end(process, signal.SIGTERM) == (0, b"")


def test_standard_output_that_nobody_reads_delays_nothing(serve: list[str], tmp_path: Path) -> None:
    """Probes are answered, the file has the log, and SIGTERM ends the process with 0."""
    path = tmp_path / "exporter.log"
    reader, writer = _full_pipe()
    try:
        with running([*serve, "--log-file-path", str(path)], stdout=writer) as process:
            wait_until(lambda: _address(path))
            assert _status(path, "/healthz") == 200
            started = time.monotonic()
            assert end(process, signal.SIGTERM) == (0, b"")
            assert time.monotonic() - started < 10
        assert _messages(path)[-1] == "stopped"
    finally:
        os.close(reader)
        os.close(writer)


@pytest.mark.parametrize("how", ["", ">/dev/full", ">&-", ">&- 2>&-"])
def test_it_ends_with_0_whatever_standard_output_is(serve: list[str], tmp_path: Path, how: str) -> None:
    """A full disk, or closed."""
    path = tmp_path / "exporter.log"
    command = ["sh", "-c", f'exec "$@" {how}', "sh", *serve, "--log-file-path", str(path)]
    with running(command, subprocess.DEVNULL) as process:
        wait_until(lambda: _address(path))
        assert _status(path, "/healthz") == 200
        code, errors = end(process, signal.SIGTERM)
        assert code == 0
        assert b"Traceback" not in errors
        assert _messages(path)[-1] == "stopped"


def test_what_was_logged_before_the_end_is_written(serve: list[str]) -> None:
    """The last line, too: it waits in a queue when the process ends."""
    with subprocess.Popen(serve, stdout=subprocess.PIPE, env=environment()) as process:
        try:
            assert process.stdout
            first = process.stdout.readline()
            process.terminate()
            rest = process.stdout.read().splitlines()
            assert json.loads(first)["msg"].startswith("kuberay-exporter")
            assert process.wait(12) == 0
        finally:
            process.kill()
    messages = [json.loads(line)["msg"] for line in rest]
    assert messages == [] or messages[0] == "listening"
    assert "stopping" not in messages or messages[-1] == "stopped"


def test_the_first_module_imports_little() -> None:
    """Until its handlers are set, a signal ends the process by itself, or is lost in a container."""
    program = (
        "import sys; before = set(sys.modules); import exporter.__main__; print(*sorted(set(sys.modules) - before))"
    )
    result = subprocess.run([sys.executable, "-I", "-c", program], capture_output=True, text=True, timeout=60)
    assert set(result.stdout.split()) <= {
        "atexit", "exporter", "exporter.__main__", "exporter.system",
        "exporter.system.signals", "signal", "enum", "types", "operator", "_operator", "functools", "_functools",
        "collections", "_collections", "collections.abc", "keyword", "reprlib", "itertools",
    }  # fmt: skip


def test_exit_functions_run_before_the_end() -> None:
    """In the order of the interpreter's own end, and not a second time at it."""
    program = (
        "import atexit; from exporter.system.signals import exit_process\n"
        "atexit.register(print, 1, flush=True); atexit.register(print, 2, flush=True); exit_process(3)"
    )
    result = subprocess.run([sys.executable, "-c", program], env=environment(), capture_output=True, text=True)
    assert (result.stdout.split(), result.returncode) == (["2", "1"], 3)


def _full_pipe() -> tuple[int, int]:
    reader, writer = os.pipe()
    size = fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 4096)
    os.write(writer, bytes(size))
    return reader, writer


def _messages(path: Path) -> list[str]:
    return [json.loads(line)["msg"] for line in path.read_text().splitlines()]


def _address(path: Path) -> str | None:
    lines = path.read_text().splitlines() if path.exists() else []
    return next((json.loads(line)["address"] for line in lines if '"listening"' in line), None)


def _status(path: Path, target: str) -> int:
    host, port = str(_address(path)).rsplit(":", 1)
    with socket.create_connection((host, int(port)), timeout=10) as client:
        client.sendall(f"GET {target} HTTP/1.0\r\n\r\n".encode())
        return int(client.recv(100).split()[1])
