"""Rendered lines as a source of an exposition, for tests without collectors."""

import threading
from collections.abc import Iterable, Iterator, Mapping

from exporter.exposition.model import Family, Sample
from exporter.exposition.rendered_lines import ObjectLines, RenderedLines
from exporter.exposition.segments import Segment
from exporter.exposition.text import FamilyText


class LinesSource:
    """Rendered lines of these families, and the lock that every caller of them holds."""

    def __init__(self, *families: Family) -> None:
        self._lock = threading.Lock()
        self.rendered = RenderedLines([FamilyText(family) for family in families], self._lock)

    def update(self, changed: Mapping[str, ObjectLines], removed: Iterable[str] = ()) -> None:
        with self._lock:
            self.rendered.update(changed, removed)

    def segments(self) -> Iterator[tuple[FamilyText, list[Segment]]]:
        with self._lock:
            snapshot = self.rendered.snapshot()
        return self.rendered.segments(snapshot)

    def by_family(self) -> dict[Family, list[Segment]]:
        return {text.family: segments for text, segments in self.segments()}


def lines(family: Family, samples: Iterable[Sample]) -> ObjectLines:
    """Return the lines of an object that has only this family."""
    return ObjectLines.of([FamilyText(family).lines(samples)])
