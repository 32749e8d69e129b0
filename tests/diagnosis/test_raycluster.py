"""Findings of RayClusters: from the object, its pods and its Events."""

from typing import Any

import pytest

from exporter.diagnosis import diagnose
from exporter.diagnosis.fleet import Known
from tests.support.fleets import NOW, ago, event, findings, fleet_of, pod, waiting
from tests.support.objects import condition, manifest

PROVISIONING = condition("RayClusterProvisioned", "False", reason="RayClusterPodsProvisioning")
HEAD_READY = condition("HeadPodReady", "True", reason="HeadPodRunningAndReady")

Objects = list[tuple[str, dict[str, Any]]]


def cluster(*conditions: dict[str, Any], spec: dict[str, Any] | None = None, **more: Any) -> tuple[str, dict[str, Any]]:
    """Return a cluster with these conditions; `more` is added to its status."""
    status = {"conditions": list(conditions) or [HEAD_READY], **more}
    return "RayCluster", manifest(status) | {"spec": spec or {}}


def unschedulable(message: str) -> dict[str, Any]:
    return {
        "phase": "Pending",
        "conditions": [condition("PodScheduled", "False", ago(minutes=5), reason="Unschedulable", message=message)],
    }


def terminated(reason: str, exit_code: int, **elapsed: float) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": exit_code, "finishedAt": ago(**elapsed)}}


OOM_NOW: dict[str, Any] = {
    "phase": "Running",
    "containerStatuses": [{"name": "ray", "state": terminated("OOMKilled", 137, minutes=1)}],
}
OOM_BEFORE: dict[str, Any] = {
    "phase": "Running",
    "containerStatuses": [
        {"name": "ray", "state": {"running": {}}, "lastState": terminated("OOMKilled", 137, minutes=9)}
    ],
}
OOM_LOOP: dict[str, Any] = waiting("CrashLoopBackOff", lastState=terminated("OOMKilled", 137, minutes=1))
CRASH_LOOP: dict[str, Any] = waiting("CrashLoopBackOff", "back-off 20s", lastState=terminated("Error", 2, minutes=1))
HEAD_RESTARTED: dict[str, Any] = {
    "phase": "Running",
    "containerStatuses": [{"name": "ray", "state": {"running": {}}, "lastState": terminated("Error", 1, minutes=9)}],
}
LONG_AGO: dict[str, Any] = {
    "phase": "Running",
    "containerStatuses": [{"name": "ray", "state": {"running": {}}, "lastState": terminated("Error", 1, hours=2)}],
}
IMAGE = 'Back-off pulling image "rayproject/ray:9": not found'
QUOTA = 'FailedCreateHeadPod\npods "a-head-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0'

