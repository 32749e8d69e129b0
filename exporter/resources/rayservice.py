"""RayService: Ray Serve applications on a RayCluster, replaced without downtime."""

from msgspec import Struct, field

from exporter.resources.meta import Condition, ObjectMeta, share


class DeploymentStatus(Struct, frozen=True, gc=False):
    """One deployment of a Serve application; its message is never kept."""

    status: str | None = None

    def __post_init__(self) -> None:
        share(self, "status")


class ApplicationStatus(Struct, frozen=True, gc=False):
    status: str | None = None
    deployments: dict[str, DeploymentStatus | None] | None = field(default=None, name="serveDeploymentStatuses")

    def __post_init__(self) -> None:
        share(self, "status")


class ClusterRole(Struct, frozen=True, gc=False):
    """`activeServiceStatus` or `pendingServiceStatus`: what one cluster of the service does.

    The percentages are pointers in Go: absent means unknown, not 0.
    """

    ray_cluster_name: str | None = field(default=None, name="rayClusterName")
    target_capacity: int | None = field(default=None, name="targetCapacity")
    traffic_routed_percent: int | None = field(default=None, name="trafficRoutedPercent")
    applications: dict[str, ApplicationStatus | None] | None = field(default=None, name="applicationStatuses")


class RayServiceSpec(Struct, frozen=True, gc=False):
    suspend: bool | None = None
    managed_by: str | None = field(default=None, name="managedBy")

    def __post_init__(self) -> None:
        share(self, "managed_by")


class RayServiceStatus(Struct, frozen=True, gc=False):
    """`status`. An absent integer is 0 (Go's `omitempty`)."""

    conditions: tuple[Condition, ...] | None = None
    serve_endpoints: int | None = field(default=None, name="numServeEndpoints")
    active: ClusterRole | None = field(default=None, name="activeServiceStatus")
    pending: ClusterRole | None = field(default=None, name="pendingServiceStatus")


class RayService(Struct, frozen=True, gc=False):
    metadata: ObjectMeta
    spec: RayServiceSpec | None = None
    status: RayServiceStatus | None = None
