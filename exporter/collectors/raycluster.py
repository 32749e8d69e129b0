"""RayCluster's metrics.

The first three are the operator's (v1.7.0, `controllers/ray/metrics/ray_cluster_metrics.go`).
"""

from exporter.collectors.conditions import condition_rows, condition_truth
from exporter.collectors.metadata import (
    created_row,
    deletion_row,
    labels_row,
    life_totals,
    managed_by_row,
    suspended_row,
)
from exporter.collectors.table import NOT_YET, Happened, Kind, Row, Total
from exporter.collectors.values import info, number, of_spec, of_status, one, truth
from exporter.resources.meta import find_condition
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.raycluster import RayCluster
from exporter.resources.times import elapsed_seconds

PROVISIONED = "RayClusterProvisioned"

NO_LIMIT = 2147483647
"""Where the operator's sum of maxReplicas saturates: there is no upper bound."""


def owner_kind(cluster: RayCluster) -> str:
    """Return who the operator made it for: `RayJob`, `RayService`, or `None` (the word) for nobody.

    Read from a label, as the operator does; ownerReferences play no part.
    """
    return cluster.metadata.label("ray.io/originated-from-crd") or "None"


def provisioned_seconds(cluster: RayCluster, remembered: float | None) -> float | None:
    """Return the time from creation to provisioned in seconds, None where there is none to tell.

    The operator sets the condition back to False when a suspension completes, and keeps the value
    it had: so does this, from memory, or where this version was the first one seen, from the time at
    which the cluster had become `ready`. After a resume it is measured again, suspension included.
    """
    condition = find_condition(cluster.status, PROVISIONED)
    if cluster.status is None or condition is None:
        return None
    created = cluster.metadata.creation_timestamp
    if condition.is_true:
        return elapsed_seconds(created, condition.last_transition_time)
    if remembered is not None:
        return remembered
    times = cluster.status.state_transition_times
    return elapsed_seconds(created, times.get("ready")) if times and was_suspended(cluster) else None


def remember(cluster: RayCluster, remembered: float | None, _received_at: float | None) -> float | None:
    """Remember the last provisioned duration, in seconds: a suspension takes it out of the object."""
    seconds = provisioned_seconds(cluster, remembered)
    return remembered if seconds is None else seconds


def was_suspended(cluster: RayCluster) -> bool:
    """Tell whether it has ever been suspended: the time of that is never taken back."""
    times = cluster.status.state_transition_times if cluster.status else None
    return times is not None and times.get("suspended") is not None


def first_provisioning(cluster: RayCluster) -> Happened:
    """Tell whether the cluster has been provisioned for the first time, and how long that took.

    Of a cluster that has been suspended it cannot be told: the transition is that of a resume.
    """
    if was_suspended(cluster):
        return Happened()
    condition = find_condition(cluster.status, PROVISIONED)
    if condition is None or not condition.is_true:
        return NOT_YET
    return Happened(seconds=elapsed_seconds(cluster.metadata.creation_timestamp, condition.last_transition_time))


def quantity(value: Quantity | None) -> float | None:
    return None if value is None else parse_quantity(value)


