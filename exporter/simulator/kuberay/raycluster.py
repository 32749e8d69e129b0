"""RayClusters: the status writes of the operator, from the first pod to the last.

Every write, its order, reasons and messages follow recordings of the operator (v1.7.0). The parts of
messages that come from kubelets and image registries are left out, as in the recordings.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from exporter.simulator.kuberay import fleet
from exporter.simulator.kuberay.fleet import Tenant
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster_pods import RayClusterPods
from exporter.simulator.kuberay.raycluster_status import SimulatedClusterStatus, empty_status
from exporter.simulator.kuberay.simulated_object import JSON, SimulatedObject
from exporter.simulator.kuberay.world import Steps, World

PLURAL: Final = "rayclusters"
REDIS_FINALIZER: Final = "ray.io/gcs-ft-redis-cleanup-finalizer"

_NOT_READY: Final = "containers with unready status; ray-head: "


class SimulatedCluster:
    """One RayCluster.

    Its methods that return Steps are parts of scenarios; `on_write` is called after every status write,
    for a job that copies the status.
    """

    def __init__(self, world: World, obj: SimulatedObject, shape: Shape) -> None:
        self.obj = obj
        self.shape = shape
        self.on_write: Callable[[], None] | None = None
        self.pods = RayClusterPods(world, obj)
        self._world = world
        self._status = SimulatedClusterStatus(world, obj.name)

    @property
    def state(self) -> str:
        return self._status.state

    @property
    def status(self) -> JSON:
        return self.obj.status or empty_status()

    @property
    def dashboard(self) -> str:
        return f"{self.obj.name}-head-svc.{self.obj.namespace}.svc.cluster.local:8265"

    def provision(self, head_seconds: float, workers_seconds: float) -> Steps:
        """From a created object to a provisioned cluster."""
        yield from self.start_head(head_seconds)
        yield from self.start_workers(workers_seconds)

    def start_head(self, seconds: float) -> Steps:
        """Up to a head pod that is Ready; without workers the cluster is provisioned then."""
        yield from self.create_pods()
        yield 0.4 * seconds
        self.pods.run()
        yield 0.6 * seconds
        self.head_ready()

    def create_pods(self) -> Steps:
        yield 0.05
        if not self.shape.replicas:
            # Without workers the first write of the operator comes before its cache has the new head pod.
            self._status.set_head_pod_not_ready("HeadPodNotFound", "Head Pod not found")
            self._status.set_provisioning()
            self._write()
            yield 0.05
        yield from self._start_pods()

    def _start_pods(self) -> Steps:
        """From no pods to pods whose containers are being created."""
        self._status.set_head_pod_name()
        self.pods.create_head(self.shape, self._status.head_pod_name)
        self.pods.create_workers(self.shape)
        self._status.set_head_pod_not_ready("Unknown")
        self._status.set_provisioning()
        self._write()
        yield 0.8
        self.pods.start()
        self._status.set_head_pod_not_ready("ContainerCreating", _NOT_READY)
        self._write()

    def head_ready(self) -> None:
        self.pods.head_ready()
        self._status.set_head_ips()
        self._status.set_condition("HeadPodReady", "True", "HeadPodRunningAndReady")
        if not self.shape.replicas:
            self._status.set_provisioned()
        self._write()

    def head_lost(self, reason: str, message: str) -> None:
        """The container of the head pod is not ready: it waits for an image, or has crashed."""
        self._status.set_head_pod_not_ready(reason, _NOT_READY + message)
        self._write()

    def image_missing(self, reason: str, message: str) -> None:
        self.pods.image_missing(reason)
        self.head_lost(reason, message)

    def head_crashed(self) -> None:
        self.pods.head_crashed()
        self.head_lost("CrashLoopBackOff", "back-off 5m0s restarting failed container=ray-head")

    def run_out_of_memory(self) -> Steps:
        """The head's container is killed for its memory, and restarted."""
        self.pods.head_ended()
        self.head_lost("OOMKilled", "")
        yield 1.0
        self.pods.head_restarted()
        self.head_lost("ContainersNotReady", "")
        yield self._world.uniform(5, 12)
        self.head_ready()

    def lose_worker(self) -> Steps:
        """A worker is evicted; the operator replaces it."""
        self.pods.evict_worker()
        self._status.ready -= 1
        self._write()
        yield 0.5
        self.pods.create_workers(self.shape)
        yield 1.0
        self.pods.start()
        yield self._world.uniform(5, 12)
        self._status.ready += 1
        self.pods.workers_ready(self._status.ready)
        self._write()

    def start_workers(self, seconds: float) -> Steps:
        """Workers become Ready in at most four writes; the last one makes the cluster provisioned."""
        if not self.shape.replicas:
            return
        steps = min(4, self.shape.replicas)
        for step in range(1, steps + 1):
            yield seconds / steps
            self._status.ready = self.shape.replicas * step // steps
            self.pods.workers_ready(self._status.ready)
            if step == steps:
                self._status.set_provisioned()
            self._write()

    def scale(self, replicas: int) -> Steps:
        """The autoscaler changes the desired number of workers; their pods start or end."""
        self.shape = self.shape.scaled(replicas)
        group = self._world.manifests.worker_group(self.shape)
        self.obj.patch_spec(self._world.now, "OpenAPI-Generator", workerGroupSpecs=[group])
        self._world.put(self.obj)
        yield 0.05
        self._observe_generation()
        self._status.ready = min(self._status.ready, replicas)
        self.pods.scale_down(replicas)
        self.pods.create_workers(self.shape)
        self._write()
        missing = replicas - self._status.ready
        for step in range(missing):
            yield self._world.uniform(4, 15) / missing
            self._status.ready = replicas - missing + step + 1
            self.pods.workers_ready(self._status.ready)
            self._write()

    def start_suspended(self) -> Steps:
        yield 0.02
        self._status.set_head_pod_not_ready("HeadPodNotFound", "Head Pod not found")
        self._status.set_provisioning()
        self._status.set_condition("RayClusterSuspending", "True", "RayClusterSuspending")
        self._status.enter_state("suspended")
        self._write()
        yield 0.01
        self._status.set_suspended()
        self._write()

    def suspend(self, manager: str) -> Steps:
        self._patch_suspend(True, manager)
        yield 0.02
        self._observe_generation()
        self._status.set_condition("RayClusterSuspending", "True", "RayClusterSuspending")
        self._write()
        self.pods.suspend()
        yield 3.0
        self._status.ready = 0
        self._write()
        yield 0.8
        self._status.clear_head()
        self._status.set_head_pod_not_ready("HeadPodNotFound", "Head Pod not found")
        self._status.enter_state("suspended")
        self._status.set_suspended()
        self._write()

    def resume(self, manager: str) -> Steps:
        """From a suspended cluster to a provisioned one."""
        self._patch_suspend(False, manager)
        yield 0.02
        self._observe_generation()
        self._status.set_condition("RayClusterSuspended", "False", "RayClusterSuspended")
        self._write()
        yield 2.0
        yield from self._start_pods()
        yield self._world.uniform(4, 15)
        self.head_ready()
        yield from self.start_workers(self._world.uniform(2, 15))

    def fail_replicas(self, reason: str, message: str) -> Steps:
        """The first reconciliation fails: `ReplicaFailure` until one succeeds."""
        yield 0.05
        self._status.set_condition("ReplicaFailure", "True", reason, message)
        if reason == "FailedCreateHeadPod":
            self._status.set_head_pod_not_ready("HeadPodNotFound", "Head Pod not found")
        else:
            self._status.set_head_pod_name()
            self.pods.create_head(self.shape, self._status.head_pod_name)
            self._status.set_head_pod_not_ready("Unknown")
        self._status.set_provisioning()
        self._write()

    def recover_replicas(self, head_seconds: float, workers_seconds: float) -> Steps:
        """The next reconciliation succeeds and removes the condition; provisioning continues."""
        self._status.remove_condition("ReplicaFailure")
        if not self._status.has_head:
            self._status.set_head_pod_name()
            self.pods.create_head(self.shape, self._status.head_pod_name)
            self._status.set_head_pod_not_ready("Unknown")
        self.pods.create_workers(self.shape)
        self._write()
        yield 0.8
        self.pods.start()
        self._status.set_head_pod_not_ready("ContainerCreating", _NOT_READY)
        self._write()
        yield head_seconds
        self.head_ready()
        yield from self.start_workers(workers_seconds)

    def mark_deleted(self) -> None:
        """Mark the cluster as deleted; a finalizer keeps it."""
        self.obj.finalizers = [REDIS_FINALIZER]
        self.obj.mark_deleted(self._world.now)
        self._world.put(self.obj)
        self.pods.clean_redis(self.shape)

    def delete(self) -> None:
        self.pods.redis_cleaned()
        self.pods.delete()
        self._world.remove(self.obj)

    def _write(self) -> None:
        self.obj.write_status(self._world.now, self._status.render(self.shape))
        self._world.put(self.obj)
        if self.on_write is not None:
            self.on_write()

    def _patch_suspend(self, suspend: bool, manager: str) -> None:
        self.obj.patch_spec(self._world.now, manager, suspend=suspend)
        self._world.put(self.obj)

    def _observe_generation(self) -> None:
        self._status.observed_generation = self.obj.generation


