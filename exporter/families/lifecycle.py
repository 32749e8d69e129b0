"""What has occurred in the lifecycles of all objects, by namespace: counters and histograms that outlive them."""

from bisect import bisect_left
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Generic, NamedTuple, Protocol

from exporter.clock import Clock, SystemClock
from exporter.exposition.model import Family, Sample, histogram_samples
from exporter.families.namespaces import Namespaces
from exporter.families.read_fields import fields_of
from exporter.families.table import Kind, LifecycleMetric, Occurrence, T


class Observation(NamedTuple, Generic[T]):
    """A version of an object, and what it shows to have occurred, metric by metric."""

    obj: T
    occurrences: tuple[Occurrence, ...]


Changes = Mapping[str, Collection[int]]
"""Keys, each with the places of the families whose series under it have changed."""


class Totals(Protocol[T]):
    """What is counted over all objects of a kind, as series under keys, such as a namespace.

    Not for several threads at once: the caller has a lock. `observe` alone may be called without it.
    """

    families: tuple[Family, ...]
    reads: frozenset[str]

    def observe(self, obj: T, remembered: Any = None) -> Observation[T]:
        """Return what a version of an object shows to have occurred; `remembered` is the kind's memory of it."""

    def on_list(self, present: Iterable[Observation[T]], undecodable: Collection[str]) -> Changes:
        """Take the first list; return the keys that have series now."""

    def on_change(self, changed: Iterable[Observation[T]], removed: Iterable[T]) -> Changes:
        """Count what is new in these versions; return what has changed."""

    def expire(self) -> list[str]:
        """Drop what is out of date; return the keys that have no series any more."""

    def present_keys(self) -> list[str]:
        """Return the keys that have series."""

    def samples(self, key: str, places: Collection[int] | None = None) -> tuple[list[Sample], ...]:
        """Return the samples under one key, family by family, or those of some families by their places."""


class LifecycleTotals(Generic[T]):
    """The lifecycle metrics of one kind. Not for several threads at once: the caller has a lock.

    What the first list shows occurred before, and is not counted; every difference after it is, once for
    each uid, whether an event or a later list shows it. What occurred between two versions that were seen
    counts as the later one shows it; an object that was created and deleted unseen is not counted.
    """

    def __init__(
        self,
        kind: Kind[T, Any],
        buckets: tuple[float, ...] = (),
        family_filter: Callable[[str], bool] = lambda _: True,
        *,
        clock: Clock | None = None,
        namespace_dropped: Callable[[], object] = lambda: None,
    ) -> None:
        """`buckets` are the upper bounds of histograms in seconds.

        `namespace_dropped` is called for each namespace whose series were dropped before their time.
        """
        self._counts = [_Counts(metric, buckets) for metric in kind.lifecycle if family_filter(metric.name)]
        self.families = tuple(counts.family for counts in self._counts)
        metrics = [counts.metric for counts in self._counts]
        self.reads = fields_of(*[text for metric in metrics for text in (metric.source, metric.reads)])
        self._namespaces = Namespaces(clock or SystemClock(), namespace_dropped)
        # By uid: the namespace, and the occurrences of each metric when the object was last seen.
        self._seen: dict[str, tuple[str, tuple[int, ...]]] = {}
        # Present in the first list, but not decodable yet.
        self._undecodable: set[str] = set()

    def observe(self, obj: T, remembered: Any = None) -> Observation[T]:
        """Return what a version of an object shows to have occurred, metric by metric.

        `remembered` is what the kind's collector remembers of the object, this version included.
        """
        return Observation(obj, tuple([counts.metric.occurrence(obj, remembered) for counts in self._counts]))

    def on_list(self, present: Iterable[Observation[T]], undecodable: Collection[str]) -> Changes:
        """Take what the first list shows as given; return the namespaces that are in it."""
        if not self._counts:
            return {}
        self._undecodable.update(undecodable)
        return _merged([self._added(observation, is_new=False) for observation in present])

    def on_change(self, changed: Iterable[Observation[T]], removed: Iterable[T]) -> Changes:
        """Count what these versions show to have occurred; return the namespaces whose series changed."""
        if not self._counts:
            return {}
        return _merged([*map(self._deleted, removed), *map(self._updated, changed)])

    def expire(self) -> list[str]:
        """Drop namespaces that have been without objects for long, or that are too many; return them."""
        expired = self._namespaces.expire()
        for namespace in expired:
            for counts in self._counts:
                counts.drop(namespace)
        return expired

    def samples(self, namespace: str, places: Collection[int] | None = None) -> tuple[list[Sample], ...]:
        """Return the samples of one namespace, family by family, or those of `places`."""
        counts = self._counts if places is None else [self._counts[place] for place in places]
        return tuple([one.samples(namespace) for one in counts])

    def present_keys(self) -> list[str]:
        return self._counts[0].namespaces() if self._counts else []

    def _updated(self, observation: Observation[T]) -> tuple[str, Collection[int]] | None:
        """Count what this version shows; return the namespace and the places of the metrics that this changed."""
        uid = observation.obj.metadata.uid
        seen = self._seen.get(uid)
        if seen is None:
            return self._added(observation, is_new=uid not in self._undecodable)
        namespace, before = seen
        after = tuple([max(now.times, times) for now, times in zip(observation.occurrences, before, strict=True)])
        if after == before:
            return None
        places = [place for place, times in enumerate(after) if times > before[place]]
        for place in places:
            self._counts[place].add(namespace, observation.occurrences[place], after[place] - before[place])
        self._seen[uid] = namespace, after
        return namespace, places

    def _added(self, observation: Observation[T], *, is_new: bool) -> tuple[str, Collection[int]]:
        """Start with an object; all that a new one shows has occurred since the last list or event."""
        namespace, uid = observation.obj.metadata.namespace, observation.obj.metadata.uid
        self._namespaces.added(namespace)
        self._undecodable.discard(uid)
        self._seen[uid] = namespace, tuple([now.times for now in observation.occurrences])
        places = []
        for place, (counts, now) in enumerate(zip(self._counts, observation.occurrences, strict=True)):
            counts_new = is_new and now.times and counts.metric.counts_new_objects
            if counts.open(namespace) or counts_new:
                places.append(place)
            if counts_new:
                counts.add(namespace, now, now.times)
        return namespace, places

    def _deleted(self, obj: T) -> tuple[str, Collection[int]] | None:
        """Count the deletion of an object; as `_updated`, None if the object was not known."""
        seen = self._seen.pop(obj.metadata.uid, None)
        if seen is None:
            return None
        namespace, _ = seen
        self._namespaces.deleted(namespace)
        places = [place for place, counts in enumerate(self._counts) if counts.metric.counts_deletions]
        for place in places:
            self._counts[place].add(namespace, Occurrence(), 1)
        return namespace, places


