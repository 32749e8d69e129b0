"""Scenarios of RayJobs: one function for each; one call is one run, of one job."""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import fleet, rayjob, rayjob_plan
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from exporter.simulator.kuberay.world import FOREVER, Steps, World

_INVALID: Final = (
    "The RayJob spec is invalid: a RayJob with shutdownAfterJobFinishes set to false is not allowed to be suspended"
)

_NO_CLUSTER: Final = "shared-cluster"


def succeeds(world: World) -> Steps:
    mode = world.random.choice(("K8sJobMode", "K8sJobMode", "HTTPMode"))
    return _run(world, JobPlan(mode=mode, deletes_cluster=world.random.random() < 0.6))


def stopped(world: World) -> Steps:
    """Stopped by a user: the operator sets Complete."""
    return _run(world, JobPlan(attempts=(rayjob_plan.STOPPED,), mode="HTTPMode", run_seconds=(30, 120)))


def fails(world: World) -> Steps:
    return _run(
        world,
        JobPlan(
            attempts=(rayjob_plan.APP_FAILED,),
            backoff_limit=world.random.choice((-1, 0)),
            run_seconds=(30, 200),
            # Longer than its age in the first population, so that every fleet has a failed job.
            kept_seconds=(720, 1800),
        ),
    )


def fails_otherwise(world: World) -> Steps:
    """Any reason except AppFailed."""
    reason = world.in_turn(*rayjob_plan.FAILURES[1:])
    run_seconds = (100.0, 130.0) if reason == rayjob_plan.DEADLINE else (20.0, 90.0)
    return _run(
        world,
        JobPlan((reason,), backoff_limit=-1, run_seconds=run_seconds, kept_seconds=(90, 240), deletes_cluster=True),
    )


def retries_and_succeeds(world: World) -> Steps:
    attempts = (rayjob_plan.APP_FAILED, rayjob_plan.SUCCEEDED)
    plan = JobPlan(attempts, mode="HTTPMode", run_seconds=(20, 90), backoff_limit=2, first_end_at=_soon(world))
    return _run(world, plan)


def retries_and_fails(world: World) -> Steps:
    attempts = (rayjob_plan.APP_FAILED, rayjob_plan.SUBMISSION_FAILED, rayjob_plan.APP_FAILED)
    plan = JobPlan(attempts, mode="HTTPMode", run_seconds=(15, 60), backoff_limit=2, first_end_at=_soon(world))
    return _run(world, plan)


def queued(world: World) -> Steps:
    """Created as suspended; Kueue admits it later."""
    return _run(
        world,
        JobPlan((rayjob_plan.QUEUED, rayjob_plan.SUCCEEDED), queued=True, run_seconds=(40, 160), deletes_cluster=True),
    )


def preempted(world: World) -> Steps:
    """Suspended while it runs, resumed, then Complete."""
    return _run(
        world,
        JobPlan(
            (rayjob_plan.PREEMPTED, rayjob_plan.SUCCEEDED), queued=True, run_seconds=(30, 120), wait_seconds=(20, 90)
        ),
    )


def interactive(world: World) -> Steps:
    return _run(world, JobPlan(mode="InteractiveMode", backoff_limit=-1, run_seconds=(30, 120), wait_seconds=(30, 180)))


def deleted_at_its_end(world: World) -> Steps:
    """With ttlSecondsAfterFinished 0: deleted before any scrape shows the end."""
    end = world.random.choice((rayjob_plan.SUCCEEDED, rayjob_plan.SUCCEEDED, rayjob_plan.APP_FAILED))
    return _run(world, JobPlan((end,), run_seconds=(20, 120), ttl_seconds=0))


def deletes_itself(world: World) -> Steps:
    return _run(
        world, JobPlan(run_seconds=(30, 120), ttl_seconds=world.random.choice((30, 60, 300)), deletes_cluster=True)
    )


def deleted_while_running(world: World) -> Steps:
    job = rayjob.create(world, fleet.random_tenant(world), JobPlan())
    yield from job.reach_running()
    yield world.uniform(20, 90)
    yield from job.delete()


def stuck_deleting(world: World) -> Steps:
    """Deleted while it runs, but the finalizer of another controller is never removed."""
    job = rayjob.create(world, fleet.random_tenant(world), JobPlan())
    yield from job.reach_running()
    yield world.uniform(300, 900)
    job.obj.finalizers = [*job.obj.finalizers, fleet.FOREIGN_FINALIZER]
    job.obj.mark_deleted(world.now)
    world.put(job.obj)
    yield FOREVER


def runs_long(world: World) -> Steps:
    """With every limit and rule that a job can have."""
    rules = [
        {"condition": {"jobStatus": "SUCCEEDED", "ttlSeconds": 60}, "policy": "DeleteCluster"},
        {"condition": {"jobStatus": "FAILED", "ttlSeconds": 3600}, "policy": "DeleteWorkers"},
    ]
    job = rayjob.create(
        world,
        fleet.random_tenant(world),
        JobPlan(deadline_seconds=7 * 24 * 3600),
        preRunningDeadlineSeconds=3600,
        deletionStrategy={"deletionRules": rules},
    )
    yield from job.reach_running()
    yield FOREVER


