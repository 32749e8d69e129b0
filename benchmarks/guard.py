"""Whether lists, updates and scrapes cost more than a committed baseline: `make guard`.

Counted are the bytecode instructions of the exporter's own code, the bytes that are compressed, and the memory that is
held: the same on every machine with this Python, however busy it is. C code is seen only by its bytes and memory.
"""

import gc
import json
import queue
import sys
import threading
import tracemalloc
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any, cast
from unittest import mock

from exporter.app import Exporter
from exporter.cli import serve_command
from exporter.exposition import segments
from exporter.exposition.segments import deflate_segment
from exporter.exposition.text import Format
from exporter.options import build_config
from exporter.simulator.apiserver import lists
from exporter.simulator.apiserver.requests import Request, resource_of
from exporter.simulator.apiserver.selectors import selector_of
from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay.engine import Engine

BASELINE = Path(__file__).with_name("baseline.json")
TOLERANCE, TOO_HIGH = 0.10, " TOO HIGH"
START, END = 1_800_000_000.0, 1_800_000_004.0  # of the updates, in Unix seconds
ROOT = f"{Path(segments.__file__).parents[1]}/"
# By package; the code of all others receives and decodes.
STAGES = {"families": "derive", "collectors": "derive", "exposition": "render", "pipeline": "render"}


class Recorded:
    """A transport: lists show the objects as they were at first, and a watch sends their updates once it may."""

    def __init__(self) -> None:
        self.watches: queue.Queue[threading.Event] = queue.Queue()
        self._store = ObjectStore(clock=lambda: START)
        engine = Engine(self._store, seed=1, speed=1, objects=200, clock=lambda: START)
        engine.populate(lambda _made, _wanted: None)
        self._listed = str(self._store.version)
        engine.step(END)

    def get(self, path: str, query: dict[str, str], **_options: object) -> Any:
        version = {} if "continue" in query else {"resourceVersion": self._listed}
        request = Request(method="GET", path=path, query=version | query, headers={}, verb="",
                          plural=resource_of(path)[0], namespace=None, name=None)  # fmt: skip
        chunks = self._watch(request) if "watch" in query else [lists.list_(self._store, request).body]
        return SimpleNamespace(
            status=200, chunks=lambda: chunks, limit=lambda _seconds: None, abort=object, close=object
        )

    def _watch(self, request: Request) -> Iterator[bytes]:
        matches = selector.matches if (selector := selector_of(request)) else None
        watch = self._store.watch(request.plural, after=int(self._listed), matches=matches)
        may_send = threading.Event()
        self.watches.put(may_send)
        may_send.wait()
        while events := watch.next(0):
            yield from (event.line for event in events)
        raise SystemExit  # ends the informer's thread


class Meter:
    """Counts what is done in a phase: instructions of this thread and of those that are started, and compression."""

    def __init__(self) -> None:
        self.phase = ""
        self.costs: Counter[str] = Counter()
        threading.settrace(self.trace)

    def trace(self, frame: FrameType, _event: str, _arg: object) -> Any:
        path = frame.f_code.co_filename
        if not path.startswith(ROOT) or path.startswith(f"{ROOT}simulator/"):
            return None
        stage = STAGES.get(path.removeprefix(ROOT).partition("/")[0], "decode")
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        name = f"instructions: {self.phase if 'scrape' in self.phase else f'{self.phase}, {stage}'}"

        def count(_frame: FrameType, event: str, _arg: object) -> Any:
            self.costs[name] += event == "opcode"
            return count

        return count

    def deflate(self, text: bytes) -> bytes:
        self.costs[f"bytes compressed: {self.phase}"] += len(text)
        return deflate_segment(text)


def measure() -> Counter[str]:
    recorded, meter = Recorded(), Meter()
    flags = ["--collectors", "rayclusters,rayjobs,rayservices,events,pods"]
    exporter = Exporter(build_config(serve_command.make_context("serve", flags).params), cast("Any", recorded))

    def scrape(phase: str, *, gzip: bool = True) -> None:
        meter.phase = phase
        sys.settrace(meter.trace)
        exporter.exposition.body(Format.OPENMETRICS, gzip=gzip)
        sys.settrace(None)

    with mock.patch.object(segments, "deflate_segment", meter.deflate):
        tracemalloc.start()
        meter.phase = "list"
        may_send = []
        for informer in exporter.informers:
            informer.start()
            may_send.append(recorded.watches.get(timeout=60))
        scrape("first scrape")
        gc.collect()
        meter.costs["bytes held"] = tracemalloc.get_traced_memory()[0]
        meter.phase = "updates"
        for informer, event in zip(exporter.informers, may_send, strict=True):
            event.set()
            informer.join(60)
        scrape("updated scrape")
        scrape("unchanged scrape")
        scrape("identity scrape", gzip=False)
    return meter.costs


def compare(baseline: Mapping[str, int], costs: Mapping[str, int]) -> list[str]:
    """Return the rows of a table, with TOO_HIGH where a cost is more than TOLERANCE above its baseline."""
    rows = []
    for name in sorted({*baseline, *costs}):
        before, now = baseline.get(name, 0), costs.get(name, 0)
        change = now / max(before, 1) - 1
        rows.append(f"| {name} | {before:,} | {now:,} | {change:+.1%}{TOO_HIGH * (now > before * (1 + TOLERANCE))} |")
    return rows


def main() -> None:
    if sys.version_info[:2] != (3, 11):
        sys.exit("the baseline is of Python 3.11; other versions have other bytecode")
    costs = measure()
    if "--write" in sys.argv:
        BASELINE.write_text(json.dumps(costs, indent=2, sort_keys=True) + "\n")
    rows = compare(json.loads(BASELINE.read_text()), costs)
    sys.stdout.write("\n".join(["| cost | baseline | now | change |", "|---|---|---|---|", *rows, ""]))
    if any(TOO_HIGH in row for row in rows):
        sys.exit("too high: make it cheaper, or justify the cost and run `make guard-baseline`")


if __name__ == "__main__":
    main()
