"""Rendered lines as a source of an exposition, for tests without collectors."""

from collections.abc import Iterable, Iterator, Mapping

from exporter.exposition.model import Family, Sample
from exporter.exposition.rendered_lines import ObjectLines, RenderedLines
from exporter.exposition.segments import SegmentRun
from exporter.exposition.text import FamilyText


class LinesSource:
    """Rendered lines of these families."""

    def __init__(self, *families: Family) -> None:
        self.rendered = RenderedLines(families)

    def update(self, changed: Mapping[str, ObjectLines], removed: Iterable[str] = ()) -> None:
        self.rendered.update(changed, removed)

    def segments(self) -> Iterator[tuple[FamilyText, SegmentRun]]:
        return self.rendered.segments()

    def by_family(self) -> dict[Family, SegmentRun]:
        return {text.family: segments for text, segments in self.segments()}


def lines(family: Family, samples: Iterable[Sample]) -> ObjectLines:
    """Return the lines of an object that has only this family."""
    return ObjectLines.of([FamilyText(family).lines(samples)])
