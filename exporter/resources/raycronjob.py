"""RayCronJob: makes a RayJob at every tick of its schedule (alpha in KubeRay v1.7.0)."""

from msgspec import Struct, field

from exporter.resources.meta import ObjectMeta
from exporter.resources.times import Time


class RayCronJobSpec(Struct, frozen=True, gc=False):
    schedule: str | None = None
    time_zone: str | None = field(default=None, name="timeZone")
    suspend: bool | None = None


class RayCronJobStatus(Struct, frozen=True, gc=False):
    last_schedule_time: Time | None = field(default=None, name="lastScheduleTime")


class RayCronJob(Struct, frozen=True, gc=False):
    metadata: ObjectMeta
    spec: RayCronJobSpec | None = None
    status: RayCronJobStatus | None = None
