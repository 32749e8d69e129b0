"""Workloads of Kueue that stand for Ray objects: what they wait for, what is reserved for them, why they were evicted.

A Workload belongs to the RayJob, RayCluster or RayService whose `uid` is its `owner_uid`; its name is Kueue's own.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from exporter.collectors.conditions import condition_rows
from exporter.families.metadata import created_row
from exporter.families.table import NO_OCCURRENCE, OTHER, Kind, LifecycleMetric, Occurrence, Row
from exporter.families.values import Values, info, number, of_spec, of_status, one, timestamp, truth
from exporter.resources.meta import Condition
from exporter.resources.quantities import parse_quantity
from exporter.resources.times import elapsed_seconds
from exporter.resources.workload import (
    EXCEEDS_QUOTA,
    KUEUE_GROUP,
    OWNER_KINDS,
    OwnedObject,
    Workload,
    WorkloadSpec,
    WorkloadStatus,
)

_CONDITIONS = """
    QuotaReserved Admitted PodsReady Evicted Preempted Requeued DeactivationTarget Finished BlockedOnPreemptionGates
"""
_OF_QUOTA = """
    QuotaReserved Pending Inadmissible Waiting AdmissionGated OnHold NoMatchingFlavor WaitingForQuota ExceedsMaxQuota
    TopologyPlacementFailed WaitingForPreemptedWorkloads Misconfigured Suspended PendingEvaluation WaitingForPodsReady
    Deactivated Admitted NoReservation UnsatisfiedChecks UnsatisfiedAdmissionChecks NoReservationUnsatisfiedChecks
    PendingDelayedTopologyRequests
"""
_OF_OTHERS = """
    WaitForStart WaitForRecovery Started Recovered PodsReady Preempted PodsReadyTimeout AdmissionCheck
    ClusterQueueStopped LocalQueueStopped NodeFailures FlavorMigration EvictedOnManagerCluster InactiveWorkload
    VariantEvicted DeactivatedDueToAdmissionCheck DeactivatedDueToMaximumExecutionTimeExceeded
    DeactivatedDueToRequeuingLimitExceeded InClusterQueue InCohortReclamation InCohortFairSharing
    InCohortReclaimWhileBorrowing BackoffFinished Reactivated ClusterQueueRestarted LocalQueueRestarted
    RequeuingLimitExceeded MaximumExecutionTimeExceeded Succeeded Failed OutOfSync OwnerNotFound WorkloadSliceReplaced
    FailedToStart JobFinished PreemptionGated
