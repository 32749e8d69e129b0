"""How RayJobs end, and the lifecycle metrics that count it."""

from typing import Any

from exporter.collectors.stages import STAGES
from exporter.families.metadata import lifecycle_counters
from exporter.families.table import NO_OCCURRENCE, LifecycleMetric, Occurrence
from exporter.resources.rayjob import RayJob, RayJobStatus
from exporter.resources.times import elapsed_seconds

SUCCEEDED, STOPPED, FAILED, VALIDATION_FAILED = "Succeeded", "Stopped", "Failed", "ValidationFailed"

ENDS = (SUCCEEDED, STOPPED, FAILED, VALIDATION_FAILED)
"""How a job can end: its deployment status and its job status together."""

REASONS = (
    "SubmissionFailed", "DeadlineExceeded", "PreRunningDeadlineExceeded", "AppFailed",
    "JobDeploymentStatusTransitionGracePeriodExceeded", "JobStatusCheckTimeoutExceeded", "ValidationFailed",
)  # fmt: skip
"""KubeRay's reasons of a failure (v1.7.0, `JobFailedReason`); others are counted as `other`."""

OTHER_REASON = "other"


def end_of(job: RayJob) -> str | None:
    """Return how the job has ended, one of ENDS, or None."""
    return None if job.status is None else end_of_status(job.status)


def end_of_status(status: RayJobStatus) -> str | None:
    """Return how the job has ended, one of ENDS, or None.

    A job that was stopped is Complete, too, and up to KubeRay 1.1 so is one that failed.
    """
    match status.job_deployment_status:
        case "Complete":
            return {"STOPPED": STOPPED, "FAILED": FAILED}.get(status.job_status or "", SUCCEEDED)
        case "Failed":
            return FAILED
        case "ValidationFailed":
            return VALIDATION_FAILED
    return None


def finished(job: RayJob) -> Occurrence:
    """Tell whether the job has ended, with the status."""
    end = end_of(job)
    return NO_OCCURRENCE if end is None else Occurrence(labels=(end,))


def ran(job: RayJob) -> Occurrence:
    """Tell whether the job has ended, with the status and the seconds of its last attempt."""
    end = end_of(job)
    if job.status is None or end is None:
        return NO_OCCURRENCE
    # An invalid job did not run: its times are those of an attempt before its spec became invalid.
    seconds = None if end == VALIDATION_FAILED else elapsed_seconds(job.status.start_time, job.status.end_time)
    return Occurrence(labels=(end,), seconds=seconds)


def failed(job: RayJob) -> Occurrence:
    """Tell whether the job has failed for good, with the reason."""
    if job.status is None or end_of(job) not in (FAILED, VALIDATION_FAILED):
        return NO_OCCURRENCE
    reason = job.status.reason
    return Occurrence(labels=(reason if reason in REASONS else OTHER_REASON,))


def failed_attempts(job: RayJob) -> Occurrence:
    """Tell how many attempts have failed, the last one included."""
    return Occurrence(times=max(0, job.status.failed or 0) if job.status else 0)


# Rows in a few lines each.
# fmt: off
RAYJOB_LIFECYCLE: tuple[LifecycleMetric[RayJob, Any], ...] = (
    *lifecycle_counters("kuberay_jobs"),
    LifecycleMetric("kuberay_jobs_finished_total",
        "Number of jobs that ended, by status: Succeeded, Stopped, Failed or ValidationFailed",
        "status.jobDeploymentStatus, status.jobStatus", lambda job, _: finished(job), labels=("status",),
        known=tuple((end,) for end in ENDS)),
    LifecycleMetric("kuberay_jobs_failed_total",
        "Number of jobs that ended as Failed or ValidationFailed, by KubeRay's reason", "status.reason",
        lambda job, _: failed(job), labels=("reason",), known=tuple((reason,) for reason in (*REASONS, OTHER_REASON)),
        reads="status.jobDeploymentStatus, status.jobStatus"),
    LifecycleMetric("kuberay_jobs_failed_attempts_total", "Number of failed attempts, including retried ones",
        "status.failed", lambda job, _: failed_attempts(job)),
    LifecycleMetric("kuberay_jobs_duration_seconds",
        "Time in seconds from Initializing to the end of the last attempt, of jobs that ended",
        "status.endTime - status.startTime", lambda job, _: ran(job), labels=("status",),
        known=((SUCCEEDED,), (STOPPED,), (FAILED,)), is_histogram=True,
        reads="status.jobDeploymentStatus, status.jobStatus"),
    *STAGES,
)
# fmt: on
