"""Kubernetes times: RFC 3339 in UTC with whole seconds (`metav1.Time`)."""

from datetime import UTC, datetime
from typing import Annotated

from msgspec import Meta

# A time without an offset would be read in the exporter's own time zone: refused instead.
Time = Annotated[datetime, Meta(tz=True)]


def elapsed_seconds(start: datetime | None, end: datetime | None) -> float | None:
    """Return `end - start` in seconds; None if either is missing or the end is before the start."""
    if start is None or end is None or end < start:
        return None
    return (end - start).total_seconds()


def from_unix(seconds: float | None) -> datetime | None:
    """Return Unix seconds as a time."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
