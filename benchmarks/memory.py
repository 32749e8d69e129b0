"""What memory the exporter needs for so many objects, as a table: `make memory ARGS="1000 10000"`.

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
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from exporter.simulator.cluster import SimulatedCluster

SCRAPES = 20
AT_ONCE = 2
"""Two Prometheis, as where it is replicated."""

READY_SECONDS = 300

COLLECTORS = "rayclusters,rayjobs,rayservices,events,pods"
"""The chart's default."""

KUBECONFIG = """\
current-context: demo
contexts: [{{name: demo, context: {{cluster: demo}}}}]
clusters: [{{name: demo, cluster: {{server: '{server}'}}}}]
"""

PROMETHEUS = {"Accept-Encoding": "gzip", "Accept": "application/openmetrics-text;version=1.0.0"}


class Measured:
    """An exporter in a process of its own."""

    def __init__(self, server: str, folder: Path) -> None:
        kubeconfig = folder / "kubeconfig"
        kubeconfig.write_text(KUBECONFIG.format(server=server))
        flags = ["--kubeconfig", str(kubeconfig), "--metrics-addr", "127.0.0.1:0", "--collectors", COLLECTORS]
        command = [sys.executable, "-m", "exporter", "serve", *flags]
        # Of flags set by the environment none may count here.
        environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ} | allocator()
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
        assert self.process.stdout
        self._url = next(
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
            urllib.request.urlopen(f"{self._url}/readyz", timeout=10).close()
        except urllib.error.HTTPError:
            return False
        return True

    def scrape(self, headers: dict[str, str]) -> int:
        """Return the size of a body."""
        request = urllib.request.Request(f"{self._url}/metrics", headers=headers)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return len(answer.read())

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


def measure(objects: int) -> str:
    """Return a row of the table."""
    cluster = SimulatedCluster(seed=1, speed=1.0, objects=objects)
    cluster.populate(lambda _made, _wanted: None)
    with cluster, tempfile.TemporaryDirectory() as folder:
        exporter = Measured(cluster.url, Path(folder))
        try:
            exporter.wait_until_ready()
            listed = exporter.mebibytes("VmRSS")
            with ThreadPoolExecutor(AT_ONCE) as scrapers:
                sizes = list(scrapers.map(lambda _: exporter.scrape(PROMETHEUS), range(SCRAPES)))
            now, peak = exporter.mebibytes("VmRSS"), exporter.mebibytes("VmHWM")
            # Last: no Prometheus asks for it, and it is large.
            plain = exporter.scrape({})
        finally:
            exporter.process.terminate()
            exporter.process.wait()
    return f"| {cluster.objects} | {listed} | {now} | {peak} | {plain / 2**20:.1f} | {max(sizes) / 2**20:.1f} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("objects", type=int, nargs="*", default=[100, 1_000, 10_000])
    sys.stdout.write("MiB:\n| objects | listed | scraped | at most | body | compressed |\n|---|---|---|---|---|---|\n")
    for objects in parser.parse_args().objects:
        sys.stdout.write(f"{measure(objects)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
