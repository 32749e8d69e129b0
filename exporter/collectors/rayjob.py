"""RayJob's metrics.

The first three are the operator's (v1.7.0, `controllers/ray/metrics/ray_job_metrics.go`).
"""

from collections.abc import Iterator
from datetime import datetime

from exporter.collectors.attempts import RETRYING, Attempts, remember_attempts
from exporter.collectors.job_ends import FAILED, RAYJOB_LIFECYCLE, VALIDATION_FAILED, end_of_status
from exporter.collectors.stages import FINISHED, STARTED
from exporter.families.metadata import created_row, deletion_row, labels_row, managed_by_row, suspended_row
from exporter.families.table import Kind, Row
from exporter.families.values import Values, info, number, of_spec, of_status, one, timestamp, truth
from exporter.resources.rayjob import RayJob, RayJobSpec, RayJobStatus


def is_finished(job: RayJob) -> bool:
    """Tell whether it was Complete or Failed."""
    return job.status is not None and job.status.job_deployment_status in FINISHED


def cluster_info(job: RayJob) -> Values:
    """Return the labels that join a job with its cluster, if it has one."""
    if job.status is None:
        return []
    return info(job.status.ray_cluster_name, job.status.job_id, job.spec.submission_mode if job.spec else None)


def start_time(status: RayJobStatus) -> datetime | None:
    """Return when the current attempt started."""
    return status.start_time if status.job_deployment_status in STARTED else None


def end_time(status: RayJobStatus) -> datetime | None:
    """Return when the job ended; a job that was suspended or corrected keeps an older time in other states."""
    return status.end_time if status.job_deployment_status in FINISHED else None


def checks_failing_since(status: RayJobStatus) -> datetime | None:
    """Return since when the operator gets no answer from the head; a job that ended so keeps the time."""
    return None if end_of_status(status) else status.job_status_check_failure_start_time


def failure_reason(status: RayJobStatus) -> str | None:
    """Return why the current attempt failed; a job that is set up again or succeeded may keep an older reason."""
    has_failed = status.job_deployment_status == RETRYING or end_of_status(status) in (FAILED, VALIDATION_FAILED)
    return status.reason if has_failed else None


def deletion_rules(spec: RayJobSpec) -> Values:
    """Return a series for each rule with its seconds; of equal rules the first to apply counts.

    The older `onSuccess` and `onFailure` become rules: KubeRay applies them after `ttlSecondsAfterFinished`.
    """
    rules: dict[tuple[str, str, str], float] = {}
    for labels, seconds in _all_rules(spec):
        rules[labels] = min(seconds, rules.get(labels, seconds))
    return rules.items()


def _all_rules(spec: RayJobSpec) -> Iterator[tuple[tuple[str, str, str], float]]:
    strategy = spec.deletion_strategy
    if strategy is None:
        return
    for rule in strategy.deletion_rules or ():
        when = rule.condition
        labels = (when.job_deployment_status or "", when.job_status or "", rule.policy or "")
        yield labels, when.ttl_seconds or 0
    for job_status, older in (("SUCCEEDED", strategy.on_success), ("FAILED", strategy.on_failure)):
        if older is not None and older.policy:
            yield ("", job_status, older.policy), spec.ttl_seconds_after_finished or 0


