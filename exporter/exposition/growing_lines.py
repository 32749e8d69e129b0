"""Lines of counters that grow between events: rendered for every scrape, unlike those of `rendered_lines`.

What does not change is rendered when it is set: the label values of an object, which its families share.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporter.exposition.model import Family, GrowingCounters, Growth
from exporter.exposition.segments import Segment, SegmentRun
from exporter.exposition.text import FamilyText, escape_label, line_template


class GrowingLines:
    """Counters by object for a fixed sequence of families, all with the same label names.

    Guarantees: the order of objects does not change while they exist. One thread at a time may call `update` and
    `segments`; any thread may read what `segments` returned.
    """

    def __init__(self, families: Sequence[Family]) -> None:
        self._texts = [FamilyText(family) for family in families]
        self._template = line_template("", families[0].label_names) if families else ""
        # The labels of each object as text, and its counters.
        self._rows: dict[str, tuple[str, tuple[Growth | None, ...]]] = {}

    def update(self, keys: Iterable[str], counters: Mapping[str, GrowingCounters]) -> None:
        """Show the counters that these objects have now, and no lines of an object without any."""
        for key in keys if self._texts else ():
            if key in counters:
                labels, growths = counters[key]
                known = self._rows.get(key)
                self._rows[key] = known[0] if known else self._labels(labels), growths
            else:
                self._rows.pop(key, None)

    def segments(self, now: float) -> Iterator[tuple[FamilyText, SegmentRun]]:
        """Return every family that has series now, with one segment: its values at this monotonic time.

        They are rounded down: half the time that decimals take, and off by less than 1, however long it has grown.
        """
        return self._segments(list(self._rows.values()), now)

    def _segments(
        self, rows: Sequence[tuple[str, tuple[Growth | None, ...]]], now: float
    ) -> Iterator[tuple[FamilyText, SegmentRun]]:
        for place, text in enumerate(self._texts):
            name = text.family.name
            lines = [
                f"{name}{labels}{int(total + rate * (now - since))}\n"
                for labels, growths in rows
                if (growth := growths[place])
                for total, rate, since in (growth,)
            ]
            if lines:
                yield text, SegmentRun([Segment("".join(lines).encode("utf-8", "replace"))])

    def _labels(self, labels: tuple[str, ...]) -> str:
        """Return label values as they print, with the space that follows them."""
        return (self._template % (*map(escape_label, labels), "")).rstrip("\n")
