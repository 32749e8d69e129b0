"""Totals of pods: ends and restarts by difference, with their reasons; times to scheduling and to Ready."""

from typing import Any

import pytest

from exporter.collectors.pod import NODES, PODS, SUBMITTERS
from exporter.resources.meta import MAX_COUNT
from tests.support.lifecycles import Lifecycles
from tests.support.objects import CREATED, condition, manifest

AT = "2026-11-23T10:00:40Z"
NAMES = {"head": {"ray.io/node-type": "head"}, "worker": {"ray.io/node-type": "worker"}, "submitter": {}}


def ended(reason: str, exit_code: int = 1, at: str = AT) -> dict[str, Any]:
    return {"terminated": {"reason": reason, "exitCode": exit_code, "finishedAt": at}}


def container(restarts: int = 0, state: dict[str, Any] | None = None, last: dict[str, Any] | None = None) -> Any:
    return {"name": "ray", "restartCount": restarts, "state": state or {"running": {}}, "lastState": last or {}}


def pod(*containers: Any, node_type: str = "worker", uid: str = "1", deleted: bool = False, **status: Any) -> Any:
    metadata = {"deletionTimestamp": AT} if deleted else {}
    fields = {"phase": "Running", "containerStatuses": list(containers)} | status
    return manifest(fields, uid=uid, labels=NAMES[node_type], **metadata)


def counted(*versions: dict[str, Any], first: tuple[dict[str, Any], ...] = ()) -> dict[str, float]:
    """Return what is counted of these versions after a first list, but for the histograms."""
    lifecycles = Lifecycles(PODS).on_list(*first)
    for version in versions:
        lifecycles.change(version)
    return {name: count for name, count in lifecycles.counted().items() if "duration" not in name}


# Ends and restarts.


def test_out_of_memory_counts_when_the_container_is_restarted() -> None:
    """kube-state-metrics #344, #2153: OOMKilled is in `state` for milliseconds, and then in `lastState`."""
    killed = ended("OOMKilled", 137)
    assert counted(pod(container()), pod(container(1, last=killed), node_type="worker")) == {
        "terminated worker OOMKilled": 1,
        "restarts worker": 1,
    }


def test_out_of_memory_counts_once_however_long_it_is_the_last_state() -> None:
    """A gauge of the last reason stays 1 for ever; a counter grows once."""
    version = pod(container(1, last=ended("OOMKilled", 137)))
    assert counted(pod(container()), version, version, version)["terminated worker OOMKilled"] == 1


def test_three_restarts_at_once_have_one_known_reason() -> None:
    """Those of the two before were overwritten."""
    assert counted(pod(container(1)), pod(container(4, last=ended("OOMKilled", 137))), first=(pod(container(1)),)) == {
        "terminated worker OOMKilled": 1,
        "terminated worker other": 2,
        "restarts worker": 3,
    }


def test_millions_of_restarts_at_once_are_counted_as_fast_as_one() -> None:
    """Anyone with rights on a pod's status can write any number."""
    assert counted(pod(container(MAX_COUNT)))["restarts worker"] == MAX_COUNT


def test_the_state_of_a_container_that_will_be_restarted_is_not_yet_counted() -> None:
    """It is, once, when restartCount grows."""
    dead = pod(container(0, ended("Error")))
    waits = pod(container(0, {"waiting": {"reason": "CrashLoopBackOff"}}, ended("Error")))
    assert counted(pod(container()), dead, waits) == {}
    assert counted(pod(container()), dead, waits, pod(container(1, last=ended("Error")))) == {
        "terminated worker Error": 1,
        "restarts worker": 1,
    }


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        pytest.param({"phase": "Failed", "reason": "Evicted"}, "Evicted", id="evicted"),
        pytest.param({"phase": "Failed", "reason": "DeadlineExceeded"}, "DeadlineExceeded", id="deadline"),
        pytest.param({"phase": "Failed", "reason": "NodeShutdown"}, "other", id="another reason of the pod"),
        pytest.param({"phase": "Failed"}, "Error", id="failed"),
        pytest.param({"phase": "Succeeded"}, "Completed", id="succeeded"),
    ],
)
def test_a_pod_that_ended_counts_once_with_the_pods_own_reason(status: dict[str, Any], reason: str) -> None:
    """kube-state-metrics #1158, #1389: the reason of an evicted pod is in `status.reason`, not in a container."""
    version = pod(container(0, ended("Error", 137)), **status)
    assert counted(pod(container()), version, version) == {f"terminated worker {reason}": 1}


