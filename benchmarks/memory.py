"""What memory and processor time the exporter needs for so many objects: `make memory ARGS="1000 10000"`.

Each number of objects has two rows: all metrics as in the chart by default, and the operator's nine.

The simulated cluster is in this process, the exporter in its own, as in a pod: only the latter is measured.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exporter.simulator.cluster import SimulatedCluster

SCRAPES = 20
AT_ONCE = 2
"""Two Prometheis, as where it is replicated."""

READY_SECONDS = 300

MODES = {
    "all": ("--collectors", "rayclusters,rayjobs,rayservices,events,pods"),
    "nine": ("--metrics", "nine"),
}
"""Flags by the name of a row; the first has the chart's default."""

KUBECONFIG = """\
current-context: demo
contexts: [{{name: demo, context: {{cluster: demo}}}}]
clusters: [{{name: demo, cluster: {{server: '{server}'}}}}]
"""

PROMETHEUS = {"Accept-Encoding": "gzip", "Accept": "application/openmetrics-text;version=1.0.0"}


class Measured:
    """An exporter in a process of its own."""

    def __init__(self, server: str, folder: Path, *flags: str) -> None:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(server=server))
        address = ["--kubeconfig", str(kubeconfig), "--metrics-addr", "127.0.0.1:0"]
        command = [sys.executable, "-m", "exporter", "serve", *address, *flags]
        # Of flags set by the environment none may count here.
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | allocator()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout
        self.url = next(
            f"http://{line['address']}" for line in map(json.loads, self.process.stdout) if line["msg"] == "listening"
        )

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + READY_SECONDS
        while not self._is_ready():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not ready after {READY_SECONDS} s")
            time.sleep(0.1)

    def _is_ready(self) -> bool:
        try:
            urllib.request.urlopen(f"{self.url}/readyz", timeout=10).close()
        except urllib.error.HTTPError:
            return False
        return True

    def scrape(self, headers: dict[str, str]) -> int:
        """Return the size of a body."""
        request = urllib.request.Request(f"{self.url}/metrics", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return len(answer.read())

    def processor_seconds(self) -> float:
        """Return the user and system time of the process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(") ")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def mebibytes(self, field: str) -> int:
        """Return VmRSS, the resident memory now, or VmHWM, the most that it ever was."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(rf"{field}:\s+(\d+) kB", status)
        assert match
        return int(match[1]) // 1024


def allocator() -> dict[str, str]:
    """Return what the image tells the C library about memory."""
    dockerfile = Path(__file__).parents[1] / "Dockerfile"
    return dict(re.findall(r"\b(MALLOC_\w+)=(\d+)", dockerfile.read_text()))


def measure(objects: int) -> Iterator[str]:
    """Yield the rows of the table for so many objects."""
    cluster = SimulatedCluster(seed=1, speed=1.0, objects=objects)
    cluster.populate(lambda _made, _wanted: None)
    with cluster, tempfile.TemporaryDirectory() as folder:
        for mode, flags in MODES.items():
            exporter = Measured(cluster.url, Path(folder), *flags)
            try:
                yield f"| {cluster.objects} | {mode} | {' | '.join(_numbers(exporter))} |\n"
            finally:
                exporter.process.terminate()
                exporter.process.wait()


def _numbers(exporter: Measured) -> list[str]:
    exporter.wait_until_ready()
    listed, started = exporter.mebibytes("VmRSS"), exporter.processor_seconds()
    with ThreadPoolExecutor(AT_ONCE) as scrapers:
        sizes = list(scrapers.map(lambda _: exporter.scrape(PROMETHEUS), range(SCRAPES)))
    now, peak = exporter.mebibytes("VmRSS"), exporter.mebibytes("VmHWM")
    scrapes = exporter.processor_seconds() - started
    # Last: no Prometheus asks for it, and it is large.
    plain = exporter.scrape({})
    sizes_in_mebibytes = (f"{size / 2**20:.1f}" for size in (plain, max(sizes)))
    return [str(listed), str(now), str(peak), f"{started:.1f}", f"{scrapes:.1f}", *sizes_in_mebibytes]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("objects", type=int, nargs="*", default=[100, 1_000, 10_000])
    columns = ("objects", "metrics", "listed", "scraped", "at most", "s to list", f"s for {SCRAPES} scrapes")
    heads = " | ".join((*columns, "body", "compressed"))
    sys.stdout.write(f"MiB and CPU seconds:\n| {heads} |\n{'|---' * 9}|\n")
    for objects in parser.parse_args().objects:
        for row in measure(objects):
            sys.stdout.write(row)
            sys.stdout.flush()


if __name__ == "__main__":
    main()
