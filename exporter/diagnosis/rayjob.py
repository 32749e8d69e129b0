"""Why a RayJob is not healthy."""

from collections.abc import Iterator
from datetime import datetime

from exporter.diagnosis import common
from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import Evidence, Finding, explains, finding
from exporter.diagnosis.fleet import Related
from exporter.diagnosis.phrases import age, age_seconds, count, duration, ended
from exporter.diagnosis.pods import pod_findings
from exporter.diagnosis.raycluster import cluster_findings
from exporter.diagnosis.waiting import quoted
from exporter.resources.detailed import DetailedRayJob, DetailedRayJobStatus

INITIALIZING_SECONDS = 600.0
"""How long the cluster of a job may take to start without a finding of its own."""

DEADLINE_NEAR_RATIO = 0.9

OVERDUE_SECONDS = 60.0
"""How long after its deadline the operator may take to stop a job: it looks every few seconds."""

LOG_END_LENGTH = 80
"""Of the job's log, in a sentence."""

FAILURES = {
    "SubmissionFailed": (Cause.SUBMISSION_FAILED, "its submitter failed"),
    "AppFailed": (Cause.APPLICATION_FAILED, "its program failed"),
    "DeadlineExceeded": (Cause.DEADLINE_EXCEEDED, "it exceeded activeDeadlineSeconds"),
    "PreRunningDeadlineExceeded": (Cause.DEADLINE_EXCEEDED, "it exceeded preRunningDeadlineSeconds before it ran"),
    "JobStatusCheckTimeoutExceeded": (Cause.HEAD_NOT_ANSWERING, "the head did not answer for too long"),
    "JobDeploymentStatusTransitionGracePeriodExceeded": (
        Cause.SUBMISSION_FAILED,
        "the Ray job ended, but its submitter did not end in time",
    ),
}
"""What each `status.reason` of a failed job means."""


