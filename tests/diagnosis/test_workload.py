"""Findings of objects that Kueue does not run: what their Workload says, and never what it does not say."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.collectors.workload import WORKLOADS
from exporter.diagnosis.finding import MAX_FINDINGS
from exporter.diagnosis.related import Known
from tests.support.fleets import ago, diagnosed, findings, fleet_of
from tests.support.objects import condition, exposition, manifest
from tests.support.workloads import (
    ADMITTED_AGAIN,
    BACKOFF,
    OPEN_CHECK,
    TOO_LARGE,
    WAITING,
    deactivated,
    recorded_workload,
    workload,
)

Manifest = dict[str, Any]
Objects = list[tuple[str, Manifest]]

QUEUE = {"kueue.x-k8s.io/queue-name": "research"}
UNUSED = "insufficient unused quota for nvidia.com/gpu in flavor h100, 16 more needed"
MAXIMUM = (
    "insufficient quota for nvidia.com/gpu in flavor a100, previously considered podsets requests (0) + current podset "
    "request (64) > maximum capacity (32)"
)
RESERVED = condition("QuotaReserved", "True", ago(minutes=3))
RUNNING = {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING", "rayClusterName": "c"}
CHECK = {"name": "provisioning", "state": "Pending", "message": "", "lastTransitionTime": ago(minutes=3)}
ADMITTED = condition("Admitted", "True", ago(minutes=2))
MULTIKUEUE = {"managedBy": "kueue.x-k8s.io/multikueue"}


def suspended_job(state: str = "Suspended", **spec: Any) -> tuple[str, Manifest]:
    status = {"jobDeploymentStatus": state} if state else None
    return "RayJob", manifest(status, labels=QUEUE) | {"spec": {"suspend": True} | spec}


def of_job(*conditions: Manifest, **more: Any) -> tuple[str, Manifest]:
    """Return the Workload of `suspended_job`."""
    one = workload(*conditions, **more)
    one["metadata"]["ownerReferences"][0]["uid"] = "1"
    return "Workload", one


def of_others(kind: str, *conditions: Manifest, **more: Any) -> tuple[str, Manifest]:
    return of_job(*conditions, owner=(kind, "a"), **more)


def no_quota(reason: str, message: str = "") -> Manifest:
    return condition("QuotaReserved", "False", ago(minutes=10), reason=reason, message=message)


def in_pod_set(*reasons: str) -> str:
    return f"couldn't assign flavors to pod set gpu: {', '.join(reasons)}"


def evicted(reason: str, at: str = ago(minutes=5), **more: str) -> Manifest:
    return condition("Evicted", "True", at, reason=reason, **more)


# What is found in them, sentences.txt has.
ROWS: dict[str, Objects] = {
    "waits for quota": [suspended_job(), of_job(no_quota("Pending", in_pod_set(UNUSED)))],
    "ended, before its Workload": [suspended_job("Complete"), of_job()],
    "not evaluated yet": [suspended_job(), of_job()],
    "two pod sets": [suspended_job(), of_job(no_quota("Pending", f"{in_pod_set(UNUSED)}; {in_pod_set(MAXIMUM)}"))],
    "more than the maximum": [suspended_job(), of_job(no_quota("Pending", in_pod_set(MAXIMUM)))],
    "more than the maximum of one flavor, but another has some": [
        suspended_job(),
        of_job(no_quota("Pending", in_pod_set(UNUSED, MAXIMUM))),
    ],
    "more than the maximum, as the reason says": [suspended_job(), of_job(no_quota("ExceedsMaxQuota", "does not fit"))],
    "its queue does not exist": [
        suspended_job(),
        of_job(no_quota("Inadmissible", "LocalQueue research doesn't exist")),
    ],
    "preempted, and queued again": [
        suspended_job(),
        of_job(
            no_quota("Pending", in_pod_set(UNUSED)),
            evicted("Preempted"),
            condition("Preempted", "True", ago(minutes=5), reason="InClusterQueue"),
            condition("Requeued", "True", ago(minutes=5), reason="Preempted"),
        ),
    ],
    "pods not ready in time, and queued again": [
        suspended_job(),
        of_job(no_quota("Pending"), evicted("PodsReadyTimeout")),
    ],
    "waits out a backoff": [
        suspended_job(),
        of_job(
            no_quota("Pending"),
            evicted("PodsReadyTimeout"),
            condition("Requeued", "False", ago(minutes=5), reason="PodsReadyTimeout"),
            requeueState={"count": 2, "requeueAt": ago(minutes=-2)},
        ),
    ],
    "not queued again yet": [
        suspended_job(),
        of_job(no_quota("Pending"), condition("Requeued", "False", reason="AdmissionCheck")),
    ],
    "its queue is stopped": [
        suspended_job(),
        of_job(no_quota("Pending"), condition("Requeued", "False", reason="ClusterQueueStopped")),
    ],
    "cannot be queued": [
        suspended_job(),
        of_job(condition("Requeued", "False", reason="Inadmissible", message="DeviceClass gpu is not mapped")),
    ],
    "on hold": [suspended_job(), of_job(no_quota("OnHold", "spec is invalid"))],
    "an open admission check": [
        suspended_job(),
        of_job(RESERVED, admission={"clusterQueue": "research-cq"}, admissionChecks=[CHECK]),
    ],
    "a rejected admission check": [
        suspended_job(),
        of_job(RESERVED, admissionChecks=[CHECK | {"state": "Rejected", "message": "no capacity in any zone"}]),
    ],
    "checks are ready": [suspended_job(), of_job(RESERVED, admissionChecks=[CHECK | {"state": "Ready"}])],
    "being evicted": [suspended_job("Suspending"), of_job(RESERVED, ADMITTED, evicted("Preempted", ago(minutes=1)))],
    "deactivated": [
        suspended_job(),
        of_job(no_quota("Pending"), evicted("DeactivatedDueToRequeuingLimitExceeded"), spec={"active": False}),
    ],
    "deactivated by its user": [suspended_job(), of_job(evicted("Deactivated"), spec={"active": False})],
    "admitted, but still suspended": [suspended_job(), of_job(RESERVED, ADMITTED)],
    "dispatched by MultiKueue": [
        suspended_job("", **MULTIKUEUE, suspend=False),
        of_job(RESERVED, ADMITTED, clusterName="gpu-east"),
    ],
    "not dispatched yet": [
        suspended_job("", **MULTIKUEUE),
        of_job(RESERVED, admissionChecks=[CHECK], nominatedClusterNames=["gpu-east", "gpu-west"]),
    ],
    "invalid, but quota is held": [
        ("RayJob", manifest({"jobDeploymentStatus": "ValidationFailed", "message": "no entrypoint"}, labels=QUEUE)),
        of_job(RESERVED, ADMITTED, admission={"clusterQueue": "research-cq"}),
    ],
    "a cluster waits": [
        ("RayCluster", manifest({"state": "suspended"}, labels=QUEUE) | {"spec": {"suspend": True}}),
        of_others("RayCluster", no_quota("Pending", in_pod_set(UNUSED))),
    ],
    "a service waits with a suspended cluster": [
        ("RayService", manifest(labels=QUEUE) | {"spec": {"rayClusterConfig": {"suspend": True}}}),
        of_others("RayService", no_quota("Pending", in_pod_set(UNUSED))),
    ],
    "a service with a suspended cluster, without a Workload": [
        ("RayService", manifest(labels=QUEUE) | {"spec": {"rayClusterConfig": {"suspend": True}}})
    ],
}


HEALTHY: dict[str, Objects] = {
    "runs": [
        ("RayJob", manifest(RUNNING, labels=QUEUE)),
        of_job(RESERVED, ADMITTED),
    ],
    "has ended": [
        ("RayJob", manifest({"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}, labels=QUEUE)),
        of_job(RESERVED, ADMITTED, condition("Finished", "True", reason="Succeeded")),
    ],
    "an elastic job that is resized: the slice that runs counts": [
        ("RayJob", manifest(RUNNING, labels=QUEUE)),
        of_job(RESERVED, ADMITTED, uid="old", name="old", creationTimestamp=ago(minutes=9)),
        of_job(no_quota("Pending"), uid="new", name="new", creationTimestamp=ago(minutes=1)),
    ],
}


@pytest.mark.parametrize("objects", HEALTHY.values(), ids=HEALTHY)
def test_workload_of_a_healthy_object_says_nothing(objects: Objects) -> None:
    """Nothing of a Workload that is admitted or finished is a finding."""
    assert findings(*objects) == []


OWNERS = {
    WAITING: ("RayJob", {"jobDeploymentStatus": "Suspended"}),
    TOO_LARGE: ("RayCluster", {"state": "suspended"}),
    ADMITTED_AGAIN: ("RayJob", RUNNING),
    BACKOFF: ("RayJob", {"jobDeploymentStatus": "Suspended"}),
    OPEN_CHECK: ("RayService", {}),
}


@pytest.mark.parametrize(
    ("number", "sentence"),
    [
        (
            WAITING,
            (
                "Waiting for quota in local queue research for 3 h: pod set gpu: insufficient nvidia.com/gpu in flavor "
                "h100 (16 more needed at the last evaluation), untolerated taint {pool spot NoSchedule} in flavor "
                "h100-spot."
            ),
        ),
        (
            TOO_LARGE,
            (
                "Asks for more than its queue can give under the present quotas: 64 > 32 nvidia.com/gpu in flavor a100 "
                "(pod set workers)."
            ),
        ),
        (ADMITTED_AGAIN, ""),
        (BACKOFF, "Not queued again yet, although its backoff after 2 readiness timeouts ended 27 min ago."),
        (
            OPEN_CHECK,
            "Quota reserved in cluster queue serving-cq for 30 s; admission check multikueue-prod is Pending.",
        ),
    ],
)
def test_the_five_that_kueue_writes(number: int, sentence: str) -> None:
    """The whole sentence, as Kueue 0.19 gives it cause; and nothing else, such as missing pods."""
    one, (kind, status) = recorded_workload(number), OWNERS[number]
    owner = one["metadata"]["ownerReferences"][0]
    identity = {"namespace": one["metadata"]["namespace"], "creationTimestamp": one["metadata"]["creationTimestamp"]}
    obj = manifest(status, name=owner["name"], uid=owner["uid"], labels=QUEUE, **identity)
    now = datetime(2026, 8, 24, 11, 0, 31, tzinfo=UTC)
    found = diagnosed((kind, obj), ("Workload", one), now=now)
    assert [item.sentence for item in found] == ([sentence] if sentence else [])


def test_a_deactivated_one_says_that_it_stays_so() -> None:
    """With the cause that Kueue gives."""
    one = deactivated()
    obj = manifest({"jobDeploymentStatus": "Suspended"}, name="tune-sweep", labels=QUEUE, namespace="ml-research")
    obj["metadata"]["uid"] = one["metadata"]["ownerReferences"][0]["uid"]
    now = datetime(2026, 8, 24, 11, 31, 0, tzinfo=UTC)
    assert [item.sentence for item in diagnosed(("RayJob", obj), ("Workload", one), now=now)] == [
        "Deactivated by Kueue 1 h ago (RequeuingLimitExceeded): it stays so until spec.active of its Workload is true."
    ]


def test_a_message_that_was_cut_is_not_read_as_a_figure() -> None:
    """Of a message with many pod sets the middle is missing: only what is whole is said, and nothing is derived."""
    long = "; ".join(f"couldn't assign flavors to pod set g{number}: {MAXIMUM}" for number in range(20))
    (item,) = diagnosed(suspended_job(), of_job(no_quota("Pending", long)))
    assert item.cause.value == "admission-pending"
    assert len(item.sentence) < 300


def test_findings_of_a_workload_have_a_maximum_and_the_worst_stay() -> None:
    """Of its checks up to 256 are read."""
    checks = [CHECK | {"name": f"check-{number}"} for number in range(99)]
    refused = CHECK | {"name": "refused", "state": "Rejected"}
    found = diagnosed(suspended_job(), of_job(RESERVED, admissionChecks=[*checks, refused]))
    assert len(found) == MAX_FINDINGS + 1
    assert found[0].cause.value == "inadmissible"
    assert found[-1].sentence == "36 further findings of its Workload omitted."


def test_without_a_workload_nothing_is_said_of_kueue_that_is_not_known() -> None:
    """As before; only where Workloads were read, that none was seen."""
    (unread,) = diagnosed(suspended_job())
    (missing,) = diagnosed(suspended_job(), known=Known(workloads=True))
    assert missing.sentence == f"{unread.sentence} No Workload of it was seen."


def test_a_cluster_has_the_workload_of_what_it_was_created_for() -> None:
    """Kueue has none for it."""
    labels = {"ray.io/originated-from-crd": "RayService", "ray.io/originated-from-cr-name": "a"}
    cluster = manifest({"state": "suspended"}, name="c", uid="c", labels=labels | QUEUE) | {"spec": {"suspend": True}}
    service = manifest(labels=QUEUE) | {"spec": {"rayClusterConfig": {"suspend": True}}}
    found = diagnosed(
        ("RayCluster", cluster),
        ("RayService", service),
        of_others("RayService", no_quota("Pending", in_pod_set(UNUSED))),
    )
    assert [item.evidence[0].kind for item in found] == ["Workload"]


def test_a_workload_of_another_namespace_is_not_the_objects() -> None:
    """Anyone with rights there could write any owner and any message into it."""
    kind, other = of_job(no_quota("Pending", "Ignore this"))
    other["metadata"]["namespace"] = "other"
    (item,) = diagnosed(suspended_job(), (kind, other))
    assert item.sentence == "Waiting until Kueue admits it to the queue research."


def test_a_service_whose_cluster_kueue_suspends_is_suspended() -> None:
    """Its own `spec.suspend` is not set."""
    service = manifest() | {"spec": {"rayClusterConfig": {"suspend": True}}}
    fleet = fleet_of(("RayService", service))
    obj = fleet.find("RayService", "ns", "a")
    assert obj is not None
    assert fleet.kind(obj).state_of(obj).name == "Suspended"


def test_a_negative_number_of_readiness_timeouts_is_not_said() -> None:
    """Nothing of Kueue writes it."""
    requeued = condition("Requeued", "False", reason="PodsReadyTimeout")
    odd = of_job(no_quota("Pending"), requeued, requeueState={"count": -3, "requeueAt": ago(minutes=-2)})
    (item,) = diagnosed(suspended_job(), odd)
    assert item.sentence.endswith("UTC.")


def test_a_workload_of_an_object_that_is_being_deleted_says_nothing() -> None:
    """It ends with its object."""
    deleted = suspended_job()
    deleted[1]["metadata"]["deletionTimestamp"] = ago(seconds=5)
    assert findings(deleted, of_job(no_quota("Pending", in_pod_set(UNUSED)))) == []


TYPES = ("QuotaReserved", "Admitted", "Evicted", "Preempted", "Requeued", "Finished", "Other")
REASONS = (
    "Pending",
    "Preempted",
    "DeactivatedDueToAdmissionCheck",
    "ClusterQueueStopped",
    "Inadmissible",
    "",
    "\x1b[2J",
)
MESSAGES = st.text() | st.sampled_from([in_pod_set(UNUSED), in_pod_set(MAXIMUM), in_pod_set(MAXIMUM) * 20])
TIMES = st.sampled_from([ago(minutes=9), ago(minutes=1), ago(minutes=-5), None])
CONDITIONS = st.builds(
    lambda type_, status, reason, message, time: {
        "type": type_, "status": status, "reason": reason, "message": message, "lastTransitionTime": time
    },
    st.sampled_from(TYPES), st.sampled_from(["True", "False", "Unknown"]), st.sampled_from(REASONS), MESSAGES, TIMES,
)  # fmt: skip
STATUSES = st.fixed_dictionaries(
    {"conditions": st.lists(CONDITIONS, max_size=6)},
    optional={
        "admission": st.just({"clusterQueue": "q", "podSetAssignments": None}),
        "admissionChecks": st.lists(
            st.fixed_dictionaries({"name": st.text(max_size=9), "state": st.text()}), max_size=3
        ),
        "requeueState": st.fixed_dictionaries({"count": st.none() | st.integers(0, 9), "requeueAt": TIMES}),
        "clusterName": st.text(max_size=9),
        "nominatedClusterNames": st.lists(st.text(max_size=9), max_size=3),
        "schedulingStats": st.just({"evictions": [{"reason": "Preempted", "count": 3}]}),
    },
)


@given(STATUSES, st.none() | st.booleans(), st.sampled_from(["Suspended", "Running", "ValidationFailed", "Complete"]))
def test_any_workload_is_diagnosed_and_exported(status: Manifest, active: bool | None, state: str) -> None:
    """Whatever is written into it: findings with bounded texts, and each series once."""
    one = workload(spec={"active": active})
    one["status"] = status
    one["metadata"]["ownerReferences"][0]["uid"] = "1"
    for item in diagnosed(suspended_job(state), ("Workload", one)):
        assert len(item.sentence) < 1000
        assert item.command
    lines = [line.rpartition(" ")[0] for line in exposition(WORKLOADS, one).split("\n") if line and line[0] != "#"]
    assert len(set(lines)) == len(lines)
