"""What starts, scrapes, updates and memory cost, seen from outside: `make bench ARGS="--objects 30000"`.

The exporter and the API server are processes of their own; scrapes come on a kept-alive connection, as from Prometheus.
One column for each number of objects and each mode. Times are this machine's. The factor in brackets, by which
`generate_latest` of `prometheus_client` takes longer for the same series, can be compared with that of other machines.
"""

import argparse
import http.client
import json
import os
import platform
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast
from urllib.parse import urlsplit

from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from tests.support.certificates import make_certificates

ROOT = Path(__file__).parents[1]
ALL = ("--collectors", "rayclusters,rayjobs,rayservices,events,pods")
MODES = {"all": ALL, "nine": ("--metrics", "nine"), "all, TLS": ALL}
CHANGES = (0, 10, 100, 3_000)
ROUNDS = 5
START_SECONDS = 300
IDLE_SECONDS = 0.002
"""Processor time in 0.1 s in which nothing is left to do."""

PARSED_SERIES = 50_000
"""`generate_latest` gets so many: parsing all would take longer than everything else."""

ACCEPT = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"

Change = Callable[[int, float], object]
Numbers = dict[str, float]


class Target:
    """An exporter, which this program has started or was given."""

    def __init__(self, url: str, pid: int, context: ssl.SSLContext | None = None) -> None:
        parts, tls = urlsplit(url), {"context": context} if context else {}
        connect: Any = http.client.HTTPSConnection if context else http.client.HTTPConnection
        self._connection: http.client.HTTPConnection = connect(parts.hostname, parts.port, **tls)
        self._path = parts.path
        self._pid = pid

    def scrape(self, encoding: str) -> tuple[int, bytes, float]:
        """Return status, body and milliseconds of one scrape."""
        started = time.perf_counter()
        self._connection.request("GET", self._path, headers={"Accept": ACCEPT, "Accept-Encoding": encoding})
        answer = self._connection.getresponse()
        body = answer.read()
        return answer.status, body, (time.perf_counter() - started) * 1000

    def scrape_after(self, change: Change, changes: int, encoding: str) -> tuple[float, float]:
        """Return milliseconds of a scrape, and of the processor."""
        if changes:
            change(changes, 0)
        before = self.settle()
        _, _, elapsed = self.scrape(encoding)
        return elapsed, (self.processor_seconds() - before) * 1000

    def processor_seconds(self) -> float:
        return time.clock_gettime(~self._pid << 3 | 2)  # as clock_getcpuclockid(3) of the C library

    def mebibytes(self, field: str) -> float:
        """Return VmRSS, the resident memory now, or VmHWM, the most that it ever was."""
        (kibibytes,) = re.findall(rf"{field}:\s+(\d+) kB", Path(f"/proc/{self._pid}/status").read_text())
        return int(kibibytes) / 1024

    def settle(self) -> float:
        """Wait until it has nothing to do; return its processor time."""
        before = -1.0
        while (now := self.processor_seconds()) - before > IDLE_SECONDS:
            before = now
            time.sleep(0.1)
        return now

    def measure(self, change: Change, objects: int) -> Numbers:
        """Return what the exporter needs, by name."""
        empty, deadline = self.mebibytes("VmRSS"), time.monotonic() + START_SECONDS
        while self.scrape("gzip")[0] != 200:
            assert time.monotonic() < deadline, f"not ready after {START_SECONDS} s"
            time.sleep(0.1)
        numbers = {"CPU to the first complete scrape, s": self.processor_seconds()}
        lines = [line for line in self.scrape("identity")[1].decode().splitlines(keepends=True) if line[0] != "#"]
        numbers |= {"series": len(lines), "generate_latest, ms": generate_latest_milliseconds(lines)}
        self.settle()
        rest = numbers["RSS at rest, MiB"] = self.mebibytes("VmRSS")
        numbers["… more for each object, KiB"] = (rest - empty) * 1024 / objects
        for encoding in ("gzip", "identity"):
            for changes in [changes for changes in CHANGES if changes <= objects]:
                rounds = [self.scrape_after(change, changes, encoding) for _ in range(3 if changes else ROUNDS)]
                for unit, times in zip(("ms", "ms of CPU"), zip(*rounds, strict=True), strict=True):
                    numbers[f"{encoding} scrape, {changes:,} changed, {unit}"] = statistics.median(times)
        for name, count, seconds in (("every 10 ms", min(objects, 500), 0.01), ("in a burst", min(objects, 3000), 0)):
            before = self.settle()
            change(count, seconds)
            numbers[f"CPU for an update {name}, ms"] = (self.settle() - before) / count * 1000
        return numbers | {"RSS after all, MiB": self.mebibytes("VmRSS"), "RSS peak, MiB": self.mebibytes("VmHWM")}