ROWS: dict[str, tuple[Objects, list[tuple[str, str, str]]]] = {
    "two pods without a node": (
        [
            cluster(PROVISIONING),
            pod("w-1", **unschedulable("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 cpu")),
            pod("w-2", **unschedulable("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 cpu")),
        ],
        [
            (
                "critical",
                "unschedulable",
                "2 worker pods of RayCluster a cannot be scheduled for 5 min: insufficient nvidia.com/gpu.",
            )
        ],
    ),
    "several obstacles": (
        [
            cluster(PROVISIONING),
            pod("w-1", **unschedulable("0/3 nodes: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: true}.")),
        ],
        [
            (
                "critical",
                "unschedulable",
                (
                    "1 worker pod of RayCluster a cannot be scheduled for 5 min: "
                    "insufficient cpu, taints of the nodes that the pod does not tolerate."
                ),
            )
        ],
    ),
    "an obstacle that is not known is quoted": (
        [cluster(PROVISIONING), pod("w-1", **unschedulable("running plugin X: the moon is full"))],
        [
            (
                "critical",
                "unschedulable",
                "1 worker pod of RayCluster a cannot be scheduled for 5 min: running plugin X: the moon is full.",
            )
        ],
    ),
    "scheduling gates": (
        [
            cluster(PROVISIONING),
            pod("w-1", conditions=[condition("PodScheduled", "False", ago(minutes=5), reason="SchedulingGated")]),
        ],
        [
            (
                "info",
                "scheduling-gated",
                "1 worker pod of RayCluster a cannot be scheduled for 5 min because of scheduling gates.",
            )
        ],
    ),
    "image": (
        [cluster(PROVISIONING), pod("h", node_type="head", **waiting("ImagePullBackOff", IMAGE))],
        [
            (
                "critical",
                "image-pull",
                "The head pod of RayCluster a cannot start: the image rayproject/ray:9 cannot be pulled.",
            )
        ],
    ),
    "image, known from the condition alone": (
        [cluster(condition("HeadPodReady", "False", ago(seconds=5), reason="ErrImagePull", message=IMAGE))],
        [
            (
                "critical",
                "image-pull",
                "The head pod of RayCluster a is not ready: ErrImagePull rayproject/ray:9.",
            )
        ],
    ),
    "missing secret": (
        [cluster(PROVISIONING), pod("w-1", **waiting("CreateContainerConfigError", 'secret "s" not found'))],
        [("critical", "container-config", '1 worker pod of RayCluster a cannot start: secret "s" not found.')],
    ),
    "crash loop": (
        [cluster(HEAD_READY), pod("w-1", **CRASH_LOOP)],
        [
            (
                "critical",
                "crash-loop",
                "1 worker pod of RayCluster a restarted several times: container ray ended with exit code 2.",
            )
        ],
    ),
    "killed again and again": (
        [cluster(HEAD_READY), pod("w-1", **OOM_LOOP)],
        [
            (
                "critical",
                "out-of-memory",
                (
                    "1 worker pod of RayCluster a ran out of memory: "
                    "container ray was killed because it exceeded its memory limit."
                ),
            )
        ],
    ),
    "killed now": (
        [cluster(HEAD_READY), pod("w-1", **OOM_NOW)],
        [
            (
                "critical",
                "out-of-memory",
                (
                    "1 worker pod of RayCluster a ran out of memory: "
                    "container ray was killed because it exceeded its memory limit."
                ),
            )
        ],
    ),
    "killed minutes ago, and running": (
        [cluster(HEAD_READY), pod("w-1", **OOM_BEFORE)],
        [
            (
                "warning",
                "out-of-memory",
                (
                    "1 worker pod of RayCluster a ran out of memory: "
                    "container ray was killed because it exceeded its memory limit, and runs again."
                ),
            )
        ],
    ),
    "evicted": (
        [cluster(HEAD_READY), pod("w-1", phase="Failed", reason="Evicted", message="low on memory")],
        [("warning", "evicted", "1 worker pod of RayCluster a failed by eviction: low on memory.")],
    ),
    "head restarted": (
        [cluster(HEAD_READY), pod("h", node_type="head", **HEAD_RESTARTED)],
        [
            (
                "warning",
                "head-restarted",
                "The head pod of RayCluster a restarted 9 min ago: container ray ended with exit code 1.",
            )
        ],
    ),
    "head replaced": (
        [cluster(HEAD_READY), event("RayCluster", "a", "DeletedHeadPod", ago(minutes=2))],
        [("warning", "head-restarted", "The operator replaced the head pod of RayCluster a 2 min ago.")],
    ),
    "pod that does not start": (
        [cluster(PROVISIONING), pod("w-1", **waiting("ContainerCreating"))],
        [
            (
                "warning",
                "unknown",
                "1 worker pod of RayCluster a did not start for 14 min (ContainerCreating); the cause is unknown.",
            )
        ],
    ),
    "quota": (
        [cluster(condition("ReplicaFailure", "True", reason="FailedCreateHeadPod", message=QUOTA))],
        [
            (
                "critical",
                "quota",
                (
                    'The operator cannot create the head pod of RayCluster a: pods "a-head-x" is forbidden: '
                    "exceeded quota: small, requested: pods=1, used: pods=0."
                ),
            )
        ],
    ),
    "another failure": (
        [cluster(condition("ReplicaFailure", "True", reason="FailedDeleteWorkerPod", message="webhook denied it"))],
        [("critical", "replica-failure", "The operator cannot delete worker pods of RayCluster a: webhook denied it.")],
    ),
    "failed, before KubeRay 1.3": (
        [("RayCluster", manifest({"state": "failed", "reason": "serviceaccount not found"}))],
        [
            (
                "critical",
                "replica-failure",
                "The operator cannot create what RayCluster a needs: serviceaccount not found.",
            )
        ],
    ),
    "no head": (
        [cluster(condition("HeadPodReady", "False", ago(minutes=3), reason="HeadPodNotFound", message="not found"))],
        [("critical", "no-head", "RayCluster a has no ready head for 3 min: not found.")],
    ),
    "workers missing, although the pods are not known": (
        [cluster(PROVISIONING, HEAD_READY, desiredWorkerReplicas=8, readyWorkerReplicas=4)],
        [("warning", "waiting-for-workers", "4 of 8 workers of RayCluster a are ready for 14 min.")],
    ),
    "not provisioned, although all runs": (
        [cluster(PROVISIONING, HEAD_READY)],
        [
            (
                "warning",
                "unknown",
                (
                    "RayCluster a has not been provisioned for 14 min, although all workers are ready; "
                    "the cause is unknown."
                ),
            )
        ],
    ),
    "invalid spec": (
        [
            ("RayCluster", manifest()),
            event(
                "RayCluster",
                "a",
                "InvalidRayClusterSpec",
                ago(minutes=1),
                "The RayCluster spec is invalid ns/a: no head",
            ),
        ],
        [("critical", "invalid-spec", "The spec of RayCluster a is invalid: no head.")],
    ),
    "no status": (
        [("RayCluster", manifest())],
        [("critical", "operator-silent", "RayCluster a has no status 14 min after its creation.")],
    ),
    "suspended": (
        [cluster(condition("RayClusterSuspended", "True", ago(minutes=2)), spec={"suspend": True})],
        [("info", "suspended", "RayCluster a is suspended for 2 min.")],
    ),
    "being suspended": (
        [cluster(condition("RayClusterSuspending", "True", ago(minutes=2)), spec={"suspend": True})],
        [("info", "suspended", "RayCluster a is being suspended.")],
    ),
    "being suspended for long": (
        [cluster(condition("RayClusterSuspending", "True", ago(minutes=12)), spec={"suspend": True})],
        [("warning", "suspension-slow", "RayCluster a is being suspended for 12 min.")],
    ),
    "deletion for long": (
        [
            (
                "RayCluster",
                manifest({}, deletionTimestamp=ago(minutes=11), finalizers=["ray.io/gcs-ft-redis-cleanup-finalizer"]),
            )
        ],
        [
            (
                "warning",
                "stuck-deletion",
                "RayCluster a is being deleted for 11 min; finalizers: ray.io/gcs-ft-redis-cleanup-finalizer.",
            )
        ],
    ),
}


