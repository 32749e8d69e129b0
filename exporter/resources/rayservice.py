"""RayService: Ray Serve applications on a RayCluster, replaced without downtime."""

from msgspec import Struct

from exporter.resources.meta import Condition, ObjectMeta


class RayServiceStatus(Struct, frozen=True, gc=False):
    conditions: tuple[Condition, ...] | None = None


class RayService(Struct, frozen=True, gc=False):
    metadata: ObjectMeta
    status: RayServiceStatus | None = None
