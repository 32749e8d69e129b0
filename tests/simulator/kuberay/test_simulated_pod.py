"""One pod: what each write of the scheduler and kubelet changes."""

from typing import Any

import pytest

from exporter.simulator.kuberay import pod_templates
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.simulated_object import JSON, SimulatedObject
from exporter.simulator.kuberay.simulated_pod import SimulatedPod

NOW = 1_800_000_000.0
AT, LATER = "2027-01-15T08:00:00Z", "2027-01-15T08:01:00Z"


def cluster() -> SimulatedObject:
    return SimulatedObject("rayclusters", "ns", "c", "uid", NOW, {})


def worker(gpus: int = 0) -> SimulatedPod:
    return SimulatedPod(pod_templates.worker(cluster(), Shape(gpus=gpus), 0), "ns", "c-worker-x", NOW)


def head(*, started: bool = True) -> SimulatedPod:
    """Return a head pod, which has no init container; if started, it is ready."""
    pod = SimulatedPod(pod_templates.head(cluster(), Shape()), "ns", "c-head-x", NOW)
    if started:
        pod.schedule(NOW)
        pod.create_containers(NOW)
        pod.run(NOW)
        pod.become_ready(NOW)
    return pod


def conditions(pod: SimulatedPod) -> dict[str, tuple[str, str]]:
    """Return status and reason by type, in their order."""
    found = pod.manifest()["status"].get("conditions", [])
    return {condition["type"]: (condition["status"], condition.get("reason", "")) for condition in found}


def container(pod: SimulatedPod, key: str = "containerStatuses") -> JSON:
    (status,) = pod.manifest()["status"][key]
    assert isinstance(status, dict)
    return status


def test_a_new_pod_has_a_phase_only() -> None:
    """No node, no conditions, no times."""
    manifest = head(started=False).manifest()
    assert manifest["status"] == {"phase": "Pending", "qosClass": "Guaranteed"}
    assert "nodeName" not in manifest["spec"]
    assert manifest["metadata"]["generation"] == 1
    assert "deletionTimestamp" not in manifest["metadata"]


@pytest.mark.parametrize(("gpus", "prefix"), [(0, "node-"), (1, "gpu-node-")])
def test_gpus_are_on_nodes_of_their_own(gpus: int, prefix: str) -> None:
    """The same pod is always on the same one."""
    pod, again = worker(gpus), worker(gpus)
    pod.schedule(NOW)
    again.schedule(NOW)
    assert pod.node == again.node == pod.manifest()["spec"]["nodeName"]
    assert pod.node.startswith(prefix)
    assert 1 <= int(pod.node.removeprefix(prefix)) <= 24


def test_a_failed_scheduling_keeps_its_time_until_it_succeeds() -> None:
    """A condition's time changes with its status only."""
    pod = worker()
    pod.fail_scheduling(NOW, "0/3 nodes")
    pod.fail_scheduling(NOW + 60, "0/4 nodes")
    (condition,) = pod.manifest()["status"]["conditions"]
    assert (condition["reason"], condition["message"]) == ("Unschedulable", "0/4 nodes")
    assert condition["lastTransitionTime"] == AT
    pod.schedule(NOW + 60)
    (condition,) = pod.manifest()["status"]["conditions"]
    assert (condition["status"], condition["lastTransitionTime"]) == ("True", LATER)
    assert "reason" not in condition


def test_an_init_container_runs_before_the_main_one() -> None:
    """It is ready when it has completed; the pod has an address when it runs."""
    pod = worker()
    pod.schedule(NOW)
    pod.create_containers(NOW)
    assert conditions(pod)["Initialized"] == ("False", "ContainersNotInitialized")
    assert container(pod)["state"] == {"waiting": {"reason": "PodInitializing"}}
    assert "podIP" not in pod.manifest()["status"]
    pod.run_init(NOW)
    assert container(pod, "initContainerStatuses")["started"] is True
    assert container(pod, "initContainerStatuses")["ready"] is False
    assert "podIP" in pod.manifest()["status"]
    pod.run(NOW + 60)
    init = container(pod, "initContainerStatuses")
    ended = init["state"]["terminated"]
    assert (init["ready"], ended["startedAt"], ended["finishedAt"], ended["exitCode"]) == (True, AT, LATER, 0)
    assert pod.phase == "Running"
    assert container(pod)["state"] == {"running": {"startedAt": LATER}}
    assert container(pod)["ready"] is False


