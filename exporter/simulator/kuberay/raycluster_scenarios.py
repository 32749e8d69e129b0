"""What becomes of RayClusters that users make themselves: one function per scenario, one call per life."""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay import fleet, raycluster
from exporter.simulator.kuberay.raycluster import FOREVER, Cluster
from exporter.simulator.kuberay.rayjob_plan import MULTIKUEUE
from exporter.simulator.kuberay.simulated_object import JSON, with_condition
from exporter.simulator.kuberay.world import Stays, World

_QUOTA: Final = (
    'pods "{name}-head-" is forbidden: exceeded quota: compute, requested: limits.memory=8Gi, '
    "used: limits.memory=252Gi, limited: limits.memory=256Gi"
)


def autoscaled(world: World) -> Stays:
    """Provisioned for good; the autoscaler adds and removes workers."""
    cluster = raycluster.create(
        world, fleet.place(world), fleet.shape(world, workers=2, autoscaling=True), queued=False
    )
    yield from _provision(world, cluster)
    while True:
        yield world.pause(15, 90)
        low, high = cluster.shape.min_replicas, min(cluster.shape.max_replicas, 12)
        yield from cluster.scale(world.random.randint(low, high))


def short_lived(world: World) -> Stays:
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world))
    yield from _provision(world, cluster)
    yield world.uniform(180, 600)
    cluster.delete()


def head_only(world: World) -> Stays:
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world, workers=0))
    yield from _provision(world, cluster)
    yield world.uniform(180, 600)
    cluster.delete()


def slow(world: World) -> Stays:
    """Nodes have to be bought first: minutes until the workers are there."""
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world, workers=4))
    yield from cluster.provision(world.uniform(60, 120), world.uniform(120, 300))
    yield world.uniform(180, 400)
    cluster.delete()


def recreated(world: World) -> Stays:
    """Deleted and made again under the same name, the first one held by a finalizer for a while."""
    place = fleet.place(world)
    name = world.name(raycluster.PLURAL, place.namespace, "notebook")
    while True:
        cluster = raycluster.create(world, place, fleet.shape(world), name=name)
        yield from _provision(world, cluster)
        yield world.pause(60, 240)
        cluster.mark_deleted()
        yield world.uniform(5, 25)
        cluster.delete()
        yield world.uniform(1, 4)
        world.claim(raycluster.PLURAL, place.namespace, name)


def suspended_and_resumed(world: World) -> Stays:
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world))
    yield from _provision(world, cluster)
    while True:
        yield world.pause(40, 180)
        yield from cluster.suspend("kubectl-patch")
        yield world.pause(20, 90)
        yield from cluster.resume("kubectl-patch")


def admitted_later(world: World) -> Stays:
    """Suspended from birth by Kueue, admitted when there is quota."""
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world), queued=True, suspend=True)
    yield from cluster.suspended_from_birth()
    yield world.uniform(40, 200)
    yield from cluster.resume("kueue")
    yield world.uniform(120, 300)
    cluster.delete()


def never_admitted(world: World) -> Stays:
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world), queued=True, suspend=True)
    yield from cluster.suspended_from_birth()
    yield FOREVER


def replica_failure(world: World) -> Stays:
    """A quota is in the way of the first pods, until somebody raises it."""
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world))
    reason = world.in_turn("FailedCreateHeadPod", "FailedCreateWorkerPod")
    yield from cluster.fail_replicas(reason, f"{reason}\n{_QUOTA.format(name=cluster.resource.name)}")
    yield world.uniform(20, 90)
    yield from cluster.recover_replicas(world.uniform(4, 15), world.uniform(4, 20))
    yield world.uniform(120, 300)
    cluster.delete()


def image_missing(world: World) -> Stays:
    """The head's image does not exist: its reason flips, its status never does."""
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world))
    yield from cluster.create_pods()
    while True:
        yield 3.0
        cluster.head_lost("ErrImagePull", "failed to pull and unpack image: not found")
        yield world.pause(8, 20)
        cluster.head_lost("ImagePullBackOff", "Back-off pulling image")
        yield world.pause(60, 180)


def crash_loop(world: World) -> Stays:
    """The head starts, and crashes before the workers can join."""
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world, workers=2))
    yield from cluster.create_pods()
    while True:
        yield 5.0
        cluster.head_ready()
        yield world.uniform(4, 12)
        cluster.head_lost("CrashLoopBackOff", "back-off 5m0s restarting failed container=ray-head")
        yield world.pause(60, 180)


def unschedulable(world: World) -> Stays:
    """The head is Ready, the workers never get a node."""
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world, workers=4))
    yield from cluster.start_head(world.uniform(5, 20))
    yield FOREVER


def stuck_deleting(world: World) -> Stays:
    """Deleted, but its finalizer's job never ends."""
    cluster = raycluster.create(world, fleet.place(world), fleet.shape(world))
    yield from _provision(world, cluster)
    yield world.uniform(300, 900)
    cluster.mark_deleted()
    yield FOREVER


def elsewhere(world: World) -> Stays:
    """Kueue runs it on another cluster and has not reported back: no status at all."""
    raycluster.create(world, fleet.place(world), fleet.shape(world), queued=True, managedBy=MULTIKUEUE)
    yield FOREVER


def mirrored(world: World) -> Stays:
    """Kueue copies the status from the cluster it runs on."""
    shape = fleet.shape(world, workers=1)
    cluster = raycluster.create(world, fleet.place(world), shape, queued=True, managedBy=MULTIKUEUE)
    yield world.uniform(20, 60)
    conditions: list[JSON] = []
    message = "All Ray Pods are ready for the first time"
    reasons = (("HeadPodReady", "HeadPodRunningAndReady", ""),)
    for type_, reason, text in (
        *reasons,
        ("RayClusterProvisioned", "AllPodRunningAndReadyFirstTime", message),
    ):
        conditions = with_condition(conditions, world.now, type_, "True", reason, text)
    status = {
        "conditions": conditions,
        "desiredWorkerReplicas": 1,
        "lastUpdateTime": stamp(world.now),
        "readyWorkerReplicas": 1,
        "state": "ready",
    }
    cluster.resource.status_manager = "kueue"
    cluster.resource.write_status(world.now, status)
    world.put(cluster.resource)
    yield FOREVER


def _provision(world: World, cluster: Cluster) -> Stays:
    yield from cluster.provision(world.uniform(4, 30), world.uniform(4, 30))
