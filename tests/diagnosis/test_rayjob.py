"""Findings of RayJobs: their own, those of their cluster, and those of their submitter."""

from typing import Any

import pytest

from exporter.diagnosis.fleet import Known
from tests.support.fleets import ago, event, findings, fleet_of, pod, submitter, waiting
from tests.support.objects import condition, manifest

Objects = list[tuple[str, dict[str, Any]]]


def job(state: str, spec: dict[str, Any] | None = None, **status: Any) -> tuple[str, dict[str, Any]]:
    """Return a job whose attempt started five minutes ago; `status` adds to its status."""
    base = {"jobDeploymentStatus": state, "startTime": ago(minutes=5), "rayClusterName": "c"}
    return "RayJob", manifest(base | status) | {"spec": spec or {}}


def cluster(*conditions: dict[str, Any], **status: Any) -> tuple[str, dict[str, Any]]:
    return "RayCluster", manifest({"conditions": list(conditions), **status}, name="c", uid="c")


READY = cluster(condition("HeadPodReady", "True"), state="ready")
QUOTA = cluster(condition("ReplicaFailure", "True", reason="FailedCreateHeadPod", message="exceeded quota: q"))
OOM = pod(
    "w",
    "c",
    phase="Running",
    containerStatuses=[
        {
            "name": "ray",
            "state": {"running": {}},
            "lastState": {"terminated": {"reason": "OOMKilled", "exitCode": 137, "finishedAt": ago(minutes=1)}},
        }
    ],
)
LOG = "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\n"

ROWS: dict[str, tuple[Objects, list[tuple[str, str, str]]]] = {
    "invalid spec": (
        [job("ValidationFailed", message="The RayJob spec is invalid: no entrypoint", startTime=None)],
        [("critical", "invalid-spec", "The spec of RayJob a is invalid: no entrypoint.")],
    ),
    "invalid spec, from an Event": (
        [
            ("RayJob", manifest()),
            event("RayJob", "a", "InvalidRayJobSpec", ago(minutes=1), "ns/a: The RayJob spec is invalid: no"),
        ],
        [("critical", "invalid-spec", "The spec of RayJob a is invalid: no.")],
    ),
    "submitter failed": (
        [job("Failed", reason="SubmissionFailed", failed=1, endTime=ago(minutes=1), message="BackoffLimitExceeded")],
        [
            (
                "critical",
                "submission-failed",
                "RayJob a failed 1 min ago: its submitter failed: BackoffLimitExceeded.",
            )
        ],
    ),
    "submitter failed, but Ray runs it": (
        [job("Failed", reason="SubmissionFailed", jobStatus="RUNNING", endTime=ago(minutes=1))],
        [
            (
                "critical",
                "submission-failed",
                "RayJob a failed 1 min ago: its submitter failed, although the Ray job is RUNNING.",
            )
        ],
    ),
    "program failed, with the end of its log": (
        [
            job(
                "Failed",
                reason="AppFailed",
                failed=3,
                endTime=ago(minutes=1),
                message=f"{LOG}line\nValueError: no data",
            )
        ],
        [
            (
                "critical",
                "application-failed",
                (
                    "RayJob a failed in attempt 3 1 min ago: its program failed: "
                    "Job entrypoint command failed with exit code 1: …line ValueError: no data."
                ),
            )
        ],
    ),
    "program failed, and a worker was out of memory": (
        [job("Failed", reason="AppFailed", endTime=ago(minutes=1)), READY, OOM],
        [
            ("critical", "application-failed", "RayJob a failed 1 min ago: its program failed."),
            (
                "warning",
                "out-of-memory",
                (
                    "1 worker pod of RayCluster c ran out of memory: "
                    "container ray was killed because it exceeded its memory limit, and runs again."
                ),
            ),
        ],
    ),
    "deadline": (
        [job("Failed", reason="DeadlineExceeded", endTime=ago(minutes=1))],
        [("critical", "deadline-exceeded", "RayJob a failed 1 min ago: it exceeded activeDeadlineSeconds.")],
    ),
    "head did not answer until the timeout": (
        [job("Failed", reason="JobStatusCheckTimeoutExceeded", endTime=ago(minutes=1))],
        [("critical", "head-not-answering", "RayJob a failed 1 min ago: the head did not answer for too long.")],
    ),
    "failed for an unknown reason": (
        [job("Failed", endTime=ago(minutes=1))],
        [("critical", "unknown", "RayJob a failed 1 min ago: no reason was given.")],
    ),
    "complete, but failed (KubeRay 1.1)": (
        [job("Complete", jobStatus="FAILED", endTime=ago(minutes=1), message="exit code 1")],
        [("critical", "application-failed", "RayJob a is Complete, but the Ray job failed: exit code 1.")],
    ),
    "retrying": (
        [job("Retrying", {"backoffLimit": 2}, failed=1, message="exit code 1")],
        [("warning", "retrying", "1 of 3 attempts of RayJob a failed; the next one starts.")],
    ),
    "running again": (
        [job("Running", {"backoffLimit": 2}, failed=2), READY],
        [("warning", "retrying", "2 of 3 attempts of RayJob a failed; attempt 3 is Running.")],
    ),
    "running again, above the limit": (
        [job("Running", failed=2), READY],
        [("warning", "retrying", "2 attempts of RayJob a failed; attempt 3 is Running.")],
    ),
    "deadline is near": (
        [job("Running", {"activeDeadlineSeconds": 310}), READY],
        [("warning", "deadline-near", "RayJob a reaches its deadline of 5 min in 10 s.")],
    ),
    "deadline has passed a moment ago": (
        [job("Running", {"activeDeadlineSeconds": 299}), READY],
        [("warning", "deadline-near", "RayJob a reaches its deadline of 4 min in 0 s.")],
    ),
    "deadline has passed": (
        [job("Running", {"activeDeadlineSeconds": 60}), READY],
        [
            (
                "critical",
                "deadline-exceeded",
                "RayJob a exceeded its deadline of 1 min 4 min ago, and the operator has not stopped it.",
            )
        ],
    ),
    "its cluster cannot start": (
        [job("Initializing", startTime=ago(minutes=12)), QUOTA],
        [("critical", "quota", "The operator cannot create the head pod of RayCluster c: exceeded quota: q.")],
    ),
    "selected cluster does not exist": (
        [job("Initializing", {"clusterSelector": {"ray.io/cluster": "c"}})],
        [("critical", "cluster-not-found", "RayCluster c, which RayJob a selects, does not exist.")],
    ),
    "initializing for an unknown cause": (
        [job("Initializing", startTime=ago(minutes=12)), READY],
        [("warning", "unknown", "RayJob a has waited for its RayCluster c for 12 min; the cause is unknown.")],
    ),
    "submitter cannot start": (
        [job("Running"), READY, submitter("s", **waiting("ErrImagePull", 'image "x:1": no'))],
        [("critical", "image-pull", "The submitter pod of RayJob a cannot start: the image x:1 cannot be pulled.")],
    ),
    "head does not answer": (
        [job("Running", jobStatusCheckFailureStartTime=ago(minutes=2)), READY],
        [("critical", "head-not-answering", "The head has not answered about RayJob a for 2 min.")],
    ),
    "interactive": (
        [job("Waiting"), READY],
        [("info", "interactive", "RayJob a waits until a job is submitted to its cluster (InteractiveMode).")],
    ),
    "suspended": ([job("Suspended")], [("info", "suspended", "RayJob a is suspended.")]),
    "waiting for a queue": (
        [("RayJob", manifest({"jobDeploymentStatus": "Suspended"}, labels={"kueue.x-k8s.io/queue-name": "blue"}))],
        [("info", "admission-pending", "RayJob a waits until queue blue admits it.")],
    ),
    "no status": (
        [("RayJob", manifest())],
        [("critical", "operator-silent", "RayJob a has no status 14 min after its creation.")],
    ),
    "deletion": (
        [("RayJob", manifest({}, deletionTimestamp=ago(hours=2), finalizers=["ray.io/rayjob-finalizer"]))],
        [
            (
                "warning",
                "stuck-deletion",
                "RayJob a is being deleted for 2 h; finalizers: ray.io/rayjob-finalizer.",
            )
        ],
    ),
}


