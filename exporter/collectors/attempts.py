"""Attempts of RayJobs: how long each took, remembered because later versions of the object do not show it.

The rules are the operator's (KubeRay v1.7.0, `controllers/ray/metrics/ray_job_metrics.go`).
"""

from datetime import datetime
from typing import NamedTuple

from exporter.resources.rayjob import RayJob
from exporter.resources.times import elapsed_seconds, from_unix

OPERATOR = "kuberay-operator"
"""The field manager under which the operator writes."""

RETRYING = "Retrying"

MAX_ATTEMPTS = 1000
"""Maximum number of attempts of one job, the latest: anyone who may write its status can count up `failed`."""


class Attempt(NamedTuple):
    """One attempt of a job that has ended.

    Attributes:
        retry_count: how many attempts ended before it.
        deployment_status: how it ended: Complete, Failed, or Retrying (another attempt follows).
        seconds: from Initializing to the end.
    """

    retry_count: int
    deployment_status: str
    seconds: float


Attempts = tuple[Attempt, ...]


def ended_attempt(job: RayJob, received_at: float | None) -> Attempt | None:
    """Return the attempt that this version of the job shows as ended, if it does.

    `received_at` (Unix seconds) stands in for the end of a Retrying attempt where the API server
    sent no managedFields; without either, the attempt is unknown.
    """
    status = job.status
    if status is None:
        return None
    failed = status.failed or 0
    match status.job_deployment_status:
        case "Complete" as state:
            retry_count, end = failed, status.end_time
        # `failed` counts the attempt that has just failed; the operator prints the value before that.
        case "Failed" as state:
            retry_count, end = max(0, failed - 1), status.end_time
        case "Retrying" as state:
            retry_count, end = max(0, failed - 1), status_written_at(job) or from_unix(received_at)
        case _:
            return None
    seconds = elapsed_seconds(status.start_time, end)
    return None if seconds is None else Attempt(retry_count, state, seconds)


def status_written_at(job: RayJob) -> datetime | None:
    """Return when the status was last written: Retrying has no endTime, only this.

    The operator's own entry is preferred to those of other writers of the status.
    """
    entries = [entry for entry in job.metadata.managed_fields or () if entry.subresource == "status" and entry.time]
    own = [entry for entry in entries if entry.manager == OPERATOR]
    return max((entry.time for entry in own or entries if entry.time), default=None)


def remember_attempts(job: RayJob, remembered: Attempts | None, received_at: float | None) -> Attempts | None:
    """Remember every attempt that was seen to end, by retry_count, until the job is deleted.

    A job shows Retrying for seconds only, and its later states show nothing of it. An attempt that
    ended before the exporter started is not in the object any more: missing, not guessed.
    """
    attempt = ended_attempt(job, received_at)
    if attempt is None:
        return remembered
    earlier = {known.retry_count: known for known in remembered or ()}
    # A second write in the same state would move the end of the attempt to its own time.
    if attempt.deployment_status == RETRYING and attempt.retry_count in earlier:
        return remembered
    return tuple(sorted((earlier | {attempt.retry_count: attempt}).values()))[-MAX_ATTEMPTS:]
