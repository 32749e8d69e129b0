"""Stages of a RayJob: how long it was queued, starting and running, and how long it took in all.

All of them follow from times in the object. A job that was retried or suspended goes through the stages
again; each is measured once for each job, and only where the times say which attempt they belong to.
"""

from exporter.families.table import NO_OCCURRENCE, LifecycleMetric, Occurrence
from exporter.resources.rayjob import RayJob, RayJobStatus
from exporter.resources.times import elapsed_seconds

STARTED = ("Initializing", "Waiting", "Running", "Complete", "Failed", "Retrying")
"""States in which startTime is that of the current attempt; in all others it is stale."""

FINISHED = ("Complete", "Failed")
"""States in which endTime is that of the current attempt."""


def queued(job: RayJob) -> Occurrence:
    """Tell whether the job has started for the first time, and how long after its creation.

    The wait of a suspended job is part of it. Of a job that is first seen in a later attempt, or that is
    suspended again, the first start is not known any more.
    """
    status = job.status
    if status is None or status.start_time is None:
        return NO_OCCURRENCE
    if status.job_deployment_status not in STARTED or attempts_before(status):
        return Occurrence()
    return Occurrence(seconds=elapsed_seconds(job.metadata.creation_timestamp, status.start_time))


def starting(job: RayJob) -> Occurrence:
    """Tell whether the Ray job has started, and how long after the start of its attempt."""
    status = job.status
    if status is None or status.ray_job_info is None or status.job_deployment_status not in STARTED:
        return NO_OCCURRENCE
    return _measured(elapsed_seconds(status.start_time, status.ray_job_info.start_time))


def running(job: RayJob) -> Occurrence:
    """Tell whether the job has ended, and how long the Ray job of its last attempt ran."""
    status = job.status
    if status is None or status.ray_job_info is None or status.job_deployment_status not in FINISHED:
        return NO_OCCURRENCE
    return _measured(elapsed_seconds(status.ray_job_info.start_time, status.ray_job_info.end_time))


def total(job: RayJob) -> Occurrence:
    """Tell whether the job has ended, and how long after its creation."""
    status = job.status
    if status is None or status.job_deployment_status not in FINISHED:
        return NO_OCCURRENCE
    return _measured(elapsed_seconds(job.metadata.creation_timestamp, status.end_time))


def attempts_before(status: RayJobStatus) -> int:
    """Return how many attempts have ended before the one that the status shows."""
    # `failed` counts the attempt that has just failed, too.
    is_counted = status.job_deployment_status in ("Failed", "Retrying")
    return max(0, (status.failed or 0) - is_counted)


def _measured(seconds: float | None) -> Occurrence:
    """Return an occurrence once its duration is known: a time that is missing may still be written."""
    return NO_OCCURRENCE if seconds is None else Occurrence(seconds=seconds)


# Rows in a few lines each.
# fmt: off
STAGES: tuple[LifecycleMetric[RayJob, object], ...] = (
    LifecycleMetric("kuberay_jobs_queued_duration_seconds",
        "Time in seconds from the creation of a job to its first start, suspension included",
        "status.startTime - metadata.creationTimestamp", lambda job, _: queued(job), is_histogram=True,
        reads="status.jobDeploymentStatus, status.failed"),
    LifecycleMetric("kuberay_jobs_starting_duration_seconds",
        "Time in seconds from Initializing to the start of the Ray job itself, once for each job",
        "status.rayJobInfo.startTime - status.startTime", lambda job, _: starting(job), is_histogram=True,
        reads="status.jobDeploymentStatus"),
    LifecycleMetric("kuberay_jobs_running_duration_seconds",
        "Time in seconds that the Ray job of the last attempt ran, of jobs that became Complete or Failed",
        "status.rayJobInfo.endTime - status.rayJobInfo.startTime", lambda job, _: running(job), is_histogram=True,
        reads="status.jobDeploymentStatus"),
    LifecycleMetric("kuberay_jobs_total_duration_seconds",
        "Time in seconds from the creation of a job to its end, of jobs that became Complete or Failed",
        "status.endTime - metadata.creationTimestamp", lambda job, _: total(job), is_histogram=True,
        reads="status.jobDeploymentStatus"),
)
# fmt: on
"""Rows of the job's lifecycle table."""