def head_unreachable(world: World) -> Steps:
    """Running, but the head has stopped answering; the operator's timeout is far away."""
    job = rayjob.create(world, fleet.random_tenant(world), JobPlan())
    yield from job.reach_running()
    yield world.uniform(60, 600)
    job.write(jobStatusCheckFailureStartTime=timestamp(world.now))
    yield FOREVER


def never_starts(world: World) -> Steps:
    """Initializing for hours: the head of its cluster is never ready."""
    job = rayjob.create(world, fleet.random_tenant(world), JobPlan())
    yield from job.reach_initializing()
    yield FOREVER


def never_admitted(world: World) -> Steps:
    forever = (FOREVER, FOREVER)
    return _run(world, JobPlan((rayjob_plan.QUEUED, rayjob_plan.SUCCEEDED), queued=True, wait_seconds=forever))


def invalid(world: World) -> Steps:
    """Refused by the operator: no finalizer, no cluster, no start time."""
    tenant = fleet.random_tenant(world)
    plan = JobPlan(mode="HTTPMode")
    name = world.unique_name(rayjob.PLURAL, tenant.namespace, "bad-spec")
    spec = {
        **rayjob_plan.job_spec(world, plan, fleet.random_shape(world)),
        "shutdownAfterJobFinishes": False,
        "suspend": True,
    }
    obj = world.new_object(
        rayjob.PLURAL,
        tenant.namespace,
        name,
        spec,
        labels=tenant.labels(),
        manager=tenant.manager,
        spec_fields=world.manifests.job_fields,
    )
    world.put(obj)
    yield 0.01
    world.events.warning(obj, "InvalidRayJobSpec", f"{tenant.namespace}/{name}: {_INVALID}", "Validate")
    status = {
        "failed": 0,
        "jobDeploymentStatus": "ValidationFailed",
        "message": _INVALID,
        "rayClusterStatus": empty_status(),
        "rayJobInfo": {},
        "reason": "ValidationFailed",
        "succeeded": 0,
    }
    obj.write_status(world.now, status)
    world.put(obj)
    # The operator's own write makes it validate again.
    world.events.warning(obj, "InvalidRayJobSpec", f"{tenant.namespace}/{name}: {_INVALID}", "Validate")
    yield FOREVER


def cluster_missing(world: World) -> Steps:
    """Its clusterSelector names a cluster that does not exist: Initializing for ever."""
    tenant = fleet.random_tenant(world)
    job = rayjob.create(world, tenant, JobPlan(), clusterSelector={"ray.io/cluster": _NO_CLUSTER}, rayClusterSpec=None)
    yield from job.start()
    job.initialize()
    job.write(rayClusterName=_NO_CLUSTER)
    path = f"{tenant.namespace}/{_NO_CLUSTER}"
    message = f"RayCluster {path} set in the clusterSelector is not found. It must be created manually"
    pause = 1.0
    while True:
        world.events.warning(job.obj, "RayClusterNotFound", message, "Validate")
        # The retries of controller-runtime.
        yield world.random_pause(pause, pause)
        pause = min(2 * pause, 1000.0)


def dispatched(world: World) -> Steps:
    """MultiKueue has dispatched it to another cluster and has not synced a status yet."""
    yield from _remote(world).start_remote()
    yield FOREVER


def synced(world: World) -> Steps:
    """MultiKueue copies the status of a finished job from the cluster where it ran."""
    job = _remote(world)
    yield from job.start_remote()
    begun = world.now
    yield world.uniform(60, 240)
    ran = world.now - begun
    name = f"{job.obj.name}-{world.random_suffix()}"
    tenant = f"{name}-head-svc.{job.obj.namespace}.svc.cluster.local:8265"
    status = {
        "dashboardURL": tenant,
        "endTime": timestamp(world.now),
        "failed": 0,
        "jobDeploymentStatus": "Complete",
        "jobId": f"{job.obj.name}-{world.random_suffix()}",
        "jobStatus": "SUCCEEDED",
        "message": "Job finished successfully.",
        "rayClusterName": name,
        "rayJobInfo": {"startTime": timestamp(begun + 0.1 * ran), "endTime": timestamp(begun + 0.95 * ran)},
        "startTime": timestamp(begun),
        "succeeded": 1,
    }
    job.obj.status_manager = "kueue"
    job.obj.write_status(world.now, status)
    world.put(job.obj)
    yield world.uniform(600, 1800)
    world.remove(job.obj)


def _remote(world: World) -> rayjob.SimulatedJob:
    return rayjob.create(world, fleet.random_tenant(world), JobPlan(queued=True), managedBy=rayjob_plan.MULTIKUEUE)


def _run(world: World, plan: JobPlan) -> Steps:
    yield from rayjob.create(world, fleet.random_tenant(world), plan).run()


def _soon(world: World) -> float | None:
    """Return when the first attempt ends; during a replay soon after it, so that a user of the demo sees a retry."""
    if not world.replay_seconds_left:
        return None
    latest = 12.0 if world.object_count < 200 else 240.0
    return world.now + world.replay_seconds_left + world.uniform(4.0, latest)
