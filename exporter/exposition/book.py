"""The rendered lines of one kind's objects, kept in pages so that a scrape renews only what changed.

A page holds about 64 objects in a stable order, and caches each family's joined text. An update
makes its page dirty; the next scrape joins the dirty pages again, outside the lock.
"""

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence

from exporter.exposition.families import Family
from exporter.exposition.segments import Segment

ObjectLines = tuple[bytes, ...]
"""One object's lines: an element for each family of the book, empty where it has no series."""

PAGE_OBJECTS = 64
"""Large enough that 30,000 objects are 500 pages, small enough that one change costs little."""


class _Page:
    """Some objects' lines by key, and what was joined from them: `segments` while it is true, then `stale`."""

    __slots__ = ("lines", "segments", "stale", "version")

    def __init__(self) -> None:
        self.lines: dict[str, ObjectLines] = {}
        self.segments: tuple[Segment, ...] | None = None
        self.stale: tuple[Segment, ...] = ()
        self.version = 0

    def touch(self) -> None:
        self.version += 1
        self.stale = self.segments or self.stale
        self.segments = None


class Book:
    """Lines by object for a fixed sequence of families.

    Guarantees: a reader sees all of an `update` or nothing of it; the order of objects does not
    change while they live. Any thread may call any method.
    """

    def __init__(self, families: Sequence[Family]) -> None:
        self.families = tuple(families)
        # Guards all below, and every page: written by updates, read and renewed by scrapes. Held only
        # to move references, never to join or compress.
        self._lock = threading.Lock()
        self._pages: list[_Page] = []
        self._page_of: dict[str, _Page] = {}
        # Pages that are not full; holes that deletions left are filled before a page is added.
        self._pages_with_room: list[_Page] = []

    def __len__(self) -> int:
        return len(self._page_of)

    def update(self, changed: Mapping[str, ObjectLines], removed: Iterable[str] = ()) -> None:
        """Take out and put in objects, in one step for every reader. Unknown keys are ignored."""
        with self._lock:
            for key in removed:
                self._remove(key)
            for key, lines in changed.items():
                self._put(key, lines)

    def segments(self) -> Iterator[tuple[Family, list[Segment]]]:
        """Yield every family that has series, with the segments of its lines."""
        columns = zip(*self._renewed_pages(), strict=True)
        for family, column in zip(self.families, columns, strict=False):
            segments = [segment for segment in column if segment.text]
            if segments:
                yield family, segments

    def _put(self, key: str, lines: ObjectLines) -> None:
        page = self._page_of.get(key)
        if page is None:
            page = self._page_of[key] = self._page_with_room()
        # Most status writes change nothing that is printed: their page stays as it is.
        if page.lines.get(key) != lines:
            page.lines[key] = lines
            page.touch()
        if len(page.lines) == PAGE_OBJECTS and self._pages_with_room and self._pages_with_room[-1] is page:
            self._pages_with_room.pop()

    def _page_with_room(self) -> _Page:
        if not self._pages_with_room:
            page = _Page()
            self._pages.append(page)
            self._pages_with_room.append(page)
        return self._pages_with_room[-1]

    def _remove(self, key: str) -> None:
        page = self._page_of.pop(key, None)
        if page is None:
            return
        if len(page.lines) == PAGE_OBJECTS:
            self._pages_with_room.append(page)
        del page.lines[key]
        page.touch()
        if not page.lines:
            self._pages.remove(page)
            self._pages_with_room.remove(page)

    def _renewed_pages(self) -> list[tuple[Segment, ...]]:
        with self._lock:
            taken = [
                (page, page.version, page.segments, None if page.segments else tuple(page.lines.values()))
                for page in self._pages
            ]
        return [segments or self._join(page, version, lines or ()) for page, version, segments, lines in taken]

    def _join(self, page: _Page, version: int, lines: tuple[ObjectLines, ...]) -> tuple[Segment, ...]:
        texts = [b"".join(column) for column in zip(*lines, strict=True)]
        # Most families of a changed page are as they were: their segments may already be compressed.
        stale = page.stale or (None,) * len(texts)
        segments = tuple(
            [old if old and old.text == text else Segment(text) for text, old in zip(texts, stale, strict=True)]
        )
        with self._lock:
            # Changed meanwhile: these segments are of this scrape's moment, and not kept.
            if page.version == version:
                page.segments, page.stale = segments, ()
        return segments
