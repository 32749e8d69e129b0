"""Workloads of Kueue that stand for Ray objects: what they wait for, what is reserved for them, why they were evicted.

A Workload belongs to the RayJob, RayCluster or RayService whose `uid` is its `owner_uid`; its name is Kueue's own.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from exporter.collectors.conditions import condition_rows
from exporter.families.metadata import created_row
from exporter.families.table import OTHER, Kind, LifecycleMetric, Occurrence, Row
from exporter.families.values import Values, info, number, of_spec, of_status, one, timestamp, truth
from exporter.resources.meta import Condition
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.times import elapsed_seconds
from exporter.resources.workload import (
    EXCEEDS_QUOTA,
    KUEUE_GROUP,
    OWNER_KINDS,
    Admission,
    OwnedObject,
    RequeueState,
    SchedulingStats,
    Workload,
    WorkloadStatus,
)

_CONDITIONS = """
    QuotaReserved Admitted PodsReady Evicted Preempted Requeued DeactivationTarget Finished BlockedOnPreemptionGates
"""
_REASONS = """
    QuotaReserved Pending Inadmissible Waiting AdmissionGated OnHold NoMatchingFlavor WaitingForQuota ExceedsMaxQuota
    TopologyPlacementFailed WaitingForPreemptedWorkloads Misconfigured Suspended PendingEvaluation WaitingForPodsReady
    Deactivated Admitted NoReservation UnsatisfiedChecks UnsatisfiedAdmissionChecks NoReservationUnsatisfiedChecks
    PendingDelayedTopologyRequests WaitForStart WaitForRecovery Started Recovered PodsReady Preempted PodsReadyTimeout
    AdmissionCheck ClusterQueueStopped LocalQueueStopped NodeFailures FlavorMigration EvictedOnManagerCluster
    InactiveWorkload VariantEvicted DeactivatedDueToAdmissionCheck DeactivatedDueToMaximumExecutionTimeExceeded
    DeactivatedDueToRequeuingLimitExceeded InClusterQueue InCohortReclamation InCohortFairSharing
    InCohortReclaimWhileBorrowing BackoffFinished Reactivated ClusterQueueRestarted LocalQueueRestarted
    RequeuingLimitExceeded MaximumExecutionTimeExceeded Succeeded Failed OutOfSync OwnerNotFound WorkloadSliceReplaced
    FailedToStart JobFinished PreemptionGated
