"""Objects in, rendered families out: what the informers of one kind write to (kube-state-metrics' MetricsStore)."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any, Generic, TypeVar

from prometheus_client import Metric
from prometheus_client.registry import Collector

from exporter.exposition.model import Family, Sample
from exporter.exposition.segments import SegmentRun
from exporter.exposition.text import FamilyText
from exporter.families.read_fields import ReadFields
from exporter.families.table import CustomResource, Kind
from exporter.logs.limit import LogLimit
from exporter.pipeline.line_sources import LineSource

T = TypeVar("T", bound=CustomResource)

LOG_BURST = 10
LOG_SECONDS = 60.0
"""Bound on stack traces of objects whose metrics could not be derived: 10 at once, and then one in 60 s."""

LIST_OBJECTS = 1024
"""Objects of the first list that are rendered at once."""

log = logging.getLogger(__name__)


class MetricsStore(Collector, Generic[T]):
    """The metrics of one kind: as rendered lines, and as a `Collector` of `prometheus_client`.

    An `EventHandler`. Guarantees: a reader sees all of a change or nothing of it, in all sources. Reading changes
    nothing. Several informers' threads may call, if each object always comes from the same one; any thread may read.
    """

    def __init__(
        self, kind: Kind[T, Any], sources: Sequence[LineSource[T]], collect_failed: Callable[[], object]
    ) -> None:
        """The sources are printed in this order; each may use what those before it observed.

        `collect_failed` is called for each object whose metrics could not be derived.
        """
        self._kind = kind
        self._sources = sources
        self.reads = frozenset().union(*[source.reads for source in sources])
        self._fields = ReadFields(kind.object_type, self.reads)
        # By uid: the version that is shown. Of a kind without rows each version counts by itself, and none is kept.
        self._present: dict[str, T] = {}
        self._collect_failed = collect_failed
        self._log_limit = LogLimit(LOG_SECONDS, LOG_BURST)
        # Guards the above. Held while a change is applied, but not while the lines of changed objects are rendered.
        self._lock = threading.Lock()

    def on_list(self, present: Sequence[T], undecodable: Collection[str]) -> None:
        """Show the first list; what occurred before it is not counted.

        In parts, so that the lines of a few objects at once are held uncompressed; nobody reads in between.
        """
        with self._lock:
            for start in range(0, len(present) or 1, LIST_OBJECTS):
                self._show(self._observed(present[start : start + LIST_OBJECTS]), (), undecodable)

    def on_change(self, changed: Sequence[T], removed: Sequence[T]) -> None:
        """Render the changed objects, and show them and what follows from the difference in one step."""
        observed = self._observed(changed)
        if observed or removed:
            with self._lock:
                self._show(observed, removed, None)

    def expire(self) -> None:
        """Remove what is out of date."""
        with self._lock:
            self._show((), (), None)

    def segments(self) -> Iterator[tuple[FamilyText, SegmentRun]]:
        """Yield every family that has series, with the segments of its lines."""
        with self._lock:
            families = [source.segments() for source in self._sources]
        yield from chain.from_iterable(families)

    def collect(self) -> Iterator[Metric]:
        """Yield the samples that `segments` prints, as `prometheus_client` metrics, for use in any registry."""
        with self._lock:
            present = list(self._present.values())
            samples = [source.samples(present) for source in self._sources]
        for source, by_object in zip(self._sources, samples, strict=True):
            yield from _metrics(source.families, by_object)

    def describe(self) -> Iterator[Metric]:
        """Name all families, so that a registry refuses a second collector of one of them."""
        return (_metric(family) for source in self._sources for family in source.families)

    def _show(
        self, observed: Sequence[tuple[T, list[Any]]], removed: Sequence[T], undecodable: Collection[str] | None
    ) -> None:
        for place, source in enumerate(self._sources):
            of_source = [one for _, follows in observed if (one := follows[place]) is not None]
            # What is out of date is removed every second, too.
            if of_source or removed or not observed:
                source.update(of_source, removed, undecodable)
        for obj in removed:
            self._present.pop(obj.metadata.uid, None)
        if self._kind.rows:
            self._present.update([(obj.metadata.uid, obj) for obj, _ in observed])

    def _observed(self, changed: Iterable[T]) -> list[tuple[T, list[Any]]]:
        return [both for both in map(self._observe, changed) if both is not None]

    def _observe(self, obj: T) -> tuple[T, list[Any]] | None:
        """Return what each source observes of an object; None if nothing can have changed, or if one failed."""
        before = self._present.get(obj.metadata.uid)
        differing = None if before is None else self._fields.differing(before, obj)
        if differing is not None and not differing:
            # Otherwise the older version would be held beside the one in the informer's store.
            self._present[obj.metadata.uid] = obj
            return None
        try:
            return obj, [source.observe(obj, differing) for source in self._sources]
        except Exception:
            # A fault of ours in one object must not cost the scrape the others; its last lines stay.
            self._collect_failed()
            if (suppressed := self._log_limit.take()) is not None:
                log.exception(
                    "couldn't derive the metrics of %r",
                    f"{obj.metadata.namespace}/{obj.metadata.name}",
                    extra={"resource": self._kind.plural, "suppressed": suppressed},
                )
            return None


def _metrics(families: Sequence[Family], by_object: Iterable[Sequence[list[Sample]]]) -> Iterator[Metric]:
    """Return metrics of the samples that each object (or key) has, family by family; none without samples."""
    metrics = [_metric(family) for family in families]
    for samples_of_families in by_object:
        for metric, family, samples in zip(metrics, families, samples_of_families, strict=True):
            for sample in samples:
                labels = dict(zip(sample.label_names or family.label_names, sample.labels, strict=True))
                metric.add_sample(family.name + sample.suffix, labels, sample.value)
    return (metric for metric in metrics if metric.samples)


def _metric(family: Family) -> Metric:
    return Metric(family.name.removesuffix("_total"), family.help, family.type)
