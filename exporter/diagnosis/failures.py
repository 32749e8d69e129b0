"""Why a RayJob has failed, from what the operator and Ray wrote into its status."""

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.phrases import continued, last_line, quoted
from exporter.resources.detailed import DetailedRayJob, DetailedRayJobStatus

_GRACE = "JobDeploymentStatusTransitionGracePeriodExceeded"

FAILURES = {
    "SubmissionFailed": (Cause.SUBMISSION_FAILED, "Submitter failed"),
    "AppFailed": (Cause.APPLICATION_FAILED, "Program failed"),
    "DeadlineExceeded": (Cause.DEADLINE_EXCEEDED, "Deadline exceeded (activeDeadlineSeconds)"),
    "PreRunningDeadlineExceeded": (Cause.DEADLINE_EXCEEDED, "Deadline exceeded (preRunningDeadlineSeconds)"),
    "JobStatusCheckTimeoutExceeded": (Cause.HEAD_NOT_ANSWERING, "Head did not answer"),
    _GRACE: (Cause.SUBMISSION_FAILED, "Submitter did not end in time"),
}
"""What each `status.reason` of a failed job means."""

_LOST = {
    "Ray job not found": (Cause.SUBMITTER_ENDED, "Ray job was not found"),
    "Ray head pod not found": (Cause.NO_HEAD, "Head pod was gone"),
    "The RayJob submitter finished at": (Cause.SUBMITTER_ENDED, "Ray job did not end in time"),
}
"""Messages of the operator about failures for which it has no reason of their own."""


def failure(job: DetailedRayJob) -> str:
    """Return in words why a job failed; "" if it did not."""
    status = job.status or DetailedRayJobStatus()
    if status.job_deployment_status == "ValidationFailed":
        return "spec is invalid"
    if status.job_deployment_status == "Complete" and status.job_status == "FAILED":
        return "program failed"
    if status.job_deployment_status != "Failed":
        return ""
    _, words = kind_of_failure(status, status.reason or "no reason was given")
    return continued(words)


def kind_of_failure(status: DetailedRayJobStatus, unknown: str) -> tuple[Cause, str]:
    """Return why a job failed; the words are `unknown` if neither its reason nor the Ray job says it."""
    reason, message, has_failed = status.reason or "", status.message or "", status.job_status == "FAILED"
    # The message of a program that failed can have any text in it.
    is_operators = reason == _GRACE or (reason == "AppFailed" and not has_failed)
    lost = next((found for text, found in _LOST.items() if is_operators and text in message), None)
    failed = Cause.APPLICATION_FAILED, "Program failed"
    if lost or (reason == _GRACE and has_failed):
        return lost or failed
    return FAILURES.get(reason, failed if has_failed else (Cause.UNKNOWN, unknown))


def failure_message(status: DetailedRayJobStatus) -> str:
    """Return a job's message; of the log in it the last line: there is the error."""
    message, separator, log = (status.message or "").partition(", last available logs")
    log = log.partition("chars):")[2]
    return f"{quoted(message)}. Last log line: {last_line(log)}" if separator and log.strip() else last_line(message)