def generate_latest_milliseconds(lines: list[str]) -> float:
    """Return the processor time that `prometheus_client` needs for these series: that of some, multiplied."""
    some = lines[:: max(1, len(lines) // PARSED_SERIES)]
    metrics = list(text_string_to_metric_families("".join(some)))
    times = []
    for _ in range(ROUNDS):
        before = time.process_time()
        generate_latest(cast("Any", SimpleNamespace(collect=lambda: metrics)))
        times.append(time.process_time() - before)
    return statistics.median(times) * 1000 * len(lines) / len(some)


@contextmanager
def json_process(*arguments: str, key: str) -> Iterator[tuple[int, Any]]:
    """Run a module of Python; give its process, and its first line of JSON that has the key."""
    # Of flags set by the environment none may count here; the image tells the C library how to use memory.
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "E2E_CACHE") if name in os.environ}
    environment |= dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", (ROOT / "Dockerfile").read_text()))
    command = [sys.executable, "-m", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=ROOT) as process:
        try:
            assert process.stdout
            yield process.pid, next(line for line in map(json.loads, process.stdout) if key in line)
        finally:
            process.terminate()
            process.communicate()  # what it writes at the end


@contextmanager
def started(kubeconfig: str, mode: str) -> Iterator[Target]:
    flags, context = ["--kubeconfig", kubeconfig, "--metrics-addr", "127.0.0.1:0", *MODES[mode]], None
    with tempfile.TemporaryDirectory() as folder:
        if "TLS" in mode:
            certificates, file = make_certificates(Path(folder)), Path(folder) / "web.yaml"
            file.write_text("tls_server_config: {{cert_file: {}, key_file: {}}}".format(*certificates.pair("server")))
            context = ssl.create_default_context(cafile=certificates.authority)
            flags += ["--web-config-file", str(file)]
        with json_process("exporter", "serve", *flags, key="address") as (pid, line):
            yield Target(f"http://{line['address']}/metrics", pid, context)


def run(arguments: argparse.Namespace) -> Iterator[tuple[str, Numbers]]:
    """Yield the columns of the table: their heads and their numbers."""

    def change(changes: int, seconds: float) -> None:
        urllib.request.urlopen(f"{control}/?changes={changes}&seconds={seconds}", b"", timeout=600).close()

    if arguments.against:
        control = arguments.control
        yield "other", Target(arguments.against, arguments.pid).measure(change, arguments.objects[0])
        return
    for objects in arguments.objects:
        with json_process("benchmarks.cluster", "--objects", str(objects), *arguments.cluster, key="control") as (
            _,
            made,
        ):
            control = made["control"]
            for mode in MODES:
                with started(made["kubeconfig"], mode) as target:
                    yield f"{objects:,} {mode}", target.measure(change, objects)


def cell(name: str, numbers: Numbers) -> str:
    if (value := numbers.get(name)) is None:
        return ""
    factor = f" ({numbers['generate_latest, ms'] / value:.1f})" if name.endswith("changed, ms") and value else ""
    return f"{value:,.{0 if value >= 100 else 2}f}{factor}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, nargs="+", default=[10_000])
    parser.add_argument("--cluster", nargs="*", default=[], help="its features: pods, e2e")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="file for the numbers")
    parser.add_argument("--against", metavar="URL", help="/metrics of another exporter, with --pid and --control")
    parser.add_argument("--pid", type=int)
    parser.add_argument("--control", metavar="URL", help="as benchmarks.cluster prints it")
    columns = dict(run(arguments := parser.parse_args()))
    git = subprocess.run(["/usr/bin/env", "git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    model = re.findall(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    about = {"commit": git.stdout.strip(), "date": f"{datetime.now(UTC):%FT%TZ}", "python": platform.python_version()}
    about["machine"] = f"{os.cpu_count()} x {model[0] if model else platform.machine()}"
    arguments.json.write_text(json.dumps(about | {"load": os.getloadavg(), "columns": columns}, indent=2) + "\n")
    names = dict.fromkeys(name for numbers in columns.values() for name in numbers)
    rows = [[name, *[cell(name, numbers) for numbers in columns.values()]] for name in names]
    table = [["", *columns], ["---"] * (len(columns) + 1), *rows]
    sys.stdout.write(", ".join(about.values()) + "\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in table))


if __name__ == "__main__":
    main()
