"""What the page costs the exporter: `python -m benchmarks.page --objects 10000`.

The simulated cluster and the clients are in this process, the exporter in its own: only the latter is measured.
"""

import argparse
import http.client
import sys
import tempfile
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

from benchmarks.bench import Target, json_process
from benchmarks.cluster import kubeconfig
from exporter.simulator.cluster import SimulatedCluster

TABS = 50
REFRESH_SECONDS = 5.0
"""As the script of the page has it."""

FLAGS = ("--collectors", "rayclusters,rayjobs,rayservices,raycronjobs,events,pods")


class Tab:
    """An open page: a connection that is kept, and the ETag of what is shown."""

    def __init__(self, url: str, query: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._path, self._headers = f"/?part=1{query}", {"Accept-Encoding": "gzip"}

    def refresh(self) -> int:
        """Return the status of the answer."""
        self._connection.request("GET", self._path, headers=self._headers)
        answer = self._connection.getresponse()
        answer.read()
        self._headers["If-None-Match"] = answer.headers["ETag"] or ""
        return answer.status

    def run(self, start_seconds: float, until: float, statuses: list[int]) -> None:
        time.sleep(start_seconds)
        while time.monotonic() < until:
            statuses.append(self.refresh())
            time.sleep(REFRESH_SECONDS)


def share(exporter: Target, tabs: list[Tab], seconds: float) -> tuple[float, int, int]:
    """Return the part of a core that the exporter used while tabs were open, and how many answers were 200 and 304."""
    for tab in tabs:
        tab.refresh()
    statuses: list[int] = []
    started, until = exporter.processor_seconds(), time.monotonic() + seconds
    starts = (REFRESH_SECONDS * index / max(1, len(tabs)) for index in range(len(tabs)))
    threads = [
        threading.Thread(target=tab.run, args=(start, until, statuses)) for tab, start in zip(tabs, starts, strict=True)
    ]
    for thread in threads:
        thread.start()
    time.sleep(seconds)
    used = (exporter.processor_seconds() - started) / seconds
    for thread in threads:
        thread.join()
    return used, statuses.count(200), statuses.count(304)


def measure(objects: int, speed: float, seconds: float) -> None:
    cluster = SimulatedCluster(seed=1, speed=speed, objects=objects)
    cluster.populate(lambda _made, _wanted: None)
    with cluster, tempfile.TemporaryDirectory() as folder:
        flags = ["--kubeconfig", str(kubeconfig(cluster.url, Path(folder))), "--metrics-addr", "127.0.0.1:0", *FLAGS]
        with json_process("exporter", "serve", *flags, key="address") as (pid, line):
            url = f"http://{line['address']}"
            exporter = Target(f"{url}/metrics", pid)
            while exporter.scrape("gzip")[0] != 200:
                time.sleep(0.1)
            time.sleep(5)
            cold = exporter.processor_seconds()
            Tab(url, "").refresh()
            cold = exporter.processor_seconds() - cold
            idle, _, _ = share(exporter, [], seconds)
            sys.stdout.write(f"{cluster.objects} objects, speed {speed:g}: first request {cold * 1000:.0f} ms\n")
            for addresses in (1, TABS):
                tabs = [Tab(url, f"&sort=name&continue={index % addresses}") for index in range(TABS)]
                used, full, unchanged = share(exporter, tabs, seconds)
                sys.stdout.write(
                    f"{TABS} pages at {addresses} addresses: {100 * (used - idle):.1f} % of a core, "
                    f"{full} answers, {unchanged} unchanged\n"
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    parser.add_argument("--seconds", type=float, default=60)
    arguments = parser.parse_args()
    # Nearly unchanged, and as the demo.
    for speed in (0.001, 1.0):
        measure(arguments.objects, speed, arguments.seconds)


if __name__ == "__main__":
    main()