@pytest.mark.parametrize(("objects", "expected"), ROWS.values(), ids=ROWS)
def test_cluster(objects: Objects, expected: list[tuple[str, str, str]]) -> None:
    """A cluster, its pods and its Events give exactly these findings."""
    assert findings(*objects) == expected


ENDING = pod("w", **CRASH_LOOP)
ENDING[1]["metadata"]["deletionTimestamp"] = ago(seconds=5)

HEALTHY: dict[str, Objects] = {
    "ready": [cluster(HEAD_READY, state="ready", desiredWorkerReplicas=1, readyWorkerReplicas=1)],
    "just created": [("RayCluster", manifest(creationTimestamp=ago(seconds=20)))],
    "starting": [cluster(PROVISIONING, desiredWorkerReplicas=2, lastUpdateTime=ago(minutes=1))],
    "head starting": [cluster(condition("HeadPodReady", "False", ago(minutes=1), reason="ContainersNotReady"))],
    "scaling": [cluster(HEAD_READY, state="ready", desiredWorkerReplicas=2, lastUpdateTime=ago(minutes=1))],
    "workers missing since an unknown time": [cluster(HEAD_READY, state="ready", desiredWorkerReplicas=2)],
    "head restarted long ago": [cluster(HEAD_READY), pod("h", node_type="head", **LONG_AGO)],
    "worker restarted": [cluster(HEAD_READY), pod("w", **HEAD_RESTARTED)],
    "pod of another cluster": [cluster(HEAD_READY), pod("w", cluster="b", **CRASH_LOOP)],
    "pod being deleted": [cluster(HEAD_READY), ENDING],
    "sidecar submitter ended": [
        cluster(
            condition(
                "HeadPodReady",
                "False",
                ago(minutes=9),
                reason="ContainersNotReady",
                message="containers with unready status: [ray-job-submitter]; ray-job-submitter: ",
            )
        )
    ],
    "deletion": [("RayCluster", manifest({}, deletionTimestamp=ago(minutes=1)))],
    "managed by Kueue": [("RayCluster", manifest() | {"spec": {"managedBy": "kueue.x-k8s.io/multikueue"}})],
    "invalid once, valid now": [cluster(HEAD_READY), event("RayCluster", "a", "InvalidRayClusterSpec", ago(minutes=1))],
}


@pytest.mark.parametrize("objects", HEALTHY.values(), ids=HEALTHY)
def test_healthy_cluster(objects: Objects) -> None:
    """A cluster that works, starts, scales or ends as usual has no finding."""
    assert findings(*objects) == []


def test_evidence_names_pod_field_time_and_message() -> None:
    """Evidence says where and when, and at most three pods are named."""
    pods = [pod(f"w-{number}", **unschedulable("3 Insufficient cpu.")) for number in range(5)]
    fleet = fleet_of(cluster(PROVISIONING), *pods)
    found = fleet.find("RayCluster", "ns", "a")
    assert found is not None
    (finding,) = diagnose(found, fleet.related(found), NOW)
    assert [evidence.name for evidence in finding.evidence] == ["w-0", "w-1", "w-2"]
    assert finding.evidence[0].field == "status.conditions[PodScheduled]"
    assert finding.evidence[0].message == "3 Insufficient cpu."
    assert finding.evidence[0].time is not None
    assert finding.runbook == "rayclusterprovisioningstuck"


def test_findings_do_not_need_pods_or_events() -> None:
    """Without pods and Events, what the object itself shows is still found."""
    known = Known(pods=False, events=False)
    quota = cluster(condition("ReplicaFailure", "True", reason="FailedCreateHeadPod", message=QUOTA))
    assert [cause for _, cause, _ in findings(quota, known=known)] == ["quota"]