RAYCLUSTERS: Kind[RayCluster, float] = Kind(
    plural="rayclusters",
    name="RayCluster",
    resource=RayCluster,
    remember=remember,
    rows=(
        Row(
            name="kuberay_cluster_info",
            help="Metadata information about RayCluster custom resources",
            labels=("owner_kind",),
            source="metadata.labels[ray.io/originated-from-crd]",
            values=lambda cluster, _: one(owner_kind(cluster)),
            is_stable=True,
        ),
        Row(
            name="kuberay_cluster_condition_provisioned",
            help="Indicates whether the RayCluster is provisioned",
            labels=("condition",),
            source="status.conditions[RayClusterProvisioned].status",
            values=lambda cluster, _: one(condition_truth(cluster.status, PROVISIONED)),
            is_stable=True,
        ),
        Row(
            name="kuberay_cluster_provisioned_duration_seconds",
            help="The time, in seconds, when a RayCluster's `RayClusterProvisioned` status transitions "
            "from false (or unset) to true",
            source="status.conditions[RayClusterProvisioned].lastTransitionTime - metadata.creationTimestamp",
            series="0 or 1",
            values=lambda cluster, remembered: number(provisioned_seconds(cluster, remembered)),
            is_stable=True,
        ),
        created_row("kuberay_cluster"),
        deletion_row("kuberay_cluster"),
        Row(
            name="kuberay_cluster_state",
            help="Always 1; the cluster's state is a label, empty before the first one (status.state).",
            labels=("state",),
            source="status.state",
            series="0 or 1",
            values=of_status(lambda status: one(status.state or "")),
        ),
        Row(
            name="kuberay_cluster_state_transition_timestamp_seconds",
            help="When the cluster last entered each state (status.stateTransitionTimes).",
            labels=("state",),
            source="status.stateTransitionTimes",
            series="1 a state that it has been in",
            values=of_status(
                lambda status: [
                    ((state,), time.timestamp())
                    for state, time in (status.state_transition_times or {}).items()
                    if time is not None
                ]
            ),
        ),
        *condition_rows("kuberay_cluster"),
        Row(
            name="kuberay_cluster_desired_workers",
            help="Workers that there should be now (status.desiredWorkerReplicas).",
            source="status.desiredWorkerReplicas",
            series="0 or 1",
            values=of_status(lambda status: number(status.desired_workers or 0)),
        ),
        Row(
            name="kuberay_cluster_min_workers",
            help="Workers that there are at least (status.minWorkerReplicas).",
            source="status.minWorkerReplicas",
            series="0 or 1",
            values=of_status(lambda status: number(status.min_workers or 0)),
        ),
        Row(
            name="kuberay_cluster_max_workers",
            help="Workers that there may be at most; no series where there is no limit (status.maxWorkerReplicas).",
            source="status.maxWorkerReplicas",
            series="0 or 1",
            values=of_status(
                lambda status: number(None if status.max_workers == NO_LIMIT else status.max_workers or 0)
            ),
        ),
        Row(
            name="kuberay_cluster_ready_workers",
            help="Workers whose pods are Ready (status.readyWorkerReplicas).",
            source="status.readyWorkerReplicas",
            series="0 or 1",
            values=of_status(lambda status: number(status.ready_workers or 0)),
        ),
        Row(
            name="kuberay_cluster_available_workers",
            help="Workers whose pods are running (status.availableWorkerReplicas).",
            source="status.availableWorkerReplicas",
            series="0 or 1",
            values=of_status(lambda status: number(status.available_workers or 0)),
        ),
        Row(
            name="kuberay_cluster_desired_cpu_cores",
            help="CPU cores that all desired pods ask for, the head's included (status.desiredCPU).",
            source="status.desiredCPU",
            series="0 or 1",
            values=of_status(lambda status: number(quantity(status.desired_cpu))),
        ),
        Row(
            name="kuberay_cluster_desired_memory_bytes",
            help="Memory that all desired pods ask for, the head's included (status.desiredMemory).",
            source="status.desiredMemory",
            series="0 or 1",
            values=of_status(lambda status: number(quantity(status.desired_memory))),
        ),
        Row(
            name="kuberay_cluster_desired_gpus",
            help="GPUs that all desired pods ask for (status.desiredGPU).",
            source="status.desiredGPU",
            series="0 or 1",
            values=of_status(lambda status: number(quantity(status.desired_gpu))),
        ),
        Row(
            name="kuberay_cluster_desired_tpus",
            help="TPUs that all desired pods ask for (status.desiredTPU).",
            source="status.desiredTPU",
            series="0 or 1",
            values=of_status(lambda status: number(quantity(status.desired_tpu))),
        ),
        Row(
            name="kuberay_cluster_owner",
            help="Always 1; the RayJob or RayService that the cluster was made for (its labels).",
            labels=("owner_kind", "owner_name"),
            source="metadata.labels[ray.io/originated-from-crd, ray.io/originated-from-cr-name]",
            series="0 or 1",
            values=lambda cluster, _: info(
                cluster.metadata.label("ray.io/originated-from-crd"),
                cluster.metadata.label("ray.io/originated-from-cr-name"),
            ),
        ),
        Row(
            name="kuberay_cluster_version_info",
            help="Always 1; the version of Ray is a label (spec.rayVersion).",
            labels=("ray_version",),
            source="spec.rayVersion",
            series="0 or 1",
            values=of_spec(lambda spec: info(spec.ray_version)),
        ),
        Row(
            name="kuberay_cluster_head_info",
            help="Always 1; the head's pod and service are labels (status.head).",
            labels=("head_pod", "head_service"),
            source="status.head.podName, status.head.serviceName",
            series="0 or 1",
            values=of_status(
                lambda status: info(status.head.pod_name, status.head.service_name) if status.head else []
            ),
        ),
        Row(
            name="kuberay_cluster_autoscaling_enabled",
            help="1 if Ray's autoscaler is asked for (spec.enableInTreeAutoscaling), else 0.",
            source="spec.enableInTreeAutoscaling",
            values=lambda cluster, _: truth(cluster.spec.enable_in_tree_autoscaling if cluster.spec else None),
        ),
        suspended_row("kuberay_cluster"),
        managed_by_row("kuberay_cluster"),
        labels_row("kuberay_cluster"),
    ),
    totals=(
        *life_totals("kuberay_clusters"),
        Total(
            name="kuberay_clusters_provisioning_duration_seconds",
            help="Time from a cluster's creation to its first RayClusterProvisioned, of clusters never suspended.",
            source="status.conditions[RayClusterProvisioned].lastTransitionTime - metadata.creationTimestamp",
            happened=first_provisioning,
            is_histogram=True,
        ),
    ),
)
