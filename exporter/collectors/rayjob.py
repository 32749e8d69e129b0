"""RayJob's metrics.

The first three are the operator's (v1.7.0, `controllers/ray/metrics/ray_job_metrics.go`).
"""

from datetime import datetime

from exporter.collectors.attempts import Attempts, remember_attempts
from exporter.collectors.metadata import (
    created_row,
    deletion_row,
    labels_row,
    life_totals,
    managed_by_row,
    suspended_row,
)
from exporter.collectors.table import NOT_YET, Happened, Kind, Row, Total
from exporter.collectors.values import Values, info, number, of_spec, of_status, one, timestamp
from exporter.resources.rayjob import RayJob, RayJobStatus
from exporter.resources.times import elapsed_seconds

STARTED = ("Initializing", "Waiting", "Running", "Complete", "Failed", "Retrying")
"""In these states startTime is that of the present attempt; in all others it is stale."""

SUCCEEDED, STOPPED, FAILED, VALIDATION_FAILED = "Succeeded", "Stopped", "Failed", "ValidationFailed"

ENDS = (SUCCEEDED, STOPPED, FAILED, VALIDATION_FAILED)
"""How a job can end: its deployment status and its job status together."""

REASONS = (
    "SubmissionFailed",
    "DeadlineExceeded",
    "PreRunningDeadlineExceeded",
    "AppFailed",
    "JobDeploymentStatusTransitionGracePeriodExceeded",
    "JobStatusCheckTimeoutExceeded",
    "ValidationFailed",
)
"""Why KubeRay says that a job failed (v1.7.0, `JobFailedReason`); others are counted as `other`."""

OTHER_REASON = "other"


def end_of(job: RayJob) -> str | None:
    """Return how the job has ended, one of ENDS, or None. Complete says nothing of a job that was stopped."""
    if job.status is None:
        return None
    match job.status.job_deployment_status:
        case "Complete":
            return STOPPED if job.status.job_status == "STOPPED" else SUCCEEDED
        case "Failed":
            return FAILED
        case "ValidationFailed":
            return VALIDATION_FAILED
    return None


def finished(job: RayJob) -> Happened:
    """Tell whether the job has ended, with the status."""
    end = end_of(job)
    return NOT_YET if end is None else Happened(labels=(end,))


def ran(job: RayJob) -> Happened:
    """Tell whether the job has run to an end, with the status and the seconds of its last attempt."""
    end = end_of(job)
    if job.status is None or end is None:
        return NOT_YET
    # It never ran, but for times of an attempt before its spec became invalid.
    seconds = None if end == VALIDATION_FAILED else elapsed_seconds(job.status.start_time, job.status.end_time)
    return Happened(labels=(end,), seconds=seconds)


def failed(job: RayJob) -> Happened:
    """Tell whether the job has failed for good, with the reason."""
    if job.status is None or end_of(job) not in (FAILED, VALIDATION_FAILED):
        return NOT_YET
    reason = job.status.reason
    return Happened(labels=(reason if reason in REASONS else OTHER_REASON,))


def failed_attempts(job: RayJob) -> Happened:
    """Tell how many attempts have failed, the last one included."""
    return Happened(times=max(0, job.status.failed or 0) if job.status else 0)


def is_finished(job: RayJob) -> bool:
    """Tell whether it was Complete or Failed."""
    return job.status is not None and job.status.job_deployment_status in ("Complete", "Failed")


def cluster_info(job: RayJob) -> Values:
    """Return the keys by which a job is joined with its cluster, once it has one."""
    if job.status is None:
        return []
    return info(job.status.ray_cluster_name, job.status.job_id, job.spec.submission_mode if job.spec else None)


def start_time(status: RayJobStatus) -> datetime | None:
    """Return when the present attempt began."""
    return status.start_time if status.job_deployment_status in STARTED else None


