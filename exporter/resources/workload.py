"""Workload of Kueue (v1beta2, v1beta1): what the quota of one Ray object is asked for, and why it does not have it.

Pod templates are never decoded. Of all frameworks' Workloads, only those of Ray objects are decoded beyond `metadata`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar, NamedTuple

from msgspec import Struct
from msgspec.structs import force_setattr

from exporter.resources import API_GROUP
from exporter.resources.meta import (
    MAX_STRING_BYTES,
    Condition,
    Count,
    Integer,
    ObjectMeta,
    Shared,
    SharedStrings,
    Text,
    cut,
    find_condition,
)
from exporter.resources.quantities import Quantity
from exporter.resources.raycluster import MAX_BYTES, check_quantity
from exporter.resources.times import Time

KUEUE_GROUP = "kueue.x-k8s.io"
OWNER_KINDS = ("RayCluster", "RayJob", "RayService")
"""The kinds whose Workloads are read."""

STATES = ("finished", "inactive", "evicting", "admitted", "quota_reserved", "not_queued", "held", "pending")
HELD_REASONS = ("OnHold", "AdmissionGated")
EXCEEDS_QUOTA = "ExceedsMaxQuota"


class OwnerReference(Struct, frozen=True, gc=False, rename="camel"):
    """One entry of `metadata.ownerReferences`."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None

    @property
    def is_ray(self) -> bool:
        """It is the Ray object that a Workload stands for."""
        return bool(self.controller) and self.kind in OWNER_KINDS and self.api_version.startswith(f"{API_GROUP}/")


class OwnedMeta(Struct, frozen=True, gc=False, rename="camel"):
    """Of `metadata` what tells whose Workload it is; an object without a controller of Ray is not selected."""

    uid: str = ""
    resource_version: str = ""
    owner_references: tuple[OwnerReference, ...] | None = None

    @property
    def is_selected(self) -> bool:
        return any(owner.is_ray for owner in self.owner_references or ())


class OwnedObject(Struct, frozen=True, gc=False):
    """A Workload of any framework, of which only the metadata is decoded."""

    metadata: OwnedMeta = OwnedMeta()


class WorkloadMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """`metadata`; labels are not kept.

    Attributes:
        owner_kind, owner_name, owner_uid: the Ray object; its reference is not kept in another form.
    """

    owner_references: tuple[OwnerReference, ...] | None = None
    owner_kind: Shared = ""
    owner_name: str = ""
    owner_uid: str = ""

    def __post_init__(self) -> None:
        owner = next((owner for owner in self.owner_references or () if owner.is_ray), OwnerReference())
        for name in ("kind", "name", "uid"):
            force_setattr(self, f"owner_{name}", getattr(owner, name))
        force_setattr(self, "owner_references", None)
        force_setattr(self, "labels", None)
        super().__post_init__()


class PriorityClassRef(SharedStrings, frozen=True, gc=False):
    """`priorityClassRef` of v1beta2."""

    name: Shared = ""


class WorkloadSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`; an absent `active` is true. `priority_class_name` is v1beta1's form of `priority_class_ref`."""

    queue_name: Shared = ""
    priority: Integer | None = None
    priority_class_ref: PriorityClassRef | None = None
    priority_class_name: Shared = ""
    active: bool | None = None

    @property
    def priority_class(self) -> str:
        return self.priority_class_ref.name if self.priority_class_ref else self.priority_class_name


def _check(quantities: Mapping[str, Quantity] | None) -> None:
    for quantity in (quantities or {}).values():
        check_quantity(quantity, MAX_BYTES)


class PodSetAssignment(SharedStrings, frozen=True, gc=False, rename="camel"):
    """What is reserved for one pod set: the flavor and the total of each resource."""

    flavors: Mapping[str, str] | None = None
    resource_usage: Mapping[str, Quantity] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self.resource_usage)


class Admission(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status.admission`: the quota that is reserved."""

    cluster_queue: Shared = ""
    pod_set_assignments: tuple[PodSetAssignment, ...] | None = None


class PodSetRequest(SharedStrings, frozen=True, gc=False):
    """What all pods of one pod set request together."""

    resources: Mapping[str, Quantity] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _check(self.resources)


class RequeueState(Struct, frozen=True, gc=False, rename="camel"):
    """How often the pods were not ready in time, and when the Workload returns to its queue."""

    count: Count | None = None
    requeue_at: Time | None = None


class AdmissionCheckState(SharedStrings, frozen=True, gc=False):
    """The state of one admission check."""

    name: Shared = ""
    state: Shared | None = None


class Eviction(SharedStrings, frozen=True, gc=False, rename="camel"):
    """How often a Workload was evicted for one reason and cause."""

    reason: Shared = ""
    underlying_cause: Shared = ""
    count: Count | None = None


class SchedulingStats(SharedStrings, frozen=True, gc=False):
    """`status.schedulingStats` (Kueue 0.12)."""

    evictions: tuple[Eviction, ...] | None = None


class WorkloadCondition(Condition, frozen=True, gc=False, rename="camel"):
    """A condition whose message is read when it is decoded, and not kept by the type of the metrics."""

    message: Text | None = None


class Excess(NamedTuple):
    """What a pod set asks for beyond the maximum of a flavor, as quantities in Kueue's own words."""

    pod_set: str
    resource: str
    flavor: str
    requested: str
    maximum: str


