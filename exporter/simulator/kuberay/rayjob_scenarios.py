"""What becomes of RayJobs: one function per scenario, one call per life."""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay import fleet, rayjob, rayjob_plan
from exporter.simulator.kuberay.raycluster import FOREVER
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.rayjob_plan import Plan
from exporter.simulator.kuberay.world import Stays, World

_INVALID: Final = (
    "The RayJob spec is invalid: a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended"
)


def succeeds(world: World) -> Stays:
    mode = world.random.choice(("K8sJobMode", "K8sJobMode", "HTTPMode"))
    return _run(world, Plan(mode=mode, shuts_down=world.random.random() < 0.6))


def stopped(world: World) -> Stays:
    """Stopped by a user, which the operator calls Complete."""
    return _run(world, Plan(attempts=(rayjob_plan.STOPPED,), mode="HTTPMode", runs=(30, 120)))


def fails(world: World) -> Stays:
    return _run(
        world, Plan(attempts=(rayjob_plan.APP_FAILED,), backoff_limit=world.random.choice((-1, 0)), runs=(30, 200))
    )


def fails_otherwise(world: World) -> Stays:
    """Any reason but the application's own fault."""
    reason = world.in_turn(*rayjob_plan.FAILURES[1:])
    runs = (100.0, 130.0) if reason == rayjob_plan.DEADLINE else (20.0, 90.0)
    return _run(world, Plan((reason,), backoff_limit=-1, runs=runs, lingers=(90, 240), shuts_down=True))


def retries_and_succeeds(world: World) -> Stays:
    attempts = (rayjob_plan.APP_FAILED, rayjob_plan.SUCCEEDED)
    plan = Plan(attempts, mode="HTTPMode", runs=(20, 90), backoff_limit=2, ends_at=_soon(world))
    return _run(world, plan)


def retries_and_fails(world: World) -> Stays:
    attempts = (rayjob_plan.APP_FAILED, rayjob_plan.SUBMISSION_FAILED, rayjob_plan.APP_FAILED)
    plan = Plan(attempts, mode="HTTPMode", runs=(15, 60), backoff_limit=2, ends_at=_soon(world))
    return _run(world, plan)


def queued(world: World) -> Stays:
    """Suspended from birth, admitted by Kueue later."""
    return _run(world, Plan((rayjob_plan.QUEUED, rayjob_plan.SUCCEEDED), queued=True, runs=(40, 160), shuts_down=True))


def preempted(world: World) -> Stays:
    """Suspended while it ran, resumed, then Complete."""
    return _run(
        world, Plan((rayjob_plan.PREEMPTED, rayjob_plan.SUCCEEDED), queued=True, runs=(30, 120), waits=(20, 90))
    )


def interactive(world: World) -> Stays:
    return _run(world, Plan(mode="InteractiveMode", backoff_limit=-1, runs=(30, 120), waits=(30, 180)))


def vanishes(world: World) -> Stays:
    """ttlSecondsAfterFinished 0: gone before a scrape sees the end."""
    end = world.random.choice((rayjob_plan.SUCCEEDED, rayjob_plan.SUCCEEDED, rayjob_plan.APP_FAILED))
    return _run(world, Plan((end,), runs=(20, 120), ttl=0))


def deletes_itself(world: World) -> Stays:
    return _run(world, Plan(runs=(30, 120), ttl=world.random.choice((30, 60, 300)), shuts_down=True))


def deleted_midway(world: World) -> Stays:
    job = rayjob.create(world, fleet.place(world), Plan())
    yield from job.reach_running()
    yield world.uniform(20, 90)
    yield from job.delete()


def stuck_deleting(world: World) -> Stays:
    """Deleted while it ran, but somebody's finalizer is never taken off."""
    job = rayjob.create(world, fleet.place(world), Plan())
    yield from job.reach_running()
    yield world.uniform(300, 900)
    job.resource.finalizers = [*job.resource.finalizers, fleet.FOREIGN_FINALIZER]
    job.resource.mark_deleted(world.now)
    world.put(job.resource)
    yield FOREVER


def runs_long(world: World) -> Stays:
    job = rayjob.create(world, fleet.place(world), Plan(deadline_seconds=7 * 24 * 3600))
    yield from job.reach_running()
    yield FOREVER


def never_starts(world: World) -> Stays:
    """Initializing for hours: its cluster's head never gets ready."""
    job = rayjob.create(world, fleet.place(world), Plan())
    yield from job.reach_initializing()
    yield FOREVER


def never_admitted(world: World) -> Stays:
    forever = (FOREVER, FOREVER)
    return _run(world, Plan((rayjob_plan.QUEUED, rayjob_plan.SUCCEEDED), queued=True, waits=forever))


def invalid(world: World) -> Stays:
    """Refused by the operator: no finalizer, no cluster, no start."""
    place = fleet.place(world)
    plan = Plan(mode="HTTPMode")
    name = world.name(rayjob.PLURAL, place.namespace, "bad-spec")
    spec = {
        **rayjob_plan.job_spec(world, plan, fleet.shape(world)),
        "shutdownAfterJobFinishes": False,
        "suspend": True,
    }
    resource = world.resource(
        rayjob.PLURAL,
        place.namespace,
        name,
        spec,
        labels=place.labels(),
        manager=place.manager,
        spec_fields=world.manifests.job_fields,
    )
    world.put(resource)
    yield 0.01
    status = {
        "failed": 0,
        "jobDeploymentStatus": "ValidationFailed",
        "message": _INVALID,
        "rayClusterStatus": empty_status(),
        "rayJobInfo": {},
        "reason": "ValidationFailed",
        "succeeded": 0,
    }
    resource.write_status(world.now, status)
    world.put(resource)
    yield FOREVER


def elsewhere(world: World) -> Stays:
    """Kueue runs it on another cluster and has not reported back: no status at all."""
    yield from _remote(world).start_elsewhere()
    yield FOREVER


def mirrored(world: World) -> Stays:
    """Kueue copies the status of a finished job from the cluster it ran on."""
    job = _remote(world)
    yield from job.start_elsewhere()
    begun = world.now
    yield world.uniform(60, 240)
    ran = world.now - begun
    name = f"{job.resource.name}-{world.suffix()}"
    place = f"{name}-head-svc.{job.resource.namespace}.svc.cluster.local:8265"
    status = {
        "dashboardURL": place,
        "endTime": stamp(world.now),
        "failed": 0,
        "jobDeploymentStatus": "Complete",
        "jobId": f"{job.resource.name}-{world.suffix()}",
        "jobStatus": "SUCCEEDED",
        "message": "Job finished successfully.",
        "rayClusterName": name,
        "rayJobInfo": {"startTime": stamp(begun + 0.1 * ran), "endTime": stamp(begun + 0.95 * ran)},
        "startTime": stamp(begun),
        "succeeded": 1,
    }
    job.resource.status_manager = "kueue"
    job.resource.write_status(world.now, status)
    world.put(job.resource)
    yield world.uniform(600, 1800)
    world.remove(job.resource)


def _remote(world: World) -> rayjob.Job:
    return rayjob.create(world, fleet.place(world), Plan(queued=True), managedBy=rayjob_plan.MULTIKUEUE)


def _run(world: World, plan: Plan) -> Stays:
    yield from rayjob.create(world, fleet.place(world), plan).live()


def _soon(world: World) -> float | None:
    """When the first attempt of a job of the first population ends: soon, so that a watcher sees a retry."""
    if not world.remaining_past:
        return None
    latest = 12.0 if world.alive < 200 else 240.0
    return world.now + world.remaining_past + world.uniform(4.0, latest)
