"""RayServices: the status writes of the operator from the first start to a switch of clusters.

Follows recordings of the operator (v1.7.0); the stepwise upgrade and its rollback are in rayservice_upgrade.py.
"""

from __future__ import annotations

from typing import Any, Final

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay import fleet, manifests, raycluster
from exporter.simulator.kuberay.fleet import Place
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster import Cluster
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.rayservice_status import APPS, App, ServiceStatus
from exporter.simulator.kuberay.simulated_object import Resource
from exporter.simulator.kuberay.world import Stays, World

PLURAL: Final = "rayservices"
FINALIZER: Final = "ray.io/rayservice-finalizer"

_INITIALIZING: Final = "RayService is initializing"
_RESUMED: Final = "RayService is initializing after resuming from suspend."


class Service(ServiceStatus):
    """One RayService and its clusters: the active one, and the pending one while it starts or upgrades."""

    def __init__(self, world: World, resource: Resource, shape: Shape, app: App, *, incremental: bool = False) -> None:
        super().__init__(world, resource, app)
        self.incremental = incremental
        self._shape = self._former_shape = shape
        self._active_cluster: Cluster | None = None
        self._pending_cluster: Cluster | None = None

    def start(self) -> Stays:
        """From a created object to a Ready service."""
        yield from self.reach_pending()
        yield from self.provision_pending()
        yield self.world.uniform(3, 12)
        yield from self.first_switch()

    def reach_pending(self) -> Stays:
        """Up to a service whose first cluster is about to be made."""
        self.world.put(self.resource)
        yield 0.01
        self.resource.adopt(self.world.now, FINALIZER)
        self.world.put(self.resource)
        yield 0.01
        self.observe()
        self.set("Ready", "False", "Initializing", _INITIALIZING)
        self.set("UpgradeInProgress", "False", "Initializing", _INITIALIZING)
        self.prepare(**({"targetCapacity": 100} if self.incremental else {}))
        self.write()

    def provision_pending(self) -> Stays:
        """The pending cluster is made; the service shows it once it is ready, its applications deploying."""
        yield 2.0
        name = self.pending["rayClusterName"]
        hashes = {
            "ray.io/hash-without-replicas-and-workers-to-delete": self.world.uid().replace("-", "").upper(),
            "ray.io/kuberay-version": "v1.7.0",
            "ray.io/num-worker-groups": "1",
        }
        cluster = raycluster.create_owned(self.world, self.resource, name, self._shape, annotations=hashes)
        self._pending_cluster = cluster
        yield from cluster.provision(self.world.uniform(4, 20), self.world.uniform(4, 25))
        yield 0.05
        self.deploying()

    def deploying(self) -> None:
        if self._pending_cluster is not None:
            self.pending = {
                **self.pending,
                "rayClusterStatus": self._pending_cluster.status,
                "applicationStatuses": self.apps("DEPLOYING", "UPDATING"),
            }
        self.write()

    def first_switch(self) -> Stays:
        """The first cluster becomes the active one; its endpoints follow."""
        self.switch()
        yield 2.0
        self.serve(2)
        self.write()

    def switch(self) -> None:
        """The pending cluster becomes the active one."""
        self.active = {**self.pending, "applicationStatuses": self.apps("RUNNING", "HEALTHY")}
        if self.incremental:
            self.active |= {"targetCapacity": 100, "trafficRoutedPercent": 100}
            self.active["lastTrafficMigratedTime"] = stamp(self.world.now)
        # While both clusters served, the endpoints of both counted.
        self.endpoints = min(self.endpoints, 2)
        self._active_cluster, self._pending_cluster = self._pending_cluster, None
        self.no_pending("Active Ray cluster exists and no pending Ray cluster")
        self.write()

    def begin_upgrade(self) -> Stays:
        """The spec changes: a pending cluster beside the active one."""
        self._former_shape = self._shape
        self._reshape(fleet.upgraded(self.world, self._shape))
        yield 0.02
        self.observe()
        self.active = {key: value for key, value in self.active.items() if key != "applicationStatuses"}
        self.prepare(**({"targetCapacity": 0} if self.incremental else {}))
        message = "Both active and pending Ray clusters exist"
        self.set("UpgradeInProgress", "True", "BothActivePendingClustersExist", message)
        self.refresh("Ready")
        self.write()

    def revert(self) -> None:
        """The user takes the change of the spec back."""
        self._reshape(self._former_shape)

    def finish_upgrade(self) -> Stays:
        """All traffic goes to the new cluster; the old one is kept for a while."""
        old = self._active_cluster
        self.switch()
        yield 8.0
        if old is not None:
            old.delete()

    def suspend(self) -> Stays:
        self._patch_suspend(True)
        yield 0.04
        self.observe()
        self.active = self.pending = {"rayClusterStatus": empty_status()}
        self.endpoints = 0
        message = "Spec.Suspend is true; will delete all Kubernetes resources owned by this RayService."
        self.halt("SuspendInProgress", "RayService is suspending.")
        self.set("Suspending", "True", "SuspendRequested", message)
        self.set("RollbackInProgress", "False", "SuspendInProgress", "No rollback in progress.")
        self.write()
        yield 2.0
        self._drop_clusters()
        message = "Waiting for all Kubernetes resources owned by this RayService to be deleted."
        self.set("Suspending", "True", "SuspendInProgress", message)
        self.write()
        yield 0.02
        self.halt("SuspendComplete", "RayService is suspended.")
        self.set("Suspending", "False", "SuspendComplete", "All owned resources have been deleted.")
        self.set("RollbackInProgress", "False", "SuspendComplete", "No rollback in progress.")
        self.set("Suspended", "True", "SuspendComplete", "All owned resources have been deleted.")
        self.write()

    def resume(self) -> Stays:
        self._patch_suspend(False)
        yield 0.02
        self.observe()
        message = "Spec.Suspend is false; RayService has resumed."
        self.set("Suspended", "False", "RayServiceResumed", message)
        # The operator removes and sets both again: their time changes without a flip.
        for type_ in ("Ready", "UpgradeInProgress"):
            self.unset(type_)
            self.set(type_, "False", "Initializing", _RESUMED)
        self.write()
        yield 0.02
        self.prepare(**({"targetCapacity": 100} if self.incremental else {}))
        self.write()
        yield from self.provision_pending()
        yield self.world.uniform(2, 6)
        yield from self.first_switch()

    def time_out(self, seconds: int) -> Stays:
        """Not ready in time: the operator gives up and takes the cluster away."""
        limit = f"{seconds // 60}m0s"
        message = (
            f"RayService failed to become ready within the configured timeout of {limit}. "
            f"Time spent initializing: {seconds // 60}m1s"
        )
        self.pending = {key: value for key, value in self.pending.items() if key != "rayClusterName"}
        self.set("Ready", "False", "InitializingTimeout", message)
        self.write()
        yield 8.0
        self._drop_clusters()

    def delete(self) -> Stays:
        self.resource.mark_deleted(self.world.now)
        self.world.put(self.resource)
        yield 0.02
        self.world.remove(self.resource)
        yield 0.8
        self._drop_clusters()

    def drop_pending(self) -> None:
        if self._pending_cluster is not None:
            self._pending_cluster.delete()
            self._pending_cluster = None

    def _reshape(self, shape: Shape) -> None:
        self._shape = shape
        config = self.world.manifests.cluster_spec(shape, filled=True)
        self.resource.patch_spec(self.world.now, rayClusterConfig=config)
        self.world.put(self.resource)

    def _patch_suspend(self, suspend: bool) -> None:
        self.resource.patch_spec(self.world.now, suspend=suspend)
        self.world.put(self.resource)

    def _drop_clusters(self) -> None:
        self.drop_pending()
        if self._active_cluster is not None:
            self._active_cluster.delete()
            self._active_cluster = None


def create(
    world: World,
    place: Place,
    *,
    incremental: bool = False,
    timeout: int = 0,
    shape: Shape | None = None,
    **spec: Any,
) -> Service:
    """A RayService as its user makes it; it enters the store when it starts."""
    name = world.name(PLURAL, place.namespace, fleet.service_stem(world))
    shape = shape or fleet.shape(world)
    app = world.random.choice(APPS)
    body = {
        "rayClusterConfig": world.manifests.cluster_spec(shape, filled=True),
        "rayClusterDeletionDelaySeconds": 8,
        "serveConfigV2": manifests.serve_config(*app),
    }
    if incremental:
        options = {"intervalSeconds": 10, "maxSurgePercent": 40, "stepSizePercent": 20}
        strategy = {"clusterUpgradeOptions": options, "type": "NewClusterWithIncrementalUpgrade"}
        body["upgradeStrategy"] = strategy
    resource = world.resource(
        PLURAL,
        place.namespace,
        name,
        {**body, **spec},
        labels=place.labels(),
        annotations={"ray.io/initializing-timeout": f"{timeout // 60}m"} if timeout else None,
        manager=place.manager,
        spec_fields=world.manifests.service_fields,
    )
    return Service(world, resource, shape, app, incremental=incremental)
