"""RayJob: a Ray job, and the RayCluster that is created to run it."""

from typing import ClassVar

from msgspec import Struct
from msgspec.structs import force_setattr

from exporter.resources.meta import Count, Integer, ObjectMeta, Shared, SharedStrings
from exporter.resources.times import Time


class ManagedFieldsEntry(Struct, frozen=True, gc=False):
    """Who last wrote a part of the object, and when: the only clock of a status without a time."""

    manager: str | None = None
    subresource: str | None = None
    time: Time | None = None


class RayJobMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """`metadata`; `managed_fields` are kept only while the job is Retrying."""

    managed_fields: tuple[ManagedFieldsEntry, ...] | None = None


class DeletionCondition(SharedStrings, frozen=True, gc=False, rename="camel"):
    """When a rule applies: some seconds after one of the two statuses."""

    job_status: Shared | None = None
    job_deployment_status: Shared | None = None
    ttl_seconds: Integer | None = None


class DeletionRule(SharedStrings, frozen=True, gc=False, rename="camel"):
    """What is deleted (`policy`) when a condition holds."""

    policy: Shared | None = None
    condition: DeletionCondition = DeletionCondition()


class DeletionPolicy(SharedStrings, frozen=True, gc=False, rename="camel"):
    """The older form of a rule, `onSuccess` or `onFailure`."""

    policy: Shared | None = None


class DeletionStrategy(SharedStrings, frozen=True, gc=False, rename="camel"):
    """Rules of deletion, in the newer form and in the older one."""

    deletion_rules: tuple[DeletionRule, ...] | None = None
    on_success: DeletionPolicy | None = None
    on_failure: DeletionPolicy | None = None


class RayJobSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`; an absent number is None."""

    submission_mode: Shared | None = None
    backoff_limit: Integer | None = None
    active_deadline_seconds: Integer | None = None
    pre_running_deadline_seconds: Integer | None = None
    ttl_seconds_after_finished: Integer | None = None
    shutdown_after_job_finishes: bool | None = None
    deletion_strategy: DeletionStrategy | None = None
    suspend: bool | None = None
    managed_by: Shared | None = None


class RayJobStatusInfo(Struct, frozen=True, gc=False, rename="camel"):
    """The Ray job itself, which is shorter than the RayJob around it."""

    start_time: Time | None = None
    end_time: Time | None = None


class RayJobStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status`. An absent integer is 0 and an absent string is "" (Go's `omitempty`)."""

    job_deployment_status: Shared | None = None
    job_status: Shared | None = None
    reason: Shared | None = None
    start_time: Time | None = None
    end_time: Time | None = None
    ray_job_info: RayJobStatusInfo | None = None
    failed: Count | None = None
    succeeded: Count | None = None
    ray_cluster_name: str | None = None
    job_id: str | None = None
    job_status_check_failure_start_time: Time | None = None


class RayJob(Struct, frozen=True, gc=False):
    """One RayJob."""

    kind: ClassVar[str] = "RayJob"
    metadata: RayJobMeta
    spec: RayJobSpec | None = None
    status: RayJobStatus | None = None

    def __post_init__(self) -> None:
        # Half of the memory of a job, and only Retrying has no other clock.
        if self.status is None or self.status.job_deployment_status != "Retrying":
            force_setattr(self.metadata, "managed_fields", None)