"""
CONDITIONS, REASONS = frozenset(_CONDITIONS.split()), frozenset(_REASONS.split())
"""Those of Kueue 0.10 to 0.19; any other is `other`."""

EVICTIONS = {
    **dict.fromkeys(("Preempted", "AdmissionCheck", "ClusterQueueStopped", "LocalQueueStopped", "NodeFailures"), ("",)),
    "PodsReadyTimeout": ("WaitForStart", "WaitForRecovery"),
    "Deactivated": ("", "AdmissionCheck", "MaximumExecutionTimeExceeded", "RequeuingLimitExceeded"),
    **dict.fromkeys(("FlavorMigration", "EvictedOnManagerCluster", "InactiveWorkload", "VariantEvicted"), ()),
}
"""Reasons, each with the causes that have totals from the start: the last four are rare."""

EVICTION_CAUSES = {cause for causes in EVICTIONS.values() for cause in causes}

CHECK_STATES = ("Pending", "Ready", "Retry", "Rejected")


class Memory(NamedTuple):
    """What later versions of a Workload do not show.

    Attributes:
        waiting_since: of the last version that waited for quota.
        reservations, reserved_at, waited: how often quota was reserved, when it is, and after how many seconds.
        admissions, admitted_at, checked: the same of admissions, from the reservation on.
        evictions, newest: how often by reason and cause, and the last increase.
    """

    waiting_since: datetime | None = None
    reservations: int = 0
    reserved_at: datetime | None = None
    waited: float | None = None
    admissions: int = 0
    admitted_at: datetime | None = None
    checked: float | None = None
    evictions: Mapping[tuple[str, ...], int] = {}
    newest: Mapping[tuple[str, ...], int] = {}


def _bounded(value: str | None, known: Collection[str]) -> str:
    return value if value is not None and value in known else OTHER


def bounded_condition(condition: Condition) -> Condition:
    """Return a condition whose type and reason are known ones, or `other`."""
    type_, reason = _bounded(condition.type, CONDITIONS), condition.reason and _bounded(condition.reason, REASONS)
    is_known = (type_, reason) == (condition.type, condition.reason)
    return condition if is_known else replace(condition, type=type_, reason=reason)


def _sums(amounts: Iterable[tuple[tuple[str, ...], Quantity]]) -> Values:
    sums: dict[tuple[str, ...], float] = {}
    for labels, quantity in amounts:
        sums[labels] = sums.get(labels, 0.0) + parse_quantity(quantity)
    return sums.items()


def of_unfinished(values: Callable[[WorkloadStatus], Values]) -> Callable[[Workload, object], Values]:
    """Read from a status; no series of a finished Workload, in which Kueue leaves what it has released."""
    return lambda workload, _remembered: [] if workload.is_met("Finished") else values(workload.status)


def reserved_resources(status: WorkloadStatus) -> Values:
    """Yield the sums of what is reserved for all pod sets, by resource and flavor."""
    pod_sets = (status.admission or Admission()).pod_set_assignments or ()
    usages = ((pods.flavors or {}, pods.resource_usage or {}) for pods in pod_sets)
    return _sums(((name, flavors.get(name, "")), one) for flavors, usage in usages for name, one in usage.items())


def pending_resources(status: WorkloadStatus) -> Values:
    """Yield the sums of what all pod sets request, by resource."""
    requests = (pods.resources or {} for pods in status.resource_requests or ())
    return _sums(((name,), one) for resources in requests for name, one in resources.items())


def pending_reason(workload: Workload, _: object) -> Values:
    """Yield why no quota is reserved: Kueue's reason or, where that is `Pending` for all, what its message says."""
    condition = workload.condition("QuotaReserved")
    if condition is None or condition.is_true or workload.is_met("Finished"):
        return []
    return one(EXCEEDS_QUOTA if workload.status.exceeds_quota else _bounded(condition.reason, REASONS))


def worker_clusters(status: WorkloadStatus) -> Values:
    """Yield the clusters that MultiKueue has chosen, or may choose."""
    nominated = dict.fromkeys(status.nominated_cluster_names or (), "nominated")
    return [*info(status.cluster_name, "assigned"), *((labels, 1) for labels in nominated.items())]


def admission_checks(status: WorkloadStatus) -> Values:
    """Yield the state of each check."""
    states = {check.name: _bounded(check.state, CHECK_STATES) for check in status.admission_checks or ()}
    return [(labels, 1) for labels in states.items()]


def evictions(status: WorkloadStatus) -> dict[tuple[str, ...], int]:
    """Return how often a Workload was evicted, by reason and cause."""
    counts = Counter[tuple[str, ...]]()
    for entry in (status.scheduling_stats or SchedulingStats()).evictions or ():
        labels = _bounded(entry.reason, EVICTIONS), _bounded(entry.underlying_cause, EVICTION_CAUSES)
        counts[labels] += max(entry.count or 0, 0)
    return counts


def _true_since(workload: Workload, type_: str) -> datetime | None:
    condition = workload.condition(type_)
    return condition.last_transition_time if condition is not None and condition.is_true else None


