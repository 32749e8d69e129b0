"""A pod's status: what kubectl prints, cases of `printPod`'s own tests among them, bounded."""

from typing import Any

import pytest

from exporter.collectors.pod import PODS, bounded_status
from exporter.resources.pod_status import pod_status
from tests.support.objects import CREATED, condition, decode, manifest

RUNNING = {"running": {"startedAt": CREATED}}
INITIALIZED = condition("Initialized", "True")
Status = dict[str, Any]


def waiting(reason: str | None) -> Status:
    return {"waiting": {"reason": reason}}


def terminated(exit_code: int = 0, reason: str | None = None, signal: int | None = None) -> Status:
    return {"terminated": {"exitCode": exit_code, "reason": reason, "signal": signal}}


def container(state: Status, name: str = "c", **more: Any) -> Status:
    return {"name": name, "state": state, "lastState": {}, "restartCount": 0, "ready": "running" in state} | more


def pod(
    phase: str | None,
    *states: Status,
    init: tuple[Status, ...] = (),
    policy: str | None = None,
    deleted: bool = False,
    **status: Any,
) -> Any:
    """Return a pod whose containers have these states; `init` are statuses of init containers c0, c1, …"""
    metadata = {"deletionTimestamp": CREATED} if deleted else {}
    statuses = [init_status | {"name": f"c{i}"} for i, init_status in enumerate(init)]
    declared = [{"name": f"c{i}", "restartPolicy": policy} for i, _ in enumerate(init)]
    return manifest(
        {
            "phase": phase,
            "containerStatuses": [container(state) for state in states],
            "initContainerStatuses": statuses,
        }
        | status,
        **metadata,
    ) | {"spec": {"initContainers": declared}}


GATED = condition("PodScheduled", "False", reason="SchedulingGated")
UNSCHEDULABLE = condition("PodScheduled", "False", reason="Unschedulable")
READY = condition("Ready", "True")

CASES: dict[str, tuple[Any, str]] = {
    "no status": (manifest(), "Pending"),
    "just created": (pod("Pending"), "Pending"),
    "unschedulable": (pod("Pending", conditions=[UNSCHEDULABLE]), "Unschedulable"),
    "gated": (pod("Pending", conditions=[GATED]), "SchedulingGated"),
    "scheduled": (pod("Pending", conditions=[condition("PodScheduled", "True")]), "Pending"),
    "not scheduled, without a reason": (pod("Pending", conditions=[condition("PodScheduled", "False")]), "Pending"),
    "a container without a state": (pod("Running", containerStatuses=[{"name": "c"}]), "Running"),
    "creating": (pod("Pending", waiting("ContainerCreating")), "ContainerCreating"),
    "image": (pod("Pending", waiting("ImagePullBackOff")), "ImagePullBackOff"),
    "running": (pod("Running", RUNNING), "Running"),
    "the first container that waits is named": (
        pod("Running", waiting("ErrImagePull"), waiting("CrashLoopBackOff")),
        "ErrImagePull",
    ),
    "waiting without a reason": (pod("Pending", waiting(None)), "Pending"),
    "ended with a reason": (pod("Running", terminated(137, "OOMKilled")), "OOMKilled"),
    "ended by a signal": (pod("Failed", terminated(1, signal=9)), "Signal:9"),
    "ended with an exit code": (pod("Failed", terminated(3)), "ExitCode:3"),
    "succeeded": (pod("Succeeded", terminated(0, "Completed")), "Completed"),
    "one of two done, pod ready": (pod("Running", terminated(0, "Completed"), RUNNING, conditions=[READY]), "Running"),
    "one of two done, pod not ready": (pod("Running", terminated(0, "Completed"), RUNNING), "NotReady"),
    "init container runs": (pod("Pending", init=(container(RUNNING),)), "Init:0/1"),
    "second init container runs": (
        pod("Pending", init=(container(terminated(0, "Completed")), container(RUNNING))),
        "Init:1/2",
    ),
    "init container waits for the sandbox": (
        pod("Pending", waiting("PodInitializing"), init=(container(waiting("PodInitializing")),)),
        "Init:0/1",
    ),
    "init container's image": (pod("Pending", init=(container(waiting("ErrImagePull")),)), "Init:ErrImagePull"),
    "init container loops": (
        pod("Pending", waiting("PodInitializing"), init=(container(waiting("CrashLoopBackOff")),)),
        "Init:CrashLoopBackOff",
    ),
    "init container failed": (pod("Pending", init=(container(terminated(1, "Error")),)), "Init:Error"),
    "init container failed, exit code": (pod("Pending", init=(container(terminated(2)),)), "Init:ExitCode:2"),
    "init container failed, signal": (pod("Pending", init=(container(terminated(2, signal=15)),)), "Init:Signal:15"),
    "initialized": (
        pod("Running", RUNNING, init=(container(terminated(0, "Completed")),), conditions=[INITIALIZED]),
        "Running",
    ),
    "a sidecar that has started does not count": (
        pod("Running", RUNNING, init=(container(RUNNING, started=True),), policy="Always"),
        "Running",
    ),
    "a sidecar that has not started": (
        pod("Pending", init=(container(RUNNING, started=False),), policy="Always"),
        "Init:0/1",
    ),
    "a sidecar that ended after the start": (
        pod(
            "Running",
            waiting("CrashLoopBackOff"),
            init=(container(terminated(1, "Error")),),
            policy="Always",
            conditions=[INITIALIZED],
        ),
        "CrashLoopBackOff",
    ),
    "deleted": (pod("Running", RUNNING, deleted=True), "Terminating"),
    "deleted, ended": (pod("Failed", terminated(143, "Error"), deleted=True), "Error"),
    "deleted on a lost node": (pod("Running", RUNNING, deleted=True, reason="NodeLost"), "Unknown"),
    "evicted": (pod("Failed", reason="Evicted"), "Evicted"),
    "evicted, with containers": (pod("Failed", terminated(137, "ContainerStatusUnknown"), reason="Evicted"), "Evicted"),
    "deadline": (pod("Failed", reason="DeadlineExceeded"), "DeadlineExceeded"),
    "a reason of the kubelet": (pod("Failed", reason="OutOfcpu"), "OutOfcpu"),
    "no device left": (pod("Failed", reason="OutOfnvidia.com/gpu"), "OutOfnvidia.com/gpu"),
    "no fitting NUMA node": (pod("Failed", reason="TopologyAffinityError"), "TopologyAffinityError"),
}


@pytest.mark.parametrize(("version", "expected"), CASES.values(), ids=CASES)
def test_status_is_kubectls(version: Status, expected: str) -> None:
    """And none of these is outside the bound."""
    decoded = decode(PODS, version)
    assert (pod_status(decoded), bounded_status(decoded)) == (expected, expected)


@pytest.mark.parametrize(
    "version",
    [
        pod("Failed", reason="free text"),
        pod("Failed", reason="OutOfexample.com/anything"),
        pod("Odd"),
        pod("Pending", waiting("free text")),
        pod("Pending", init=(container(waiting("free text")),)),
        pod("Failed", terminated(123456)),
        pod("Failed", terminated(-1)),
        pod("Failed", terminated(1, "Init:0/1 and more")),
        pod("Pending", init=(*[container(terminated(0))] * 11, container(RUNNING))),
    ],
)
def test_a_status_that_is_not_known_is_other(version: Status) -> None:
    """Anyone with rights on a pod's status can write anything into it."""
    assert bounded_status(decode(PODS, version)) == "other"
