"""What becomes of RayJobs: one function per scenario, one call per life."""

from __future__ import annotations

from typing import Final

from exporter.demo import fleet, jobs, plans
from exporter.demo.cluster_status import empty_status
from exporter.demo.clusters import FOREVER
from exporter.demo.notation import stamp
from exporter.demo.plans import Plan
from exporter.demo.world import Stays, World

_INVALID: Final = (
    "The RayJob spec is invalid: a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended"
)


def succeeds(world: World) -> Stays:
    mode = world.random.choice(("K8sJobMode", "K8sJobMode", "HTTPMode"))
    return _run(world, Plan(mode=mode, shuts_down=world.random.random() < 0.6))


def stopped(world: World) -> Stays:
    """Stopped by a user, which the operator calls Complete."""
    return _run(world, Plan(attempts=(plans.STOPPED,), mode="HTTPMode", runs=(30, 120)))


def fails(world: World) -> Stays:
    return _run(world, Plan(attempts=(plans.APP_FAILED,), backoff_limit=world.random.choice((-1, 0)), runs=(30, 200)))


def fails_otherwise(world: World) -> Stays:
    """Any reason but the application's own fault."""
    reason = world.in_turn(*plans.FAILURES[1:])
    runs = (100.0, 130.0) if reason == plans.DEADLINE else (20.0, 90.0)
    return _run(world, Plan((reason,), backoff_limit=-1, runs=runs, lingers=(90, 240), shuts_down=True))


def retries_and_succeeds(world: World) -> Stays:
    attempts = (plans.APP_FAILED, plans.SUCCEEDED)
    plan = Plan(attempts, mode="HTTPMode", runs=(20, 90), backoff_limit=2, ends_at=_soon(world))
    return _run(world, plan)


def retries_and_fails(world: World) -> Stays:
    attempts = (plans.APP_FAILED, plans.SUBMISSION_FAILED, plans.APP_FAILED)
    plan = Plan(attempts, mode="HTTPMode", runs=(15, 60), backoff_limit=2, ends_at=_soon(world))
    return _run(world, plan)


def queued(world: World) -> Stays:
    """Suspended from birth, admitted by Kueue later."""
    return _run(world, Plan((plans.QUEUED, plans.SUCCEEDED), queued=True, runs=(40, 160), shuts_down=True))


def preempted(world: World) -> Stays:
    """Suspended while it ran, resumed, then Complete."""
    return _run(world, Plan((plans.PREEMPTED, plans.SUCCEEDED), queued=True, runs=(30, 120), waits=(20, 90)))


def interactive(world: World) -> Stays:
    return _run(world, Plan(mode="InteractiveMode", backoff_limit=-1, runs=(30, 120), waits=(30, 180)))


def vanishes(world: World) -> Stays:
    """ttlSecondsAfterFinished 0: gone before a scrape sees the end."""
    end = world.random.choice((plans.SUCCEEDED, plans.SUCCEEDED, plans.APP_FAILED))
    return _run(world, Plan((end,), runs=(20, 120), ttl=0))


def deletes_itself(world: World) -> Stays:
    return _run(world, Plan(runs=(30, 120), ttl=world.random.choice((30, 60, 300)), shuts_down=True))


def deleted_midway(world: World) -> Stays:
    job = jobs.create(world, fleet.place(world), Plan())
    yield from job.reach_running()
    yield world.uniform(20, 90)
    yield from job.delete()


def stuck_deleting(world: World) -> Stays:
    """Deleted while it ran, but somebody's finalizer is never taken off."""
    job = jobs.create(world, fleet.place(world), Plan())
    yield from job.reach_running()
    yield world.uniform(300, 900)
    job.resource.finalizers = [*job.resource.finalizers, fleet.FOREIGN_FINALIZER]
    job.resource.mark_deleted(world.now)
    world.put(job.resource)
    yield FOREVER


def runs_long(world: World) -> Stays:
    job = jobs.create(world, fleet.place(world), Plan(deadline_seconds=7 * 24 * 3600))
    yield from job.reach_running()
    yield FOREVER


def never_starts(world: World) -> Stays:
    """Initializing for hours: its cluster's head never gets ready."""
    job = jobs.create(world, fleet.place(world), Plan())
    yield from job.reach_initializing()
    yield FOREVER


def never_admitted(world: World) -> Stays:
    forever = (FOREVER, FOREVER)
    return _run(world, Plan((plans.QUEUED, plans.SUCCEEDED), queued=True, waits=forever))


def invalid(world: World) -> Stays:
    """Refused by the operator: no finalizer, no cluster, no start."""
    place = fleet.place(world)
    plan = Plan(mode="HTTPMode")
    name = world.name(jobs.PLURAL, place.namespace, "bad-spec")
    spec = {
        **plans.job_spec(world, plan, fleet.shape(world)),
        "shutdownAfterJobFinishes": False,
        "suspend": True,
    }
    resource = world.resource(
        jobs.PLURAL,
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


def _remote(world: World) -> jobs.Job:
    return jobs.create(world, fleet.place(world), Plan(queued=True), managedBy=plans.MULTIKUEUE)


def _run(world: World, plan: Plan) -> Stays:
    yield from jobs.create(world, fleet.place(world), plan).live()


def _soon(world: World) -> float | None:
    """When the first attempt of a job of the first population ends: soon, so that a watcher sees a retry."""
    if not world.remaining_past:
        return None
    latest = 12.0 if world.alive < 200 else 240.0
    return world.now + world.remaining_past + world.uniform(4.0, latest)