RAYJOBS: Kind[RayJob, Attempts] = Kind(
    plural="rayjobs",
    name="RayJob",
    resource=RayJob,
    remember=remember_attempts,
    is_finished=is_finished,
    rows=(
        Row(
            name="kuberay_job_info",
            help="Metadata information about RayJob custom resources",
            source="metadata",
            values=lambda _job, _: one(),
            is_stable=True,
        ),
        Row(
            name="kuberay_job_deployment_status",
            help="The RayJob's current deployment status",
            labels=("deployment_status",),
            source="status.jobDeploymentStatus",
            values=lambda job, _: one((job.status and job.status.job_deployment_status) or ""),
            is_stable=True,
        ),
        Row(
            name="kuberay_job_execution_duration_seconds",
            help="Duration from when the RayJob CR’s JobDeploymentStatus transitions "  # noqa: RUF001 - the operator's
            "from Initializing to either the Retrying state or a terminal state, such as Complete or Failed. "
            "The Retrying state indicates that the CR previously failed and that spec.backoffLimit is "
            "enabled.",
            labels=("job_deployment_status", "retry_count"),
            source="status.endTime - status.startTime; Retrying: time of the status write - status.startTime",
            values=lambda _job, attempts: [
                ((attempt.deployment_status, str(attempt.retry_count)), attempt.seconds) for attempt in attempts or ()
            ],
            series="1 an attempt that ended",
            is_retained=True,
            is_stable=True,
        ),
        created_row("kuberay_job"),
        Row(
            name="kuberay_job_start_timestamp_seconds",
            help="When the present attempt entered Initializing; no series in states that keep an older "
            "time (status.startTime).",
            source="status.startTime",
            series="0 or 1",
            values=of_status(lambda status: timestamp(start_time(status))),
            is_retained=True,
        ),
        Row(
            name="kuberay_job_end_timestamp_seconds",
            help="When the job became Complete or Failed (status.endTime).",
            source="status.endTime",
            series="0 or 1",
            values=of_status(lambda status: timestamp(status.end_time)),
            is_retained=True,
        ),
        deletion_row("kuberay_job"),
        Row(
            name="kuberay_job_status",
            help="Always 1; the status of the Ray job is a label, empty before it is known (status.jobStatus).",
            labels=("job_status",),
            source="status.jobStatus",
            series="0 or 1",
            values=of_status(lambda status: one(status.job_status or "")),
            is_retained=True,
        ),
        Row(
            name="kuberay_job_failure",
            help="Always 1; why the job failed is a label (status.reason).",
            labels=("reason",),
            source="status.reason",
            series="0 or 1",
            values=of_status(lambda status: info(status.reason)),
            is_retained=True,
        ),
        Row(
            name="kuberay_job_ray_start_timestamp_seconds",
            help="When the Ray job itself started (status.rayJobInfo.startTime).",
            source="status.rayJobInfo.startTime",
            series="0 or 1",
            values=of_status(lambda status: timestamp(status.ray_job_info.start_time if status.ray_job_info else None)),
        ),
        Row(
            name="kuberay_job_ray_end_timestamp_seconds",
            help="When the Ray job itself ended (status.rayJobInfo.endTime).",
            source="status.rayJobInfo.endTime",
            series="0 or 1",
            values=of_status(lambda status: timestamp(status.ray_job_info.end_time if status.ray_job_info else None)),
        ),
        Row(
            name="kuberay_job_failed_attempts",
            help="Attempts that failed so far, retried ones included (status.failed).",
            source="status.failed",
            series="0 or 1",
            values=of_status(lambda status: number(status.failed or 0)),
        ),
        Row(
            name="kuberay_job_succeeded_attempts",
            help="Attempts that succeeded, 0 or 1 (status.succeeded).",
            source="status.succeeded",
            series="0 or 1",
            values=of_status(lambda status: number(status.succeeded or 0)),
        ),
        Row(
            name="kuberay_job_backoff_limit",
            help="Attempts that may fail before the job does (spec.backoffLimit).",
            source="spec.backoffLimit",
            series="0 or 1",
            values=of_spec(lambda spec: number(spec.backoff_limit)),
        ),
        Row(
            name="kuberay_job_active_deadline_seconds",
            help="Time that the job may take before it is failed (spec.activeDeadlineSeconds).",
            source="spec.activeDeadlineSeconds",
            series="0 or 1",
            values=of_spec(lambda spec: number(spec.active_deadline_seconds)),
        ),
        Row(
            name="kuberay_job_cluster_info",
            help="Always 1; joins the job with its RayCluster and with Ray's own metrics, by ray_io_cluster "
            "(status.rayClusterName).",
            labels=("ray_io_cluster", "job_id", "submission_mode"),
            source="status.rayClusterName, status.jobId, spec.submissionMode",
            series="0 or 1",
            values=lambda job, _: cluster_info(job),
            is_retained=True,
        ),
        suspended_row("kuberay_job"),
        Row(
            name="kuberay_job_cronjob_info",
            help="Always 1; the RayCronJob that made the job is a label.",
            labels=("cronjob",),
            source="metadata.labels[ray.io/cronjob-name]",
            series="0 or 1",
            values=lambda job, _: info(job.metadata.label("ray.io/cronjob-name")),
        ),
        managed_by_row("kuberay_job"),
        labels_row("kuberay_job", is_retained=True),
    ),
    totals=(
        *life_totals("kuberay_jobs"),
        Total(
            name="kuberay_jobs_finished_total",
            help="Jobs that ended: Succeeded, Stopped, Failed or ValidationFailed.",
            source="status.jobDeploymentStatus, status.jobStatus",
            happened=finished,
            labels=("status",),
            known=tuple((end,) for end in ENDS),
        ),
        Total(
            name="kuberay_jobs_failed_total",
            help="Jobs that ended as Failed or ValidationFailed, by KubeRay's reason.",
            source="status.reason",
            happened=failed,
            labels=("reason",),
            known=tuple((reason,) for reason in (*REASONS, OTHER_REASON)),
        ),
        Total(
            name="kuberay_jobs_failed_attempts_total",
            help="Attempts that failed, retried ones included.",
            source="status.failed",
            happened=failed_attempts,
        ),
        Total(
            name="kuberay_jobs_duration_seconds",
            help="Time from Initializing to the end of jobs that ended, of their last attempt.",
            source="status.endTime - status.startTime",
            happened=ran,
            labels=("status",),
            known=((SUCCEEDED,), (STOPPED,), (FAILED,)),
            is_histogram=True,
        ),
    ),
)
