"""Why a RayJob is not healthy."""

from collections.abc import Iterator
from datetime import datetime

from exporter.diagnosis import common, states
from exporter.diagnosis.causes import DESCRIBE, LOGS, RAY_JOBS, SUBMITTER_LOGS, Cause
from exporter.diagnosis.containers import SUBMITTER, current_submitters, ray_started_at, submitter_end
from exporter.diagnosis.failures import FAILURES, failure_message, kind_of_failure
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, explains, finding
from exporter.diagnosis.phrases import (
    NEVER,
    age,
    age_seconds,
    ago,
    count,
    duration,
    exactly,
    last_line,
    lasting,
    quoted,
)
from exporter.diagnosis.pods import pod_findings
from exporter.diagnosis.raycluster import cluster_findings, named
from exporter.diagnosis.related import Related
from exporter.diagnosis.states import STALE_SECONDS, START_SECONDS, State, judge
from exporter.resources.detailed import DetailedRayJob, DetailedRayJobStatus
from exporter.resources.times import latest

DEADLINE_NEAR_RATIO = 0.9

OVERDUE_SECONDS = 60.0
"""How long after its deadline the operator may take to stop a job: it looks every few seconds."""


def has_status(job: DetailedRayJob) -> bool:
    """Return whether the operator has written a status."""
    status = job.status or DetailedRayJobStatus()
    return bool(status.job_deployment_status or status.start_time or status.job_status)


def job_state(job: DetailedRayJob) -> State:
    """Return the state of a job that KubeRay manages."""
    status = job.status
    name = (status and status.job_deployment_status) or "New"
    if status is None or name == "New":
        return State("New", job.metadata.creation_timestamp if status is None or not status.start_time else None)
    ray_start, end = status.ray_job_info.start_time if status.ray_job_info else None, status.end_time
    since = {"Initializing": status.start_time, "Running": ray_start, "Complete": end, "Failed": end}
    return State(name, since.get(name))


def cluster_names(job: DetailedRayJob) -> list[str]:
    """Return the name of the job's RayCluster."""
    return [job.status.ray_cluster_name] if job.status and job.status.ray_cluster_name else []


