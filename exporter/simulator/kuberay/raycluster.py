"""RayClusters: the status writes of the operator, from the first pod to the last.

Every write, its order, reasons and messages follow recordings of the operator (v1.7.0). What kubelets and
image registries would add to a message is left out, as in the recordings.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

from exporter.simulator.kuberay import fleet
from exporter.simulator.kuberay.fleet import Place
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster_status import ClusterStatus, empty_status
from exporter.simulator.kuberay.simulated_object import JSON, Resource
from exporter.simulator.kuberay.world import Stays, World

PLURAL: Final = "rayclusters"
REDIS_FINALIZER: Final = "ray.io/gcs-ft-redis-cleanup-finalizer"

# A stay without an end: the object remains as it is.
FOREVER: Final = math.inf

_NOT_READY: Final = "containers with unready status; ray-head: "


class Cluster:
    """One RayCluster.

    Its methods that return Stays are lives or parts of one; `written` is called after every status write,
    for a job that mirrors it.
    """

    def __init__(self, world: World, resource: Resource, shape: Shape) -> None:
        self.resource = resource
        self.shape = shape
        self.written: Callable[[], None] | None = None
        self._world = world
        self._parts = ClusterStatus(world, resource.name)

    @property
    def state(self) -> str:
        return self._parts.state

    @property
    def status(self) -> JSON:
        return self.resource.status or empty_status()

    @property
    def dashboard(self) -> str:
        return f"{self.resource.name}-head-svc.{self.resource.namespace}.svc.cluster.local:8265"

    def provision(self, head_seconds: float, workers_seconds: float) -> Stays:
        """From a created object to a provisioned cluster."""
        yield from self.start_head(head_seconds)
        yield from self.start_workers(workers_seconds)

    def start_head(self, seconds: float) -> Stays:
        """Up to a head pod that is Ready (and to a provisioned cluster where there are no workers)."""
        yield from self.create_pods()
        yield seconds
        self.head_ready()

    def create_pods(self) -> Stays:
        yield 0.05
        if not self.shape.replicas:
            # Without workers the operator is quick enough to miss its own head pod at first.
            self._parts.head_pod("HeadPodNotFound", "Head Pod not found")
            self._parts.provisioning()
            self._write()
            yield 0.05
        self._parts.name_head()
        self._parts.head_pod("Unknown")
        self._parts.provisioning()
        self._write()
        yield 0.8
        self._parts.head_pod("ContainerCreating", _NOT_READY)
        self._write()

    def head_ready(self) -> None:
        self._parts.address_head()
        self._parts.set("HeadPodReady", "True", "HeadPodRunningAndReady")
        if not self.shape.replicas:
            self._parts.provisioned()
        self._write()

    def head_lost(self, reason: str, message: str) -> None:
        """The head pod's container is not ready: waiting for an image, or crashed."""
        self._parts.head_pod(reason, _NOT_READY + message)
        self._write()

    def start_workers(self, seconds: float) -> Stays:
        """Workers become Ready in at most four writes; the last one makes the cluster provisioned."""
        if not self.shape.replicas:
            return
        steps = min(4, self.shape.replicas)
        for step in range(1, steps + 1):
            yield seconds / steps
            self._parts.ready = self.shape.replicas * step // steps
            if step == steps:
                self._parts.provisioned()
            self._write()

    def scale(self, replicas: int) -> Stays:
        """The autoscaler changes the desired workers; pods follow."""
        self.shape = self.shape.scaled(replicas)
        group = self._world.manifests.worker_group(self.shape)
        self.resource.patch_spec(self._world.now, "OpenAPI-Generator", workerGroupSpecs=[group])
        self._world.put(self.resource)
        yield 0.05
        self._observe()
        self._parts.ready = min(self._parts.ready, replicas)
        self._write()
        missing = replicas - self._parts.ready
        for step in range(missing):
            yield self._world.uniform(4, 15) / missing
            self._parts.ready = replicas - missing + step + 1
            self._write()

    def suspended_from_birth(self) -> Stays:
        yield 0.02
        self._parts.head_pod("HeadPodNotFound", "Head Pod not found")
        self._parts.provisioning()
        self._parts.set("RayClusterSuspending", "True", "RayClusterSuspending")
        self._parts.enter("suspended")
        self._write()
        yield 0.01
        self._parts.suspension_done()
        self._write()

    def suspend(self, manager: str) -> Stays:
        self._patch_suspend(True, manager)
        yield 0.02
        self._observe()
        self._parts.set("RayClusterSuspending", "True", "RayClusterSuspending")
        self._write()
        yield 3.0
        self._parts.ready = 0
        self._write()
        yield 0.8
        self._parts.lose_head()
        self._parts.head_pod("HeadPodNotFound", "Head Pod not found")
        self._parts.enter("suspended")
        self._parts.suspension_done()
        self._write()

    def resume(self, manager: str) -> Stays:
        """Lift a suspension, up to a provisioned cluster."""
        self._patch_suspend(False, manager)
        yield 0.02
        self._observe()
        self._parts.set("RayClusterSuspended", "False", "RayClusterSuspended")
        self._write()
        yield 2.0
        self._parts.name_head()
        self._parts.head_pod("Unknown")
        self._parts.provisioning()
        self._write()
        yield 0.8
        self._parts.head_pod("ContainerCreating", _NOT_READY)
        self._write()
        yield self._world.uniform(4, 15)
        self.head_ready()
        yield from self.start_workers(self._world.uniform(2, 15))

    def fail_replicas(self, reason: str, message: str) -> Stays:
        """A first reconcile that ends in an error: `ReplicaFailure` until one ends without."""
        yield 0.05
        self._parts.set("ReplicaFailure", "True", reason, message)
        if reason == "FailedCreateHeadPod":
            self._parts.head_pod("HeadPodNotFound", "Head Pod not found")
        else:
            self._parts.name_head()
            self._parts.head_pod("Unknown")
        self._parts.provisioning()
        self._write()

    def recover_replicas(self, head_seconds: float, workers_seconds: float) -> Stays:
        """The next reconcile without an error removes the condition; provisioning goes on."""
        self._parts.unset("ReplicaFailure")
        if not self._parts.has_head:
            self._parts.name_head()
            self._parts.head_pod("Unknown")
        self._write()
        yield 0.8
        self._parts.head_pod("ContainerCreating", _NOT_READY)
        self._write()
        yield head_seconds
        self.head_ready()
        yield from self.start_workers(workers_seconds)

    def mark_deleted(self) -> None:
        """Deleted, but held by a finalizer."""
        self.resource.finalizers = [REDIS_FINALIZER]
        self.resource.mark_deleted(self._world.now)
        self._world.put(self.resource)

    def delete(self) -> None:
        self._world.remove(self.resource)

    def _write(self) -> None:
        self.resource.write_status(self._world.now, self._parts.render(self.shape))
        self._world.put(self.resource)
        if self.written is not None:
            self.written()

    def _patch_suspend(self, suspend: bool, manager: str) -> None:
        self.resource.patch_spec(self._world.now, manager, suspend=suspend)
        self._world.put(self.resource)

    def _observe(self) -> None:
        self._parts.observed_generation = self.resource.generation


