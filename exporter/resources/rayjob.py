"""RayJob: a Ray job, and the RayCluster that is made to run it."""

from msgspec import Struct, field
from msgspec.structs import force_setattr

from exporter.resources.meta import ObjectMeta, share
from exporter.resources.times import Time


class ManagedFieldsEntry(Struct, frozen=True, gc=False):
    """Who last wrote a part of the object, and when: the only clock of a status without a time."""

    manager: str | None = None
    subresource: str | None = None
    time: Time | None = None


class RayJobMeta(ObjectMeta, frozen=True, gc=False):
    managed_fields: tuple[ManagedFieldsEntry, ...] | None = field(default=None, name="managedFields")


class RayJobStatus(Struct, frozen=True, gc=False):
    """`status`. An absent integer is 0 and an absent string is "" (Go's `omitempty`)."""

    job_deployment_status: str | None = field(default=None, name="jobDeploymentStatus")
    start_time: Time | None = field(default=None, name="startTime")
    end_time: Time | None = field(default=None, name="endTime")
    failed: int | None = None

    def __post_init__(self) -> None:
        share(self, "job_deployment_status")


class RayJob(Struct, frozen=True, gc=False):
    metadata: RayJobMeta
    status: RayJobStatus | None = None

    def __post_init__(self) -> None:
        # Half of what is left of a job, and only Retrying has no other clock.
        if self.status is None or self.status.job_deployment_status != "Retrying":
            force_setattr(self.metadata, "managed_fields", None)