def job_findings(job: DetailedRayJob, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a job, in no order."""
    status = job.status or DetailedRayJobStatus()
    if job.metadata.deletion_timestamp is not None:
        yield from common.deletion(job, now)
        return
    match status.job_deployment_status or "":
        case "ValidationFailed":
            text = f"The spec of {common.subject(job)} is invalid: {_message(status)}"
            yield finding(Cause.INVALID_SPEC, ended(text), _status_field(job, status, "message"))
        case "Failed":
            yield from _failed(job, status, related, now)
        case "Complete":
            yield from _complete(job, status)
        case "Suspended" | "Suspending" as state:
            yield from common.suspension(job, None, "status.jobDeploymentStatus", now, is_finished=state == "Suspended")
        case state:
            yield from _unfinished(job, status, state, related, now)


def failure(job: DetailedRayJob) -> str:
    """Return in words why a job failed; "" if it did not."""
    status = job.status
    if status is None or status.job_deployment_status != "Failed":
        return ""
    _, words = FAILURES.get(status.reason or "", (Cause.UNKNOWN, status.reason or "no reason was given"))
    return words


def _failed(job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, now: datetime) -> Iterator[Finding]:
    default = Cause.APPLICATION_FAILED if status.job_status == "FAILED" else Cause.UNKNOWN
    cause, words = FAILURES.get(status.reason or "", (default, status.reason or "no reason was given"))
    attempts = f" in attempt {status.failed}" if (status.failed or 0) > 1 else ""
    text = f"{common.subject(job)} failed{attempts}{_ago(status.end_time, now)}: {words}"
    if status.reason == "SubmissionFailed" and status.job_status in ("PENDING", "RUNNING"):
        text = f"{text}, although the Ray job is {status.job_status}"
    if message := _failure_message(status):
        text = f"{text}: {message}"
    evidence = _status_field(job, status, "reason", status.end_time)
    yield finding(cause, ended(text), evidence, severity=Severity.CRITICAL)
    for cluster, of_cluster in related.clusters:
        # Of what its cluster shows now, only this can have caused the failure.
        yield from (one for one in cluster_findings(cluster, of_cluster, now) if one.cause is Cause.OUT_OF_MEMORY)


def _complete(job: DetailedRayJob, status: DetailedRayJobStatus) -> Iterator[Finding]:
    """KubeRay up to 1.1 wrote Complete also for a Ray job that failed."""
    if status.job_status == "FAILED":
        text = f"{common.subject(job)} is Complete, but the Ray job failed: {quoted(status.message) or 'no message'}"
        yield finding(Cause.APPLICATION_FAILED, ended(text), _status_field(job, status, "jobStatus", status.end_time))


def _unfinished(
    job: DetailedRayJob, status: DetailedRayJobStatus, state: str, related: Related, now: datetime
) -> Iterator[Finding]:
    if not state and not status.start_time:
        yield from _new(job, related, now)
        return
    yield from _attempts(job, status, state)
    yield from _deadline(job, status, state, now)
    blocked = [*_blocked(job, status, related, now), *pod_findings(related.pods, common.subject(job), now)]
    yield from blocked
    if state == "Initializing" and not any(map(explains, blocked)):
        yield from _slow_start(job, status, related, now)
    if state == "Running" and status.job_status_check_failure_start_time is not None:
        since = status.job_status_check_failure_start_time
        sentence = f"The head has not answered about {common.subject(job)} for {age(now, since)}."
        evidence = common.field_of(job, "status.jobStatusCheckFailureStartTime", since)
        yield finding(Cause.HEAD_NOT_ANSWERING, sentence, evidence)
    if state == "Waiting":
        sentence = f"{common.subject(job)} waits until a job is submitted to its cluster (InteractiveMode)."
        yield finding(Cause.INTERACTIVE, sentence, common.field_of(job, "status.jobDeploymentStatus"))


def _new(job: DetailedRayJob, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a job without a state and without an earlier attempt."""
    invalid = list(common.invalid(job, related.event("InvalidRayJobSpec", "InvalidRayJobMetadata")))
    if job.spec is not None and job.spec.suspend and not invalid:
        yield from common.suspension(job, None, "spec.suspend", now, is_finished=True)
    else:
        yield from invalid or common.silence(job, now)


def _attempts(job: DetailedRayJob, status: DetailedRayJobStatus, state: str) -> Iterator[Finding]:
    failed = status.failed or 0
    if not failed:
        return
    limit = (job.spec.backoff_limit if job.spec else None) or 0
    evidence = common.field_of(job, "status.failed", status.end_time, status.message if state == "Retrying" else None)
    next_attempt = "the next one starts" if state == "Retrying" else f"attempt {failed + 1} is {state or 'New'}"
    # The limit can have been lowered since.
    attempts = f"{failed} of {limit + 1} attempts" if failed <= limit else count(failed, "attempt")
    sentence = f"{attempts} of {common.subject(job)} failed; {next_attempt}."
    yield finding(Cause.RETRYING, sentence, evidence)


def _deadline(job: DetailedRayJob, status: DetailedRayJobStatus, state: str, now: datetime) -> Iterator[Finding]:
    limit = job.spec.active_deadline_seconds if job.spec else None
    # The start is an old attempt's in other states.
    if not limit or state not in ("Initializing", "Running", "Waiting") or status.start_time is None:
        return
    elapsed = age_seconds(now, status.start_time)
    evidence = common.field_of(job, "spec.activeDeadlineSeconds", status.start_time)
    if elapsed > limit + OVERDUE_SECONDS:
        sentence = (
            f"{common.subject(job)} exceeded its deadline of {duration(limit)} {duration(elapsed - limit)} ago, "
            "and the operator has not stopped it."
        )
        yield finding(Cause.DEADLINE_EXCEEDED, sentence, evidence)
    elif elapsed > limit * DEADLINE_NEAR_RATIO:
        sentence = (
            f"{common.subject(job)} reaches its deadline of {duration(limit)} in {duration(max(0.0, limit - elapsed))}."
        )
        yield finding(Cause.DEADLINE_NEAR, sentence, evidence)


def _blocked(job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of the job's cluster, or that there is none."""
    name = status.ray_cluster_name
    if (pair := related.cluster(name)) is not None:
        yield from cluster_findings(*pair, now)
    elif name and job.spec is not None and job.spec.selects_cluster:
        event = related.event("RayClusterNotFound")
        if related.known.clusters or event is not None:
            evidence = common.event_of(job, event) if event else common.field_of(job, "status.rayClusterName")
            sentence = f"RayCluster {name}, which {common.subject(job)} selects, does not exist."
            yield finding(Cause.CLUSTER_NOT_FOUND, sentence, evidence)


def _slow_start(
    job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, now: datetime
) -> Iterator[Finding]:
    if age_seconds(now, status.start_time) <= INITIALIZING_SECONDS:
        return
    name = status.ray_cluster_name
    cluster = f"its RayCluster {name}" if name else "its RayCluster"
    unread = "" if related.known.clusters else ", and RayClusters could not be read"
    sentence = (
        f"{common.subject(job)} has waited for {cluster} for {age(now, status.start_time)}; "
        f"the cause is unknown{unread}."
    )
    yield finding(Cause.UNKNOWN, sentence, _status_field(job, status, "jobDeploymentStatus", status.start_time))


def _status_field(
    job: DetailedRayJob, status: DetailedRayJobStatus, field: str, time: datetime | None = None
) -> Evidence:
    return common.field_of(job, f"status.{field}", time, status.message or status.reason)


def _message(status: DetailedRayJobStatus) -> str:
    return quoted(common.without_prefix(status.message or "")) or "no message"


def _failure_message(status: DetailedRayJobStatus) -> str:
    """Return the beginning of a job's message, and of the log in it the end: there is the error."""
    message, separator, log = (status.message or "").partition(", last available logs")
    end = log.partition("chars): ")[2][-LOG_END_LENGTH:].strip()
    return f"{quoted(message)}: …{end}" if separator and end else quoted(message)


def _ago(time: datetime | None, now: datetime) -> str:
    return f" {age(now, time)} ago" if time else ""
