"""Findings of RayJobs: their own, those of their cluster, and those of their submitter."""

from typing import Any

import pytest

from exporter.diagnosis.related import Known
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
GRACE = "JobDeploymentStatusTransitionGracePeriodExceeded"
LOG = "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\n"

# What is found in them, sentences.txt has.
ROWS: dict[str, Objects] = {
    "invalid spec": [job("ValidationFailed", message="The RayJob spec is invalid: no entrypoint", startTime=None)],
    "invalid spec, from an Event": [
        ("RayJob", manifest()),
        event("RayJob", "a", "InvalidRayJobSpec", ago(minutes=1), "ns/a: The RayJob spec is invalid: no"),
    ],
    "submitter failed": [
        job("Failed", reason="SubmissionFailed", failed=1, endTime=ago(minutes=1), message="BackoffLimitExceeded")
    ],
    "the head's pod is gone, with SidecarMode": [
        job("Failed", reason="AppFailed", jobStatus="RUNNING", message="Ray head pod not found.")
    ],
    "the Ray job did not end after its submitter": [
        job("Failed", reason=GRACE, jobStatus="FAILED", message="The RayJob submitter finished at 10:00 but")
    ],
    "the program failed, and its submitter did not end": [
        job("Failed", reason=GRACE, jobStatus="FAILED", message="JobDeploymentStatus does not transition")
    ],
    "failed without a reason, but with a message": [
        job("Failed", jobStatus="FAILED", message=f"{LOG}ValueError: no data")
    ],
    "a state of the Ray job that is not known": [job("Running", jobStatus="Running"), READY],
    "the cluster that it selects is suspended": [
        job("Initializing"),
        cluster(condition("RayClusterSuspended", "True", ago(hours=1)), state="suspended"),
    ],
    "submitter failed, but Ray runs it": [
        job("Failed", reason="SubmissionFailed", jobStatus="RUNNING", endTime=ago(minutes=1))
    ],
    "program failed, with the end of its log": [
        job("Failed", reason="AppFailed", failed=3, endTime=ago(minutes=1), message=f"{LOG}line\nValueError: no data")
    ],
    "program failed, and a worker was out of memory": [
        job("Failed", reason="AppFailed", endTime=ago(minutes=1)),
        READY,
        OOM,
    ],
    "deadline": [job("Failed", reason="DeadlineExceeded", endTime=ago(minutes=1))],
    "head did not answer until the timeout": [
        job("Failed", reason="JobStatusCheckTimeoutExceeded", endTime=ago(minutes=1))
    ],
    "failed for an unknown reason": [job("Failed", endTime=ago(minutes=1))],
    "complete, but failed (KubeRay 1.1)": [
        job("Complete", jobStatus="FAILED", endTime=ago(minutes=1), message="exit code 1")
    ],
    "retrying": [job("Retrying", {"backoffLimit": 2}, failed=1, message="exit code 1")],
    "retrying after a long attempt": [
        job("Retrying", {"backoffLimit": 2}, failed=1, startTime=ago(hours=1)),
        ("RayCluster", manifest({}, name="c", uid="c", deletionTimestamp=ago(seconds=9))),
    ],
    "new again after a long attempt": [job("", startTime=ago(hours=1))],
    "running again": [job("Running", {"backoffLimit": 2}, failed=2), READY],
    "running again, above the limit": [job("Running", failed=2), READY],
    "deadline is near": [job("Running", {"activeDeadlineSeconds": 310}), READY],
    "deadline has passed a moment ago": [job("Running", {"activeDeadlineSeconds": 299}), READY],
    "deadline has passed": [job("Running", {"activeDeadlineSeconds": 60}), READY],
    "its cluster cannot start": [job("Initializing", startTime=ago(minutes=12)), QUOTA],
    "selected cluster does not exist": [job("Initializing", {"clusterSelector": {"ray.io/cluster": "c"}})],
    "initializing for an unknown cause": [job("Initializing", startTime=ago(minutes=12)), READY],
    "submitter cannot start": [job("Running"), READY, submitter("s", **waiting("ErrImagePull", 'image "x:1": no'))],
    "head does not answer": [job("Running", jobStatusCheckFailureStartTime=ago(minutes=2)), READY],
    "interactive": [job("Waiting"), READY],
    "suspended": [job("Suspended")],
    "suspending, but its cluster cannot be deleted": [
        job("Suspending", {"suspend": True}, startTime=ago(hours=1)),
        READY,
        event("RayJob", "a", "FailedToDeleteRayCluster", ago(minutes=1), "webhook denied it"),
    ],
    "waiting for a queue": [
        ("RayJob", manifest({"jobDeploymentStatus": "Suspended"}, labels={"kueue.x-k8s.io/queue-name": "blue"}))
    ],
    "no status": [("RayJob", manifest())],
    "deletion": [("RayJob", manifest({}, deletionTimestamp=ago(hours=2), finalizers=["ray.io/rayjob-finalizer"]))],
}


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
    assert findings(selecting, not_found, known=unread) == ["warning cluster-not-found"]


def test_events_of_another_object_with_the_same_name_are_ignored() -> None:
    """An Event about an earlier object of the same name has another uid."""
    kind, about = event("RayJob", "a", "InvalidRayJobSpec", ago(minutes=1), "no")
    about["involvedObject"]["uid"] = "of the earlier job"
    fleet = fleet_of(("RayJob", manifest()), (kind, about))
    found = fleet.find("RayJob", "ns", "a")
    assert found is not None
    assert fleet.related(found).events == ()
