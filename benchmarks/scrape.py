"""What a scrape and an event cost, as ratios measured in one run: `make bench ARGS="--objects 30000"`.

Absolute times are this machine's; only the last column means anything elsewhere.
"""

import argparse
import gzip
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry, generate_latest

from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.families.integrals import Integrals
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from exporter.kinds import KINDS
from exporter.pipeline.line_sources import IntegralSource, ObjectSource, TotalSource
from exporter.pipeline.metrics_store import MetricsStore
from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay.engine import Engine

ROUNDS = 5
CHANGES = 100


def milliseconds(action: Callable[[], object]) -> float:
    """Return the median time of some rounds."""
    times = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        action()
        times.append(time.perf_counter() - started)
    return statistics.median(times) * 1000


RAY_KINDS = [kind for kind in KINDS if kind.is_custom_resource]


class Fleet:
    """A simulated population, decoded, and in metrics stores as in a running exporter."""

    def __init__(self, objects: int) -> None:
        objects_store = ObjectStore()
        Engine(objects_store, seed=1, speed=1, objects=objects, with_pods=False).populate(lambda _made, _wanted: None)
        self.jobs = [event.body for event in objects_store.page("rayjobs").items]
        self.objects = {
            kind.plural: [
                msgspec.json.decode(event.body, type=kind.object_type)
                for event in objects_store.page(kind.plural).items
            ]
            for kind in RAY_KINDS
        }
        self.stores: list[MetricsStore[Any]] = []
        self.registry = CollectorRegistry()
        for kind in RAY_KINDS:
            present = self.objects[kind.plural]
            families = ObjectFamilies(kind)
            store: MetricsStore[Any] = MetricsStore(
                kind,
                (
                    ObjectSource(families, receipt_time=time.time),
                    TotalSource(LifecycleTotals(kind, (60.0, 600.0)), families.remembered),
                    IntegralSource(Integrals(kind)),
                ),
                _fail,
            )
            store.on_change(present, [])
            self.registry.register(store)
            self.stores.append(store)
        self.exposition = Exposition(self.stores, CollectorRegistry())

    def change(self) -> None:
        """Make pages dirty, as events of so many objects all over the fleet do."""
        for store, objects in zip(self.stores, self.objects.values(), strict=True):
            some = objects[:: max(1, len(objects) * len(self.stores) // CHANGES)]
            store.on_change([], some)
            store.on_change(some, [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    fleet = Fleet(parser.parse_args().objects)

    def body(format_: Format, *, gzip: bool = False) -> int:
        # As it is sent: chunk by chunk, and never as a whole.
        return sum(map(len, fleet.exposition.body(format_, gzip=gzip).chunks()))

    plain = bytes(fleet.exposition.body(Format.TEXT))
    decoder = msgspec.json.Decoder(KINDS[1].object_type)

    def changed(*, compress: bool) -> None:
        fleet.change()
        body(Format.TEXT, gzip=compress)

    sys.stdout.write(f"{sum(map(len, fleet.objects.values()))} objects, {len(plain) / 1e6:.1f} MB\n")
    for what, ours, theirs, other in (
        ("a plain body", lambda: body(Format.TEXT), "prometheus_client", lambda: generate_latest(fleet.registry)),
        (
            "… after 100 changes",
            lambda: changed(compress=False),
            "prometheus_client",
            lambda: generate_latest(fleet.registry),
        ),
        ("a gzip body", lambda: body(Format.TEXT, gzip=True), "gzip level 1 of it", lambda: gzip.compress(plain, 1)),
        ("… after 100 changes", lambda: changed(compress=True), "gzip level 1 of it", lambda: gzip.compress(plain, 1)),
        (
            "decoding all RayJobs",
            lambda: [decoder.decode(job) for job in fleet.jobs],
            "json.loads",
            lambda: [json.loads(job) for job in fleet.jobs],
        ),
    ):
        a, b = milliseconds(ours), milliseconds(other)
        sys.stdout.write(f"{what:22} {a:8.1f} ms   {theirs:20} {b:8.1f} ms   1 : {b / a:.1f}\n")


def _fail() -> None:
    raise AssertionError("the collector failed on an object")


if __name__ == "__main__":
    main()
