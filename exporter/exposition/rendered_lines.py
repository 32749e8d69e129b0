"""The rendered lines of one kind's objects, kept in pages so that a scrape joins only what changed.

A page has slots for 64 objects, and holds each family's lines as one text, a column. An update only puts the new
lines of an object beside the columns; the next scrape joins the columns that they change.
"""

import threading
from array import array
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from exporter.exposition.model import Family, Sample
from exporter.exposition.segments import Segment, SegmentRun
from exporter.exposition.text import FamilyText

PAGE_OBJECTS = 64
"""Large enough that 30,000 objects are 500 pages, small enough that one change costs little."""


class ObjectLines(NamedTuple):
    """One object's lines, family after family; `starts` has the place where each family's begin, and the end of all.

    A bytes object for each family would take a third more memory, in pieces too small to be given back.
    """

    text: bytes
    starts: "array[int]"

    @classmethod
    def of(cls, lines: Collection[bytes]) -> "ObjectLines":
        """Join the lines of each family, in the order of the families: empty where the object has no series."""
        return cls(b"".join(lines), _starts(map(len, lines)))

    def get(self, index: int) -> bytes:
        """Return the lines of one family."""
        return self.text[self.starts[index] : self.starts[index + 1]]

    def items(self) -> Iterable[tuple[int, bytes]]:
        """Return the lines of all families, each with its place."""
        return enumerate([self.text[start:end] for start, end in pairwise(self.starts)])


class Column(NamedTuple):
    """One family's lines on a page, slot after slot; `starts` has the place where each slot's begin, and the end."""

    segment: Segment
    starts: "array[int]"

    def replaced(self, changed: Mapping[int, bytes]) -> "Column":
        """Return the column with other lines in some slots; itself, compressed form and all, if none is new."""
        if not changed:
            return self
        if self is _EMPTY:
            lines = [changed.get(slot, b"") for slot in range(PAGE_OBJECTS)]
            return Column(Segment(b"".join(lines)), _starts(map(len, lines))) if any(lines) else self
        text, starts, pieces, end = self.segment.text, self.starts, list[bytes](), 0
        for slot in sorted(changed):
            start, after = starts[slot : slot + 2]
            # Most status writes change nothing that is printed.
            if text[start:after] != changed[slot]:
                pieces += (text[end:start], changed[slot])
                end = after
        if not pieces:
            return self
        new_text = b"".join((*pieces, text[end:]))
        if not new_text:
            return _EMPTY
        # Most others change a number: the lines begin where they did.
        if all(len(new) == starts[slot + 1] - starts[slot] for slot, new in changed.items()):
            return Column(Segment(new_text), starts)
        lengths = {slot: after - start for slot, (start, after) in enumerate(pairwise(starts))}
        lengths.update((slot, len(new)) for slot, new in changed.items())
        return Column(Segment(new_text), _starts(lengths.values()))


def _starts(lengths: Iterable[int]) -> "array[int]":
    starts = list(accumulate(lengths, initial=0))
    return array("H" if starts[-1] < 2**16 else "I", starts)


_EMPTY = Column(Segment(b""), _starts([0] * PAGE_OBJECTS))


class Content(NamedTuple):
    """What a page shows at one moment, never changed: its columns, and slots with other lines than these have."""

    columns: tuple[Column, ...]
    changed: Mapping[int, ObjectLines | Mapping[int, bytes]]

    def joined(self) -> "Content":
        """Return the same with all lines in the columns."""
        by_column: list[dict[int, bytes]] = [{} for _ in self.columns]
        for slot, lines in self.changed.items():
            for index, new in lines.items():
                by_column[index][slot] = new
        return Content(tuple(map(Column.replaced, self.columns, by_column)), {})


class LinePage:
    """Slots for objects, and what they show now."""

    __slots__ = ("content", "free")

    def __init__(self, families: int) -> None:
        self.content = Content((_EMPTY,) * families, {})
        self.free = list(range(PAGE_OBJECTS))[::-1]

    @property
    def is_empty(self) -> bool:
        return len(self.free) == PAGE_OBJECTS

    def put(self, slot: int, lines: ObjectLines | Mapping[int, bytes]) -> None:
        self.content = Content(self.content.columns, {**self.content.changed, slot: lines})