def job_findings(job: DetailedRayJob, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a job, in no order."""
    status = job.status or DetailedRayJobStatus()
    state, events = status.job_deployment_status or "", list(common.event_findings(job, related, _times(job)))
    cause = judge(states.JOB_STATES, state, _since(job, related), now)
    if job.metadata.deletion_timestamp is not None:
        yield from common.deletion(job, now, events, _of_clusters(related, now))
    elif state == "ValidationFailed":
        yield common.invalid(status.message, _status_field(job, status, "message"))
    elif state == "Failed":
        yield from _failed(job, status, related, now)
        yield from events
    elif state == "Complete":
        yield from _ended_well(job, status)
        yield from events
    elif state in ("Suspended", "Suspending"):
        yield from _suspended(job, status, related, now)
        yield from events if state == "Suspending" else ()
    elif not has_status(job) and job.spec is not None and job.spec.suspend and not events:
        yield from common.suspension(job, now, is_finished=True)
    elif not has_status(job):
        yield from events or common.no_status(job, related.known, now)
    else:
        yield from common.managed(job)
        yield from _unfinished(job, status, cause, related, events, now)


def _times(job: DetailedRayJob) -> list[datetime | None]:
    """Return when the status of a job changed, as far as it has these times."""
    status = job.status or DetailedRayJobStatus()
    info = status.ray_job_info
    return [status.start_time, status.end_time, *((info.start_time, info.end_time) if info else ())]


def _since(job: DetailedRayJob, related: Related) -> datetime | None:
    """Return since when a job has been in its state at most: its start, or that of its cluster, or of its deletion."""
    status = job.status or DetailedRayJobStatus()
    if status.job_deployment_status == "Retrying":
        return _deleted_at(related)
    ready = [(cluster.status and cluster.status.state_transition_times) or {} for cluster, _ in related.clusters]
    times = (status.start_time, *(time.get("ready") for time in ready if status.job_deployment_status == "Running"))
    return latest(times) or job.metadata.creation_timestamp


def _deleted_at(related: Related) -> datetime | None:
    """Return when the deletion of the cluster began, for which a job that is Suspending or Retrying waits."""
    return latest(cluster.metadata.deletion_timestamp for cluster, _ in related.clusters)


def _failed(job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, now: datetime) -> Iterator[Finding]:
    cause, words = kind_of_failure(status, "Failed")
    attempt = f" (attempt {status.failed})" if (status.failed or 0) > 1 else ""
    if status.reason == "SubmissionFailed" and status.job_status in ("PENDING", "RUNNING"):
        attempt += f", but the Ray job is {status.job_status}"
    unknown = "" if status.reason in FAILURES else quoted(status.reason)
    unknown = unknown or ("" if status.reason or status.message else "no reason was given")
    detail = ", ".join(filter(None, (unknown, failure_message(status))))
    text, evidence = (
        f"{words}{ago(now, status.end_time)}{attempt}",
        _status_field(job, status, "reason", status.end_time),
    )
    yield finding(cause, text, evidence, detail=detail, command=_log_command(job, related))
    if cause is Cause.SUBMISSION_FAILED:
        of_pods = pod_findings(related.pods, related.pod_events, now)
        yield from (one for one in of_pods if one.cause is not Cause.CONTAINER_ENDED)
    # What its cluster shows now is why it did not start in time; a failure of a program, only this can have caused.
    has_started = cause is not Cause.DEADLINE_EXCEEDED or status.job_status not in (None, "", "PENDING")
    yield from (one for one in _of_clusters(related, now) if not has_started or one.cause is Cause.OUT_OF_MEMORY)


def _log_command(job: DetailedRayJob, related: Related) -> str:
    """Return a command for the log of a job's submitter, if it has one of its own."""
    mode = (job.spec and job.spec.submission_mode) or "K8sJobMode"
    return SUBMITTER_LOGS if mode == "K8sJobMode" and (related.pods or not related.known.pods) else DESCRIBE


def _ended_well(job: DetailedRayJob, status: DetailedRayJobStatus) -> Iterator[Finding]:
    if cause := judge(states.RAY_JOB_ENDS, status.job_status, None, NEVER):
        text = f"Ray job is {quoted(status.job_status)}, but the RayJob is Complete"
        evidence = _status_field(job, status, "jobStatus", status.end_time)
        yield finding(cause, text, evidence, detail=last_line(status.message))


def _suspended(job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the finding of a suspension; a job does not show since when it is Suspending, but its cluster can."""
    is_finished = status.job_deployment_status == "Suspended"
    since = None if is_finished else _deleted_at(related)
    name = status.ray_cluster_name if related.clusters else ""
    waits_for = f"RayCluster {name} has not been deleted" if name else "the operator has not finished it"
    evidence = common.field_of(job, "status.jobDeploymentStatus", since)
    yield from common.suspension(job, now, evidence, is_finished=is_finished, waits_for=waits_for)
    yield from () if is_finished else _of_clusters(related, now)


def _unfinished(
    job: DetailedRayJob,
    status: DetailedRayJobStatus,
    cause: Cause | None,
    related: Related,
    events: list[Finding],
    now: datetime,
) -> Iterator[Finding]:
    state, since = status.job_deployment_status or "New", _since(job, related)
    of_submission = [*events, *pod_findings(current_submitters(related.pods), related.pod_events, now)]
    found = [*of_submission, *(() if events else _missing_cluster(job, status, related, now))]
    found += _of_clusters(related, now)
    if state == "Running":
        has_restart = any(item.cause in (Cause.HEAD_RESTARTED, Cause.OUT_OF_MEMORY) for item in found)
        of_job = _running(job, status, related, since, now)
        known = {Cause.HEAD_RESTARTED} if has_restart else set[Cause]()
        if any(map(explains, of_submission)):
            known.add(Cause.JOB_NOT_STARTED)
        found += [item for item in of_job if item.cause not in known]
    elif cause is Cause.INTERACTIVE:
        sentence = "Waiting until a job is submitted to its cluster (InteractiveMode)."
        found.append(finding(cause, sentence, common.field_of(job, "status.jobDeploymentStatus")))
    elif cause is not None and (cause is not Cause.UNKNOWN or not any(map(explains, found))):
        found.append(_slow(job, status, cause, related, now))
    if job.spec is not None and job.spec.suspend:
        yield from common.suspension(job, now, is_finished=False, waits_for="the operator has not begun")
    yield from _attempts(job, status, state)
    yield from _deadline(job, status, state, now)
    yield from found


def _slow(job: DetailedRayJob, status: DetailedRayJobStatus, cause: Cause, related: Related, now: datetime) -> Finding:
    name, state = status.ray_cluster_name, quoted(status.job_deployment_status) or "New"
    # A job that is new again, after a retry or a suspension, has the start of before.
    since = None if state == "New" else _since(job, related)
    waits = f"waiting for RayCluster {name}" if state == "Initializing" and name else f"in the state {state}"
    unread = "" if related.known.clusters else "; RayClusters could not be read"
    beginning = "No known cause: " if cause is Cause.UNKNOWN else f"State {state}: " if status.message else ""
    is_said = cause is not Cause.UNKNOWN and status.message
    what = last_line(status.message) if is_said else f"{waits}{lasting(now, since)}"
    if state == "Initializing" and any(one.status and one.status.state == "ready" for one, _ in related.clusters):
        what = f"in the state Initializing{lasting(now, since)}, although RayCluster {name} is ready"
    sentence = f"{beginning}{what}{unread}"
    evidence = _status_field(job, status, "jobDeploymentStatus", since)
    return finding(cause, sentence[:1].upper() + sentence[1:], evidence)


def _of_clusters(related: Related, now: datetime) -> Iterator[Finding]:
    for pair in related.clusters:
        yield from (named(item) for item in cluster_findings(*pair, now))


def _missing_cluster(
    job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, now: datetime
) -> Iterator[Finding]:
    name, selects = status.ray_cluster_name, job.spec is not None and job.spec.selects_cluster
    if not name and status.job_deployment_status == "Running" and not common.manager(job):
        text = "No known cause: Running, but the status names no RayCluster."
        yield finding(Cause.UNKNOWN, text, common.field_of(job, "status.rayClusterName"))
    since = next((cluster.metadata.deletion_timestamp for cluster, _ in related.clusters), None)
    # Of a job that runs, the operator deletes no cluster; later the deletion is a finding of the cluster itself.
    if since and status.job_deployment_status == "Running" and age_seconds(now, since) <= common.DELETION_SECONDS:
        text = f"RayCluster {name} is being deleted, but the RayJob is Running."
        yield finding(Cause.CLUSTER_NOT_FOUND, text, common.field_of(job, "status.rayClusterName"))
    if not name or related.cluster(name) is not None or not related.known.clusters or common.manager(job):
        return
    # The start is that of the present attempt, whose cluster is created within seconds.
    is_old = age_seconds(now, status.start_time) > START_SECONDS
    if selects or (is_old and status.job_deployment_status in ("Initializing", "Running", "Waiting")):
        evidence = common.field_of(job, "status.rayClusterName")
        yield finding(Cause.CLUSTER_NOT_FOUND, f"RayCluster {name} does not exist.", evidence)


def _running(
    job: DetailedRayJob, status: DetailedRayJobStatus, related: Related, since: datetime | None, now: datetime
) -> Iterator[Finding]:
    """Yield what the status of the Ray job, the submitter and the head say about a job that is Running."""
    info, state = status.ray_job_info, status.job_status or ""
    end = info.end_time if info else None
    cause = judge(states.RAY_JOB_STATES, state, end or since, now)
    evidence = _status_field(job, status, "jobStatus", end or since)
    heads = [of_cluster.head for _, of_cluster in related.clusters if of_cluster.head is not None]
    if cause is Cause.JOB_NOT_STARTED:
        words = f"Not started for {age(now, since)}: jobStatus is {state or 'empty'}, although the job was submitted."
        of_heads = [evidence_of("Pod", head.metadata, "status.phase") for head in heads]
        yield finding(cause, words, *of_heads, evidence, command=RAY_JOBS if heads else DESCRIBE)
    elif cause is not None:
        what = "Program failed" if cause is Cause.APPLICATION_FAILED else f"Ray job is {quoted(state)}"
        words = f"{what}{ago(now, end)}, but the RayJob is still Running"
        if cause is Cause.UNKNOWN:
            words = f"No known cause: the Ray job is in the state {quoted(state)}"
        yield finding(cause, words, evidence, detail=last_line(status.message))
    if (failing := status.job_status_check_failure_start_time) is not None:
        evidence = common.field_of(job, "status.jobStatusCheckFailureStartTime", failing)
        yield finding(Cause.HEAD_NOT_ANSWERING, f"Head has not answered for {age(now, failing)}.", evidence)
    for head in heads:
        began, submitted = ray_started_at(head), info.start_time if info else None
        if cause is None and began and submitted and began > submitted:
            when = f"{age(now, began)} ago, after the job had started"
            words = f"Head restarted {when}: Ray may not know the job any more."
            evidence = evidence_of("Pod", head.metadata, "status.containerStatuses", began, "started")
            yield finding(Cause.HEAD_RESTARTED, words, evidence, command=RAY_JOBS)
    gone = submitter_end(current_submitters(related.pods) or heads)
    if gone is not None and cause is None and age_seconds(now, gone[1].finished_at) > STALE_SECONDS:
        pod, last = gone
        time, message = last.finished_at, last.message or last.reason
        evidence = evidence_of("Pod", pod.metadata, "status.containerStatuses", time, message)
        words = f"Submitter ended {age(now, time)} ago, but the Ray job is still {state or 'without a status'}."
        yield finding(Cause.SUBMITTER_ENDED, words, evidence, command=LOGS, container=SUBMITTER)


def _attempts(job: DetailedRayJob, status: DetailedRayJobStatus, state: str) -> Iterator[Finding]:
    """Yield a finding if earlier attempts failed."""
    failed = status.failed or 0
    if failed <= 0:
        return
    limit = (job.spec.backoff_limit if job.spec else None) or 0
    evidence = common.field_of(job, "status.failed", status.end_time, status.message if state == "Retrying" else None)
    # The limit can have been lowered since.
    attempts = f"{failed} of {limit + 1} attempts" if failed <= limit else count(failed, "attempt")
    next_attempt = "the next one starts" if state == "Retrying" else f"attempt {failed + 1} is {quoted(state)}"
    yield finding(Cause.RETRYING, f"Retrying: {attempts} failed; {next_attempt}.", evidence)


def _deadline(job: DetailedRayJob, status: DetailedRayJobStatus, state: str, now: datetime) -> Iterator[Finding]:
    """Yield a finding if the deadline of the attempt is near, or has passed."""
    limit = job.spec.active_deadline_seconds if job.spec else None
    # The start is an old attempt's in other states.
    if not limit or state not in ("Initializing", "Running", "Waiting") or status.start_time is None:
        return
    elapsed = age_seconds(now, status.start_time)
    evidence = common.field_of(job, "spec.activeDeadlineSeconds", status.start_time)
    if elapsed > limit + OVERDUE_SECONDS:
        late = duration(elapsed - limit)
        sentence = f"Deadline exceeded: {exactly(limit)} passed {late} ago, but the job still runs."
        yield finding(Cause.DEADLINE_EXCEEDED, sentence, evidence)
    elif elapsed > limit * DEADLINE_NEAR_RATIO:
        sentence = f"Deadline is near: {duration(max(0.0, limit - elapsed))} left of {exactly(limit)}."
        yield finding(Cause.DEADLINE_NEAR, sentence, evidence)


def _status_field(
    job: DetailedRayJob, status: DetailedRayJobStatus, field: str, time: datetime | None = None
) -> Evidence:
    """Return evidence from a field of the status, with the operator's message."""
    return common.field_of(job, f"status.{field}", time, status.message or status.reason)
