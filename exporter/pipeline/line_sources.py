"""Where the lines of a metrics store come from: objects, totals over them, and integrals over time."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

from exporter.clock import Clock, SystemClock
from exporter.exposition.growing_lines import GrowingLines
from exporter.exposition.model import Family, Sample
from exporter.exposition.rendered_lines import ObjectLines, RenderedLines
from exporter.exposition.segments import SegmentRun
from exporter.exposition.text import FamilyText
from exporter.families.integrals import Amounts, Integrals
from exporter.families.lifecycle import Observation, Totals
from exporter.families.namespaces import ExpiringKeys
from exporter.families.object_families import ObjectFamilies
from exporter.families.table import CustomResource
from exporter.pipeline.line_budget import LineBudget

T = TypeVar("T", bound=CustomResource)
T_contra = TypeVar("T_contra", bound=CustomResource, contravariant=True)

MAX_RETAINED = 20_000
"""Maximum number of deleted objects whose series are retained: about 20 MB."""

Segments = Iterator[tuple[FamilyText, SegmentRun]]
"""Every family that has series, with the segments of its lines."""


class LineSource(Protocol[T_contra]):
    """Families of one kind, perhaps none. `observe` may be called by several threads, the rest by one at a time.

    Attributes:
        reads: the fields of an object that they follow from (`families.read_fields`).
    """

    families: tuple[Family, ...]
    reads: frozenset[str]

    def observe(self, obj: T_contra, changed: frozenset[str] | None) -> Any:
        """Return what follows from a version of an object, for `update`. May raise: then there is no update.

        `changed` are some of `reads`, or None if there is no earlier version: then all follows from this one.
        """

    def update(self, observed: Sequence[Any], removed: Sequence[Any], undecodable: Collection[str] | None) -> None:
        """Take a difference, and remove what is out of date.

        `observed` is what `observe` returned for new and changed objects, `removed` are the last versions of deleted
        ones. `undecodable` is given with the first list only, whose objects are not new: the uids of other objects.
        """

    def segments(self) -> Segments:
        """Return the lines as they are now: what is changed while they are read is not among them."""
        return iter(())

    def samples(self, present: Iterable[T_contra]) -> Iterable[Sequence[list[Sample]]]:  # noqa: ARG002 - there are none
        """Return the samples of each of the present objects, or of each key, family by family."""
        return ()


class ObjectSource(Generic[T]):
    """Lines of the present objects, and for some time those of deleted ones."""

    def __init__(
        self,
        objects: ObjectFamilies[T, Any],
        *,
        receipt_time: Callable[[], float | None],
        retain_seconds: float = 0.0,
        retained_dropped: Callable[[], object] = lambda: None,
        deleted: Callable[[str], object] = lambda _: None,
        budget: LineBudget | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`receipt_time` returns Unix seconds, or None if objects are not observed when they are received.

        Retained lines of a deleted object stay for `retain_seconds`; `retained_dropped` is called for each object
        that is removed earlier because there are too many. `deleted` is called with the uid of each deleted object.
        `budget` limits the lines of objects with very many series; `samples` yields those that it omits, too.
        """
        self.families, self.reads = objects.families, objects.reads
        self._objects = objects
        self._receipt_time = receipt_time
        self._deleted = deleted
        self._budget = budget
        self._rendered = RenderedLines(self.families)
        self._retains = retain_seconds > 0
        # Deleted objects whose lines are retained, and their samples.
        self._retained = ExpiringKeys(clock or SystemClock(), retain_seconds, MAX_RETAINED, retained_dropped)
        self._retained_samples: dict[str, tuple[list[Sample], ...]] = {}

    def observe(self, obj: T, changed: frozenset[str] | None) -> tuple[str, ObjectLines | Mapping[int, bytes]]:
        meta = obj.metadata
        places = range(len(self.families)) if changed is None else self._objects.rows_that_read(changed)
        samples = self._objects.observe(obj, self._receipt_time(), places)
        lines = self._rendered.render(samples, places)
        if self._budget is not None:
            lines = self._budget.fit(meta.namespace, meta.uid, lines)
        return meta.uid, ObjectLines.of(lines.values()) if changed is None else lines

    def update(
        self,
        observed: Sequence[tuple[str, ObjectLines | Mapping[int, bytes]]],
        removed: Sequence[T],
        _: Collection[str] | None,
    ) -> None:
        lines = dict(observed)
        for uid in lines:
            # Present again, as after a restored backup.
            self._retained.discard(uid)
            self._retained_samples.pop(uid, None)
        for obj in removed:
            if retained := self._retain(obj):
                lines[obj.metadata.uid] = retained
        expired = self._retained.expire()
        for uid in expired:
            del self._retained_samples[uid]
            # More than MAX_RETAINED in one difference: some expire at once.
            lines.pop(uid, None)
        uids = [obj.metadata.uid for obj in removed]
        self._rendered.update(lines, [*expired, *uids])
        for obj in removed:
            if self._budget is not None:
                self._budget.forget(obj.metadata.namespace, obj.metadata.uid)
            self._objects.forget(obj.metadata.uid)
            self._deleted(obj.metadata.uid)

    def _retain(self, obj: T) -> ObjectLines | None:
        """Return the lines of a deleted object that stay for some time."""
        samples = self._objects.retained(obj) if self._retains else None
        if samples is None:
            return None
        self._retained.add(obj.metadata.uid)
        self._retained_samples[obj.metadata.uid] = samples
        return ObjectLines.of(self._rendered.render(samples, range(len(samples))).values())

    def segments(self) -> Segments:
        return self._rendered.segments()

    def samples(self, present: Iterable[T]) -> Iterable[Sequence[list[Sample]]]:
        retained = list(self._retained_samples.values())
        return chain(map(self._objects.samples, present), retained)


