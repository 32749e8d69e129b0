"""Times of the API, and what lies between two of them."""

from datetime import UTC, datetime

import msgspec
import pytest

from exporter.resources.times import Time, elapsed_seconds, from_unix

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-23T12:00:00Z", NOON),
        ("2026-11-23T13:00:00+01:00", NOON),
        ("2026-11-23T12:00:00.5Z", NOON.replace(microsecond=500_000)),
    ],
)
def test_times_with_an_offset_are_read(text: str, time: datetime) -> None:
    """metav1.Time writes UTC without fractions; users' files may have more."""
    assert msgspec.convert(text, Time) == time


@pytest.mark.parametrize("text", ["2026-11-23T12:00:00", "2026-11-23", "yesterday", ""])
def test_a_time_without_an_offset_is_refused(text: str) -> None:
    """It would be read in the exporter's own time zone."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(text, Time)


def test_elapsed_seconds() -> None:
    """None if a time is missing, or if the clocks contradict each other."""
    assert elapsed_seconds(NOON, NOON.replace(minute=1)) == 60
    assert elapsed_seconds(NOON, NOON) == 0
    assert elapsed_seconds(NOON.replace(minute=1), NOON) is None
    assert elapsed_seconds(None, NOON) is elapsed_seconds(NOON, None) is None


def test_unix_seconds_are_a_time_in_utc() -> None:
    """0 is a time, too."""
    assert from_unix(NOON.timestamp()) == NOON
    assert from_unix(0.0) == datetime(1970, 1, 1, tzinfo=UTC)
    assert from_unix(None) is None


def test_a_duration_that_cannot_be_true_is_not_known() -> None:
    """One wrong time must not hide all others in the sum of a histogram."""
    assert elapsed_seconds(NOON, NOON.replace(year=2036)) is not None
    assert elapsed_seconds(NOON, NOON.replace(year=9999)) is None
    assert elapsed_seconds(NOON.replace(year=1), NOON) is None