"""
CONDITIONS = frozenset(_CONDITIONS.split())
REASONS = frozenset((_OF_QUOTA + _OF_OTHERS).split())
"""Those of Kueue 0.10 to 0.19; any other is `other`."""

START, RECOVERY = "WaitForStart", "WaitForRecovery"
DEACTIVATIONS = ("AdmissionCheck", "MaximumExecutionTimeExceeded", "RequeuingLimitExceeded")
KNOWN_EVICTIONS = (
    *((reason, "") for reason in ("Preempted", "AdmissionCheck", "ClusterQueueStopped", "LocalQueueStopped")),
    *(("NodeFailures", ""), ("PodsReadyTimeout", START), ("PodsReadyTimeout", RECOVERY)),
    *(("Deactivated", cause) for cause in ("", *DEACTIVATIONS)),
)
EVICTION_REASONS = frozenset(
    (
        *(reason for reason, _ in KNOWN_EVICTIONS),
        *("FlavorMigration", "EvictedOnManagerCluster", "InactiveWorkload", "VariantEvicted"),
    )
)
EVICTION_CAUSES = frozenset(("", START, RECOVERY, *DEACTIVATIONS))
CHECK_STATES = frozenset(("Pending", "Ready", "Retry", "Rejected"))


class Memory(NamedTuple):
    """What later versions of a Workload do not show.

    Attributes:
        waiting_since: of the last version that waited for quota.
        reservations, reserved_at, waited_seconds: how often quota was reserved, and the present or last reservation.
        admissions, admitted_at, checked_seconds: the same of admissions.
        evictions, newest_evictions: how often by reason and cause, and the last increase.
    """

    waiting_since: datetime | None = None
    reservations: int = 0
    reserved_at: datetime | None = None
    waited_seconds: float | None = None
    admissions: int = 0
    admitted_at: datetime | None = None
    checked_seconds: float | None = None
    evictions: Mapping[tuple[str, ...], int] = {}
    newest_evictions: Mapping[tuple[str, ...], int] = {}


NOTHING = Memory()


def _bounded(value: str | None, known: frozenset[str]) -> str:
    return value if value is not None and value in known else OTHER


def bounded_condition(condition: Condition) -> Condition:
    """Return a condition whose type and reason are known ones, or `other`."""
    type_, reason = _bounded(condition.type, CONDITIONS), condition.reason and _bounded(condition.reason, REASONS)
    is_known = (type_, reason) == (condition.type, condition.reason)
    return condition if is_known else replace(condition, type=type_, reason=reason)


def workload_info(workload: Workload, _: object) -> Values:
    """Yield what joins a Workload with its object and its queue."""
    meta, spec = workload.metadata, workload.spec or WorkloadSpec()
    return one(meta.owner_kind, meta.owner_name, meta.owner_uid, spec.queue_name, spec.priority_class)


def cluster_queue(status: WorkloadStatus) -> Values:
    """Yield the cluster queue in which quota is reserved."""
    return info(status.admission.cluster_queue) if status.admission else []


def requeue_count(status: WorkloadStatus) -> Values:
    """Yield how often the pods were not ready in time."""
    return number(status.requeue_state.count) if status.requeue_state else []


def requeue_time(status: WorkloadStatus) -> Values:
    """Yield the end of a backoff."""
    return timestamp(status.requeue_state.requeue_at) if status.requeue_state else []


def reserved_resources(status: WorkloadStatus) -> Values:
    """Yield the sums of what is reserved for all pod sets, by resource and flavor."""
    amounts: dict[tuple[str, ...], float] = {}
    for pods in (status.admission and status.admission.pod_set_assignments) or ():
        for resource, quantity in (pods.resource_usage or {}).items():
            labels = resource, (pods.flavors or {}).get(resource, "")
            amounts[labels] = amounts.get(labels, 0.0) + parse_quantity(quantity)
    return amounts.items()


def pending_resources(status: WorkloadStatus) -> Values:
    """Yield the sums of what all pod sets request, by resource."""
    amounts: dict[tuple[str, ...], float] = {}
    for pods in status.resource_requests or ():
        for resource, quantity in (pods.resources or {}).items():
            amounts[resource,] = amounts.get((resource,), 0.0) + parse_quantity(quantity)
    return amounts.items()


def pending_reason(workload: Workload, _: object) -> Values:
    """Yield why no quota is reserved: Kueue's reason or, where that is `Pending` for all, what its message says."""
    condition = workload.condition("QuotaReserved")
    if condition is None or condition.is_true or workload.status is None:
        return []
    return one(EXCEEDS_QUOTA if workload.status.exceeds_quota else _bounded(condition.reason, REASONS))


def admission_checks(status: WorkloadStatus) -> Values:
    """Yield the state of each check."""
    states = {check.name: _bounded(check.state, CHECK_STATES) for check in status.admission_checks or ()}
    return [(labels, 1) for labels in states.items()]


def worker_clusters(status: WorkloadStatus) -> Values:
    """Yield the clusters that MultiKueue has chosen, or may choose."""
    assigned, nominated = status.cluster_name, dict.fromkeys(status.nominated_cluster_names or ())
    return [*info(assigned, "assigned"), *(((name, "nominated"), 1) for name in nominated)]


def evictions(status: WorkloadStatus | None) -> dict[tuple[str, ...], int]:
    """Return how often a Workload was evicted, by reason and cause."""
    counts: dict[tuple[str, ...], int] = {}
    for entry in (status and status.scheduling_stats and status.scheduling_stats.evictions) or ():
        labels = _bounded(entry.reason, EVICTION_REASONS), _bounded(entry.underlying_cause, EVICTION_CAUSES)
        counts[labels] = counts.get(labels, 0) + max(entry.count or 0, 0)
    return counts


