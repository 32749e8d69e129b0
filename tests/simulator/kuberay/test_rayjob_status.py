"""The status of a job: what a write changes, and what it clears."""

from exporter.simulator.kuberay import fleet, rayjob
from exporter.simulator.kuberay.rayjob import SimulatedJob
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from tests.support.scenario import new_world, objects


def new_job(mode: str = "HTTPMode") -> SimulatedJob:
    world, _ = new_world()
    return rayjob.create(world, fleet.random_tenant(world), JobPlan(mode=mode))


def test_a_write_changes_the_named_fields_and_none_removes_one() -> None:
    """The rest stays, in the store too."""
    world, store = new_world()
    job = rayjob.create(world, fleet.random_tenant(world), JobPlan())
    job.write(jobStatus="RUNNING", message="m")
    job.write(message=None, reason="r")
    assert job.status == {"jobStatus": "RUNNING", "reason": "r"}
    assert objects(store, "rayjobs")[0]["status"] == job.status


def test_an_interactive_job_has_no_id_until_its_user_submits_it() -> None:
    """All others have one from Initializing on."""
    assert [_is_named(mode) for mode in ("HTTPMode", "InteractiveMode")] == [True, False]


def _is_named(mode: str) -> bool:
    job = new_job(mode)
    job.initialize()
    assert job.status["jobDeploymentStatus"] == "Initializing"
    assert job.status["rayClusterName"].startswith(job.obj.name)
    return "jobId" in job.status


def test_a_new_attempt_starts_without_the_fields_of_the_last_one() -> None:
    """Its cluster, its id, its reason; the number of failed attempts stays."""
    job = new_job()
    job.initialize()
    job.write(failed=1, reason="AppFailed", jobStatus="FAILED")
    job.reset(jobDeploymentStatus="")
    assert not {"jobId", "rayClusterName", "reason", "jobStatus"} & job.status.keys()
    assert job.status["failed"] == 1
