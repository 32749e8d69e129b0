"""One simulated RayJob: its states in order, and what stays of it."""

from exporter.simulator.kuberay import fleet, rayjob
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from tests.support.scenario import new_world, objects, run_steps

DAY = 86_400.0


def test_a_job_with_a_time_to_live_is_gone_with_its_cluster() -> None:
    """Deleted by the operator, and its cluster with it."""
    world, store = new_world()
    job = rayjob.create(world, fleet.random_tenant(world), JobPlan(ttl_seconds=10))
    list(run_steps(world, job.run(), DAY))
    assert [objects(store, plural) for plural in ("rayjobs", "rayclusters")] == [[], []]
    assert world.object_count == 0
