"""When a RayCronJob was last due: the five fields and the shorthands of Kubernetes' cron schedules."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

LOOK_BACK_DAYS = 366
LARGEST_OFFSET = timedelta(hours=14)

_SHORTHANDS = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_NAMES = {name: number for number, name in enumerate(_MONTHS, 1)} | {name: number for number, name in enumerate(_DAYS)}
_PART = re.compile(r"(\*|\?|(?P<first>\w+)(-(?P<last>\w+))?)(/(?P<step>\d+))?")
_EVERY = re.compile(r"@every (?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?")
_ZONE = re.compile(r"(?:CRON_)?TZ=(\S+) (.*)")


def last_due(schedule: str, zone: str, now: datetime, since: datetime) -> datetime | None:
    """Return the last time of a schedule between `since` and `now`, None if there is none.

    A schedule that this cannot read, and one that was not due for LOOK_BACK_DAYS, was never due.
    """
    if match := _ZONE.fullmatch(schedule):
        zone, schedule = match.groups()
    try:
        if match := _EVERY.fullmatch(schedule):
            hours, minutes, seconds = (int(number or 0) for number in match.groups())
            due = since + timedelta(hours=hours, minutes=minutes, seconds=seconds)
            return due if since < due <= now else None
        fields = _fields(_SHORTHANDS.get(schedule, schedule))
        return next(_times(fields, _local(now, zone), since), None)
    except (ValueError, OverflowError):
        return None


def _local(now: datetime, zone: str) -> datetime:
    try:
        return now.astimezone(ZoneInfo(zone or "UTC"))
    except (KeyError, ValueError, OSError):
        # Whatever the zone is: what was due in UTC so long ago is due there, too.
        return now.astimezone(UTC) - LARGEST_OFFSET


def _times(fields: tuple[frozenset[int] | None, ...], local: datetime, since: datetime) -> Iterator[datetime]:
    """Yield the times of a schedule, the latest first, as long as they are later than `since`."""
    minutes, hours, days, months, weekdays = fields
    for back in range(LOOK_BACK_DAYS):
        day = local.date() - timedelta(days=back)
        if (day.year, day.month, day.day) < (since.year - 1, 1, 1):
            return
        in_month, in_week = days is None or day.day in days, weekdays is None or day.isoweekday() % 7 in weekdays
        # As in cron: if both are restricted, one of them is enough.
        is_day = in_month or in_week if days is not None and weekdays is not None else in_month and in_week
        if not is_day or (months is not None and day.month not in months):
            continue
        last = (local.hour, local.minute) if not back else (23, 59)
        for hour, minute in _clock_times(hours, minutes, last):
            due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=local.tzinfo)
            if due <= since:
                return
            yield due


def _clock_times(
    hours: frozenset[int] | None, minutes: frozenset[int] | None, last: tuple[int, int]
) -> Iterator[tuple[int, int]]:
    """Yield hours and minutes of one day, beginning with the last."""
    for hour in sorted((hour for hour in hours or range(24) if hour <= last[0]), reverse=True):
        for minute in sorted(minutes or range(60), reverse=True):
            if (hour, minute) <= last:
                yield hour, minute


@lru_cache(maxsize=256)
def _fields(schedule: str) -> tuple[frozenset[int] | None, ...]:
    """Return the numbers of each field, None if it is not restricted. Raises ValueError."""
    texts = schedule.lower().split()
    if len(texts) != len(_RANGES):
        raise ValueError(f"couldn't parse schedule '{schedule}'")
    return tuple(_field(text, *bounds) for text, bounds in zip(texts, _RANGES, strict=True))


def _field(text: str, low: int, high: int) -> frozenset[int] | None:
    numbers: set[int] = set()
    for part in text.split(","):
        match = _PART.fullmatch(part)
        if match is None:
            raise ValueError(f"couldn't parse '{part}' in a schedule")
        first = _number(match["first"]) if match["first"] else low
        is_single = match["first"] and not match["last"] and not match["step"]
        last = _number(match["last"]) if match["last"] else first if is_single else high
        numbers.update(range(max(first, low), min(last, high) + 1, int(match["step"] or 1)))
    if not numbers:
        raise ValueError(f"no time in '{text}' of a schedule")
    return None if text in ("*", "?") else frozenset(number % 7 if high == 7 else number for number in numbers)


def _number(text: str) -> int:
    return _NAMES[text] if text in _NAMES else int(text)
