"""Why a RayCronJob is not healthy."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from exporter.diagnosis import common
from exporter.diagnosis.causes import Cause
from exporter.diagnosis.failures import failure
from exporter.diagnosis.finding import Finding, finding
from exporter.diagnosis.phrases import age, ago, quoted
from exporter.diagnosis.related import Related
from exporter.diagnosis.states import State
from exporter.resources.detailed import DetailedRayCronJob
from exporter.resources.raycronjob import is_readable, is_zone, last_due

LATE_SECONDS = 600.0
"""How long after a time of the schedule the operator may create a job: a restart of it takes a minute."""


def has_status(cron_job: DetailedRayCronJob) -> bool:
    """Return whether the operator has written a status."""
    return cron_job.status is not None


def cron_job_state(cron_job: DetailedRayCronJob) -> State:
    """Return the state of a cron job that KubeRay manages."""
    return State("Suspended" if cron_job.spec is not None and cron_job.spec.suspend else "Scheduled")


def cron_job_findings(cron_job: DetailedRayCronJob, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a cron job, in no order."""
    if cron_job.metadata.deletion_timestamp is not None:
        yield from common.deletion(cron_job, now)
    elif cron_job.spec is not None and cron_job.spec.suspend:
        yield from common.suspension(cron_job, now, is_finished=True)
    else:
        scheduled = cron_job.status.last_schedule_time if cron_job.status else None
        events = list(common.event_findings(cron_job, related, [scheduled]))
        yield from events
        yield from _last_job(related, now)
        yield from () if events else _of_schedule(cron_job, now)


def _last_job(related: Related, now: datetime) -> Iterator[Finding]:
    for job in related.jobs:
        time = job.status.end_time if job.status else None
        words = failure(job)
        if words:
            sentence = f"Last RayJob failed{ago(now, time)}: {job.metadata.name}, {words}."
            yield finding(Cause.LAST_JOB_FAILED, sentence, common.field_of(job, "status.reason", time))
        if words or time is not None:
            return


def _of_schedule(cron_job: DetailedRayCronJob, now: datetime) -> Iterator[Finding]:
    """Yield a finding of a schedule that was missed, or is none: an Event says the latter, but is gone in an hour."""
    schedule = (cron_job.spec.schedule if cron_job.spec else None) or ""
    last = cron_job.status.last_schedule_time if cron_job.status else None
    since = last or cron_job.metadata.creation_timestamp
    zone = (cron_job.spec.time_zone if cron_job.spec else None) or ""
    if schedule and not is_readable(schedule):
        evidence = common.field_of(cron_job, "spec.schedule")
        yield common.invalid(f"the schedule {quoted(schedule)} cannot be read", evidence)
    elif zone and last is None and is_zone("UTC") and not is_zone(zone):
        evidence = common.field_of(cron_job, "spec.timeZone")
        yield common.invalid(f"the time zone {quoted(zone)} is not known", evidence)
        return
    if not schedule or since is None:
        return
    # Of a schedule with short intervals, the last time is never late.
    due = last_due(schedule, zone, now - timedelta(seconds=LATE_SECONDS), since)
    if due is not None:
        when = f"last scheduled {age(now, last)} ago" if last else "never scheduled"
        sentence = f"Schedule missed: {quoted(schedule)} was due {age(now, due)} ago; {when}."
        yield finding(Cause.SCHEDULE_MISSED, sentence, common.field_of(cron_job, "status.lastScheduleTime", last))
