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


class RayJobSpec(Struct, frozen=True, gc=False):
    submission_mode: str | None = field(default=None, name="submissionMode")
    backoff_limit: int | None = field(default=None, name="backoffLimit")
    active_deadline_seconds: int | None = field(default=None, name="activeDeadlineSeconds")
    suspend: bool | None = None
    managed_by: str | None = field(default=None, name="managedBy")

    def __post_init__(self) -> None:
        share(self, "submission_mode", "managed_by")


class RayJobInfo(Struct, frozen=True, gc=False):
    """The Ray job itself, which is shorter than the RayJob around it."""

    start_time: Time | None = field(default=None, name="startTime")
    end_time: Time | None = field(default=None, name="endTime")


class RayJobStatus(Struct, frozen=True, gc=False):
    """`status`. An absent integer is 0 and an absent string is "" (Go's `omitempty`)."""

    job_deployment_status: str | None = field(default=None, name="jobDeploymentStatus")
    job_status: str | None = field(default=None, name="jobStatus")
    reason: str | None = None
    start_time: Time | None = field(default=None, name="startTime")
    end_time: Time | None = field(default=None, name="endTime")
    ray_job_info: RayJobInfo | None = field(default=None, name="rayJobInfo")
    failed: int | None = None
    succeeded: int | None = None
    ray_cluster_name: str | None = field(default=None, name="rayClusterName")
    job_id: str | None = field(default=None, name="jobId")

    def __post_init__(self) -> None:
        share(self, "job_deployment_status", "job_status", "reason")


class RayJob(Struct, frozen=True, gc=False):
    metadata: RayJobMeta
    spec: RayJobSpec | None = None
    status: RayJobStatus | None = None

    def __post_init__(self) -> None:
        # Half of what is left of a job, and only Retrying has no other clock.
        if self.status is None or self.status.job_deployment_status != "Retrying":
            force_setattr(self.metadata, "managed_fields", None)
