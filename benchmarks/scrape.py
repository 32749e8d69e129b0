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

from exporter.collectors import KINDS
from exporter.collectors.collector import Collector
from exporter.collectors.totals import Totals
from exporter.exposition.exposition import Exposition
from exporter.exposition.families import Format
from exporter.feed import Feed
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


class Fleet:
    """A simulated population, decoded, and connected to feeds as a running exporter has it."""

    def __init__(self, objects: int) -> None:
        store = ObjectStore()
        Engine(store, seed=1, speed=1, objects=objects).populate(lambda _made, _wanted: None)
        self.jobs = [event.body for event in store.page("rayjobs").items]
        self.objects = {
            kind.plural: [
                msgspec.json.decode(event.body, type=kind.resource) for event in store.page(kind.plural).items
            ]
            for kind in KINDS
        }
        self.feeds: list[Feed[Any]] = []
        self.registry = CollectorRegistry()
        for kind in KINDS:
            present = self.objects[kind.plural]
            collector = Collector(kind, lambda present=present: present)  # type: ignore[misc]
            feed: Feed[Any] = Feed(collector, Totals(kind, (60.0, 600.0)), _fail)
            feed.update(present, [])
            self.registry.register(feed.collector)
            self.feeds.append(feed)
        self.exposition = Exposition(self.feeds, CollectorRegistry())

    def change(self) -> None:
        """Make pages dirty, as events of so many objects all over the fleet do."""
        for feed, objects in zip(self.feeds, self.objects.values(), strict=True):
            some = objects[:: max(1, len(objects) * len(self.feeds) // CHANGES)]
            feed.update([], some)
            feed.update(some, [])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=10_000)
    fleet = Fleet(parser.parse_args().objects)
    body = fleet.exposition.body
    plain = body(Format.TEXT)
    decoder = msgspec.json.Decoder(KINDS[1].resource)

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
