"""Where objects become lines: what one kind's informers are connected to."""

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Generic, TypeVar

from exporter.collectors.collector import Collector
from exporter.collectors.table import Resource
from exporter.collectors.totals import Life, Totals
from exporter.exposition.book import Book, ObjectLines
from exporter.exposition.families import Family, Sample
from exporter.exposition.segments import Segment

T = TypeVar("T", bound=Resource)

log = logging.getLogger(__name__)


class Feed(Generic[T]):
    """Takes in objects, and puts their rendered lines, and those of their totals, into books.

    Several informers' threads may call, if each object always comes from the same one; any thread may read.
    """

    def __init__(
        self,
        collector: Collector[T, Any],
        totals: Totals[T],
        count_failure: Callable[[], object],
        *,
        retain_seconds: float = 0.0,
        wall_clock: Callable[[], float | None] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect them.

        `retain_seconds` is how long retained lines of a deleted object stay, measured by `clock`;
        `wall_clock` tells when an object is received, in Unix seconds, None where that says nothing of it.
        """
        self.collector = collector
        self.totals = totals
        self._objects = Book(collector.families)
        self._namespaces = Book(totals.families)
        self._count_failure = count_failure
        self._retain_seconds = retain_seconds
        self._wall_clock = wall_clock
        self._clock = clock
        # Guards the two below, and the totals: written by updates, and by scrapes where time has passed.
        self._lock = threading.Lock()
        # When the lines of deleted objects go, by uid: the oldest first, as all stay equally long.
        self._retained_until: dict[str, float] = {}

    def begin(self, present: Sequence[T], undecodable: Collection[str]) -> None:
        """Show what the first list found; what happened to it before is not counted."""
        lives = self._show(present, [])
        with self._lock:
            self._show_totals(self.totals.begin(lives, undecodable))

    def update(self, changed: Sequence[T], removed: Sequence[T]) -> None:
        """Render the changed objects, then swap everything in at once; count what the difference means."""
        lives = self._show(changed, removed)
        with self._lock:
            self._show_totals(self.totals.update(lives, removed))

    def segments(self) -> Iterator[tuple[Family, list[Segment]]]:
        """Yield every family that has series, with the segments of its lines: objects, then totals."""
        with self._lock:
            self._expire()
        yield from self._objects.segments()
        yield from self._namespaces.segments()

    def _show(self, changed: Sequence[T], removed: Sequence[T]) -> list[Life[T]]:
        """Put lines into the book; return what the changed objects show to have happened in their lives."""
        derived = [pair for obj in changed if (pair := self._derive(obj)) is not None]
        rendered = {life.obj.metadata.uid: lines for life, lines in derived}
        with self._lock:
            for uid in rendered:
                self._retained_until.pop(uid, None)
            retained = self._retain(removed)
            self._objects.update(rendered | retained, [obj.metadata.uid for obj in removed])
        for obj in removed:
            self.collector.forget(obj.metadata.uid)
        return [life for life, _ in derived]

    def _derive(self, obj: T) -> tuple[Life[T], ObjectLines] | None:
        """Apply the tables to an object: what happened in its life, and its lines."""
        try:
            lines = _lines(self.collector.families, self.collector.observe(obj, self._wall_clock()))
            return self.totals.read(obj), lines
        except Exception:
            # A fault of ours in one object must not cost the scrape the others; its last lines stay.
            self._count_failure()
            log.exception(
                "couldn't derive the metrics of %r",
                f"{obj.metadata.namespace}/{obj.metadata.name}",
                extra={"resource": self.collector.kind.plural},
            )
            return None

    def _retain(self, removed: Sequence[T]) -> dict[str, ObjectLines]:
        """Return what is still shown of objects that are gone."""
        retained: dict[str, ObjectLines] = {}
        for obj in removed if self._retain_seconds else ():
            if samples := self.collector.retained(obj):
                retained[obj.metadata.uid] = _lines(self.collector.families, samples)
                self._retained_until[obj.metadata.uid] = self._clock() + self._retain_seconds
        return retained

    def _show_totals(self, namespaces: Collection[str]) -> None:
        families = self.totals.families
        self._namespaces.update({name: _lines(families, self.totals.samples(name)) for name in namespaces})

    def _expire(self) -> None:
        """Take out what has been shown long enough after its end."""
        now = self._clock()
        due = []
        for uid, until in self._retained_until.items():
            if until > now:
                break
            due.append(uid)
        for uid in due:
            del self._retained_until[uid]
        if due:
            self._objects.update({}, due)
        if expired := self.totals.expire():
            self._namespaces.update({}, expired)


def _lines(families: Sequence[Family], samples: Sequence[list[Sample]]) -> ObjectLines:
    lines = [family.lines(some) if some else b"" for family, some in zip(families, samples, strict=True)]
    return ObjectLines.of(lines)
