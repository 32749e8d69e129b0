"""When a RayCronJob was last due, by the schedules that Kubernetes' cron accepts."""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError

LARGEST_OFFSET = timedelta(hours=14)

_FIELDS = 5
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
    if match := _ZONE.fullmatch(schedule):
        zone, schedule = match.groups()
    try:
        if match := _EVERY.fullmatch(schedule):
            hours, minutes, seconds = (int(number or 0) for number in match.groups())
            interval = timedelta(hours=hours, minutes=minutes, seconds=seconds)
            due = since + interval
            return due if interval and due <= now else None
        # `?` is a `*` in Kubernetes; seconds, which the library reads, are not possible there.
        fields = _SHORTHANDS.get(schedule, schedule).replace("?", "*")
        if len(fields.split()) != _FIELDS:
            return None
        due = next(CronSim(fields, _local(now, zone) + timedelta(seconds=1), reverse=True))
    except (CronSimError, StopIteration, ValueError, OverflowError):
        return None
    return due if due > since else None


def is_readable(schedule: str) -> bool:
    """Return whether a schedule is one, as far as can be told without reading an interval or a zone."""
    match = _ZONE.fullmatch(schedule)
    fields = match[2] if match else schedule
    if fields.startswith("@"):
        return fields.startswith("@every ") or fields in _SHORTHANDS
    try:
        CronSim(fields.replace("?", "*"), datetime.min)
    except CronSimError:
        return False
    return len(fields.split()) == _FIELDS


def _local(now: datetime, zone: str) -> datetime:
    try:
        return now.astimezone(ZoneInfo(zone or "UTC"))
    except (KeyError, ValueError, OSError):
        # Whatever the zone is: what was due in UTC so long ago is due there, too.
        return now.astimezone(UTC) - LARGEST_OFFSET
