"""Pieces of a body: immutable texts, of which those that do not change are kept in compressed form only.

Raw deflate and CRC-32 are isal's if it is installed, otherwise zlib's. Both make streams that any gzip reader
understands; isal is about six times faster at level 1.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import chain

crc32_combine: Callable[[int, int, int], int] | None
try:
    from isal.isal_zlib import Z_FULL_FLUSH, compressobj, crc32, crc32_combine, decompress
except ImportError:  # pragma: no cover - no wheel for this platform
    # The stubs of the two differ in how they name the same arguments.
    from zlib import Z_FULL_FLUSH, compressobj, crc32, decompress  # type: ignore[assignment]

    crc32_combine = None

CHUNK_BYTES = 128 * 1024
"""Size of what is joined and passed to a connection at once: the memory for a client that does not read."""

TEXT_SCRAPES = 4
"""After so many gzip scrapes a text is dropped: what changes often must not be decompressed each time."""

_SHORT = 2048
"""Shorter texts stay: to decompress them costs more than their memory, a hundredth of all."""

# Negative: no zlib header or checksum, so that segments can be joined into one gzip member.
_RAW = -15
_LEVEL = 1

GZIP_HEADER = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 255])
"""Deflate, no name, no time (the same state must give the same bytes), unknown system."""

FINAL_BLOCK = bytes([3, 0])
"""An empty block with the final bit: ends a stream of segments."""


def deflate_segment(text: bytes) -> bytes:
    """Compress `text` into blocks that end on a byte and refer to nothing before them."""
    compressor = compressobj(level=_LEVEL, wbits=_RAW)
    return bytes(compressor.compress(text) + compressor.flush(Z_FULL_FLUSH))


def inflate_segments(deflated: Iterable[bytes], length: int) -> bytes:
    """Decompress segments that follow each other, with one call; `length` is that of the text."""
    return decompress(b"".join([*deflated, FINAL_BLOCK]), wbits=_RAW, bufsize=length)


def joined_crc(texts: Iterable[bytes], crcs: Iterable[tuple[int, int]]) -> int:
    """Return the CRC-32 of the texts as one; `crcs` have CRC and length of each, or of several together.

    Their combination costs a fifth of a new CRC of all texts. zlib cannot combine them, and does not read `crcs`.
    """
    crc = 0
    if crc32_combine is None:
        for text in texts:
            crc = crc32(text, crc)
    else:
        for other, length in crcs:
            crc = crc32_combine(crc, other, length)
    return crc


def gzip_trailer(crc: int, length: int) -> bytes:
    """Return CRC-32 and length (modulo 2**32) of a plain body as a gzip member ends with them."""
    return crc.to_bytes(4, "little") + (length & 0xFFFFFFFF).to_bytes(4, "little")


class Segment:
    """Immutable text; compressed about once, however many scrapes use it, and after some of them kept so only.

    The compressed form needs a fifth of the memory. Two threads that read a segment at the same moment may both
    compress: the bytes are the same.
    """

    __slots__ = ("_deflated", "_length", "_scrapes", "_text", "crc")

    def __init__(self, text: bytes) -> None:
        self._text: bytes | None = text
        self._deflated = b""
        self.crc = 0
        self._length = len(text)
        # Scrapes in which its run was new: a run that stays counts its own, for all of its segments at once.
        self._scrapes = 0

    def __len__(self) -> int:
        return self._length

    @property
    def text(self) -> bytes:
        text = self._text
        return inflate_segments([self._deflated], self._length) if text is None else text

    @property
    def is_packed(self) -> bool:
        return self._text is None

    @property
    def deflated(self) -> bytes:
        """The compressed form, for a scrape; from now on `crc` is known."""
        if not self._deflated:
            self._compress()
        elif self._text is not None:
            self._scrapes += 1
            if self._scrapes == TEXT_SCRAPES:
                self.pack()
        return self._deflated

    def pack(self) -> None:
        """Keep the compressed form only."""
        # zlib has to read all texts for the checksum of a body.
        if self._length >= _SHORT and crc32_combine:
            if not self._deflated:
                self._compress()
            self._text = None

    def _compress(self) -> None:
        text = self.text
        self.crc = crc32(text)
        self._deflated = deflate_segment(text)


class SegmentRun(tuple[Segment, ...]):
    """Segments that follow each other in a body. What a body needs of them is computed once, as for a segment."""

    _scrapes = 0

    @property
    def texts(self) -> Iterator[bytes]:
        return (segment.text for segment in self)

    @property
    def deflated(self) -> list[bytes]:
        scrapes = self._scrapes = self._scrapes + 1
        if scrapes == TEXT_SCRAPES:
            for segment in self:
                segment.pack()
        return self._compressed

    @cached_property
    def _compressed(self) -> list[bytes]:
        return [segment.deflated for segment in self]

    @cached_property
    def length(self) -> int:
        return sum(map(len, self))

    @cached_property
    def crc(self) -> int:
        """The CRC-32 of all, once they are compressed."""
        return joined_crc(self.texts, ((segment.crc, len(segment)) for segment in self))


class Body:
    """A body as references to its pieces: never joined as a whole, its length known before it is sent."""

    def __init__(self, pieces: Sequence[bytes] | Sequence[Segment]) -> None:
        self._pieces = pieces
        self.length = sum(map(len, pieces))

    def __bytes__(self) -> bytes:
        return b"".join(self._texts())

    def chunks(self) -> Iterator[bytes]:
        """Yield the body in chunks of at most CHUNK_BYTES."""
        joined: list[bytes] = []
        size = 0
        for text in self._texts():
            for part in _parts(text):
                if joined and size + len(part) > CHUNK_BYTES:
                    chunk, joined, size = b"".join(joined), [], 0
                    yield chunk
                joined.append(part)
                size += len(part)
        if size:
            yield b"".join(joined)

    def _texts(self) -> Iterator[bytes]:
        """Yield the texts, of packed segments many at once: in each call others may take the interpreter's lock."""
        packed: list[bytes] = []
        size = 0
        for piece in self._pieces:
            is_packed = isinstance(piece, Segment) and piece.is_packed
            if packed and (not is_packed or size + len(piece) > CHUNK_BYTES):
                yield inflate_segments(packed, size)
                packed, size = [], 0
            if not isinstance(piece, Segment):
                yield piece
            elif is_packed:
                packed.append(piece.deflated)
                size += len(piece)
            else:
                yield piece.text
        if packed:
            yield inflate_segments(packed, size)


def _parts(piece: bytes) -> Iterator[bytes]:
    """Split what one object may have made larger than a chunk."""
    if len(piece) <= CHUNK_BYTES:
        yield piece
        return
    for start in range(0, len(piece), CHUNK_BYTES):
        yield piece[start : start + CHUNK_BYTES]


def plain_body(runs: Iterable[SegmentRun]) -> Body:
    """Return the segments as an uncompressed body."""
    return Body(list(chain.from_iterable(runs)))


def gzip_body(runs: Sequence[SegmentRun]) -> Body:
    """Put the segments together into ONE gzip member: several members break `curl --compressed`."""
    deflated = list(chain.from_iterable([run.deflated for run in runs]))
    # Read after it: what is compressed has a checksum.
    crc = joined_crc(chain.from_iterable(run.texts for run in runs), ((run.crc, run.length) for run in runs))
    return Body([GZIP_HEADER, *deflated, FINAL_BLOCK, gzip_trailer(crc, sum(run.length for run in runs))])
