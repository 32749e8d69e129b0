"""`kuberay-exporter serve` as a process, and requests to it over a real socket."""

import http.client
import json
import re
import signal
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.support.commands import COMMAND, environment
from tests.support.watching import wait_until


class HttpAnswer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Process:
    """A running exporter; `lines` is its log so far, parsed."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout
        for line in self.process.stdout:
            # The last line of a killed process can be cut.
            if line.endswith("\n"):
                self.lines.append(json.loads(line))

    @property
    def messages(self) -> list[str]:
        return [line["msg"] for line in self.lines]

    def addresses(self) -> list[str]:
        return [line["address"] for line in self.lines if line["msg"] == "listening"]

    def address(self, listener: int = 0) -> tuple[str, int]:
        host, port = self.addresses()[listener].rsplit(":", 1)
        return host, int(port)

    def get(self, path: str, *, listener: int = 0, **headers: str) -> HttpAnswer:
        return get(self.address(listener), path, None, **headers)

    def wait_until_ready(self) -> None:
        wait_until(lambda: self.get("/readyz").status == 200, "ready", every_seconds=0.02)

    def end(self, number: int) -> int:
        """Send a signal; return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(15)
        self._reader.join(5)
        return code


def get(address: tuple[str, int], path: str, context: ssl.SSLContext | None = None, **headers: str) -> HttpAnswer:
    """Send one request, over TLS if there is a context."""
    connection = (
        http.client.HTTPSConnection(*address, context=context, timeout=10)
        if context
        else http.client.HTTPConnection(*address, timeout=10)
    )
    try:
        connection.request("GET", path, headers={key.replace("_", "-"): value for key, value in headers.items()})
        answer = connection.getresponse()
        return HttpAnswer(answer.status, dict(answer.getheaders()), answer.read())
    finally:
        connection.close()


@contextmanager
def serving(
    kubeconfig: Path, *arguments: str, listeners: int = 1, program: Sequence[str] = COMMAND
) -> Iterator[Process]:
    """Run `serve` on free ports of loopback; whatever happens, it ends with the block, silent on stderr."""
    command = [*program, "serve", "--kubeconfig", str(kubeconfig), "--metrics-addr", "127.0.0.1:0", *arguments]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as popen:
        process = Process(popen)
        try:
            wait_until(lambda: popen.poll() is not None or len(process.addresses()) == listeners, "listening")
            yield process
        finally:
            # The reader ends before its pipe is closed.
            process.end(signal.SIGKILL)
            assert popen.stderr
            assert popen.stderr.read() == ""


def write_kubeconfig(path: Path, server: str) -> Path:
    path.write_text(
        f"current-context: c\ncontexts: [{{name: c, context: {{cluster: c}}}}]\n"
        f"clusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
    )
    return path


def value(body: bytes, series: str) -> float:
    """Return the value of a series, named as it is printed."""
    match = re.search(rf"^{re.escape(series)} (\S+)$", body.decode(), re.MULTILINE)
    assert match, f"no {series} in the body"
    return float(match[1])
