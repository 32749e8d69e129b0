"""Scenarios of RayClusters that users create: one function for each; one call is one run, usually of one object."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import fleet, raycluster
from exporter.simulator.kuberay.raycluster import SimulatedCluster
from exporter.simulator.kuberay.rayjob_plan import MULTIKUEUE
from exporter.simulator.kuberay.simulated_event import NORMAL
from exporter.simulator.kuberay.simulated_object import with_condition
from exporter.simulator.kuberay.world import FOREVER, Steps, World

_QUOTA: Final = (
    'pods "{pod}-" is forbidden: exceeded quota: compute, requested: limits.memory=8Gi, '
    "used: limits.memory=252Gi, limited: limits.memory=256Gi"
)

_KUEUE: Final = "ray.io/raycluster-kueue-controller"
_OLD_RAY: Final = "authOptions.mode is 'token' but minimum Ray version is 2.52.0, got 2.46.0"


def autoscaled(world: World) -> Steps:
    """Always provisioned; the autoscaler adds and removes workers."""
    cluster = raycluster.create(
        world, fleet.random_tenant(world), fleet.random_shape(world, workers=2, autoscaling=True), queued=False
    )
    yield from _provision(world, cluster)
    while True:
        yield world.random_pause(15, 90)
        low, high = cluster.shape.min_replicas, min(cluster.shape.max_replicas, 12)
        yield from cluster.scale(world.random.randint(low, high))


def short_lived(world: World) -> Steps:
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world))
    yield from _provision(world, cluster)
    yield world.uniform(180, 600)
    cluster.delete()


def head_only(world: World) -> Steps:
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world, workers=0))
    yield from _provision(world, cluster)
    yield world.uniform(180, 600)
    cluster.delete()


def slow(world: World) -> Steps:
    """New nodes are needed first: the workers start after minutes."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world, workers=4))
    yield from cluster.provision(world.uniform(60, 120), world.uniform(120, 300))
    yield world.uniform(180, 400)
    cluster.delete()


def recreated(world: World) -> Steps:
    """Deleted and created again with the same name; a finalizer keeps the first one for a while."""
    tenant = fleet.random_tenant(world)
    name = world.unique_name(raycluster.PLURAL, tenant.namespace, "notebook")
    while True:
        cluster = raycluster.create(world, tenant, fleet.random_shape(world), name=name)
        yield from _provision(world, cluster)
        yield world.random_pause(60, 240)
        cluster.mark_deleted()
        yield world.uniform(5, 25)
        cluster.delete()
        yield world.uniform(1, 4)
        world.reserve_name(raycluster.PLURAL, tenant.namespace, name)


def suspended_and_resumed(world: World) -> Steps:
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world))
    yield from _provision(world, cluster)
    while True:
        yield world.random_pause(40, 180)
        yield from cluster.suspend("kubectl-patch")
        yield world.random_pause(20, 90)
        yield from cluster.resume("kubectl-patch")


def admitted_later(world: World) -> Steps:
    """Created as suspended; Kueue admits it when there is quota."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world), queued=True, suspend=True)
    yield from cluster.start_suspended()
    yield world.uniform(40, 200)
    yield from cluster.resume("kueue")
    yield world.uniform(120, 300)
    cluster.delete()


def never_admitted(world: World) -> Steps:
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world), queued=True, suspend=True)
    yield from cluster.start_suspended()
    while True:
        # Kueue records through core/v1: the count of one Event grows.
        world.events.legacy(cluster.obj, _KUEUE, NORMAL, "Suspended", "Kueue managed child job suspended")
        yield world.random_pause(20, 60)


def replica_failure(world: World) -> Steps:
    """A quota prevents the first pods, until it is increased."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world))
    reason = world.in_turn("FailedCreateHeadPod", "FailedCreateWorkerPod")
    yield from cluster.fail_replicas(reason, f"{reason}\n{_quota(cluster, reason)}")
    yield from _fail_again(world, cluster, reason, world.uniform(20, 90))
    yield from cluster.recover_replicas(world.uniform(4, 15), world.uniform(4, 20))
    yield world.uniform(120, 300)
    cluster.delete()


def _quota(cluster: SimulatedCluster, reason: str) -> str:
    """Return the API server's refusal of the pod that could not be created."""
    of_head = reason == "FailedCreateHeadPod"
    return _QUOTA.format(pod=f"{cluster.obj.name}-{'head' if of_head else f'{cluster.shape.group}-worker'}")


