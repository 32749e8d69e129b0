"""Kubernetes times: RFC 3339 in UTC with whole seconds (`metav1.Time`)."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

# A time without an offset would be read in the exporter's own time zone: refused instead.
Time = Annotated[datetime, Meta(tz=True)]


MAX_SECONDS = 10 * 366 * 86400.0
"""Maximum duration, ten years: a longer one is that of a wrong time."""


def elapsed_seconds(start: datetime | None, end: datetime | None) -> float | None:
    """Return `end - start` in seconds; None if either is missing, or if it is negative or above MAX_SECONDS."""
    if start is None or end is None:
        return None
    seconds = (end - start).total_seconds()
    return seconds if 0 <= seconds <= MAX_SECONDS else None


def latest(times: Iterable[datetime | None]) -> datetime | None:
    """Return the last of the times that are known; None if none is."""
    return max(filter(None, times), default=None)


def from_unix(seconds: float | None) -> datetime | None:
    """Return Unix seconds as a time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
