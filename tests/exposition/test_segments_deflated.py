"""Deflate segments and the trailer of a gzip member."""

import gzip
import zlib
from zlib import crc32

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.exposition.segments import (
    FINAL_BLOCK,
    GZIP_HEADER,
    deflate_segment,
    gzip_trailer,
    joined_crc,
)


@given(st.lists(st.binary(max_size=300), max_size=5))
def test_segments_in_any_order_are_one_gzip_member(texts: list[bytes]) -> None:
    """None refers to another, so a page that has changed is replaced alone."""
    for order in (texts, texts[::-1]):
        member = b"".join([GZIP_HEADER, *map(deflate_segment, order), FINAL_BLOCK, trailer(order)])
        assert gzip.decompress(member) == b"".join(order)


def test_a_segment_ends_on_a_byte_and_is_not_the_last_block() -> None:
    """A reader waits for more: the end has a block of its own."""
    reader = zlib.decompressobj(wbits=-15)
    assert reader.decompress(deflate_segment(b"text")) == b"text"
    assert not reader.eof
    reader.decompress(FINAL_BLOCK)
    assert reader.eof


def test_the_same_text_gives_the_same_bytes() -> None:
    """No time of day is in it: a cache can compare."""
    assert GZIP_HEADER[4:8] == bytes(4)
    assert deflate_segment(b"x" * 1000) == deflate_segment(b"x" * 1000)


@pytest.mark.parametrize("texts", [[], [b""], [b"a", b"b"], [b"a", b"", b"bc" * 100_000]])
def test_the_trailer_is_crc_and_length_of_the_whole(texts: list[bytes]) -> None:
    """In little-endian, as RFC 1952 says."""
    whole = b"".join(texts)
    assert trailer(texts) == zlib.crc32(whole).to_bytes(4, "little") + len(whole).to_bytes(4, "little")


def trailer(texts: list[bytes]) -> bytes:
    crc = joined_crc(texts, [(crc32(text), len(text)) for text in texts])
    return gzip_trailer(crc, sum(map(len, texts)))