def _fail_again(world: World, cluster: SimulatedCluster, reason: str, seconds: float) -> Steps:
    """The operator tries again with growing pauses: each time an Event of its own, as the condition has changed."""
    name, namespace = cluster.obj.name, cluster.obj.namespace
    pause, left = 0.32, seconds
    while left > 0:
        quota = _quota(cluster, reason)
        if reason == "FailedCreateHeadPod":
            message = f"Failed to create head Pod {namespace}/, {quota}"
            world.events.warning(cluster.obj, "FailedToCreateHeadPod", message, attempt=left)
        else:
            message = f"Failed to create worker Pod for the cluster {namespace}/{name}, {quota}"
            world.events.warning(cluster.obj, "FailedToCreateWorkerPod", message, attempt=left)
        yield min(pause, left)
        left -= pause
        pause *= 2


def image_missing(world: World) -> Steps:
    """The image of the head does not exist: the reason of the condition changes, its status does not."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world))
    yield from cluster.create_pods()
    while True:
        yield 3.0
        cluster.image_missing("ErrImagePull", "failed to pull and unpack image: not found")
        yield world.random_pause(8, 20)
        cluster.image_missing("ImagePullBackOff", "Back-off pulling image")
        yield world.random_pause(60, 180)


def crash_loop(world: World) -> Steps:
    """The head starts, and crashes before the workers are connected."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world, workers=2))
    yield from cluster.create_pods()
    while True:
        yield 5.0
        cluster.head_ready()
        yield world.uniform(4, 12)
        cluster.head_crashed()
        yield world.random_pause(60, 180)


def unschedulable(world: World) -> Steps:
    """The head is Ready; the workers are never scheduled, because no node has a free GPU."""
    shape = replace(fleet.random_shape(world, workers=4), gpus=1)
    cluster = raycluster.create(world, fleet.random_tenant(world), shape)
    cluster.pods.lacks_gpus = True
    yield from cluster.start_head(world.uniform(5, 20))
    yield FOREVER


def out_of_memory(world: World) -> Steps:
    """Now and then the head is killed for its memory and restarted, or a worker is evicted from a full node."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world, workers=2))
    yield from _provision(world, cluster)
    while True:
        yield world.random_pause(30, 120)
        yield from cluster.run_out_of_memory()
        yield world.random_pause(30, 120)
        yield from cluster.lose_worker()


def invalid(world: World) -> Steps:
    """Refused by the operator: never a status, only Events. Its user tries again now and then."""
    tenant = fleet.random_tenant(world)
    name = world.unique_name(raycluster.PLURAL, tenant.namespace, "old-token")
    shape = replace(fleet.random_shape(world), version="2.46.0")
    cluster = raycluster.create(world, tenant, shape, name=name, authOptions={"mode": "token"})
    message = f"The RayCluster spec is invalid {tenant.namespace}/{name}: {_OLD_RAY}"
    while True:
        yield 0.02
        world.events.warning(cluster.obj, "InvalidRayClusterSpec", message, "Validate")
        yield world.random_pause(40, 120)
        cluster.obj.annotations = {"example.com/tried-at": timestamp(world.now)}
        cluster.obj.spec_at = world.now
        world.put(cluster.obj)


def stuck_deleting(world: World) -> Steps:
    """Deleted, but the job of its finalizer never ends."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world))
    yield from _provision(world, cluster)
    yield world.uniform(300, 900)
    cluster.mark_deleted()
    yield FOREVER


def dispatched(world: World) -> Steps:
    """MultiKueue has dispatched it to another cluster and has not synced a status yet."""
    raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world), queued=True, managedBy=MULTIKUEUE)
    yield FOREVER


def synced(world: World) -> Steps:
    """MultiKueue copies the status from the cluster where it runs."""
    shape = fleet.random_shape(world, workers=1)
    cluster = raycluster.create(world, fleet.random_tenant(world), shape, queued=True, managedBy=MULTIKUEUE)
    yield world.uniform(20, 60)
    conditions = with_condition([], world.now, "HeadPodReady", "True", "HeadPodRunningAndReady")
    message = "All Ray Pods are ready for the first time"
    reason = "AllPodRunningAndReadyFirstTime"
    conditions = with_condition(conditions, world.now, "RayClusterProvisioned", "True", reason, message)
    status = {
        "conditions": conditions,
        "desiredWorkerReplicas": 1,
        "lastUpdateTime": timestamp(world.now),
        "readyWorkerReplicas": 1,
        "state": "ready",
    }
    cluster.obj.status_manager = "kueue"
    cluster.obj.write_status(world.now, status)
    world.put(cluster.obj)
    yield FOREVER


def _provision(world: World, cluster: SimulatedCluster) -> Steps:
    yield from cluster.provision(world.uniform(4, 30), world.uniform(4, 30))
