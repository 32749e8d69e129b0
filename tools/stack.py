"""The demo with Prometheus and Alertmanager on loopback, everything loaded, until Ctrl-C: `make stack`.

What is given on the command line goes to `kuberay-exporter demo`. If one of the three ends, the others are ended, and
it is said which one and how. Whatever happens, no process and no file is left, unless this program is killed (-9).
"""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple, NoReturn

import yaml

PROMETHEUS = Path(__file__).parents[1].resolve() / "deploy" / "prometheus"

# Neither Debian's services nor `make demo` have these. One that is taken is replaced by any free one.
EXPORTER_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT = 9180, 9190, 9193

START_SECONDS = 60.0
END_SECONDS = 15.0

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StackError(Exception):
    """One line for the user."""


class Part(NamedTuple):
    """A program: what it is called, how it is started, when it is ready, and what to look at then."""

    name: str
    command: list[str]
    ready: str
    page: str


def main(arguments: list[str]) -> int:
    for number in _STOPS:
        signal.signal(number, _interrupt)
    try:
        with TemporaryDirectory(prefix="kuberay-exporter-stack-") as folder, ExitStack() as stack:
            _run(_parts(Path(folder), arguments), Path(folder), stack)
    except StackError as exc:
        print(f"stack: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _interrupt(number: int, _frame: object) -> NoReturn:
    # Who presses Ctrl-C twice would leave something behind.
    for other in _STOPS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def _parts(folder: Path, arguments: list[str]) -> list[Part]:
    """The three programs, with their configurations written."""
    exporter, prometheus, alertmanager = map(_free, (EXPORTER_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT))
    configuration = folder / "prometheus.yml"
    configuration.write_text(yaml.safe_dump(_prometheus_configuration(exporter, alertmanager)))
    return [
        Part(
            "exporter",
            [sys.executable, "-m", "exporter", "demo", "--metrics-addr", exporter, *arguments],
            f"http://{exporter}/readyz",
            f"http://{exporter}/metrics",
        ),
        Part(
            "Alertmanager",
            [
                _program("prometheus-alertmanager"),
                f"--config.file={PROMETHEUS / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={alertmanager}",
                # It has no peers, and needs no port for them.
                "--cluster.listen-address=",
            ],
            f"http://{alertmanager}/-/ready",
            f"http://{alertmanager}/#/alerts",
        ),
        Part(
            "Prometheus",
            [
                _program("prometheus"),
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={prometheus}",
            ],
            f"http://{prometheus}/-/ready",
            f"http://{prometheus}/alerts",
        ),
    ]


def _prometheus_configuration(exporter: str, alertmanager: str) -> dict[str, object]:
    job = {"job_name": "kuberay-exporter", "honor_labels": True, "static_configs": [{"targets": [exporter]}]}
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(PROMETHEUS / "rules.yaml")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [job],
    }


def _run(parts: list[Part], folder: Path, stack: ExitStack) -> NoReturn:
    """Start them all, say where they are, and wait for the first one to end."""
    processes = {}
    for part in parts:
        # Not in our group, or Ctrl-C would end them before we know why they end.
        log = stack.enter_context((folder / part.name).open("wb"))
        process = subprocess.Popen(
            part.command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, process_group=0
        )
        stack.callback(_end, process)
        processes[process.pid] = part
    _wait_until_ready(parts, processes, folder)
    for part in parts:
        print(f"{part.name:14}{part.page}", flush=True)
    print("Ctrl-C ends them and removes their data.", flush=True)
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
    assert ended
    raise _ended(processes[ended.si_pid], folder)


def _wait_until_ready(parts: list[Part], processes: dict[int, Part], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    for part in parts:
        while not _answers(part.ready):
            if ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG):
                raise _ended(processes[ended.si_pid], folder)
            if time.monotonic() > deadline:
                raise StackError(f"{part.name} does not get ready within {START_SECONDS:.0f} s")
            time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _ended(part: Part, folder: Path) -> StackError:
    lines = (folder / part.name).read_text(errors="replace").splitlines()
    return StackError(
        f"{part.name} has ended, so the others are ended; its last line: {lines[-1] if lines else 'none'}"
    )


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free(port: int) -> str:
    """Return an address of loopback with this port, or any other if it is taken."""
    for choice in (port, 0):
        with socket.socket() as listener:
            # Connections of an earlier run that are not forgotten yet do not count as taken.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", choice))
            except OSError:
                continue
            return f"127.0.0.1:{listener.getsockname()[1]}"
    raise StackError("no port of loopback is free")


def _program(name: str) -> str:
    """Return where a program is; Debian's package has the same name."""
    path = shutil.which(name)
    if not path:
        raise StackError(f"{name} is not installed: apt-get install {name}")
    return path


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
