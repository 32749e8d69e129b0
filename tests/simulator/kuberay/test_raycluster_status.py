"""The status of a cluster, without empty fields."""

from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster_status import SimulatedClusterStatus
from tests.support.scenario import new_world


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