def _merged(changes: Iterable[tuple[str, Collection[int]] | None]) -> Changes:
    merged: dict[str, set[int]] = {}
    for change in changes:
        if change is not None:
            namespace, places = change
            merged.setdefault(namespace, set()).update(places)
    return merged


class _Counts(Generic[T]):
    """One metric's family, and its counts by namespace and by the values of its own labels."""

    def __init__(self, metric: LifecycleMetric[T, Any], buckets: tuple[float, ...]) -> None:
        self.metric = metric
        names = ("namespace", *metric.labels)
        self.family = Family(metric.name, "histogram" if metric.is_histogram else "counter", metric.help, sorted(names))
        self._in_order = sorted(range(len(names)), key=names.__getitem__)
        self._buckets = buckets
        # A counter's value; of a histogram the counts of its buckets, that above them all, and the sum.
        self._width = len(buckets) + 2 if metric.is_histogram else 1
        self._by_namespace: dict[str, dict[tuple[str, ...], list[float]]] = {}

    def open(self, namespace: str) -> bool:
        """Make the series of a namespace exist, at 0; return whether they did not."""
        if namespace in self._by_namespace:
            return False
        self._by_namespace[namespace] = {labels: [0.0] * self._width for labels in self.metric.known}
        return True

    def drop(self, namespace: str) -> None:
        del self._by_namespace[namespace]

    def namespaces(self) -> list[str]:
        return list(self._by_namespace)

    def add(self, namespace: str, occurrence: Occurrence, times: int) -> None:
        if occurrence.newest is not None:
            for labels, newest in occurrence.newest.items():
                self._add(namespace, Occurrence(labels=labels), newest)
            return
        unseen_labels = self.metric.unseen_labels
        if unseen_labels and times > 1:
            self._add(namespace, occurrence._replace(labels=unseen_labels(occurrence.labels)), times - 1)
            times = 1
        self._add(namespace, occurrence, times)

    def _add(self, namespace: str, occurrence: Occurrence, times: int) -> None:
        series = self._by_namespace[namespace]
        if not self.metric.is_histogram:
            series.setdefault(occurrence.labels, [0.0])[0] += times
        elif occurrence.seconds is not None:
            counts = series.setdefault(occurrence.labels, [0.0] * self._width)
            counts[bisect_left(self._buckets, occurrence.seconds)] += 1
            counts[-1] += occurrence.seconds

    def samples(self, namespace: str) -> list[Sample]:
        samples = []
        for own, counts in self._by_namespace[namespace].items():
            values = (namespace, *own)
            labels = tuple([values[place] for place in self._in_order])
            if self.metric.is_histogram:
                samples += histogram_samples(self._buckets, self.family.label_names, labels, counts[:-1], counts[-1])
            else:
                samples.append(Sample(labels, counts[0]))
        return samples