def remember(workload: Workload, before: Memory | None, _: float | None) -> Memory:
    """Return what to remember of a Workload: which reservation and admission this is, and what was evicted.

    How long the first reservation was waited for, one version shows; of a later one, only the version before does.
    """
    memory, reserved_at = before or Memory(), _true_since(workload, "QuotaReserved")
    admitted_at = reserved_at and _true_since(workload, "Admitted")
    if reserved_at is not None and reserved_at != memory.reserved_at:
        since = memory.waiting_since if workload.condition("Evicted") else workload.waiting_since
        memory = memory._replace(reservations=memory.reservations + 1, waited=elapsed_seconds(since, reserved_at))
    if admitted_at is not None and admitted_at != memory.admitted_at:
        # Without checks, it is admitted in the same second.
        checked = elapsed_seconds(reserved_at, admitted_at) if workload.status.admission_checks else None
        memory = memory._replace(admissions=memory.admissions + 1, checked=checked)
    if (now := evictions(workload.status)) != memory.evictions:
        memory = memory._replace(evictions=now, newest=Counter(now) - Counter(memory.evictions))
    waiting_since = workload.waiting_since if workload.state == "pending" else None
    return memory._replace(waiting_since=waiting_since, reserved_at=reserved_at, admitted_at=admitted_at)


def reservation(workload: Workload, memory: Memory | None) -> Occurrence:
    """Tell how often quota was reserved, with the seconds that were waited for it."""
    memory = memory or Memory()
    return Occurrence(memory.reservations, (workload.metadata.owner_kind,), memory.waited)


def admission(workload: Workload, memory: Memory | None) -> Occurrence:
    """Tell how often the Workload was admitted, with the seconds that its admission checks took."""
    memory = memory or Memory()
    return Occurrence(memory.admissions, (workload.metadata.owner_kind,), memory.checked)


def eviction(workload: Workload, memory: Memory | None) -> Occurrence:
    """Tell how often the Workload was evicted, and for what since the version before."""
    memory = memory or Memory()
    newest = {(workload.metadata.owner_kind, *labels): count for labels, count in memory.newest.items()}
    return Occurrence(sum(memory.evictions.values()), newest=newest)


BY_KIND = tuple((kind,) for kind in OWNER_KINDS)

