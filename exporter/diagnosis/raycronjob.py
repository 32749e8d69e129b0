"""Why a RayCronJob is not healthy."""

from collections.abc import Iterator
from datetime import datetime

from exporter.diagnosis import common
from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Finding, finding
from exporter.diagnosis.fleet import Related
from exporter.diagnosis.phrases import age
from exporter.diagnosis.rayjob import failure
from exporter.resources.detailed import DetailedRayCronJob


def cron_job_findings(cron_job: DetailedRayCronJob, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a cron job, in no order."""
    if cron_job.metadata.deletion_timestamp is not None:
        yield from common.deletion(cron_job, now)
    elif cron_job.spec is not None and cron_job.spec.suspend:
        yield from common.suspension(cron_job, None, "spec.suspend", now, is_finished=True)
    else:
        # One that was ever due had a valid spec then, and an Event can be older than a correction.
        if cron_job.status is None or cron_job.status.last_schedule_time is None:
            yield from common.invalid(cron_job, related.event("InvalidRayCronJobSpec"))
        yield from _last_job(cron_job, related, now)


def _last_job(cron_job: DetailedRayCronJob, related: Related, now: datetime) -> Iterator[Finding]:
    ended = [job for job in related.jobs if job.status is not None and job.status.end_time is not None]
    if not ended or not (words := failure(ended[0])):
        return
    job = ended[0]
    time = job.status.end_time if job.status else None
    sentence = (
        f"The newest finished RayJob of {common.subject(cron_job)}, {job.metadata.name}, "
        f"failed {age(now, time)} ago: {words}."
    )
    yield finding(Cause.LAST_JOB_FAILED, sentence, common.field_of(job, "status.reason", time))
