"""Workload of Kueue (v1beta2, v1beta1): what the quota of one Ray object is asked for, and why it does not have it.

Pod templates are never decoded. Of all frameworks' Workloads, only those of Ray objects are decoded beyond `metadata`.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import force_setattr

from exporter.resources import API_GROUP
from exporter.resources import meta as common
from exporter.resources.meta import Condition, Count, Integer, ObjectMeta, Shared, SharedStrings, Text
from exporter.resources.quantities import Quantity
from exporter.resources.raycluster import MAX_BYTES, check_quantity
from exporter.resources.times import Time, latest

KUEUE_GROUP = "kueue.x-k8s.io"
OWNER_KINDS = ("RayCluster", "RayJob", "RayService")
"""The kinds whose Workloads are read."""

EXCEEDS_QUOTA = "ExceedsMaxQuota"

_POD_SETS = re.compile(
    r"(?:couldn't|failed to) assign flavors to pod set ([^\s:…]+): (.*?)(?=; (?:couldn't|failed to) assign|$)",
    re.DOTALL,
)
_MAXIMUM = re.compile(
    r"insufficient quota for ([^\s,…]+) in flavor ([^\s,…]+), previously considered podsets requests \(([^()…]+)\) "
    r"\+ current podset request \(([^()…]+)\) > maximum capacity \(([^()…]+)\)"
)


def excesses(message: str | None) -> Iterator[str]:
    """Yield in words what Kueue says to be more than the present quotas can ever give, borrowing included.

    If another flavor has only too little unused quota, the pod set may be admitted later. The phrases are those of
    Kueue 0.15 to 0.19 (`flavorassigner.go`); reasons contain commas, so they are searched.
    """
    for pod_set, reasons in _POD_SETS.findall(message or ""):
        for resource, flavor, others, request, maximum in _MAXIMUM.findall(reasons):
            if f"insufficient unused quota for {resource} in" not in reasons:
                requested = request if others == "0" else f"{others} + {request}"
                yield f"{requested} > {maximum} {resource} in flavor {flavor} (pod set {pod_set})"


class OwnerReference(Struct, frozen=True, gc=False, rename="camel"):
    """One entry of `metadata.ownerReferences`."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool | None = None


class WorkloadMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """`metadata`; of labels and owners only the Ray object is kept, "" if there is none."""

    owner_references: tuple[OwnerReference, ...] | None = None
    owner_kind: Shared = ""
    owner_name: str = ""
    owner_uid: str = ""

    def __post_init__(self) -> None:
        for one in (OwnerReference(), *(self.owner_references or ())):
            is_ray = one.controller and one.kind in OWNER_KINDS and one.api_version.startswith(f"{API_GROUP}/")
            for name in ("kind", "name", "uid") if is_ray or not one.uid else ():
                force_setattr(self, f"owner_{name}", getattr(one, name))
        force_setattr(self, "owner_references", None)
        force_setattr(self, "labels", None)
        super().__post_init__()

    @property
    def is_selected(self) -> bool:
        return bool(self.owner_uid)


class OwnedObject(Struct, frozen=True, gc=False):
    """A Workload of any framework, of which only the metadata is decoded."""

    metadata: WorkloadMeta


class PriorityClassRef(SharedStrings, frozen=True, gc=False):
    """`priorityClassRef` of v1beta2."""

    name: Shared = ""


class WorkloadSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`; an absent `active` is true. `priority_class_name` is v1beta1's form of `priority_class_ref`."""

    queue_name: Shared = ""
    priority: Integer | None = None
    priority_class_ref: PriorityClassRef = PriorityClassRef()
    priority_class_name: Shared = ""
    active: bool | None = None


class PodSet(SharedStrings, frozen=True, gc=False, rename="camel"):
    """What is reserved for all pods of a set, with the flavor of each resource, or what they request."""

    flavors: Mapping[str, str] | None = None
    resource_usage: Mapping[str, Quantity] | None = None
    resources: Mapping[str, Quantity] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.flavors:
            flavors = {resource: common.bounded_string(flavor) for resource, flavor in self.flavors.items()}
            force_setattr(self, "flavors", flavors)
        for quantities in (self.resource_usage, self.resources):
            for quantity in (quantities or {}).values():
                check_quantity(quantity, MAX_BYTES)


class Admission(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status.admission`: the quota that is reserved."""

    cluster_queue: Shared = ""
    pod_set_assignments: tuple[PodSet, ...] | None = None


class RequeueState(Struct, frozen=True, gc=False, rename="camel"):
    """How often the pods were not ready in time, and when the Workload returns to its queue.

    Kueue never writes a negative number: it counts as absent.
    """

    count: Count | None = None
    requeue_at: Time | None = None

    def __post_init__(self) -> None:
        if self.count is not None and self.count < 0:
            force_setattr(self, "count", None)


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


class WorkloadStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status`.

    Attributes:
        exceeds_quota: quota is not reserved, as more is asked for than the present quotas can ever give.
        resource_requests: of each pod set, once it was evaluated and until quota is reserved.
        cluster_name, nominated_cluster_names: worker clusters of MultiKueue.
    """

    keeps_messages: ClassVar[bool] = False
    conditions: tuple[WorkloadCondition, ...] | None = None
    exceeds_quota: bool = False
    admission: Admission | None = None
    requeue_state: RequeueState | None = None
    admission_checks: tuple[AdmissionCheckState, ...] | None = None
    resource_requests: tuple[PodSet, ...] | None = None
    scheduling_stats: SchedulingStats | None = None
    cluster_name: Shared | None = None
    nominated_cluster_names: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.nominated_cluster_names:
            names = tuple(map(common.bounded_string, self.nominated_cluster_names))
            force_setattr(self, "nominated_cluster_names", names)
        exceeds = False
        for one in self.conditions or ():
            message = one.message or ""
            if one.type == "QuotaReserved" and not one.is_true:
                # Of a message that was cut, the other flavors may be missing.
                is_whole = len(message) < 2 * common.MAX_STRING_BYTES
                exceeds |= one.reason == EXCEEDS_QUOTA or (is_whole and any(excesses(message)))
            force_setattr(one, "message", common.cut(message) if self.keeps_messages and message else None)
        force_setattr(self, "exceeds_quota", exceeds)


class Workload(Struct, frozen=True, gc=False):
    """One Workload of a Ray object."""

    metadata: WorkloadMeta
    spec: WorkloadSpec = WorkloadSpec()
    status: WorkloadStatus = WorkloadStatus()

    @property
    def state(self) -> str:
        """What has become of the Workload, as one word; the first of these that is true."""
        reserved, requeued = self.condition("QuotaReserved"), self.condition("Requeued")
        if self.is_met("Finished"):
            return "finished"
        if self.spec.active is False:
            return "inactive"
        if self.is_met("QuotaReserved"):
            # An evicted one keeps its quota until its pods have stopped.
            return "evicting" if self.is_met("Evicted") else "admitted" if self.is_met("Admitted") else "quota_reserved"
        if requeued is not None and requeued.status == "False":
            return "not_queued"
        return "held" if reserved is not None and reserved.reason in ("OnHold", "AdmissionGated") else "pending"

    @property
    def waiting_since(self) -> datetime | None:
        """Since when it has waited for quota, or waited before it was reserved; None if it does not show that.

        The first evaluation, too, writes QuotaReserved=False: only after an eviction its time is that of a return.
        """
        reserved, requeued = self.condition("QuotaReserved"), self.condition("Requeued")
        times = [self.metadata.creation_timestamp]
        if requeued is not None and requeued.is_true:
            times.append(requeued.last_transition_time)
        if reserved is not None and not reserved.is_true and self.condition("Evicted") is not None:
            times.append(reserved.last_transition_time)
        return latest(times)

    def condition(self, type_: str) -> Condition | None:
        return common.find_condition(self.status, type_)

    def is_met(self, type_: str) -> bool:
        found = self.condition(type_)
        return found is not None and found.is_true
