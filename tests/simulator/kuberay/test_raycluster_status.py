"""The status of a cluster, without empty fields."""

from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster_status import SimulatedClusterStatus
from tests.support.scenario import new_world


def conditions_of(status: SimulatedClusterStatus) -> dict[str, str]:
    return {one["type"]: one["status"] for one in status.render(Shape()).get("conditions", [])}


def test_what_is_empty_is_absent() -> None:
    """Go's omitempty: 0 and "" are not written; quantities of 0 are text."""
    status = SimulatedClusterStatus(new_world()[0], "a").render(Shape(replicas=0))
    assert not {"state", "conditions", "readyWorkerReplicas", "desiredWorkerReplicas"} & status.keys()
    assert (status["desiredGPU"], status["head"]) == ("0", {"serviceName": "a-head-svc"})


def test_a_state_has_the_time_at_which_it_was_entered() -> None:
    """Of the last time; those of other states stay."""
    world, _ = new_world()
    status = SimulatedClusterStatus(world, "a")
    times = []
    for state in ("ready", "suspended", "ready"):
        world.now += 60
        status.enter_state(state)
        times.append(status.render(Shape())["stateTransitionTimes"])
    assert times[2]["ready"] > times[2]["suspended"] == times[1]["suspended"] > times[0]["ready"]


def test_provisioned_and_suspended_are_conditions() -> None:
    """Suspension makes a cluster unprovisioned, and it is not being suspended any more."""
    status = SimulatedClusterStatus(new_world()[0], "a")
    status.set_provisioned()
    assert conditions_of(status)["RayClusterProvisioned"] == "True"
    status.set_suspended()
    assert conditions_of(status) == {
        "RayClusterProvisioned": "False",
        "RayClusterSuspended": "True",
        "RayClusterSuspending": "False",
    }
    status.remove_condition("RayClusterSuspended")
    assert "RayClusterSuspended" not in conditions_of(status)


def test_a_head_that_is_lost_leaves_its_service() -> None:
    """Pod and addresses go."""
    status = SimulatedClusterStatus(new_world()[0], "a")
    status.set_head_pod_name()
    status.set_head_ips()
    had_head = status.has_head
    assert status.render(Shape())["head"].keys() == {"serviceName", "podName", "podIP", "serviceIP"}
    status.clear_head()
    assert (had_head, status.has_head) == (True, False)
    assert status.render(Shape())["head"].keys() == {"serviceName"}
