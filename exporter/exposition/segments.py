"""A piece of a body: its text, and its compressed form once somebody has asked for it."""

from collections.abc import Iterable
from functools import cached_property

from exporter.exposition.deflate import FINAL_BLOCK, GZIP_HEADER, deflate_segment, gzip_trailer


class Segment:
    """Immutable text; compressed at most about once, however many scrapes use it.

    Two threads that ask at the same moment may both compress: they get the same bytes.
    """

    def __init__(self, text: bytes) -> None:
        self.text = text

    @cached_property
    def deflated(self) -> bytes:
        return deflate_segment(self.text)


def plain_body(segments: Iterable[Segment]) -> bytes:
    return b"".join([segment.text for segment in segments])


def gzip_body(segments: list[Segment]) -> bytes:
    """Put the segments together into ONE gzip member: several members break `curl --compressed`."""
    return b"".join(
        [
            GZIP_HEADER,
            *[segment.deflated for segment in segments],
            FINAL_BLOCK,
            gzip_trailer([segment.text for segment in segments]),
        ]
    )
