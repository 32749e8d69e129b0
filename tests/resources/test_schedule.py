"""When a schedule is and was due."""

from datetime import UTC, datetime

import pytest

from exporter.resources.raycronjob import is_readable, last_due, next_due

NOW = datetime(2026, 11, 23, 10, 14, tzinfo=UTC)  # A Monday.
LONG_AGO = datetime(2025, 12, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("* * * * *", "", "2026-11-23T10:14"),
        ("*/15 * * * *", "", "2026-11-23T10:00"),
        ("0 3 * * *", "", "2026-11-23T03:00"),
        ("30 23 * * 5", "", "2026-11-20T23:30"),
        ("30 23 * * fri", "", "2026-11-20T23:30"),
        ("0 0 * * 7", "", None),
        ("0 0 * * 0", "", "2026-11-22T00:00"),
        ("0 0 */9 * 0", "", "2026-11-22T00:00"),
        ("0 0 */1 * 0", "", "2026-11-22T00:00"),
        ("0 9-17/4 * * MON-FRI", "", "2026-11-23T09:00"),
        ("0 0 1,15 * *", "", "2026-11-15T00:00"),
        ("0 0 13 * FRI", "", "2026-11-20T00:00"),
        ("0 0 29 2 ?", "", None),
        ("0 12 1 JAN *", "", "2026-01-01T12:00"),
        ("@hourly", "", "2026-11-23T10:00"),
        ("@monthly", "", "2026-11-01T00:00"),
        ("0 3 * * *", "Asia/Tokyo", "2026-11-22T18:00"),
        ("CRON_TZ=Asia/Tokyo 0 3 * * *", "", "2026-11-22T18:00"),
        ("TZ=Europe/Berlin 0 3 * * *", "", "2026-11-23T02:00"),
        ("0 3 * * *", "No/Where", "2026-11-22T03:00"),
        ("", "", None),
        ("@every 99999999999999h", "", None),
        ("61 * * * *", "", None),
        ("* * * *", "", None),
        ("a b c d e", "", None),
        ("*/0 * * * *", "", None),
    ],
)
def test_last_due(schedule: str, zone: str, expected: str | None) -> None:
    """As cron has it, in the time zone; of an unknown one, what is due in each. What cannot be read was never due."""
    due = last_due(schedule, zone, NOW, LONG_AGO)
    assert (due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if due else None) == expected


@pytest.mark.parametrize(
    ("schedule", "since", "is_due"),
    [
        ("0 10 * * *", datetime(2026, 11, 23, 9, 59, tzinfo=UTC), True),
        ("0 10 * * *", datetime(2026, 11, 23, 10, 0, tzinfo=UTC), False),
        ("@every 1h30m", datetime(2026, 11, 23, 8, 44, tzinfo=UTC), True),
        ("@every 1h30m", datetime(2026, 11, 23, 8, 45, tzinfo=UTC), False),
    ],
)
def test_due_since(schedule: str, since: datetime, is_due: bool) -> None:
    """A time at which a job was created is not due again."""
    assert (last_due(schedule, "", NOW, since) is not None) is is_due


@pytest.mark.parametrize(
    ("schedule", "zone", "expected"),
    [
        ("14 10 * * *", "", "2026-11-24T10:14"),
        ("15 10 * * *", "", "2026-11-23T10:15"),
        ("@hourly", "", "2026-11-23T11:00"),
        ("0 3 * * *", "Asia/Tokyo", "2026-11-23T18:00"),
        ("CRON_TZ=Asia/Tokyo 0 3 * * *", "", "2026-11-23T18:00"),
        ("0 0 29 2 ?", "", "2028-02-29T00:00"),
        ("@every 1h30m", "", "2026-11-23T11:44"),
        ("0 0 1 * */3", "", "2026-11-25T00:00"),
        ("5/20 10 * * *", "", "2026-11-23T10:25"),
        ("0 3 * * *", "No/Where", None),
        ("0 0 30 2 *", "", None),
        ("@every 99999999999999h", "", None),
        ("@every 1.5h", "", None),
        ("0 0 3 * * *", "", None),
        ("a b c d e", "", None),
        ("", "", None),
    ],
)
def test_next_due(schedule: str, zone: str, expected: str | None) -> None:
    """After a time at which a job was created; None where cron has no time, or it cannot be read."""
    due = next_due(schedule, zone, NOW)
    assert (due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") if due else None) == expected


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        (datetime(2026, 3, 28, 12, tzinfo=UTC), "2026-03-30T00:30"),
        (datetime(2026, 10, 24, 12, tzinfo=UTC), "2026-10-25T00:30"),
        (datetime(2026, 10, 25, 0, 40, tzinfo=UTC), "2026-10-25T01:30"),
    ],
)
def test_change_of_the_clocks(since: datetime, expected: str) -> None:
    """What it skips is not due, and what it repeats is due twice: so the operator reads a schedule."""
    due = next_due("30 2 * * *", "Europe/Berlin", since)
    assert due is not None
    assert due.astimezone(UTC).strftime("%Y-%m-%dT%H:%M") == expected
    skipped = datetime(2026, 3, 29, 12, tzinfo=UTC)
    assert last_due("30 2 * * *", "Europe/Berlin", skipped, datetime(2026, 3, 28, 12, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 3 * * *", True),
        ("0 0 ? * MON-FRI", True),
        ("CRON_TZ=Asia/Tokyo 0/15 3 * * *", True),
        ("@every 1.5h", True),
        ("@hourly", True),
        ("0 3 * JAN-mar 0-6/2", True),
        ("*/90 * * * *", True),
        ("99 3 * * *", False),
        ("0 3 * * 7", False),
        ("0 3 L * *", False),
        ("0 3 * * FRI#2", False),
        ("0 3 * * FRI-MON", False),
        ("0 3 * * JAN", False),
        ("0 0 3 * * *", False),
        ("@often", False),
        ("", False),
    ],
)
def test_readable(schedule: str, *, expected: bool) -> None:
    """What the operator rejects is told from what is only not due."""
    assert is_readable(schedule) is expected
