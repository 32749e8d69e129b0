"""The command line as a user runs it: a process."""

import os
import subprocess
import sys

COMMAND = [sys.executable, "-m", "exporter"]


def environment(**variables: str) -> dict[str, str]:
    """Return this environment without variables from which the exporter takes a cluster or flags."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("KUBERAY_EXPORTER_", "KUBERNETES_")) and name not in ("KUBECONFIG", "HOME")
    }
    return kept | {"HOME": "/nonexistent"} | variables


def run(*arguments: str, stdin: bytes = b"", **variables: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [*COMMAND, *arguments], input=stdin, capture_output=True, env=environment(**variables), timeout=60
    )


def error_line(result: subprocess.CompletedProcess[bytes]) -> str:
    """Return the message on standard error: exactly one line, and nothing on standard output."""
    assert result.stdout == b""
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith("kuberay-exporter: ")
    return line.removeprefix("kuberay-exporter: ")
