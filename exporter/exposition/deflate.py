"""Raw deflate and CRC-32: isal if it is installed, otherwise zlib.

Both make streams that any gzip reader understands; isal is about six times faster at level 1.
"""

from collections.abc import Callable, Iterable

crc32_combine: Callable[[int, int, int], int] | None
try:
    from isal.isal_zlib import Z_FULL_FLUSH, compressobj, crc32, crc32_combine
except ImportError:  # pragma: no cover - no wheel for this platform
    # The stubs of the two differ in how they name the same arguments.
    from zlib import Z_FULL_FLUSH, compressobj, crc32  # type: ignore[assignment]

    crc32_combine = None

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


def text_crc(text: bytes) -> int:
    """Return the CRC-32 of one text, for `joined_crc`."""
    return crc32(text)


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
