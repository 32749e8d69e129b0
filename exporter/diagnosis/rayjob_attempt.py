"""What the present attempt of a RayJob shows: its Ray job, its submitter, its head, its deadline."""

from collections.abc import Iterator
from datetime import datetime

from exporter.diagnosis import common
from exporter.diagnosis.causes import DESCRIBE, LOGS, RAY_JOBS, Cause
from exporter.diagnosis.containers import SUBMITTER, current_submitters, ray_started_at, submitter_end
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, finding
from exporter.diagnosis.phrases import age, age_seconds, ago, count, duration, ended, last_line, quoted, with_detail
from exporter.diagnosis.related import Related
from exporter.diagnosis.states import RAY_JOB_STATES, STALE_SECONDS, judge
from exporter.resources.detailed import DetailedRayJob, DetailedRayJobStatus

DEADLINE_NEAR_RATIO = 0.9

OVERDUE_SECONDS = 60.0
"""How long after its deadline the operator may take to stop a job: it looks every few seconds."""


def running_findings(
    job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, since: datetime | None, now: datetime
) -> Iterator[Finding]:
    """Yield what the status of the Ray job, the submitter and the head say about a job that is Running."""
    info, state = status.ray_job_info, status.job_status or ""
    end = info.end_time if info else None
    cause = judge(RAY_JOB_STATES, state, end or since, now)
    evidence = status_field(job, status, "jobStatus", end or since)
    if cause is Cause.JOB_NOT_STARTED:
        words = f"Not started for {age(now, since)}: jobStatus is {state or 'empty'}, although the job was submitted."
        yield finding(cause, words, *_head_first(related, evidence), command=_head_command(related), container="")
    elif cause is not None:
        words = {Cause.APPLICATION_FAILED: "Program failed"}.get(cause, f"Ray job is {quoted(state)}")
        text = with_detail(f"{words}{ago(now, end)}, but the RayJob is still Running", last_line(status.message))
        yield finding(cause, ended(text), evidence)
    if (failing := status.job_status_check_failure_start_time) is not None:
        evidence = common.field_of(job, "status.jobStatusCheckFailureStartTime", failing)
        yield finding(Cause.HEAD_NOT_ANSWERING, f"Head has not answered for {age(now, failing)}.", evidence)
    heads = [of_cluster.head for _, of_cluster in related.clusters if of_cluster.head is not None]
    for head in heads:
        began, submitted = ray_started_at(head), info.start_time if info else None
        if cause is None and began and submitted and began > submitted:
            words = (
                f"Head restarted {age(now, began)} ago, after the job had started: Ray may not know the job any more."
            )
            evidence = evidence_of("Pod", head.metadata, "status.containerStatuses", began, "started")
            yield finding(Cause.HEAD_RESTARTED, words, evidence, command=RAY_JOBS)
    gone = submitter_end(current_submitters(related.pods) or heads)
    if gone is not None and cause is None and age_seconds(now, gone[1].finished_at) > STALE_SECONDS:
        pod, last = gone
        evidence = evidence_of(
            "Pod", pod.metadata, "status.containerStatuses", last.finished_at, last.message or last.reason
        )
        words = (
            f"Submitter ended {age(now, last.finished_at)} ago, but the Ray job is still {state or 'without a status'}."
        )
        yield finding(Cause.SUBMITTER_ENDED, words, evidence, command=LOGS, container=SUBMITTER)


def _head_first(related: Related, evidence: Evidence) -> tuple[Evidence, ...]:
    heads = [of_cluster.head for _, of_cluster in related.clusters]
    return (*(evidence_of("Pod", head.metadata, "status.phase") for head in heads if head is not None), evidence)


def _head_command(related: Related) -> str:
    return RAY_JOBS if any(of_cluster.head for _, of_cluster in related.clusters) else DESCRIBE


def attempts(job: DetailedRayJob, status: DetailedRayJobStatus, state: str) -> Iterator[Finding]:
    """Yield a finding if earlier attempts failed."""
    failed = status.failed or 0
    if not failed:
        return
    limit = (job.spec.backoff_limit if job.spec else None) or 0
    evidence = common.field_of(job, "status.failed", status.end_time, status.message if state == "Retrying" else None)
    # The limit can have been lowered since.
    attempts = f"{failed} of {limit + 1} attempts" if failed <= limit else count(failed, "attempt")
    next_attempt = "the next one starts" if state == "Retrying" else f"attempt {failed + 1} is {quoted(state)}"
    yield finding(Cause.RETRYING, f"Retrying: {attempts} failed; {next_attempt}.", evidence)


def deadline(job: DetailedRayJob, status: DetailedRayJobStatus, state: str, now: datetime) -> Iterator[Finding]:
    """Yield a finding if the deadline of the attempt is near, or has passed."""
    limit = job.spec.active_deadline_seconds if job.spec else None
    # The start is an old attempt's in other states.
    if not limit or state not in ("Initializing", "Running", "Waiting") or status.start_time is None:
        return
    elapsed = age_seconds(now, status.start_time)
    evidence = common.field_of(job, "spec.activeDeadlineSeconds", status.start_time)
    if elapsed > limit + OVERDUE_SECONDS:
        sentence = (
            f"Deadline exceeded: {duration(limit)} passed {duration(elapsed - limit)} ago, but the job still runs."
        )
        yield finding(Cause.DEADLINE_EXCEEDED, sentence, evidence)
    elif elapsed > limit * DEADLINE_NEAR_RATIO:
        sentence = f"Deadline is near: {duration(max(0.0, limit - elapsed))} left of {duration(limit)}."
        yield finding(Cause.DEADLINE_NEAR, sentence, evidence)


def status_field(
    job: DetailedRayJob, status: DetailedRayJobStatus, field: str, time: datetime | None = None
) -> Evidence:
    """Return evidence from a field of the status, with the operator's message."""
    return common.field_of(job, f"status.{field}", time, status.message or status.reason)