def test_the_end_of_a_pod_without_containers_counts() -> None:
    """An evicted pod may have no status of a container."""
    assert counted(pod(), pod(phase="Failed")) == {"terminated worker other": 1}


def test_an_end_that_a_deletion_causes_is_not_counted() -> None:
    """A scale-down would look like errors; what ended before the deletion counts."""
    killed = pod(container(0, ended("Error", 143)), phase="Failed", deleted=True)
    assert counted(pod(container()), pod(container(), deleted=True), killed) == {}
    failed = pod(container(0, ended("Error")), phase="Failed")
    assert counted(pod(container()), failed, killed) == {"terminated worker Error": 1}


def test_an_eviction_that_is_seen_with_the_deletion_counts() -> None:
    """The operator deletes an evicted pod within milliseconds."""
    assert counted(pod(container()), pod(phase="Failed", reason="Evicted", deleted=True)) == {
        "terminated worker Evicted": 1
    }


def test_what_the_first_list_shows_of_pods_is_not_counted() -> None:
    """Restarts and ends before the start of the exporter."""
    first = (pod(container(7, last=ended("OOMKilled"))), pod(phase="Failed", uid="2"))
    assert counted(*first, first=first) == {}


@pytest.mark.parametrize("node_type", NAMES)
def test_totals_are_by_node_type(node_type: str) -> None:
    """A submitter has no label for it."""
    assert counted(pod(container(), node_type=node_type), pod(container(1), node_type=node_type)) == {
        f"terminated {node_type} other": 1,
        f"restarts {node_type}": 1,
    }


def test_totals_survive_the_pods() -> None:
    """The operator replaces a pod that failed at once."""
    lifecycles = Lifecycles(PODS).on_list().change(pod(container())).change(pod(container(2)))
    assert lifecycles.change(removed=("1",)).counted()["restarts worker"] == 2


# Times.


def times(*versions: dict[str, Any], first: tuple[dict[str, Any], ...] = ()) -> dict[str, float]:
    """Return counts and sums of the histograms, by their names without unit."""
    lifecycles = Lifecycles(PODS).on_list(*first)
    for version in versions:
        lifecycles.change(version)
    return {
        name.replace("_duration_seconds", ""): count
        for name, count in lifecycles.counted().items()
        if "_count" in name or "_sum" in name
    }


def test_times_from_creation_to_scheduling_and_to_ready() -> None:
    """Each pod once."""
    placed = condition("PodScheduled", "True", "2026-11-23T10:00:05Z")
    ready = pod(container(), conditions=[placed, condition("Ready", "True", AT)])
    assert times(pod(), pod(conditions=[placed]), ready, ready) == {
        "scheduling_count worker": 1,
        "scheduling_sum worker": 5,
        "startup_count worker": 1,
        "startup_sum worker": 40,
    }


def test_a_pod_that_becomes_ready_again_is_not_measured_again() -> None:
    """Nor is one whose first Ready was before the first list: there is no time of it any more."""
    started = {"running": {"startedAt": "2026-11-23T10:00:10Z"}}
    lost = pod(container(0, started), conditions=[condition("Ready", "False", AT)])
    back = pod(container(0, started), conditions=[condition("Ready", "True", "2026-11-23T11:00:00Z")])
    assert times(lost, back, first=(lost,)) == {}
    ready = pod(container(0, started), conditions=[condition("Ready", "True", AT)])
    assert times(pod(), ready, lost, back)["startup_count worker"] == 1


def test_a_pod_that_was_never_ready_is_measured_at_its_first_ready() -> None:
    """Ready is false from the start of a pod on, before its containers start."""
    started = {"running": {"startedAt": "2026-11-23T10:00:10Z"}}
    new = pod(container(0, started), conditions=[condition("Ready", "False", CREATED)])
    ready = pod(container(0, started), conditions=[condition("Ready", "True", AT)])
    assert times(new, ready, first=(new,))["startup_sum worker"] == 40


# Selection.


def test_no_pod_is_selected_twice_and_redis_cleanup_not_at_all() -> None:
    """Two informers must not write the same object; a cleanup pod is neither head nor worker."""
    assert NODES.label_selector == "ray.io/node-type in (head,worker)"
    assert SUBMITTERS.label_selector == "ray.io/originated-from-crd=RayJob,!ray.io/node-type"
