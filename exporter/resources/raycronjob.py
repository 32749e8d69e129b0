"""RayCronJob: creates a RayJob at every time of its schedule (alpha in KubeRay v1.7.0); when it is and was due."""

import re
from datetime import UTC, datetime, timedelta
from typing import ClassVar
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

from exporter.resources.meta import ObjectMeta, SharedStrings
from exporter.resources.times import Time


class RayCronJobSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`; the template of the jobs is not decoded."""

    schedule: str | None = None
    time_zone: str | None = None
    suspend: bool | None = None


class RayCronJobStatus(Struct, frozen=True, gc=False, rename="camel"):
    """`status`."""

    last_schedule_time: Time | None = None


class RayCronJob(Struct, frozen=True, gc=False):
    """One RayCronJob."""

    kind: ClassVar[str] = "RayCronJob"
    metadata: ObjectMeta
    spec: RayCronJobSpec | None = None
    status: RayCronJobStatus | None = None


LARGEST_OFFSET = timedelta(hours=14)

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_FIELDS: tuple[tuple[int, int, tuple[str, ...]], ...] = (
    (0, 59, ()),
    (0, 23, ()),
    (1, 31, ()),
    (1, 12, _MONTHS),
    (0, 6, _DAYS),
)
"""The lowest and the highest number of each field, and the names of its numbers, from the lowest on."""

_PART = re.compile(r"(?:[*?]|([0-9]+|[a-z]{3})(?:-([0-9]+|[a-z]{3}))?)(?:/([0-9]+))?")
_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_EVERY = re.compile(r"@every (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+) (.*)")


def last_due(schedule: str, zone: str, now: datetime, since: datetime) -> datetime | None:
    """Return the last time of a schedule after `since`, until `now`; None if there is none, or it cannot be read."""
    zone, schedule = _zone_and_times(schedule, zone)
    try:
        if schedule.startswith("@every "):
            due = _after_interval(schedule, since)
            return due if due is not None and due <= now else None
        due = next(CronSim(_fields(schedule), _local(now, zone) + timedelta(seconds=1), reverse=True))
    except (CronSimError, StopIteration, ValueError, OverflowError):
        return None
    return due if due > since else None


def next_due(schedule: str, zone: str, since: datetime) -> datetime | None:
    """Return the first time of a schedule after `since`; None if there is none, or it or its zone cannot be read."""
    zone, schedule = _zone_and_times(schedule, zone)
    try:
        if schedule.startswith("@every "):
            return _after_interval(schedule, since)
        return next(CronSim(_fields(schedule), since.astimezone(ZoneInfo(zone or "UTC"))))
    except (CronSimError, StopIteration, KeyError, ValueError, OSError, OverflowError):
        return None


def is_readable(schedule: str) -> bool:
    """Return whether a schedule is one, as far as can be told without reading an interval or a zone."""
    _, schedule = _zone_and_times(schedule, "")
    try:
        return schedule.startswith("@every ") or bool(CronSim(_fields(schedule), datetime.min))
    except (CronSimError, ValueError):
        return False


def is_zone(name: str) -> bool:
    """Return whether a time zone is known; none is, "UTC" included, if the machine has no list of them."""
    try:
        return bool(ZoneInfo(name))
    except (KeyError, ValueError, OSError):
        return False


def _zone_and_times(schedule: str, zone: str) -> tuple[str, str]:
    match = _ZONE.fullmatch(schedule)
    return (match[1], match[2]) if match else (zone, schedule)


def _after_interval(schedule: str, since: datetime) -> datetime | None:
    match = _EVERY.fullmatch(schedule)
    hours, minutes, seconds = (int(number or 0) for number in match.groups()) if match else (0, 0, 0)
    interval = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    return since + interval if interval else None


def _fields(schedule: str) -> str:
    """Return a schedule in numbers, as the operator reads it, and with a second of 0; ValueError if it does not.

    The library would read more (7 as Sunday, L as the last day), `*/2` as any day beside another day, and, without
    seconds, a time that a change of the clocks skips as the next one.
    """
    fields = _SHORTHANDS.get(schedule, schedule).lower().split()
    return " ".join(("0", *(_numbers(field, *limits) for field, limits in zip(fields, _FIELDS, strict=True))))


def _numbers(field: str, low: int, high: int, names: tuple[str, ...]) -> str:
    numbers, is_any = set[int](), False
    for part in field.split(","):
        if (match := _PART.fullmatch(part)) is None:
            raise ValueError(f"'{part}' is no part of a schedule")
        first, last, step = match[1], match[2], int(match[3] or 1)
        start = _number(first, low, names) if first else low
        end = _number(last, low, names) if last else start if first and not match[3] else high
        if not (low <= start <= end <= high and step):
            raise ValueError(f"'{part}' is not within {low} and {high}")
        numbers.update(range(start, end + 1, step))
        is_any |= not first and step == 1
    return "*" if is_any else ",".join(map(str, sorted(numbers)))


def _number(text: str, low: int, names: tuple[str, ...]) -> int:
    return int(text) if text.isdecimal() else low + names.index(text)


def _local(now: datetime, zone: str) -> datetime:
    try:
        return now.astimezone(ZoneInfo(zone or "UTC"))
    except (KeyError, ValueError, OSError):
        # Whatever the zone is: what was due in UTC so long ago is due there, too.
        return now.astimezone(UTC) - LARGEST_OFFSET