def create(
    world: World, place: Place, shape: Shape, *, name: str = "", queued: bool = False, **spec: object
) -> Cluster:
    """A user makes a RayCluster."""
    name = name or world.name(PLURAL, place.namespace, fleet.cluster_stem(world))
    resource = world.resource(
        PLURAL,
        place.namespace,
        name,
        {**world.manifests.cluster_spec(shape), **spec},
        labels=place.labels(queued=queued),
        manager=place.manager,
        spec_fields=world.manifests.cluster_fields,
    )
    world.put(resource)
    return Cluster(world, resource, shape)


def create_owned(
    world: World,
    owner: Resource,
    name: str,
    shape: Shape,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> Cluster:
    """The operator makes the RayCluster of a RayJob or RayService, with its owner's labels."""
    world.claim(PLURAL, owner.namespace, name)
    origin = {"ray.io/originated-from-cr-name": owner.name, "ray.io/originated-from-crd": owner.kind}
    resource = world.resource(
        PLURAL,
        owner.namespace,
        name,
        world.manifests.cluster_spec(shape, filled=True),
        labels={**owner.labels, **(labels or {}), **origin},
        annotations=annotations,
        owner=owner,
        spec_fields=world.manifests.cluster_fields,
    )
    world.put(resource)
    return Cluster(world, resource, shape)
