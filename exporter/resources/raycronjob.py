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
    _, fields = _zone_and_times(schedule, "")
    if fields.startswith("@"):
        return fields.startswith("@every ") or fields in _SHORTHANDS
    try:
        CronSim(fields.replace("?", "*"), datetime.min)
    except CronSimError:
        return False
    return len(fields.split()) == _FIELDS


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
    """Return the five fields of a schedule. `?` is a `*` in Kubernetes; it has no seconds, which the library reads."""
    fields = _SHORTHANDS.get(schedule, schedule).replace("?", "*")
    if len(fields.split()) != _FIELDS:
        raise ValueError("a schedule has five fields")
    return fields


def _local(now: datetime, zone: str) -> datetime:
    try:
        return now.astimezone(ZoneInfo(zone or "UTC"))
    except (KeyError, ValueError, OSError):
        # Whatever the zone is: what was due in UTC so long ago is due there, too.
        return now.astimezone(UTC) - LARGEST_OFFSET