_POD_SETS = re.compile(
    r"(?:couldn't|failed to) assign flavors to pod set ([^\s:…]+): (.*?)(?=; (?:couldn't|failed to) assign|$)",
    re.DOTALL,
)
_MAXIMUM = re.compile(
    r"insufficient quota for ([^\s,…]+) in flavor ([^\s,…]+), previously considered podsets requests \(([^()…]+)\) "
    r"\+ current podset request \(([^()…]+)\) > maximum capacity \(([^()…]+)\)"
)


def excesses(message: str | None) -> Iterator[Excess]:
    """Yield what Kueue says to be more than the present quotas can ever give, borrowing included.

    If another flavor has only too little unused quota, the pod set may be admitted later. The phrases are those of
    Kueue 0.15 to 0.19 (`flavorassigner.go`); reasons contain commas, so they are searched.
    """
    for pod_set, reasons in _POD_SETS.findall(message or ""):
        for resource, flavor, others, request, maximum in _MAXIMUM.findall(reasons):
            if f"insufficient unused quota for {resource} in" not in reasons:
                requested = request if others == "0" else f"{others} + {request}"
                yield Excess(pod_set, resource, flavor, requested, maximum)


class WorkloadStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status`.

    Attributes:
        exceeds_quota: QuotaReserved is false, as more is asked for than the present quotas can ever give.
        resource_requests: of each pod set, once it was evaluated and until quota is reserved.
        cluster_name, nominated_cluster_names: worker clusters of MultiKueue.
    """

    keeps_messages: ClassVar[bool] = False
    conditions: tuple[WorkloadCondition, ...] | None = None
    exceeds_quota: bool = False
    admission: Admission | None = None
    requeue_state: RequeueState | None = None
    admission_checks: tuple[AdmissionCheckState, ...] | None = None
    resource_requests: tuple[PodSetRequest, ...] | None = None
    scheduling_stats: SchedulingStats | None = None
    cluster_name: Shared | None = None
    nominated_cluster_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        condition = find_condition(self, "QuotaReserved")
        message = condition.message if isinstance(condition, WorkloadCondition) and not condition.is_true else None
        # Of a message that was cut, the other flavors may be missing.
        is_whole = message is not None and len(message) < 2 * MAX_STRING_BYTES
        is_said = condition is not None and condition.reason == EXCEEDS_QUOTA
        force_setattr(self, "exceeds_quota", is_said or (is_whole and any(excesses(message))))
        for one in self.conditions or ():
            force_setattr(one, "message", cut(one.message) if self.keeps_messages and one.message else None)


class Workload(Struct, frozen=True, gc=False):
    """One Workload of a Ray object."""

    metadata: WorkloadMeta
    spec: WorkloadSpec | None = None
    status: WorkloadStatus | None = None

    @property
    def is_active(self) -> bool:
        return self.spec is None or self.spec.active is not False

    @property
    def state(self) -> str:
        """What has become of the Workload, as one word; the first of these that is true."""
        reserved, requeued = self.condition("QuotaReserved"), self.condition("Requeued")
        has_quota = reserved is not None and reserved.is_true
        if self.is_met("Finished"):
            return "finished"
        if not self.is_active:
            return "inactive"
        if has_quota:
            # An evicted one keeps its quota until its pods have stopped.
            return "evicting" if self.is_met("Evicted") else "admitted" if self.is_met("Admitted") else "quota_reserved"
        if requeued is not None and requeued.status == "False":
            return "not_queued"
        return "held" if reserved is not None and reserved.reason in HELD_REASONS else "pending"

    @property
    def waiting_since(self) -> datetime | None:
        """Since when it has waited for quota, or waited before it was reserved; None if it does not show that.

        The first evaluation, too, writes QuotaReserved=False: only after an eviction its time is that of a return.
        """
        reserved, requeued = self.condition("QuotaReserved"), self.condition("Requeued")
        times = [self.metadata.creation_timestamp]
        if requeued is not None and requeued.is_true:
            times.append(requeued.last_transition_time)
        if reserved is not None and self.condition("Evicted") is not None:
            times.append(None if reserved.is_true else reserved.last_transition_time)
        return max(filter(None, times), default=None)

    def condition(self, type_: str) -> Condition | None:
        return find_condition(self.status, type_)

    def is_met(self, type_: str) -> bool:
        found = self.condition(type_)
        return found is not None and found.is_true
