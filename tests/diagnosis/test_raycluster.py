"""Findings of RayClusters: from the object, its pods and its Events."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from exporter.diagnosis import raycluster
from exporter.diagnosis.finding import MAX_FINDINGS
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known, Related
from exporter.kinds import DIAGNOSED
from exporter.pipeline.decoded_type import DETAILED_TYPES
from exporter.resources.detailed import DetailedRayCluster
from exporter.resources.event import Event
from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay.engine import Engine
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


def head(name: str, **metadata: Any) -> tuple[str, dict[str, Any]]:
    """Return a head that is ready."""
    kind, found = pod(name, node_type="head", phase="Running", conditions=[condition("Ready", "True")])
    return kind, found | {"metadata": found["metadata"] | metadata}


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
LOOPING: dict[str, Any] = {"state": {"running": {}}, "lastState": terminated("Error", 1, minutes=1)}
IMAGE = 'Back-off pulling image "rayproject/ray:9": not found'
QUOTA = 'FailedCreateHeadPod\npods "a-head-x" is forbidden: exceeded quota: small, requested: pods=1, used: pods=0'

RESUMED = (
    condition("RayClusterSuspended", "False", ago(minutes=5)),
    condition("HeadPodReady", "False", ago(minutes=12), reason="HeadPodNotFound"),
)

# What is found in them, sentences.txt has.
ROWS: dict[str, Objects] = {
    "two pods without a node": [
        cluster(PROVISIONING),
        pod("w-1", **unschedulable("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 cpu")),
        pod("w-2", **unschedulable("0/3 nodes are available: 3 Insufficient nvidia.com/gpu. preemption: 0/3 cpu")),
    ],
    "several obstacles": [
        cluster(PROVISIONING),
        pod(
            "w-1",
            **unschedulable(
                "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) had untolerated taint {gpu: true}."
            ),
        ),
    ],
    "an obstacle that is not known is quoted": [
        cluster(PROVISIONING),
        pod("w-1", **unschedulable("running plugin X: the moon is full")),
    ],
    "scheduling gates": [
        cluster(PROVISIONING),
        pod("w-1", conditions=[condition("PodScheduled", "False", ago(minutes=5), reason="SchedulingGated")]),
    ],
    "image": [cluster(PROVISIONING), pod("h", node_type="head", **waiting("ImagePullBackOff", IMAGE))],
    "image, known from the condition alone": [
        cluster(condition("HeadPodReady", "False", ago(seconds=5), reason="ErrImagePull", message=IMAGE))
    ],
    "missing secret": [
        cluster(PROVISIONING),
        pod("w-1", **waiting("CreateContainerConfigError", 'secret "s" not found')),
    ],
    "crash loop": [cluster(HEAD_READY), pod("w-1", **CRASH_LOOP)],
    "killed again and again": [cluster(HEAD_READY), pod("w-1", **OOM_LOOP)],
    "killed now": [cluster(HEAD_READY), pod("w-1", **OOM_NOW)],
    "killed minutes ago, and running": [cluster(HEAD_READY), pod("w-1", **OOM_BEFORE)],
    "evicted": [cluster(HEAD_READY), pod("w-1", phase="Failed", reason="Evicted", message="low on memory")],
    "head restarted": [cluster(HEAD_READY), pod("h", node_type="head", **HEAD_RESTARTED)],
    "head replaced": [cluster(HEAD_READY), event("RayCluster", "a", "DeletedHeadPod", ago(minutes=2), type_="Normal")],
    "pod that does not start": [cluster(PROVISIONING), pod("w-1", **waiting("ContainerCreating"))],
    "quota": [cluster(condition("ReplicaFailure", "True", reason="FailedCreateHeadPod", message=QUOTA))],
    "another failure": [
        cluster(condition("ReplicaFailure", "True", reason="FailedDeleteWorkerPod", message="webhook denied it"))
    ],
    "failed, before KubeRay 1.3": [("RayCluster", manifest({"state": "failed", "reason": "serviceaccount not found"}))],
    "no head": [
        cluster(condition("HeadPodReady", "False", ago(minutes=3), reason="HeadPodNotFound", message="not found"))
    ],
    "workers missing, although the pods are not known": [
        cluster(PROVISIONING, HEAD_READY, desiredWorkerReplicas=8, readyWorkerReplicas=4)
    ],
    "not provisioned, although all runs": [cluster(PROVISIONING, HEAD_READY)],
    "not provisioned, with two of four hosts of a replica": [
        cluster(PROVISIONING, HEAD_READY, desiredWorkerReplicas=1, readyWorkerReplicas=2),
    ],
    "workers missing, before KubeRay 1.3": [
        ("RayCluster", manifest({"state": "ready", "desiredWorkerReplicas": 2, "lastUpdateTime": ago(minutes=9)})),
    ],
    "invalid spec": [
        ("RayCluster", manifest()),
        event(
            "RayCluster", "a", "InvalidRayClusterSpec", ago(minutes=1), "The RayCluster spec is invalid ns/a: no head"
        ),
    ],
    "invalid spec of a ready cluster": [
        cluster(HEAD_READY, state="ready", lastUpdateTime=ago(minutes=5)),
        event("RayCluster", "a", "InvalidRayClusterSpec", ago(minutes=1), "minReplicas is negative"),
    ],
    "no status": [("RayCluster", manifest())],
    "suspended": [cluster(condition("RayClusterSuspended", "True", ago(minutes=2)), spec={"suspend": True})],
    "being suspended": [cluster(condition("RayClusterSuspending", "True", ago(minutes=2)), spec={"suspend": True})],
    "being suspended for long": [
        cluster(condition("RayClusterSuspending", "True", ago(minutes=12)), spec={"suspend": True})
    ],
    "two heads": [cluster(HEAD_READY, state="ready"), *map(head, ("h", "i"))],
    "no head, without which a worker ends again and again": [
        cluster(condition("HeadPodReady", "False", ago(minutes=12), reason="HeadPodNotFound")),
        pod("w", phase="Running", containerStatuses=[{"name": "ray", "restartCount": 4, **LOOPING}]),
    ],
    "no head by a quota, for which a worker waits": [
        cluster(condition("ReplicaFailure", "True", reason="FailedCreateHeadPod", message=QUOTA), PROVISIONING),
        pod("w", phase="Pending", initContainerStatuses=[{"name": "wait-gcs-ready", "state": {"running": {}}}]),
    ],
    "resumed, and still in the state of before": [
        cluster(*RESUMED, state="suspended", desiredWorkerReplicas=1, lastUpdateTime=ago(minutes=5)),
        pod("h", node_type="head", **waiting("ImagePullBackOff", IMAGE)),
    ],
    "resumed, and its head does not become ready": [
        cluster(*RESUMED, state="suspended", lastUpdateTime=ago(minutes=5)),
    ],
    "deletion for long": [
        (
            "RayCluster",
            manifest({}, deletionTimestamp=ago(minutes=11), finalizers=["ray.io/gcs-ft-redis-cleanup-finalizer"]),
        )
    ],
}


ENDING = pod("w", **CRASH_LOOP)
ENDING[1]["metadata"]["deletionTimestamp"] = ago(seconds=5)

HEALTHY: dict[str, Objects] = {
    "ready": [cluster(HEAD_READY, state="ready", desiredWorkerReplicas=1, readyWorkerReplicas=1)],
    "just created": [("RayCluster", manifest(creationTimestamp=ago(seconds=20)))],
    "starting": [cluster(PROVISIONING, desiredWorkerReplicas=2, lastUpdateTime=ago(minutes=1))],
    "head starting": [cluster(condition("HeadPodReady", "False", ago(minutes=1), reason="ContainersNotReady"))],
    "resumed a minute ago": [
        cluster(condition("RayClusterSuspended", "False", ago(minutes=1)), RESUMED[1], lastUpdateTime=ago(minutes=1))
    ],
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
    "head being replaced": [cluster(HEAD_READY), head("h", deletionTimestamp=ago(minutes=2)), head("i")],
    "second head just created": [cluster(HEAD_READY), head("h"), head("i", creationTimestamp=ago(minutes=2))],
    "deletion": [("RayCluster", manifest({}, deletionTimestamp=ago(minutes=1)))],
    "invalid once, valid now": [
        cluster(HEAD_READY, lastUpdateTime=ago(seconds=30)),
        event("RayCluster", "a", "InvalidRayClusterSpec", ago(minutes=1)),
    ],
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
    (finding,) = fleet.kind(found).diagnose(found, fleet.related(found), NOW)
    assert [evidence.name for evidence in finding.evidence] == ["w-0", "w-1", "w-2"]
    assert finding.evidence[0].field == "status.conditions[PodScheduled]"
    assert finding.evidence[0].message == "3 Insufficient cpu."
    assert finding.evidence[0].time is not None
    assert finding.runbook == "rayclusterpodsunschedulable"
    assert finding.command == "kubectl -n ns describe pod/w-0"


def test_findings_do_not_need_pods_or_events() -> None:
    """Without pods and Events, what the object itself shows is still found."""
    known = Known(pods=False, events=False)
    quota = cluster(condition("ReplicaFailure", "True", reason="FailedCreateHeadPod", message=QUOTA))
    assert findings(quota, known=known) == ["warning quota"]


@pytest.mark.parametrize("status", [{}, {"state": "ready"}])
def test_cluster_that_says_ready_needs_a_head(status: dict[str, Any]) -> None:
    """An API server lists all pods of a cluster; a file may have a part of them."""
    objects = [cluster(HEAD_READY, **status), pod("w", phase="Running", conditions=[condition("Ready", "True")])]
    assert findings(*objects, known=Known(is_listed=True)) == ["warning no-head"]
    assert findings(*objects, pod("h", node_type="head", phase="Running"), known=Known(is_listed=True)) == []
    assert findings(*objects) == []


def test_clusters_that_run_well_need_no_more_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole diagnosis finds nothing of them, either, nor of their jobs and services."""
    objects = ObjectStore()
    Engine(objects, seed=1, speed=1, objects=500, with_pods=True).populate(lambda _made, _wanted: None)

    def diagnoses() -> dict[str, list[str]]:
        fleet = Fleet(DIAGNOSED)
        for plural in ("rayclusters", "rayjobs", "rayservices"):
            fleet.add_objects(decoded(objects, plural, DETAILED_TYPES[plural]))
        fleet.add_pods(decoded(objects, "pods", DETAILED_TYPES["pods"]))
        fleet.add_events(decoded(objects, "events", Event))
        now = datetime.now(UTC).replace(microsecond=0)
        return {
            f"{obj.kind}/{obj.metadata.name}": [
                one.cause for one in fleet.kind(obj).diagnose(obj, fleet.related(obj), now)
            ]
            for obj in fleet
        }

    quick = diagnoses()
    looked_at: list[bool] = []
    runs_well = raycluster._runs_well

    def is_not_skipped(cluster: DetailedRayCluster, related: Related) -> bool:
        looked_at.append(runs_well(cluster, related))
        return False

    monkeypatch.setattr(raycluster, "_runs_well", is_not_skipped)
    assert diagnoses() == quick
    assert looked_at.count(True) > 100


def decoded(objects: ObjectStore, plural: str, type_: type[Any]) -> list[Any]:
    return [msgspec.json.decode(event.body, type=type_) for event in objects.page(plural).items]


def test_findings_of_a_cluster_have_a_maximum_and_the_worst_stay() -> None:
    """Each of its jobs has them as well: 2,000 of them would have those of 1,000 pods."""
    pods = [pod(f"w-{n}", **unschedulable(f"0/9 nodes: {n}")) for n in range(200)]
    gate = condition("PodScheduled", "False", ago(minutes=5), reason="SchedulingGated", message="gated")
    gated = pod("w-gated", phase="Pending", conditions=[gate])
    assert "info scheduling-gated" in findings(cluster(PROVISIONING, HEAD_READY), gated, *pods[:3])
    found = findings(cluster(PROVISIONING, HEAD_READY), gated, *pods)
    assert found == [*["warning unschedulable"] * MAX_FINDINGS, "info unknown"]