@pytest.mark.parametrize(("objects", "expected"), ROWS.values(), ids=ROWS)
def test_job(objects: Objects, expected: list[tuple[str, str, str]]) -> None:
    """A job and what belongs to it give exactly these findings."""
    assert findings(*objects) == expected


HEALTHY: dict[str, Objects] = {
    "running": [job("Running"), READY],
    "running long before the deadline": [job("Running", {"activeDeadlineSeconds": 3600}), READY],
    "complete": [job("Complete", jobStatus="SUCCEEDED", failed=1, endTime=ago(minutes=1)), QUOTA],
    "complete with a reason left over": [job("Complete", jobStatus="SUCCEEDED", reason="AppFailed")],
    "initializing": [
        job("Initializing"),
        cluster(condition("RayClusterProvisioned", "False"), lastUpdateTime=ago(minutes=1)),
    ],
    "waiting to be tried again: the start is an old one": [job("", {"activeDeadlineSeconds": 60})],
    "new": [("RayJob", manifest(creationTimestamp=ago(seconds=3)))],
}


@pytest.mark.parametrize("objects", HEALTHY.values(), ids=HEALTHY)
def test_healthy_job(objects: Objects) -> None:
    """A job that runs, starts or has succeeded has no finding, whatever its cluster shows after its end."""
    assert findings(*objects) == []


def test_cluster_that_could_not_be_read_is_not_missing() -> None:
    """A job's cluster counts as missing only if clusters could be read, or an Event says so."""
    selecting = job("Initializing", {"clusterSelector": {"ray.io/cluster": "c"}})
    unread = Known(clusters=False)
    assert findings(selecting, known=unread) == []
    not_found = event("RayJob", "a", "RayClusterNotFound", ago(minutes=1))
    assert [cause for _, cause, _ in findings(selecting, not_found, known=unread)] == ["cluster-not-found"]


def test_events_of_another_object_with_the_same_name_are_ignored() -> None:
    """An Event about an earlier object of the same name has another uid."""
    kind, about = event("RayJob", "a", "InvalidRayJobSpec", ago(minutes=1), "no")
    about["involvedObject"]["uid"] = "of the earlier job"
    fleet = fleet_of(("RayJob", manifest()), (kind, about))
    found = fleet.find("RayJob", "ns", "a")
    assert found is not None
    assert fleet.related(found).events == ()
