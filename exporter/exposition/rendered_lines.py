"""The rendered lines of one kind's objects, kept in pages so that a scrape renews only what changed.

A page has room for 64 objects, and holds each family's lines as one text. An update only stores the new
lines of an object; the next scrape joins the texts that they change, outside the lock.
"""

import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

from exporter.exposition.segments import Segment
from exporter.exposition.text import FamilyText

PAGE_OBJECTS = 64
"""Large enough that 30,000 objects are 500 pages, small enough that one change costs little."""


class ObjectLines(NamedTuple):
    """One object's lines, family after family; `ends` tells where each family's end.

    A bytes object for each family would take a third more memory, in pieces too small to be given back.
    """

    text: bytes
    ends: "array[int]"

    @classmethod
    def of(cls, lines: Sequence[bytes]) -> "ObjectLines":
        """Join the lines of each family, in the order of the families: empty where the object has no series."""
        return cls(b"".join(lines), _ends(map(len, lines)))

    def of_family(self, index: int) -> bytes:
        return self.text[self.ends[index - 1] if index else 0 : self.ends[index]]


class Column(NamedTuple):
    """One family's lines on a page, slot after slot; `ends` tells where each slot's end."""

    segment: Segment
    ends: "array[int]"

    def of_slot(self, slot: int) -> bytes:
        return self.segment.text[self.ends[slot - 1] if slot else 0 : self.ends[slot]]

    def renewed(self, changed: Mapping[int, bytes]) -> "Column":
        """Return the column with other lines in some slots; itself, compressed form and all, if none is new."""
        if all(self.of_slot(slot) == lines for slot, lines in changed.items()):
            return self
        lines = [changed[slot] if slot in changed else self.of_slot(slot) for slot in range(PAGE_OBJECTS)]
        return Column(Segment(b"".join(lines)), _ends(map(len, lines)))


def _ends(sizes: Iterable[int]) -> "array[int]":
    return array("I", accumulate(sizes))


_EMPTY = Column(Segment(b""), _ends([0] * PAGE_OBJECTS))


class Page:
    """Slots for objects: what they print, as columns, and what has changed since the columns were joined."""

    __slots__ = ("changed", "columns", "free")

    def __init__(self, families: int) -> None:
        self.columns = (_EMPTY,) * families
        self.changed: dict[int, ObjectLines] = {}
        self.free = list(range(PAGE_OBJECTS))[::-1]

    @property
    def is_empty(self) -> bool:
        return len(self.free) == PAGE_OBJECTS

    def text(self, slot: int) -> bytes:
        """Return an object's lines, family after family."""
        lines = self.changed.get(slot)
        return lines.text if lines else b"".join([column.of_slot(slot) for column in self.columns])


Snapshot = list[tuple[Page, tuple[Column, ...], dict[int, ObjectLines]]]
"""References to pages, and to what was in them at one moment."""


class RenderedLines:
    """Lines by object for a fixed sequence of families.

    Guarantees: the order of objects does not change while they exist. `segments` may be called by any
    thread; the caller of `update` and `snapshot` holds the lock, which makes several updates one step.
    """

    def __init__(self, families: Sequence[FamilyText], lock: threading.Lock) -> None:
        """`lock` guards everything below, and every page: written by updates, read and renewed by scrapes.

        It is held only to move references and to compare one object's lines, never to join or compress.
        """
        self.families = tuple(families)
        self._nothing = ObjectLines.of([b""] * len(self.families))
        self._lock = lock
        self._pages: list[Page] = []
        self._place_of: dict[str, tuple[Page, int]] = {}
        # Pages that are not full; holes that deletions left are filled before a page is added.
        self._pages_with_room: list[Page] = []

    def __len__(self) -> int:
        return len(self._place_of)

    def update(self, changed: Mapping[str, ObjectLines], removed: Iterable[str] = ()) -> None:
        """Remove and add objects. Unknown keys in `removed` are ignored."""
        for key in removed:
            self._remove(key)
        for key, lines in changed.items():
            self._put(key, lines)

    def snapshot(self) -> Snapshot:
        """Return what is there now, for `segments`."""
        return [(page, page.columns, dict(page.changed)) for page in self._pages]

    def segments(self, snapshot: Snapshot) -> Iterator[tuple[FamilyText, list[Segment]]]:
        """Yield every family that has series, with the segments of its lines."""
        renewed = [self._renew(page, columns, changed) if changed else columns for page, columns, changed in snapshot]
        for family, columns in zip(self.families, zip(*renewed, strict=True), strict=False):
            segments = [column.segment for column in columns if column.segment.text]
            if segments:
                yield family, segments

    def _put(self, key: str, lines: ObjectLines) -> None:
        place = self._place_of.get(key)
        if place is None:
            page, slot = self._place_of[key] = self._new_place()
            page.changed[slot] = lines
        else:
            page, slot = place
            # Most status writes change nothing that is printed: their page stays as it is.
            if page.text(slot) != lines.text:
                page.changed[slot] = lines

    def _new_place(self) -> tuple[Page, int]:
        if not self._pages_with_room:
            page = Page(len(self.families))
            self._pages.append(page)
            self._pages_with_room.append(page)
        page = self._pages_with_room[-1]
        slot = page.free.pop()
        if not page.free:
            self._pages_with_room.pop()
        return page, slot

    def _remove(self, key: str) -> None:
        place = self._place_of.pop(key, None)
        if place is None:
            return
        page, slot = place
        if not page.free:
            self._pages_with_room.append(page)
        page.free.append(slot)
        page.changed[slot] = self._nothing
        if page.is_empty:
            self._pages.remove(page)
            self._pages_with_room.remove(page)

    def _renew(self, page: Page, columns: tuple[Column, ...], changed: dict[int, ObjectLines]) -> tuple[Column, ...]:
        renewed = tuple(
            [
                column.renewed({slot: lines.of_family(index) for slot, lines in changed.items()})
                for index, column in enumerate(columns)
            ]
        )
        with self._lock:
            # Another scrape may have been faster; what has changed since the snapshot is left for the next one.
            if page.columns is columns:
                page.columns = renewed
                for slot, lines in changed.items():
                    if page.changed.get(slot) is lines:
                        del page.changed[slot]
        return renewed
