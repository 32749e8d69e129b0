"""Pieces of a body: immutable texts, each with its compressed form from the first gzip scrape on."""

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain

from exporter.exposition.deflate import FINAL_BLOCK, GZIP_HEADER, deflate_segment, gzip_trailer, joined_crc, text_crc

CHUNK_BYTES = 256 * 1024
"""Size of what is joined and passed to a connection at once: the memory for a client that does not read."""


class Segment:
    """Immutable text; compressed about once, however many scrapes use it.

    Two threads that read it at the same moment may both compress: the bytes are the same.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def deflated(self) -> bytes:
        return deflate_segment(self.text)

    @cached_property
    def crc(self) -> int:
        return text_crc(self.text)


class SegmentRun(tuple[Segment, ...]):
    """Segments that follow each other in a body. What a body needs of them is computed once, as for a segment."""

    @cached_property
    def texts(self) -> list[bytes]:
        return [segment.text for segment in self]

    @cached_property
    def deflated(self) -> list[bytes]:
        return [segment.deflated for segment in self]

    @cached_property
    def length(self) -> int:
        return sum(map(len, self.texts))

    @cached_property
    def crc(self) -> int:
        return joined_crc(self.texts, ((segment.crc, len(segment.text)) for segment in self))


class Body:
    """A body as references to its pieces: never joined as a whole, its length known before it is sent."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces
        self.length = sum(map(len, pieces))

    def __bytes__(self) -> bytes:
        return b"".join(self._pieces)

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in chunks of about CHUNK_BYTES."""
        joined: list[bytes] = []
        size = 0
        for piece in self._pieces:
            for part in _parts(piece):
                joined.append(part)
                size += len(part)
                if size >= CHUNK_BYTES:
                    yield b"".join(joined)
                    joined, size = [], 0
        if joined:
            yield b"".join(joined)


def _parts(piece: bytes) -> Iterator[bytes]:
    """Split what one object may have made larger than a chunk."""
    if len(piece) <= CHUNK_BYTES:
        yield piece
        return
    for start in range(0, len(piece), CHUNK_BYTES):
        yield piece[start : start + CHUNK_BYTES]


def plain_body(runs: Iterable[SegmentRun]) -> Body:
    """Return the segments as an uncompressed body."""
    return Body(list(chain.from_iterable([run.texts for run in runs])))


def gzip_body(runs: Sequence[SegmentRun]) -> Body:
    """Put the segments together into ONE gzip member: several members break `curl --compressed`."""
    texts = chain.from_iterable(run.texts for run in runs)
    crc = joined_crc(texts, ((run.crc, run.length) for run in runs))
    trailer = gzip_trailer(crc, sum(run.length for run in runs))
    return Body([GZIP_HEADER, *chain.from_iterable([run.deflated for run in runs]), FINAL_BLOCK, trailer])
