"""The demo with Prometheus and Alertmanager on loopback, everything loaded, until Ctrl-C: `make stack`.

The arguments are those of `kuberay-exporter demo`; `--check` alone only looks for the programs. If one of the three
ends, the others are ended, and a line names it. No process and no file is left, unless this program is killed (-9).

It needs no package of its own, so that the check is possible before any is installed.
"""

import json
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

from tools import gpu_metrics

PROMETHEUS = Path(__file__).parents[1].resolve() / "deploy" / "prometheus"

# Used neither by Debian's services nor by `make demo`. One that is in use is replaced by a free one.
EXPORTER_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT = 9180, 9190, 9193

START_SECONDS = 60.0
END_SECONDS = 15.0

_STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StackError(Exception):
    """One line for the user."""


class Programs(NamedTuple):
    """The paths of the programs, and the page of Alertmanager that shows its alerts."""

    prometheus: str
    alertmanager: str
    alerts_page: str


class Part(NamedTuple):
    """A program: its name, its command, the address that answers when it is ready, and the address for the user."""

    name: str
    command: list[str]
    ready: str
    page: str


def main(arguments: list[str]) -> int:
    for number in _STOPS:
        signal.signal(number, _interrupt)
    try:
        programs = _find_programs()
        if arguments == ["--check"]:
            return 0
        with TemporaryDirectory(prefix="kuberay-exporter-stack-") as folder, ExitStack() as stack:
            _run(_parts(programs, Path(folder), arguments), Path(folder), stack)
    except StackError as exc:
        print(f"stack: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 0


def _interrupt(number: int, _frame: object) -> NoReturn:
    # A second Ctrl-C would interrupt the end, and leave processes or files.
    for other in _STOPS:
        signal.signal(other, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def _find_programs() -> Programs:
    """Return where the programs are; raise StackError that names all that are missing."""
    prometheus, upstream, debian = map(shutil.which, ("prometheus", "alertmanager", "prometheus-alertmanager"))
    alertmanager = upstream or debian
    if prometheus and alertmanager:
        # Debian's has no web application, only a page that says so.
        return Programs(prometheus, alertmanager, "#/alerts" if upstream else "api/v2/alerts")
    missing = [name for name, path in (("prometheus", prometheus), ("alertmanager", alertmanager)) if not path]
    packages = "apt-get install prometheus prometheus-alertmanager"
    raise StackError(f"not installed: {', '.join(missing)}; on Debian or Ubuntu: {packages}")


def _parts(programs: Programs, folder: Path, arguments: list[str]) -> list[Part]:
    """Return the three programs, and write their configurations."""
    exporter, prometheus, alertmanager = map(_free, (EXPORTER_PORT, PROMETHEUS_PORT, ALERTMANAGER_PORT))
    configuration = folder / "prometheus.yml"
    # JSON is YAML.
    configuration.write_text(json.dumps(_prometheus_configuration(exporter, alertmanager, _measurements(exporter))))
    return [
        Part(
            "exporter",
            [sys.executable, "-m", "exporter", "demo", "--metrics-addr", exporter, *arguments],
            f"http://{exporter}/readyz",
            f"http://{exporter}/",
        ),
        Part(
            "Alertmanager",
            [
                programs.alertmanager,
                f"--config.file={PROMETHEUS / 'alertmanager.yaml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={alertmanager}",
                # It is a single instance: no cluster, and no port for one.
                "--cluster.listen-address=",
            ],
            f"http://{alertmanager}/-/ready",
            f"http://{alertmanager}/{programs.alerts_page}",
        ),
        Part(
            "Prometheus",
            [
                programs.prometheus,
                f"--config.file={configuration}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={prometheus}",
            ],
            f"http://{prometheus}/-/ready",
            f"http://{prometheus}/alerts",
        ),
    ]


def _measurements(exporter: str) -> str:
    """Start to serve made-up measurements of GPUs, and return the address."""
    host, port = gpu_metrics.serve(exporter).server_address[:2]
    return f"{host!s}:{port}"


def _prometheus_configuration(exporter: str, alertmanager: str, gpus: str) -> dict[str, object]:
    jobs = {"kuberay-exporter": exporter, "gpus": gpus}
    return {
        "global": {"scrape_interval": "5s", "evaluation_interval": "5s"},
        "rule_files": [str(PROMETHEUS / f"rules{group}.yaml") for group in ("", "-utilisation", "-slo")],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [alertmanager]}]}]},
        "scrape_configs": [
            {"job_name": name, "honor_labels": True, "static_configs": [{"targets": [address]}]}
            for name, address in jobs.items()
        ],
    }


def _run(parts: list[Part], folder: Path, stack: ExitStack) -> NoReturn:
    """Start them all, print their addresses, and wait until one ends."""
    processes = {}
    for part in parts:
        # In a process group of its own: Ctrl-C is sent to this program only, which then ends the others.
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
    while True:
        _raise_if_one_has_ended(processes, folder)
        # A call that waits for a process would wait on if a signal came just before it, and Ctrl-C would be lost.
        time.sleep(0.2)


def _wait_until_ready(parts: list[Part], processes: dict[int, Part], folder: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    for part in parts:
        while not _answers(part.ready):
            _raise_if_one_has_ended(processes, folder)
            if time.monotonic() > deadline:
                raise StackError(f"{part.name} is not ready after {START_SECONDS:.0f} s")
            time.sleep(0.1)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, OSError):
        return False


def _raise_if_one_has_ended(processes: dict[int, Part], folder: Path) -> None:
    """Raise StackError that names it."""
    ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
    if not ended:
        return
    part = processes[ended.si_pid]
    lines = (folder / part.name).read_text(errors="replace").splitlines()
    raise StackError(f"{part.name} has ended, so the others are ended; its last line: {lines[-1] if lines else 'none'}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free(port: int) -> str:
    """Return an address of loopback with this port, or with a free one if it is in use."""
    for choice in (port, 0):
        with socket.socket() as listener:
            # With connections of an earlier run in TIME_WAIT the port is free all the same.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                listener.bind(("127.0.0.1", choice))
            except OSError:
                continue
            return f"127.0.0.1:{listener.getsockname()[1]}"
    raise StackError("no port of loopback is free")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