def create(
    world: World, tenant: Tenant, shape: Shape, *, name: str = "", queued: bool = False, **spec: object
) -> SimulatedCluster:
    """Create a RayCluster as a user does."""
    name = name or world.unique_name(PLURAL, tenant.namespace, fleet.cluster_name_prefix(world))
    obj = world.new_object(
        PLURAL,
        tenant.namespace,
        name,
        {**world.manifests.cluster_spec(shape), **spec},
        labels=tenant.labels(queued=queued),
        manager=tenant.manager,
        spec_fields=world.manifests.cluster_fields,
    )
    world.put(obj)
    return SimulatedCluster(world, obj, shape)


def create_owned(
    world: World,
    owner: SimulatedObject,
    name: str,
    shape: Shape,
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
) -> SimulatedCluster:
    """Create the RayCluster of a RayJob or RayService as the operator does, with the labels of its owner."""
    world.reserve_name(PLURAL, owner.namespace, name)
    origin = {"ray.io/originated-from-cr-name": owner.name, "ray.io/originated-from-crd": owner.kind}
    obj = world.new_object(
        PLURAL,
        owner.namespace,
        name,
        world.manifests.cluster_spec(shape, filled=True),
        labels={**owner.labels, **(labels or {}), **origin},
        annotations=annotations,
        owner=owner,
        spec_fields=world.manifests.cluster_fields,
    )
    world.put(obj)
    return SimulatedCluster(world, obj, shape)