class TotalSource(Generic[T]):
    """Lines of what is counted over all objects, under keys such as a namespace."""

    def __init__(self, totals: Totals[T], remembered: Callable[[str], Any] = lambda _: None) -> None:
        """`remembered` returns by uid what is remembered of an object, the observed version included."""
        self.families, self.reads = totals.families, totals.reads
        self._totals = totals
        self._remembered = remembered
        self._rendered = RenderedLines(self.families)

    def observe(self, obj: T, changed: Collection[str] | None) -> Observation[T] | None:
        if changed is not None and self.reads.isdisjoint(changed):
            return None
        return self._totals.observe(obj, self._remembered(obj.metadata.uid))

    def update(
        self, observed: Sequence[Observation[T]], removed: Sequence[T], undecodable: Collection[str] | None
    ) -> None:
        if undecodable is None:
            changes = self._totals.on_change(observed, removed)
        else:
            changes = self._totals.on_list(observed, undecodable)
        expired = set(self._totals.expire())
        lines = {
            key: self._rendered.render(self._totals.samples(key, places), places)
            for key, places in changes.items()
            if key not in expired
        }
        self._rendered.update(lines, expired)

    def segments(self) -> Segments:
        return self._rendered.segments()

    def samples(self, _: Iterable[T]) -> Iterable[Sequence[list[Sample]]]:
        return [self._totals.samples(key) for key in self._totals.present_keys()]


class IntegralSource(Generic[T]):
    """Lines of counters that grow between events, by object and by namespace."""

    def __init__(self, integrals: Integrals[T], clock: Clock | None = None) -> None:
        self.families = (*integrals.object_families, *integrals.namespace_families)
        self.reads = integrals.reads
        self._integrals = integrals
        self._clock = clock or SystemClock()
        self._of_objects = GrowingLines(integrals.object_families)
        self._of_namespaces = GrowingLines(integrals.namespace_families)

    def observe(self, obj: T, changed: Collection[str] | None) -> Amounts[T] | None:
        if changed is not None and self.reads.isdisjoint(changed):
            return None
        return self._integrals.observe(obj, changed)

    def update(self, observed: Sequence[Amounts[T]], removed: Sequence[T], _: Collection[str] | None) -> None:
        uids, namespaces = self._integrals.on_change(observed, removed)
        self._of_objects.update(uids, self._integrals.by_uid)
        self._of_namespaces.update(namespaces, self._integrals.by_namespace)

    def segments(self) -> Segments:
        # Read with the lock of the store: at an earlier time, what has just changed would have a negative age.
        now = self._clock.monotonic()
        return chain(self._of_objects.segments(now), self._of_namespaces.segments(now))

    def samples(self, _: Iterable[T]) -> Iterable[Sequence[list[Sample]]]:
        return self._integrals.samples()