# Rows in a few lines each.
# fmt: off
WORKLOADS: Kind[Workload, Memory] = Kind(
    plural="workloads",
    name="Workload",
    object_type=Workload,
    remember=remember,
    is_default=False,
    api_version=f"{KUEUE_GROUP}/v1beta2",
    older_version=f"{KUEUE_GROUP}/v1beta1",
    partial_type=OwnedObject,
    name_label="workload",
    rows=(
        Row("kuberay_workload_info",
            "Ray object, local queue and priority class of a Workload, as labels; the value is 1",
            "metadata.ownerReferences, spec.queueName, spec.priorityClassRef",
            lambda workload, _: one(
                (meta := workload.metadata).owner_kind, meta.owner_name, meta.owner_uid, workload.spec.queue_name,
                workload.spec.priority_class_ref.name or workload.spec.priority_class_name),
            labels=("owner_kind", "owner_name", "owner_uid", "queue", "priority_class"), series="1",
            reads="metadata.ownerKind, metadata.ownerName, metadata.ownerUid, spec.priorityClassName"),
        created_row("kuberay_workload"),
        Row("kuberay_workload_state",
            "State of the Workload, as a label: finished, inactive, evicting, admitted, quota_reserved, not_queued, "
            "held or pending; the value is 1", "status.conditions, spec.active",
            lambda workload, _: one(workload.state), labels=("state",), series="1"),
        *condition_rows("kuberay_workload", bounded_condition),
        Row("kuberay_workload_waiting_since_timestamp_seconds",
            "Time from which on a pending Workload has waited for quota, in Unix seconds",
            "metadata.creationTimestamp, status.conditions[QuotaReserved, Requeued].lastTransitionTime",
            lambda workload, _: timestamp(workload.waiting_since if workload.state == "pending" else None),
            reads="spec.active"),
        Row("kuberay_workload_pending_reason",
            "Reason for which no quota is reserved, as a label, with ExceedsMaxQuota also where only a message says "
            "that it is more than the present quotas can give; the value is 1", "status.conditions[QuotaReserved]",
            pending_reason, labels=("reason",), reads="status.exceedsQuota"),
        Row("kuberay_workload_cluster_queue_info",
            "Cluster queue in which quota is reserved, as a label; the value is 1", "status.admission.clusterQueue",
            of_unfinished(lambda status: info((status.admission or Admission()).cluster_queue)),
            labels=("cluster_queue",), reads="status.conditions"),
        Row("kuberay_workload_reserved_resources",
            "Quota that is reserved for all pods, in cores, bytes or devices, by resource and flavor",
            "status.admission.podSetAssignments[].resourceUsage", of_unfinished(reserved_resources),
            labels=("resource", "flavor"), series="0 or more", reads="status.conditions"),
        Row("kuberay_workload_pending_resources",
            "What all pods of a Workload without quota request, in cores, bytes or devices, by resource",
            "status.resourceRequests[].resources", of_unfinished(pending_resources), labels=("resource",),
            series="0 or more", reads="status.conditions"),
        Row("kuberay_workload_priority", "Priority of the Workload", "spec.priority",
            of_spec(lambda spec: number(spec.priority))),
        Row("kuberay_workload_active", "Whether the Workload may be admitted: 1 if it may, otherwise 0", "spec.active",
            lambda workload, _: truth(workload.spec.active is not False), series="1"),
        Row("kuberay_workload_admission_check_state",
            "State of each admission check, as a label; unknown ones are `other`; the value is 1",
            "status.admissionChecks[].state", of_status(admission_checks), labels=("check", "state"),
            series="1 per check"),
        Row("kuberay_workload_requeues",
            "Number of times that the pods were not ready in time, reset by a deactivation",
            "status.requeueState.count",
            of_status(lambda status: number((status.requeue_state or RequeueState()).count))),
        Row("kuberay_workload_requeue_at_timestamp_seconds",
            "Time at which an evicted Workload returns to its queue, in Unix seconds",
            "status.requeueState.requeueAt",
            of_status(lambda status: timestamp((status.requeue_state or RequeueState()).requeue_at))),
        Row("kuberay_workload_evictions_total",
            "Number of evictions of the Workload, by reason and cause; unknown ones are `other`",
            "status.schedulingStats.evictions[].count",
            of_status(lambda status: evictions(status).items()), labels=("reason", "cause"), series="0 or more",
            is_counter=True),
        Row("kuberay_workload_worker_cluster_info",
            "Worker clusters of MultiKueue: the assigned one, or those that are nominated, as labels; the value is 1",
            "status.clusterName, status.nominatedClusterNames", of_status(worker_clusters),
            labels=("worker_cluster", "role"), series="0 or more"),
    ),
    lifecycle=(
        LifecycleMetric("kuberay_workloads_quota_wait_duration_seconds",
            "Time in seconds for which Workloads waited in their queues until quota was reserved, by kind of object",
            "status.conditions[QuotaReserved].lastTransitionTime - metadata.creationTimestamp", reservation,
            labels=("owner_kind",), known=BY_KIND, is_histogram=True, reads="spec.active, metadata.ownerKind"),
        LifecycleMetric("kuberay_workloads_admission_check_duration_seconds",
            "Time in seconds from the reservation of quota to the admission, of Workloads with admission checks, by "
            "kind of object",
            "status.conditions[Admitted].lastTransitionTime - status.conditions[QuotaReserved].lastTransitionTime",
            admission, labels=("owner_kind",), known=BY_KIND, is_histogram=True,
            reads="status.admissionChecks, metadata.ownerKind"),
        LifecycleMetric("kuberay_workloads_evictions_total",
            "Number of evictions of Workloads, by kind of object, reason and cause; unknown ones are `other`",
            "status.schedulingStats.evictions[].count", eviction, labels=("owner_kind", "reason", "cause"),
            known=tuple((kind, why, cause) for kind in OWNER_KINDS for why in EVICTIONS for cause in EVICTIONS[why]),
            reads="metadata.ownerKind"),
    ),
)
# fmt: on
