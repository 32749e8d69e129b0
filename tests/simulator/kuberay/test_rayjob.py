"""One simulated RayJob: its states in order, and what stays of it."""

from typing import Any

import pytest

from exporter.simulator.kuberay import fleet, rayjob, rayjob_plan
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from tests.support.scenario import new_world, objects, run_steps

DAY = 86_400.0


def states_of(plan: JobPlan) -> list[dict[str, Any]]:
    """Return the status at each change of the deployment status, until the job ends or is deleted."""
    world, store = new_world()
    job = rayjob.create(world, fleet.random_tenant(world), plan)
    seen: list[dict[str, Any]] = []
    for _ in run_steps(world, job.run(), DAY):
        for obj in objects(store, "rayjobs"):
            status = obj.get("status", {})
            if not seen or status.get("jobDeploymentStatus") != seen[-1].get("jobDeploymentStatus"):
                seen.append(status)
    return seen


@pytest.mark.parametrize(
    ("attempts", "states", "failed"),
    [
        ((rayjob_plan.SUCCEEDED,), [None, "Initializing", "Running", "Complete"], 0),
        ((rayjob_plan.APP_FAILED,), [None, "Initializing", "Running", "Failed"], 1),
        (
            (rayjob_plan.APP_FAILED, rayjob_plan.SUCCEEDED),
            [None, "Initializing", "Running", "Retrying", None, "Initializing", "Running", "Complete"],
            1,
        ),
    ],
)
def test_a_job_goes_through_the_states_of_its_plan(attempts: tuple[str, ...], states: list[Any], failed: int) -> None:
    """Each attempt from Initializing to its end; failed ones are counted."""
    seen = states_of(JobPlan(attempts, mode="HTTPMode", backoff_limit=len(attempts) - 1))
    assert [status.get("jobDeploymentStatus") or None for status in seen] == states
    assert seen[-1]["failed"] == failed
    assert seen[-1]["startTime"] <= seen[-1]["endTime"]


def test_a_job_with_a_time_to_live_is_gone_with_its_cluster() -> None:
    """Deleted by the operator, and its cluster with it."""
    world, store = new_world()
    job = rayjob.create(world, fleet.random_tenant(world), JobPlan(ttl_seconds=10))
    list(run_steps(world, job.run(), DAY))
    assert [objects(store, plural) for plural in ("rayjobs", "rayclusters")] == [[], []]
    assert world.object_count == 0
