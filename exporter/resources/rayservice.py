"""RayService: Ray Serve applications on a RayCluster, replaced without downtime."""

from collections.abc import Mapping
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import force_setattr

from exporter.resources.meta import MAX_MAP_SIZE, Condition, Integer, ObjectMeta, Shared, SharedStrings, cut_map
from exporter.resources.times import Time


class ServeDeploymentStatus(SharedStrings, frozen=True, gc=False):
    """One deployment of a Serve application; its message is never kept."""

    status: Shared | None = None


class AppStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """One Serve application."""

    status: Shared | None = None
    serve_deployment_statuses: Mapping[str, ServeDeploymentStatus | None] | None = None


class RayServiceStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`activeServiceStatus` or `pendingServiceStatus`: one cluster of the service.

    The percentages are pointers in Go: absent means unknown, not 0.
    """

    ray_cluster_name: str | None = None
    target_capacity: Integer | None = None
    traffic_routed_percent: Integer | None = None
    last_traffic_migrated_time: Time | None = None
    application_statuses: Mapping[str, AppStatus | None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        size = MAX_MAP_SIZE
        for application in (self.application_statuses or {}).values():
            if application is not None and application.serve_deployment_statuses:
                deployments, size = cut_map(application.serve_deployment_statuses, size)
                force_setattr(application, "serve_deployment_statuses", deployments)


class ClusterUpgradeOptions(Struct, frozen=True, gc=False, rename="camel"):
    """The steps of an incremental upgrade."""

    max_surge_percent: Integer | None = None
    step_size_percent: Integer | None = None
    interval_seconds: Integer | None = None


class UpgradeStrategy(SharedStrings, frozen=True, gc=False, rename="camel"):
    """How the service is upgraded; the options are those of an incremental upgrade."""

    type: Shared | None = None
    cluster_upgrade_options: ClusterUpgradeOptions | None = None


class RayClusterConfig(Struct, frozen=True, gc=False):
    """`spec.rayClusterConfig`, which Kueue suspends in place of the service."""

    suspend: bool | None = None


class RayServiceSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`."""

    upgrade_strategy: UpgradeStrategy | None = None
    suspend: bool | None = None
    ray_cluster_config: RayClusterConfig | None = None
    managed_by: Shared | None = None

    @property
    def is_cluster_suspended(self) -> bool:
        return self.ray_cluster_config is not None and bool(self.ray_cluster_config.suspend)


class RayServiceStatuses(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status`. An absent integer is 0 (Go's `omitempty`)."""

    conditions: tuple[Condition, ...] | None = None
    num_serve_endpoints: Integer | None = None
    active_service_status: RayServiceStatus | None = None
    pending_service_status: RayServiceStatus | None = None


class RayService(Struct, frozen=True, gc=False):
    """One RayService."""

    kind: ClassVar[str] = "RayService"
    metadata: ObjectMeta
    spec: RayServiceSpec | None = None
    status: RayServiceStatuses | None = None
