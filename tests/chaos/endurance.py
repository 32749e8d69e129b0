"""`python -m tests.chaos.endurance`: a million changes of a running exporter's objects, and what it holds meanwhile.

Objects, Events, pods and whole namespaces come and go, and some namespaces come again. What the exporter keeps of
those that went has a maximum or ends after a day; in the first tenth, each namespace has been there once, and from then
on nothing may grow. The plot is written as SVG.
"""

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlencode

from tests.chaos.campaign import FAMILIES, differences
from tests.chaos.exporter import Exporter, Usage
from tests.chaos.server import PLURALS, ServerProcess
from tests.chaos.watcher import Scrape
from tests.support.watching import wait_until
from tools.plots import plot

SAMPLES = 100
FLAT_FROM = 0.1
NAMESPACES = 1200
"""More than the number of empty namespaces whose objects the exporter remembers, 1,000."""

GROWTH = Usage(mib=0.1, threads=0.1, descriptors=0.1)
"""From a tenth of the changes on: the highest value of the last tenth, relative to that of the first."""

PANELS = ("Resident memory, MiB", "Threads", "Open descriptors")


def endure(changes: int, folder: Path) -> list[Usage]:
    """Make the changes; return what the exporter held before them and after each hundredth; raises AssertionError."""
    server = ServerProcess(folder, 1, 6)
    # Without the proxy: nothing is to break here.
    exporter = Exporter(folder, f"https://127.0.0.1:{server.port()}", "--collectors", ",".join(PLURALS))
    try:
        exporter.start()
        wait_until(lambda: exporter.get("/readyz").status == 200, "ready")
        usage = [exporter.usage()]
        a_namespace = max(10, int(changes * FLAT_FROM) // NAMESPACES)
        number = 0
        for sample in range(1, SAMPLES + 1):
            while number * a_namespace < changes * sample // SAMPLES:
                number += 1
                server.endure(a_namespace, f"n{number % NAMESPACES}")
            assert exporter.get("/metrics").status == 200
            usage.append(exporter.usage())
            sys.stdout.write(f"{sample} % of {changes:,} changes, {number} namespaces: {usage[-1]}\n")
            sys.stdout.flush()
        state = server.state()
        # Without the counters of all namespaces, which take minutes to parse.
        path = f"/metrics?{urlencode({'name[]': sorted(FAMILIES | {'kuberay_exporter_objects'})}, doseq=True)}"
        wait_until(lambda: not differences(Scrape.of(exporter.get(path).body), state["present"]), "all shown")
        assert exporter.end(signal.SIGTERM) == 0
        return usage
    finally:
        exporter.end()
        server.end()


def growth(usage: list[Usage]) -> list[str]:
    """Return what grew from the first tenth on."""
    flat = usage[round(FLAT_FROM * SAMPLES) :]
    tenth = len(flat) // 10
    found = []
    for place, name in enumerate(Usage._fields):
        before, after = (max(one[place] for one in part) for part in (flat[:tenth], flat[-tenth:]))
        if after > before * (1 + GROWTH[place]) + 1:
            found.append(f"{name} grew from {before:.0f} to {after:.0f}")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="make endurance", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--changes", type=int, default=1_000_000)
    parser.add_argument("--plot", type=Path, default=Path(".cache/endurance.svg"))
    arguments = parser.parse_args()
    started_at = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        usage = endure(arguments.changes, Path(folder))
    arguments.plot.parent.mkdir(exist_ok=True)
    steps = arguments.changes / SAMPLES
    panels = {
        title: {"": [(number * steps, one[place]) for number, one in enumerate(usage)]}
        for place, title in enumerate(PANELS)
    }
    arguments.plot.write_text(plot(panels, "changes"))
    grown = growth(usage)
    sys.stdout.write(f"{time.monotonic() - started_at:.0f} s; {usage[-1]}; {'; '.join(grown) or 'flat'}\n")
    sys.exit(bool(grown))


if __name__ == "__main__":
    main()
