"""Lines of counters that grow between events: rendered for every scrape, unlike those of `rendered_lines`.

What does not change is rendered when it is set: the label values of an object, which its families share.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporter.exposition.model import Growth
from exporter.exposition.segments import Segment
from exporter.exposition.text import FamilyText, escape_label, line_template

Row = tuple[str, tuple[Growth | None, ...]]
"""The labels of an object as text, and its counters, family by family."""


class GrowingLines:
    """Counters by object for a fixed sequence of families, all with the same label names.

    Guarantees: the order of objects does not change while they exist. `segments` may be called by any
    thread; the caller of `update` and `snapshot` holds the lock, which makes several updates one step.
    """

    def __init__(self, families: Sequence[FamilyText]) -> None:
        self.families = tuple(families)
        self._template = line_template("", families[0].family.label_names) if families else ""
        self._rows: dict[str, Row] = {}

    def update(
        self,
        changed: Mapping[str, tuple[tuple[str, ...], tuple[Growth | None, ...]]],
        removed: Iterable[str] = (),
    ) -> None:
        """Remove and set objects: their label values, and their counters, family by family."""
        if not self.families:
            return
        for key in removed:
            self._rows.pop(key, None)
        for key, (labels, growths) in changed.items():
            known = self._rows.get(key)
            self._rows[key] = known[0] if known else self._labels(labels), growths

    def snapshot(self) -> list[Row]:
        """Return what is there now, for `segments`."""
        return list(self._rows.values())

    def segments(self, snapshot: Sequence[Row], now: float) -> Iterator[tuple[FamilyText, list[Segment]]]:
        """Yield every family that has series, with one segment: its values at this monotonic time, as whole numbers."""
        for place, text in enumerate(self.families):
            name = text.family.name
            # Rounded down: half the time that decimals take, and off by less than 1, however long it has grown.
            lines = [
                f"{name}{labels}{int(total + rate * (now - since))}\n"
                for labels, growths in snapshot
                if (growth := growths[place])
                for total, rate, since in (growth,)
            ]
            if lines:
                yield text, [Segment("".join(lines).encode("utf-8", "replace"))]

    def _labels(self, labels: tuple[str, ...]) -> str:
        """Return label values as they print, with the space that follows them."""
        return (self._template % (*map(escape_label, labels), "")).rstrip("\n")