def remember(workload: Workload, before: Memory | None, _: float | None) -> Memory:
    """Return what to remember of a Workload: which reservation and admission this is, and what was evicted.

    How long the first reservation was waited for, one version shows; of a later one, only the version before does.
    """
    memory, reserved, admitted = before or NOTHING, workload.condition("QuotaReserved"), workload.condition("Admitted")
    reserved_at = reserved.last_transition_time if reserved is not None and reserved.is_true else None
    admitted_at = admitted.last_transition_time if reserved_at and admitted is not None and admitted.is_true else None
    if reserved_at is not None and reserved_at != memory.reserved_at:
        is_first = workload.condition("Evicted") is None
        since = workload.waiting_since if is_first else memory.waiting_since
        waited = elapsed_seconds(since, reserved_at)
        memory = memory._replace(reservations=memory.reservations + 1, waited_seconds=waited)
    if admitted_at is not None and admitted_at != memory.admitted_at:
        has_checks = workload.status is not None and workload.status.admission_checks
        checked = elapsed_seconds(reserved_at, admitted_at) if has_checks else None
        memory = memory._replace(admissions=memory.admissions + 1, checked_seconds=checked)
    if (now := evictions(workload.status)) != memory.evictions:
        increases = {labels: count - memory.evictions.get(labels, 0) for labels, count in now.items()}
        newest = {labels: increase for labels, increase in increases.items() if increase > 0}
        memory = memory._replace(evictions=now, newest_evictions=newest)
    is_pending = workload.state == "pending"
    return memory._replace(
        waiting_since=workload.waiting_since if is_pending else None, reserved_at=reserved_at, admitted_at=admitted_at
    )


def reservation(workload: Workload, memory: Memory | None) -> Occurrence:
    """Tell how often quota was reserved, with the seconds that were waited for it."""
    times, seconds = (memory.reservations, memory.waited_seconds) if memory else (0, None)
    return Occurrence(times, (workload.metadata.owner_kind,), seconds) if times else NO_OCCURRENCE


def admission(workload: Workload, memory: Memory | None) -> Occurrence:
    """Tell how often the Workload was admitted, with the seconds that its admission checks took."""
    times, seconds = (memory.admissions, memory.checked_seconds) if memory else (0, None)
    return Occurrence(times, (workload.metadata.owner_kind,), seconds) if times else NO_OCCURRENCE


def eviction(workload: Workload, memory: Memory | None) -> Occurrence:
    """Tell how often the Workload was evicted, and for what since the version before."""
    kind, memory = workload.metadata.owner_kind, memory or NOTHING
    newest = {(kind, *labels): count for labels, count in memory.newest_evictions.items()}
    return Occurrence(sum(memory.evictions.values()), newest=newest) if memory.evictions else NO_OCCURRENCE


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
            "metadata.ownerReferences, spec.queueName, spec.priorityClassRef", workload_info,
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
            of_status(cluster_queue), labels=("cluster_queue",)),
        Row("kuberay_workload_reserved_resources",
            "Quota that is reserved for all pods, in cores, bytes or devices, by resource and flavor",
            "status.admission.podSetAssignments[].resourceUsage", of_status(reserved_resources),
            labels=("resource", "flavor"), series="0 or more"),
        Row("kuberay_workload_pending_resources",
            "What all pods of a Workload without quota request, in cores, bytes or devices, by resource",
            "status.resourceRequests[].resources", of_status(pending_resources), labels=("resource",),
            series="0 or more"),
        Row("kuberay_workload_priority", "Priority of the Workload", "spec.priority",
            of_spec(lambda spec: number(spec.priority))),
        Row("kuberay_workload_active", "Whether the Workload may be admitted: 1 if it may, otherwise 0", "spec.active",
            lambda workload, _: truth(workload.is_active), series="1"),
        Row("kuberay_workload_admission_check_state",
            "State of each admission check, as a label; unknown ones are `other`; the value is 1",
            "status.admissionChecks[].state", of_status(admission_checks), labels=("check", "state"),
            series="1 per check"),
        Row("kuberay_workload_requeue_count",
            "Number of times that the pods were not ready in time, reset by a deactivation",
            "status.requeueState.count", of_status(requeue_count)),
        Row("kuberay_workload_requeue_at_timestamp_seconds",
            "Time at which an evicted Workload returns to its queue, in Unix seconds",
            "status.requeueState.requeueAt", of_status(requeue_time)),
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
            known=tuple((kind, *labels) for kind in OWNER_KINDS for labels in KNOWN_EVICTIONS),
            reads="metadata.ownerKind"),
    ),
)
# fmt: on
