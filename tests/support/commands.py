"""The command line as a user runs it: a process."""

import atexit
import json
import os
import socket
import subprocess
import sys
from functools import cache
from tempfile import TemporaryFile

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
    """Run the command line in a process that is forked from one that has imported it; see `forking`."""
    with TemporaryFile() as in_, TemporaryFile() as out, TemporaryFile() as errors:
        in_.write(stdin)
        in_.seek(0)
        request = json.dumps([arguments, environment(**variables)]).encode()
        streams = [stream.fileno() for stream in (in_, out, errors)]
        server = _fork_server()
        socket.send_fds(server, [request], streams)
        try:
            code = server.recv(1)
        except TimeoutError:
            # The code that comes later is not that of the next run.
            _fork_server.cache_clear()
            raise
        out.seek(0)
        errors.seek(0)
        return subprocess.CompletedProcess(arguments, code[0], out.read(), errors.read())


@cache
def _fork_server() -> socket.socket:
    own, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    own.settimeout(60)
    command = [sys.executable, "-m", "tests.support.forking", str(other.fileno())]
    process = subprocess.Popen(command, env=environment(), pass_fds=[other.fileno()])
    other.close()
    atexit.register(process.wait, 10)
    atexit.register(own.close)
    return own


def error_line(result: subprocess.CompletedProcess[bytes]) -> str:
    """Return the message on standard error: exactly one line, and nothing on standard output."""
    assert result.stdout == b""
    (line,) = result.stderr.decode().splitlines()
    assert line.startswith("kuberay-exporter: ")
    return line.removeprefix("kuberay-exporter: ")
