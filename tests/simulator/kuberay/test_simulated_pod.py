"""One pod: what each write of the scheduler and kubelet changes."""

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