@pytest.mark.parametrize(
    ("writes", "waiting"),
    [
        ([], "initContainerStatuses"),
        (["run_init"], "initContainerStatuses"),
        (["run_init", "run"], "containerStatuses"),
    ],
)
def test_the_first_container_that_has_not_ended_waits(writes: list[str], waiting: str) -> None:
    """Before `run` it is the init container."""
    pod = worker()
    pod.create_containers(NOW)
    for write in writes:
        getattr(pod, write)(NOW)
    pod.wait(NOW, "ImagePullBackOff", "no image")
    assert container(pod, waiting)["state"] == {"waiting": {"reason": "ImagePullBackOff", "message": "no image"}}


@pytest.mark.parametrize(("seconds", "delay"), [(10, "10s"), (59, "59s"), (60, "1m0s"), (80, "1m20s"), (300, "5m0s")])
def test_a_crash_loop(seconds: int, delay: str) -> None:
    """The end of a run becomes the last state, also when the container runs again."""
    pod = head()
    pod.terminate(NOW + 60, 137, "OOMKilled")
    assert conditions(pod)["Ready"] == ("False", "ContainersNotReady")
    pod.back_off(NOW + 60, seconds)
    status = container(pod)
    message = f"back-off {delay} restarting failed container=ray-head pod=c-head-x_ns({pod.uid})"
    assert status["state"] == {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert (status["restartCount"], status["ready"]) == (0, False)
    pod.restart(NOW + 60)
    status = container(pod)
    assert (status["restartCount"], status["state"]) == (1, {"running": {"startedAt": LATER}})
    assert status["lastState"]["terminated"]["exitCode"] == 137


@pytest.mark.parametrize(
    ("exit_code", "more", "phase", "expected"),
    [
        (0, {}, "Succeeded", {"Initialized": ("True", "PodCompleted"), "Ready": ("False", "PodCompleted")}),
        (1, {}, "Failed", {"Initialized": ("True", ""), "Ready": ("False", "PodFailed")}),
        (
            137,
            {"pod_reason": "Evicted", "message": "low on memory"},
            "Failed",
            {"DisruptionTarget": ("True", "TerminationByKubelet"), "ContainersReady": ("False", "PodFailed")},
        ),
    ],
)
def test_ends(exit_code: int, more: dict[str, Any], phase: str, expected: dict[str, tuple[str, str]]) -> None:
    """Success, failure, eviction."""
    pod = head()
    pod.end(NOW + 60, exit_code, "Reason", **more)
    found, status = conditions(pod), pod.manifest()["status"]
    assert {type_: found[type_] for type_ in expected} == expected
    assert ("DisruptionTarget" in found) is ("DisruptionTarget" in expected)
    assert (status["phase"], status.get("reason"), status.get("message")) == (
        phase, more.get("pod_reason"), more.get("message"),
    )  # fmt: skip
    assert container(pod)["state"]["terminated"]["exitCode"] == exit_code
    assert container(pod)["ready"] is False


@pytest.mark.parametrize(("grace", "deletion"), [(30, "2027-01-15T08:00:30Z"), (0, AT)])
def test_a_deletion_is_after_the_grace_period(grace: int, deletion: str) -> None:
    """As in the API, which stores when the pod will be gone."""
    pod = head()
    pod.mark_deleted(NOW, grace)
    metadata = pod.manifest()["metadata"]
    assert (metadata["deletionTimestamp"], metadata["deletionGracePeriodSeconds"]) == (deletion, grace)
    assert metadata["generation"] == 2


def test_a_finalizer_is_gone_when_the_pod_has_ended() -> None:
    """The Job's controller has counted it then."""
    pod = SimulatedPod(pod_templates.redis_cleanup(cluster(), Shape()), "ns", "c-cleanup", NOW)
    assert pod.manifest()["metadata"]["finalizers"] == ["batch.kubernetes.io/job-tracking"]
    pod.end(NOW, 0, "Completed")
    assert "finalizers" not in pod.manifest()["metadata"]


@pytest.mark.parametrize("write", ["run", "run_init", "restart"])
def test_writes_without_containers_create_none(write: str) -> None:
    """A pod that was never on a node."""
    pod = head(started=False)
    getattr(pod, write)(NOW)
    assert "containerStatuses" not in pod.manifest()["status"]
