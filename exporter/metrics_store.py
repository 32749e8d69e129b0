"""Objects in, rendered families out: what the informers of one kind write to (kube-state-metrics' MetricsStore)."""

import logging
import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from exporter.clock import Clock, SystemClock
from exporter.collectors.collector import Collector
from exporter.collectors.integrals import NOTHING_TOUCHED, Amounts, Integrals, Touched
from exporter.collectors.lifecycle import Observation, Totals
from exporter.collectors.table import CustomResource
from exporter.exposition.growing_lines import GrowingLines
from exporter.exposition.model import Sample
from exporter.exposition.rendered_lines import ObjectLines, RenderedLines
from exporter.exposition.segments import Segment
from exporter.exposition.text import FamilyText

T = TypeVar("T", bound=CustomResource)

MAX_RETAINED = 20_000
"""Deleted objects whose series are retained: about 20 MB. Jobs that are created in a loop must not make it grow."""

log = logging.getLogger(__name__)


class _Rendered(NamedTuple, Generic[T]):
    """What versions of objects show: their lines by uid, what has occurred, and what they ask for."""

    lines: dict[str, ObjectLines]
    observations: list[Observation[T]]
    amounts: list[Amounts[T]]


class MetricsStore(Generic[T]):
    """The rendered lines of one kind's objects, of its lifecycle metrics and integrals (an `EventHandler`).

    Guarantees: a reader sees all of a change or nothing of it, lifecycle metrics included. Several
    informers' threads may call, if each object always comes from the same one; any thread may read.
    """

    def __init__(
        self,
        collector: Collector[T, Any],
        lifecycle: Totals[T],
        collect_failed: Callable[[], object],
        *,
        integrals: Integrals[T] | None = None,
        retain_seconds: float = 0.0,
        max_retained: int = MAX_RETAINED,
        retained_dropped: Callable[[], object] = lambda: None,
        has_receipt_times: bool = True,
        clock: Clock | None = None,
    ) -> None:
        """`collect_failed` is called for each object whose metrics could not be derived.

        Without `integrals`, nothing is added up over time. `retain_seconds` is how long retained lines of a
        deleted object stay, and `max_retained` the maximum number of such objects; `retained_dropped` is called
        for each one that is removed early. Without `has_receipt_times`, the time of a call says nothing about
        the objects.
        """
        self.collector = collector
        self.lifecycle = lifecycle
        self.integrals = integrals or Integrals(collector.kind, lambda _: False)
        self._collect_failed = collect_failed
        self._retain_seconds = retain_seconds
        self._max_retained = max_retained
        self._retained_dropped = retained_dropped
        self._has_receipt_times = has_receipt_times
        self._clock = clock or SystemClock()
        self._object_texts = [FamilyText(family) for family in collector.families]
        self._lifecycle_texts = [FamilyText(family) for family in lifecycle.families]
        # One change at a time: guards the lifecycle totals, integrals and retained objects. Held while rendering.
        self._writing = threading.Lock()
        # Guards the four below, so that a change of all is one step for readers. Never held while rendering.
        self._lock = threading.Lock()
        self._objects = RenderedLines(self._object_texts, self._lock)
        self._namespaces = RenderedLines(self._lifecycle_texts, self._lock)
        self._growing_objects = GrowingLines(list(map(FamilyText, self.integrals.object_families)))
        self._growing_namespaces = GrowingLines(list(map(FamilyText, self.integrals.namespace_families)))
        # When the lines of deleted objects expire, by uid: the oldest first, as all stay equally long.
        self._retained_until: dict[str, float] = {}

    def on_list(self, present: Sequence[T], undecodable: Collection[str]) -> None:
        """Show the first list; what occurred before it is not counted."""
        rendered = self._render(present)
        with self._writing:
            namespaces = self.lifecycle.on_list(rendered.observations, undecodable)
            self._apply(rendered.lines, (), namespaces, self.integrals.on_change(rendered.amounts, ()))

    def on_change(self, changed: Sequence[T], removed: Sequence[T]) -> None:
        """Render the changed objects and count what the difference means, then show all of it in one step."""
        rendered = self._render(changed)
        with self._writing:
            for uid in rendered.lines:
                # Present again, as after a restored backup.
                self._retained_until.pop(uid, None)
            lines = rendered.lines | self._retain(removed)
            namespaces = self.lifecycle.on_change(rendered.observations, removed)
            touched = self.integrals.on_change(rendered.amounts, removed)
            self._apply(lines, [obj.metadata.uid for obj in removed], namespaces, touched)
        for obj in removed:
            self.collector.forget(obj.metadata.uid)

    def segments(self) -> Iterator[tuple[FamilyText, list[Segment]]]:
        """Yield every family that has series, with the segments of its lines: those that grow by themselves last."""
        # A change that is under way removes what has expired itself: a scrape need not wait for it.
        if self._writing.acquire(blocking=False):
            try:
                self._apply({}, (), ())
            finally:
                self._writing.release()
        with self._lock:
            objects, namespaces = self._objects.snapshot(), self._namespaces.snapshot()
            growing_objects, growing_namespaces = self._growing_objects.snapshot(), self._growing_namespaces.snapshot()
            # Read with the lock: at an earlier time, what has just changed would have a negative age.
            now = self._clock.monotonic()
        yield from self._objects.segments(objects)
        yield from self._namespaces.segments(namespaces)
        yield from self._growing_objects.segments(growing_objects, now)
        yield from self._growing_namespaces.segments(growing_namespaces, now)

    def _render(self, objects: Iterable[T]) -> _Rendered[T]:
        rendered: _Rendered[T] = _Rendered({}, [], [])
        for obj in objects:
            try:
                lines = _lines(self._object_texts, self.collector.observe(obj, self._received_at()))
                observation = self.lifecycle.observe(obj, self.collector.remembered(obj.metadata.uid))
                rendered.amounts.append(self.integrals.observe(obj))
                rendered.observations.append(observation)
                rendered.lines[obj.metadata.uid] = lines
            except Exception:
                # A fault of ours in one object must not cost the scrape the others; its last lines stay.
                self._collect_failed()
                log.exception(
                    "couldn't derive the metrics of %r",
                    f"{obj.metadata.namespace}/{obj.metadata.name}",
                    extra={"resource": self.collector.kind.plural},
                )
        return rendered

    def _received_at(self) -> float | None:
        return self._clock.time() if self._has_receipt_times else None

    def _apply(
        self,
        rendered: dict[str, ObjectLines],
        removed: Collection[str],
        namespaces: Collection[str],
        touched: Touched = NOTHING_TOUCHED,
    ) -> None:
        """Make everything visible in one step, together with what has expired."""
        expired = self._expired()
        expired_namespaces = self.lifecycle.expire()
        counted = {
            name: _lines(self._lifecycle_texts, self.lifecycle.samples(name))
            for name in namespaces
            if name not in expired_namespaces
        }
        expired_integrals = self.integrals.expire()
        with self._lock:
            # A kind whose objects print nothing themselves needs no place for each of them.
            if self._object_texts:
                self._objects.update(rendered, [*expired, *removed])
            self._namespaces.update(counted, expired_namespaces)
            # With the lock: a change of an amount takes effect at the moment at which it becomes visible.
            by_uid, by_namespace = self.integrals.advance(touched)
            self._growing_objects.update(by_uid, removed)
            self._growing_namespaces.update(by_namespace, expired_integrals)

    def _retain(self, removed: Sequence[T]) -> dict[str, ObjectLines]:
        """Return the lines of deleted objects that stay for a while."""
        retained: dict[str, ObjectLines] = {}
        for obj in removed if self._retain_seconds else ():
            if samples := self.collector.retained(obj):
                retained[obj.metadata.uid] = _lines(self._object_texts, samples)
                self._retained_until[obj.metadata.uid] = self._clock.monotonic() + self._retain_seconds
        return retained

    def _expired(self) -> list[str]:
        """Return deleted objects whose lines have stayed long enough, or are too many: the oldest first."""
        now = self._clock.monotonic()
        expired: list[str] = []
        for uid, until in self._retained_until.items():
            if until > now and len(self._retained_until) - len(expired) <= self._max_retained:
                break
            if until > now:
                self._retained_dropped()
            expired.append(uid)
        for uid in expired:
            del self._retained_until[uid]
        return expired


def _lines(texts: Sequence[FamilyText], samples: Sequence[list[Sample]]) -> ObjectLines:
    return ObjectLines.of([text.lines(some) if some else b"" for text, some in zip(texts, samples, strict=True)])
