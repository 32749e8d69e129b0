"""Bodies made of segments: their length is known, and they are sent in chunks."""

import gzip

import pytest

from exporter.exposition.segments import (
    CHUNK_BYTES,
    TEXT_SCRAPES,
    Body,
    Segment,
    SegmentRun,
    gzip_body,
    plain_body,
)


@pytest.mark.parametrize(
    "sizes",
    [
        pytest.param([], id="nothing"),
        pytest.param([0, 0], id="empty pieces"),
        pytest.param([1, 2, 3], id="small pieces"),
        pytest.param([CHUNK_BYTES], id="one chunk exactly"),
        pytest.param([CHUNK_BYTES - 1, 2], id="one byte more"),
        pytest.param([10, 5 * CHUNK_BYTES + 1, 10], id="a piece of several chunks"),
    ],
)
def test_chunks_are_the_body_and_never_much_larger_than_their_size(sizes: list[int]) -> None:
    """A client that does not read costs one of them."""
    body = Body([bytes([number]) * size for number, size in enumerate(sizes)])
    chunks = list(body.chunks())
    assert b"".join(chunks) == bytes(body)
    assert body.length == sum(sizes) == len(bytes(body))
    assert all(0 < len(chunk) < 2 * CHUNK_BYTES for chunk in chunks if body.length)


def test_many_small_pieces_are_sent_together() -> None:
    """Thousands of pages are not thousands of writes."""
    assert len(list(Body([b"x" * 1000] * 1000).chunks())) == 8


def test_a_segment_is_compressed_once() -> None:
    """Every later scrape sends the same bytes."""
    segment = Segment(b"x" * 1000)
    assert segment.deflated is segment.deflated


def test_what_does_not_change_is_kept_compressed_only() -> None:
    """After some scrapes; a short text stays, as it costs nearly nothing."""
    long, short = Segment(b"x" * 5000), Segment(b"x" * 50)
    run = SegmentRun([long, short])
    bodies = [bytes(gzip_body([run])) for _ in range(TEXT_SCRAPES - 1)]
    assert long.text is long.text
    bodies += [bytes(gzip_body([run])) for _ in range(2)]
    assert long.text is not long.text
    assert short.text is short.text
    assert {gzip.decompress(body) for body in bodies} == {bytes(plain_body([run]))} == {b"x" * 5050}


def test_a_segment_can_be_packed_at_once() -> None:
    """It has the checksum and the compressed form that it would have had."""
    packed, other = Segment(b"x" * 5000), Segment(b"x" * 5000)
    packed.pack()
    assert (packed.text, len(packed)) == (other.text, 5000)
    assert (packed.deflated, packed.crc) == (other.deflated, other.crc)


def test_plain_and_compressed_bodies_have_the_same_text() -> None:
    """One member, without the segments being joined."""
    runs = [SegmentRun([Segment(b"a\n" * 100), Segment(b"")]), SegmentRun(), SegmentRun([Segment(b"b\n")])]
    assert bytes(plain_body(runs)) == gzip.decompress(bytes(gzip_body(runs))) == b"a\n" * 100 + b"b\n"
    assert gzip.decompress(bytes(gzip_body([]))) == b""