# Rows in a few lines each.
# fmt: off
RAYJOBS: Kind[RayJob, Attempts] = Kind(
    plural="rayjobs",
    name=RayJob.kind,
    object_type=RayJob,
    remember=remember_attempts,
    is_finished=is_finished,
    rows=(
        Row("kuberay_job_info", "Metadata information about RayJob custom resources", "metadata", lambda _job, _: one(),
            series="1", is_stable=True),
        Row("kuberay_job_deployment_status", "The RayJob's current deployment status", "status.jobDeploymentStatus",
            lambda job, _: one((job.status and job.status.job_deployment_status) or ""), labels=("deployment_status",),
            series="1", is_stable=True),
        Row("kuberay_job_execution_duration_seconds",
            "Duration from when the RayJob CR’s JobDeploymentStatus transitions from Initializing to either the "  # noqa: RUF001 - the operator's
            "Retrying state or a terminal state, such as Complete or Failed. The Retrying state indicates that the "
            "CR previously failed and that spec.backoffLimit is enabled.",
            "status.endTime - status.startTime; Retrying: time of the status write - status.startTime",
            lambda _job, attempts: [((attempt.deployment_status, str(attempt.retry_count)), attempt.seconds)
                for attempt in attempts or ()],
            labels=("job_deployment_status", "retry_count"), series="1 per attempt that ended", is_retained=True,
            is_stable=True, reads="status.jobDeploymentStatus, status.failed, metadata.managedFields"),
        created_row("kuberay_job"),
        Row("kuberay_job_start_timestamp_seconds",
            "Time at which the current attempt entered Initializing, in Unix seconds", "status.startTime",
            of_status(lambda status: timestamp(start_time(status))), is_retained=True,
            reads="status.jobDeploymentStatus"),
        Row("kuberay_job_end_timestamp_seconds", "Time at which the job became Complete or Failed, in Unix seconds",
            "status.endTime", of_status(lambda status: timestamp(end_time(status))), is_retained=True,
            reads="status.jobDeploymentStatus"),
        deletion_row("kuberay_job"),
        Row("kuberay_job_status", "Status of the Ray job, as a label that is empty before it is known; the value is 1",
            "status.jobStatus", of_status(lambda status: one(status.job_status or "")), labels=("job_status",),
            is_retained=True),
        Row("kuberay_job_failure", "Reason of the failure, as a label; the value is 1", "status.reason",
            of_status(lambda status: info(failure_reason(status))), labels=("reason",), is_retained=True,
            reads="status.jobDeploymentStatus, status.jobStatus"),
        Row("kuberay_job_ray_start_timestamp_seconds", "Time at which the Ray job itself started, in Unix seconds",
            "status.rayJobInfo.startTime",
            of_status(lambda status: timestamp(status.ray_job_info.start_time if status.ray_job_info else None))),
        Row("kuberay_job_ray_end_timestamp_seconds", "Time at which the Ray job itself ended, in Unix seconds",
            "status.rayJobInfo.endTime",
            of_status(lambda status: timestamp(status.ray_job_info.end_time if status.ray_job_info else None))),
        Row("kuberay_job_status_check_failing_since_timestamp_seconds",
            "Time since which the operator gets no job status from the head, in Unix seconds",
            "status.jobStatusCheckFailureStartTime", of_status(lambda status: timestamp(checks_failing_since(status))),
            reads="status.jobDeploymentStatus, status.jobStatus"),
        Row("kuberay_job_failed_attempts", "Number of failed attempts, including retried ones", "status.failed",
            of_status(lambda status: number(status.failed or 0))),
        Row("kuberay_job_succeeded_attempts", "Number of successful attempts, 0 or 1", "status.succeeded",
            of_status(lambda status: number(status.succeeded or 0))),
        Row("kuberay_job_backoff_limit", "Number of retries before the job is marked as failed", "spec.backoffLimit",
            of_spec(lambda spec: number(spec.backoff_limit))),
        Row("kuberay_job_active_deadline_seconds",
            "Maximum duration of the job in seconds before it is marked as failed", "spec.activeDeadlineSeconds",
            of_spec(lambda spec: number(spec.active_deadline_seconds))),
        Row("kuberay_job_pre_running_deadline_seconds",
            "Maximum time in seconds from Initializing to Running before the job is marked as failed",
            "spec.preRunningDeadlineSeconds", of_spec(lambda spec: number(spec.pre_running_deadline_seconds))),
        Row("kuberay_job_ttl_seconds_after_finished",
            "Time in seconds from the end of the job to the deletion of its cluster, if that is requested",
            "spec.ttlSecondsAfterFinished", of_spec(lambda spec: number(spec.ttl_seconds_after_finished))),
        Row("kuberay_job_shutdown_after_finished",
            "Whether the cluster is deleted after the end of the job: 1 if it is, otherwise 0",
            "spec.shutdownAfterJobFinishes",
            lambda job, _: truth(job.spec.shutdown_after_job_finishes if job.spec else None), series="1"),
        Row("kuberay_job_deletion_rule_ttl_seconds",
            "Time in seconds from a status of the job to what is deleted then, as labels", "spec.deletionStrategy",
            of_spec(deletion_rules), labels=("deployment_status", "job_status", "policy"), series="1 per rule",
            reads="spec.ttlSecondsAfterFinished"),
        Row("kuberay_job_cluster_info",
            "RayCluster, Ray job id and submission mode, as labels for joins; the value is 1",
            "status.rayClusterName, status.jobId, spec.submissionMode", lambda job, _: cluster_info(job),
            labels=("ray_io_cluster", "job_id", "submission_mode"), is_retained=True),
        suspended_row("kuberay_job"),
        Row("kuberay_job_cronjob_info", "RayCronJob that created the job, as a label; the value is 1",
            "metadata.labels[ray.io/cronjob-name]", lambda job, _: info(job.metadata.label("ray.io/cronjob-name")),
            labels=("cronjob",)),
        managed_by_row("kuberay_job"),
        labels_row("kuberay_job", is_retained=True),
    ),
    lifecycle=RAYJOB_LIFECYCLE,
)
# fmt: on
