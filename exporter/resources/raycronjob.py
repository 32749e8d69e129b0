"""RayCronJob: creates a RayJob at every time of its schedule (alpha in KubeRay v1.7.0)."""

from typing import ClassVar

from msgspec import Struct

from exporter.resources.meta import ObjectMeta, SharedStrings
from exporter.resources.times import Time


class RayCronJobSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`; the template of the jobs is not decoded."""

    schedule: str | None = None
    time_zone: str | None = None
    suspend: bool | None = None


class RayCronJobStatus(Struct, frozen=True, gc=False, rename="camel"):
    """`status`."""

    last_schedule_time: Time | None = None


class RayCronJob(Struct, frozen=True, gc=False):
    """One RayCronJob."""

    kind: ClassVar[str] = "RayCronJob"
    metadata: ObjectMeta
    spec: RayCronJobSpec | None = None
    status: RayCronJobStatus | None = None