class RenderedLines:
    """Lines by object for a fixed sequence of families. Any thread may call.

    Guarantees: the order of objects does not change while they exist; a reader sees all of an update or nothing.
    """

    def __init__(self, families: Sequence[Family]) -> None:
        self._texts = [FamilyText(family) for family in families]
        self._nothing = ObjectLines.of([b""] * len(families))
        # Guards all below. Held to move references and to compare one object's lines, never to join or compress.
        self._lock = threading.Lock()
        self._pages: list[LinePage] = []
        self._place_of: dict[str, tuple[LinePage, int]] = {}
        # By family: its segments at the last scrape. Any reader writes them: two at once find the same.
        self._runs = [SegmentRun()] * len(families)
        # Pages that are not full; the slots of deleted objects are used before a page is added.
        self._pages_with_room: list[LinePage] = []

    def __len__(self) -> int:
        return len(self._place_of)

    def render(self, samples: Iterable[list[Sample]], places: Iterable[int]) -> Mapping[int, bytes]:
        """Return the lines of the samples of some families, by the places of these."""
        return {
            place: self._texts[place].lines(some) if some else b"" for place, some in zip(places, samples, strict=True)
        }

    def update(self, changed: Mapping[str, ObjectLines | Mapping[int, bytes]], removed: Iterable[str] = ()) -> None:
        """Remove and add objects; the lines of some families by their places replace those, and leave others.

        Unknown keys in `removed` are ignored; without families nothing is kept.
        """
        if not self._texts:
            return
        with self._lock:
            for key in removed:
                self._remove(key)
            pages = [page for key, lines in changed.items() if (page := self._put(key, lines))]
            # Not one that had a free slot: if objects come and go, a scrape joins many changes at once.
            new = [(page, page.content) for page in pages if len(page.content.changed) == PAGE_OBJECTS]
        # The next scrape would do it; a list of many objects needs less memory if it is done now.
        for page, content in new:
            for column in self._columns(page, content):
                column.segment.pack()

    def segments(self) -> Iterator[tuple[FamilyText, SegmentRun]]:
        """Return every family that has series now, with the segments of its lines."""
        with self._lock:
            contents = [(page, page.content) for page in reversed(self._pages)]
        return self._segments(contents)

    def _segments(self, contents: list[tuple[LinePage, Content]]) -> Iterator[tuple[FamilyText, SegmentRun]]:
        pages = []
        while contents:
            # Not held any longer: the memory of what is joined is used for the next page.
            pages.append(self._columns(*contents.pop()))
        by_family = zip(*pages, strict=True) if pages else [()] * len(self._texts)
        for index, columns in enumerate(by_family):
            run = self._runs[index]
            # Of a family that has not changed, nothing is computed anew. Segments are compared by identity.
            if run != (segments := tuple([column.segment for column in columns if column is not _EMPTY])):
                run = self._runs[index] = SegmentRun(segments)
            if run:
                yield self._texts[index], run

    def _columns(self, page: LinePage, content: Content) -> tuple[Column, ...]:
        """Return the columns of a page, and keep what had to be joined for the next scrape."""
        if not content.changed:
            return content.columns
        joined = content.joined()
        with self._lock:
            # Otherwise the page has changed since, and the next scrape joins it again.
            if page.content is content:
                page.content = joined
        return joined.columns

    def _put(self, key: str, lines: ObjectLines | Mapping[int, bytes]) -> LinePage | None:
        """Show the lines of an object; return the page that a new object has filled."""
        place = self._place_of.get(key)
        if place is None:
            page, slot = self._place_of[key] = self._new_place()
            # The slot may have been another object's, which has lines of other families.
            page.put(slot, {**dict(self._nothing.items()), **lines} if isinstance(lines, Mapping) else lines)
            return None if page.free else page
        page, slot = place
        # With all that the next scrape joins: an object may have changed several times since the last one.
        if isinstance(lines, Mapping) and (before := page.content.changed.get(slot)):
            lines = {**dict(before.items()), **lines}
        page.put(slot, lines)
        return None

    def _new_place(self) -> tuple[LinePage, int]:
        if not self._pages_with_room:
            page = LinePage(len(self._texts))
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
        page.put(slot, self._nothing)
        if page.is_empty:
            self._pages.remove(page)
            self._pages_with_room.remove(page)
