"""RayServices: the status writes of the operator from the first start to a switch of clusters.

They follow recordings of the operator (v1.7.0); rayservice_upgrade.py has the incremental upgrade and its rollback.
"""

from __future__ import annotations

from typing import Any, Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import fleet, manifests, raycluster
from exporter.simulator.kuberay.fleet import Tenant
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster import SimulatedCluster
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.rayservice_status import APPS, App, SimulatedServiceStatus
from exporter.simulator.kuberay.simulated_object import SimulatedObject
from exporter.simulator.kuberay.world import Steps, World

PLURAL: Final = "rayservices"
FINALIZER: Final = "ray.io/rayservice-finalizer"

_INITIALIZING: Final = "RayService is initializing"
_RESUMED: Final = "RayService is initializing after resuming from suspend."


class SimulatedService(SimulatedServiceStatus):
    """One RayService and its clusters: the active one, and the pending one while it starts or upgrades."""

    def __init__(
        self, world: World, obj: SimulatedObject, shape: Shape, app: App, *, incremental: bool = False
    ) -> None:
        super().__init__(world, obj, app)
        self.incremental = incremental
        self._shape = self._former_shape = shape
        self._active_cluster: SimulatedCluster | None = None
        self._pending_cluster: SimulatedCluster | None = None

    def start(self) -> Steps:
        """From a created object to a Ready service."""
        yield from self.reach_pending()
        yield from self.provision_pending()
        yield self.world.uniform(3, 12)
        yield from self.first_switch()

    def reach_pending(self) -> Steps:
        """Up to a service whose first cluster is created next."""
        self.world.put(self.obj)
        yield 0.01
        self.obj.adopt(self.world.now, FINALIZER)
        self.world.put(self.obj)
        yield 0.01
        self.observe_generation()
        self.set_condition("Ready", "False", "Initializing", _INITIALIZING)
        self.set_condition("UpgradeInProgress", "False", "Initializing", _INITIALIZING)
        self.set_pending(**({"targetCapacity": 100} if self.incremental else {}))
        self.write()

    def provision_pending(self) -> Steps:
        """The pending cluster is created; when it is ready, its status is copied and its applications are deployed."""
        yield 2.0
        name = self.pending["rayClusterName"]
        hashes = {
            "ray.io/hash-without-replicas-and-workers-to-delete": self.world.random_uid().replace("-", "").upper(),
            "ray.io/kuberay-version": "v1.7.0",
            "ray.io/num-worker-groups": "1",
        }
        cluster = raycluster.create_owned(self.world, self.obj, name, self._shape, annotations=hashes)
        self._pending_cluster = cluster
        self.world.events.normal(self.obj, "CreatedRayCluster", f"Created the RayCluster {self._path(cluster)}")
        yield from cluster.provision(self.world.uniform(4, 20), self.world.uniform(4, 25))
        yield 0.05
        self.write_deploying()

    def write_deploying(self) -> None:
        if self._pending_cluster is not None:
            message = f"Updated serve applications to the RayCluster {self._path(self._pending_cluster)}"
            self.world.events.normal(self.obj, "UpdatedServeApplications", message, "Update")
            self.pending = {
                **self.pending,
                "rayClusterStatus": self._pending_cluster.status,
                "applicationStatuses": self.app_statuses("DEPLOYING", "UPDATING"),
            }
        self.write()

    def first_switch(self) -> Steps:
        """The first cluster becomes the active one, and then gets endpoints."""
        self.switch()
        message = f"Created the service {self.obj.namespace}/{self.obj.name}-head-svc"
        self.world.events.normal(self.obj, "CreatedService", message, times=2)
        yield 2.0
        self.set_endpoints(2)
        self.write()

    def switch(self) -> None:
        """The pending cluster becomes the active one."""
        self.active = {**self.pending, "applicationStatuses": self.app_statuses("RUNNING", "HEALTHY")}
        if self.incremental:
            self.active |= {"targetCapacity": 100, "trafficRoutedPercent": 100}
            self.active["lastTrafficMigratedTime"] = timestamp(self.world.now)
        # With two serving clusters the endpoints of both are counted.
        self.endpoints = min(self.endpoints, 2)
        self._active_cluster, self._pending_cluster = self._pending_cluster, None
        if self._active_cluster is not None:
            message = f'Updated the serve label to "true" for the Head Pod {self._path(self._active_cluster)}-head'
            self.world.events.normal(self.obj, "UpdatedHeadPodServeLabel", message, "Update")
        self.clear_pending("Active Ray cluster exists and no pending Ray cluster")
        self.write()

    def begin_upgrade(self) -> Steps:
        """The spec changes: a pending cluster in addition to the active one."""
        self._former_shape = self._shape
        self._reshape(fleet.with_other_version(self.world, self._shape))
        yield 0.02
        self.observe_generation()
        self.active = {key: value for key, value in self.active.items() if key != "applicationStatuses"}
        self.set_pending(**({"targetCapacity": 0} if self.incremental else {}))
        message = "Both active and pending Ray clusters exist"
        self.set_condition("UpgradeInProgress", "True", "BothActivePendingClustersExist", message)
        self.refresh_condition("Ready")
        self.write()

    def restart_worker(self) -> None:
        """A worker of the active cluster runs out of memory."""
        if self._active_cluster is not None:
            self._active_cluster.pods.restart_worker()

    def revert_spec(self) -> None:
        """The user reverts the change of the spec."""
        self._reshape(self._former_shape)

    def finish_upgrade(self) -> Steps:
        """All traffic goes to the new cluster; the old one is deleted later."""
        old = self._active_cluster
        self.switch()
        yield 8.0
        if old is not None:
            self._delete_cluster(old)

    def suspend(self) -> Steps:
        self._patch_suspend(True)
        yield 0.04
        self.observe_generation()
        self.active = self.pending = {"rayClusterStatus": empty_status()}
        self.endpoints = 0
        message = "Spec.Suspend is true; will delete all Kubernetes resources owned by this RayService."
        self.set_not_ready("SuspendInProgress", "RayService is suspending.")
        self.set_condition("Suspending", "True", "SuspendRequested", message)
        self.set_condition("RollbackInProgress", "False", "SuspendInProgress", "No rollback in progress.")
        self.write()
        yield 2.0
        self._delete_clusters()
        message = "Waiting for all Kubernetes resources owned by this RayService to be deleted."
        self.set_condition("Suspending", "True", "SuspendInProgress", message)
        self.write()
        yield 0.02
        self.set_not_ready("SuspendComplete", "RayService is suspended.")
        self.set_condition("Suspending", "False", "SuspendComplete", "All owned resources have been deleted.")
        self.set_condition("RollbackInProgress", "False", "SuspendComplete", "No rollback in progress.")
        self.set_condition("Suspended", "True", "SuspendComplete", "All owned resources have been deleted.")
        self.write()

    def resume(self) -> Steps:
        self._patch_suspend(False)
        yield 0.02
        self.observe_generation()
        message = "Spec.Suspend is false; RayService has resumed."
        self.set_condition("Suspended", "False", "RayServiceResumed", message)
        # The operator removes both and sets them again, so their time changes although their status does not.
        for type_ in ("Ready", "UpgradeInProgress"):
            self.remove_condition(type_)
            self.set_condition(type_, "False", "Initializing", _RESUMED)
        self.write()
        yield 0.02
        self.set_pending(**({"targetCapacity": 100} if self.incremental else {}))
        self.write()
        yield from self.provision_pending()
        yield self.world.uniform(2, 6)
        yield from self.first_switch()

    def time_out(self, seconds: int) -> Steps:
        """Not ready in time: the operator deletes the cluster."""
        limit = f"{seconds // 60}m0s"
        message = (
            f"RayService failed to become ready within the configured timeout of {limit}. "
            f"Time spent initializing: {seconds // 60}m1s"
        )
        self.pending = {key: value for key, value in self.pending.items() if key != "rayClusterName"}
        self.set_condition("Ready", "False", "InitializingTimeout", message)
        self.write()
        text = f"RayService initializing timeout exceeded after {seconds + 0.197}s (configured timeout: {limit})"
        self.world.events.warning(self.obj, "RayServiceInitializingTimeout", text, "Reconcile")
        yield 8.0
        self._delete_clusters()

    def delete(self) -> Steps:
        self.obj.mark_deleted(self.world.now)
        self.world.put(self.obj)
        yield 0.02
        self.world.remove(self.obj)
        yield 0.8
        self._delete_clusters(by_operator=False)

    def delete_pending_cluster(self, *, by_operator: bool = True) -> None:
        if self._pending_cluster is not None:
            self._delete_cluster(self._pending_cluster, by_operator=by_operator)
            self._pending_cluster = None

    def _reshape(self, shape: Shape) -> None:
        self._shape = shape
        config = self.world.manifests.cluster_spec(shape, filled=True)
        self.obj.patch_spec(self.world.now, rayClusterConfig=config)
        self.world.put(self.obj)

    def _patch_suspend(self, suspend: bool) -> None:
        self.obj.patch_spec(self.world.now, suspend=suspend)
        self.world.put(self.obj)

    def _delete_clusters(self, *, by_operator: bool = True) -> None:
        self.delete_pending_cluster(by_operator=by_operator)
        if self._active_cluster is not None:
            self._delete_cluster(self._active_cluster, by_operator=by_operator)
            self._active_cluster = None

    def _delete_cluster(self, cluster: SimulatedCluster, *, by_operator: bool = True) -> None:
        """Delete a cluster: the operator does, or garbage collection with the service."""
        if by_operator:
            message = f"Deleted the RayCluster {self._path(cluster)}"
            self.world.events.normal(self.obj, "DeletedRayCluster", message, "Delete")
        cluster.delete()

    def _path(self, cluster: SimulatedCluster) -> str:
        return f"{self.obj.namespace}/{cluster.obj.name}"


def create(
    world: World,
    tenant: Tenant,
    *,
    incremental: bool = False,
    timeout: int = 0,
    shape: Shape | None = None,
    **spec: Any,
) -> SimulatedService:
    """Return a RayService as its user creates it; `reach_pending` writes it to the store."""
    name = world.unique_name(PLURAL, tenant.namespace, fleet.service_name_prefix(world))
    shape = shape or fleet.random_shape(world)
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
    obj = world.new_object(
        PLURAL,
        tenant.namespace,
        name,
        {**body, **spec},
        labels=tenant.labels(),
        annotations={"ray.io/initializing-timeout": f"{timeout // 60}m"} if timeout else None,
        manager=tenant.manager,
        spec_fields=world.manifests.service_fields,
    )
    return SimulatedService(world, obj, shape, app, incremental=incremental)
