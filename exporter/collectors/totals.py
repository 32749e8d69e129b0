"""What happened in the lives of all objects, by namespace: counters and histograms that outlive the objects."""

import time
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator
from typing import Any, Generic, NamedTuple

from prometheus_client import Metric
from prometheus_client.registry import Collector as RegistryCollector

from exporter.collectors.collector import add_samples
from exporter.collectors.table import Happened, Kind, T, Total
from exporter.exposition.families import Family, Sample, histogram_samples

EMPTY_NAMESPACE_SECONDS = 24 * 3600.0
"""How long a namespace's totals stay after its last object: a nightly job's must not start anew every night."""


class Life(NamedTuple, Generic[T]):
    """A version of an object, and what it shows to have happened in its life."""

    obj: T
    happened: tuple[Happened, ...]


class Totals(RegistryCollector, Generic[T]):
    """The totals of one kind. Not for several threads at once: the caller has a lock.

    What the first list shows had happened before, and is not counted; every difference after it is, once
    for each uid, whether an event tells it or a later list. What happened between two versions that were
    seen counts as the later one shows it; an object that came and went unseen does not count at all.
    """

    def __init__(
        self,
        kind: Kind[T, Any],
        buckets: tuple[float, ...] = (),
        is_exported: Callable[[str], bool] = lambda _: True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`buckets` are the upper bounds of histograms in seconds; `clock` tells seconds."""
        self._tallies = [_Tally(total, buckets) for total in kind.totals if is_exported(total.name)]
        self.families = tuple(tally.family for tally in self._tallies)
        self._clock = clock
        # By uid: the namespace, and how often each total's event had happened when the object was last seen.
        self._lives: dict[str, tuple[str, tuple[int, ...]]] = {}
        # Present in the first list, but not readable yet.
        self._unread: set[str] = set()
        self._objects: dict[str, int] = defaultdict(int)
        # Namespaces without objects, and since when.
        self._empty_since: dict[str, float] = {}

    def read(self, obj: T) -> Life[T]:
        """Return what a version of an object shows to have happened, total by total."""
        return Life(obj, tuple([tally.total.happened(obj) for tally in self._tallies]))

    def begin(self, present: Iterable[Life[T]], unread: Collection[str]) -> set[str]:
        """Take in what the first list shows; return the namespaces that are in it."""
        if not self._tallies:
            return set()
        self._unread.update(unread)
        return {self._meet(life, is_new=False) for life in present}

    def update(self, changed: Iterable[Life[T]], removed: Iterable[T]) -> set[str]:
        """Count what these versions show to have happened; return the namespaces whose totals changed."""
        if not self._tallies:
            return set()
        touched = [*map(self._bury, removed), *map(self._take, changed)]
        return {namespace for namespace in touched if namespace is not None}

    def expire(self) -> list[str]:
        """Drop namespaces that have been without objects for long, and return them."""
        due = self._clock() - EMPTY_NAMESPACE_SECONDS
        expired = [namespace for namespace, since in self._empty_since.items() if since <= due]
        for namespace in expired:
            del self._empty_since[namespace], self._objects[namespace]
            for tally in self._tallies:
                tally.drop(namespace)
        return expired

    def samples(self, namespace: str) -> tuple[list[Sample], ...]:
        """Return the samples of one namespace, family by family."""
        return tuple([tally.samples(namespace) for tally in self._tallies])

    def collect(self) -> Iterator[Metric]:
        """Yield the same samples as `prometheus_client` metrics, for use in any registry."""
        for tally in self._tallies:
            family = tally.family
            metric = Metric(family.name.removesuffix("_total"), family.help, family.type)
            for namespace in tally.namespaces():
                add_samples(metric, family, tally.samples(namespace))
            if metric.samples:
                yield metric

    def describe(self) -> Iterator[Metric]:
        """Name the families, so that a registry can refuse a second collector of them."""
        return (Metric(family.name.removesuffix("_total"), family.help, family.type) for family in self.families)

    def _take(self, life: Life[T]) -> str | None:
        """Count what this version shows; return the namespace if that changed anything."""
        uid = life.obj.metadata.uid
        known = self._lives.get(uid)
        if known is None:
            return self._meet(life, is_new=uid not in self._unread)
        namespace, before = known
        after = tuple([max(now.times, times) for now, times in zip(life.happened, before, strict=True)])
        if after == before:
            return None
        for tally, now, times in zip(self._tallies, life.happened, before, strict=True):
            if now.times > times:
                tally.add(namespace, now, now.times - times)
        self._lives[uid] = namespace, after
        return namespace

    def _meet(self, life: Life[T], *, is_new: bool) -> str:
        """Take in an object that was not known; what a new one shows has happened since it was last looked."""
        namespace, uid = life.obj.metadata.namespace, life.obj.metadata.uid
        self._objects[namespace] += 1
        self._empty_since.pop(namespace, None)
        self._unread.discard(uid)
        self._lives[uid] = namespace, tuple([now.times for now in life.happened])
        for tally, now in zip(self._tallies, life.happened, strict=True):
            tally.open(namespace)
            if is_new and now.times and not (tally.total.is_awaited or tally.total.is_of_deletion):
                tally.add(namespace, now, now.times)
        return namespace

    def _bury(self, obj: T) -> str | None:
        """Count the end of an object; return its namespace if it was known."""
        known = self._lives.pop(obj.metadata.uid, None)
        if known is None:
            return None
        namespace, _ = known
        self._objects[namespace] -= 1
        if not self._objects[namespace]:
            self._empty_since[namespace] = self._clock()
        for tally in self._tallies:
            if tally.total.is_of_deletion:
                tally.add(namespace, Happened(), 1)
        return namespace


class _Tally(Generic[T]):
    """One total: its family, and its counts by namespace and by the values of its own labels."""

    def __init__(self, total: Total[T], buckets: tuple[float, ...]) -> None:
        self.total = total
        names = ("namespace", *total.labels)
        self.family = Family(total.name, "histogram" if total.is_histogram else "counter", total.help, sorted(names))
        self._in_order = sorted(range(len(names)), key=names.__getitem__)
        self._buckets = buckets
        # A counter's value; of a histogram the counts of its buckets, that above them all, and the sum.
        self._width = len(buckets) + 2 if total.is_histogram else 1
        self._counts: dict[str, dict[tuple[str, ...], list[float]]] = {}

    def open(self, namespace: str) -> None:
        """Let the series of a namespace exist, at 0."""
        if namespace not in self._counts:
            self._counts[namespace] = {labels: [0.0] * self._width for labels in self.total.known}

    def drop(self, namespace: str) -> None:
        del self._counts[namespace]

    def namespaces(self) -> list[str]:
        return list(self._counts)

    def add(self, namespace: str, happened: Happened, times: int) -> None:
        series = self._counts[namespace]
        if not self.total.is_histogram:
            series.setdefault(happened.labels, [0.0])[0] += times
        elif happened.seconds is not None:
            counts = series.setdefault(happened.labels, [0.0] * self._width)
            counts[bisect_left(self._buckets, happened.seconds)] += 1
            counts[-1] += happened.seconds

    def samples(self, namespace: str) -> list[Sample]:
        samples = []
        for own, counts in self._counts[namespace].items():
            values = (namespace, *own)
            labels = tuple([values[place] for place in self._in_order])
            if self.total.is_histogram:
                samples += histogram_samples(self._buckets, self.family.label_names, labels, counts[:-1], counts[-1])
            else:
                samples.append(Sample(labels, counts[0]))
        return samples
