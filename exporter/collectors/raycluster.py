"""RayCluster's metrics.

The first three are the operator's (v1.7.0, `controllers/ray/metrics/ray_cluster_metrics.go`).
"""

from exporter.collectors.conditions import condition_rows, condition_truth
from exporter.collectors.extended_resources import EXTENDED_RESOURCE_ROWS, EXTENDED_RESOURCE_SECONDS
from exporter.collectors.requested import GPUS, REQUESTED, is_suspended, quantity
from exporter.collectors.worker_groups import GROUP_ROWS, limit
from exporter.families.metadata import created_row, deletion_row, labels_row, lifecycle_counters, managed_by_row
from exporter.families.table import NO_OCCURRENCE, Kind, LifecycleMetric, Occurrence, Row
from exporter.families.values import info, number, of_spec, of_status, one, truth
from exporter.resources.meta import find_condition
from exporter.resources.raycluster import RayCluster
from exporter.resources.times import elapsed_seconds

PROVISIONED = "RayClusterProvisioned"


def owner_kind(cluster: RayCluster) -> str:
    """Return the kind that the cluster was created for: `RayJob`, `RayService`, or the word `None`.

    Read from a label, as the operator does; ownerReferences play no part.
    """
    return cluster.metadata.label("ray.io/originated-from-crd") or "None"


def provisioned_seconds(cluster: RayCluster, remembered: float | None) -> float | None:
    """Return the time from creation to provisioned in seconds, None if it is not known.

    The operator sets the condition back to False when a suspension completes, and keeps the value
    it had. So does this function: from what is remembered, or if this version is the first one seen, from
    the time at which the cluster became `ready`. After a resume it is measured again, suspension included.
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
    """Remember the last provisioned duration, in seconds: a suspension removes it from the object."""
    seconds = provisioned_seconds(cluster, remembered)
    return remembered if seconds is None else seconds


def was_suspended(cluster: RayCluster) -> bool:
    """Tell whether it has ever been suspended: the time of a suspension is never removed."""
    times = cluster.status.state_transition_times if cluster.status else None
    return times is not None and times.get("suspended") is not None


def first_provisioning(cluster: RayCluster) -> Occurrence:
    """Tell whether the cluster has been provisioned for the first time, and how long that took.

    After a suspension the duration is not known: the transition is that of a resume.
    """
    if was_suspended(cluster):
        return Occurrence()
    condition = find_condition(cluster.status, PROVISIONED)
    if condition is None or not condition.is_true:
        return NO_OCCURRENCE
    return Occurrence(seconds=elapsed_seconds(cluster.metadata.creation_timestamp, condition.last_transition_time))


# Rows in a few lines each.
# fmt: off
RAYCLUSTERS: Kind[RayCluster, float] = Kind(
    plural="rayclusters",
    name=RayCluster.kind,
    object_type=RayCluster,
    remember=remember,
    rows=(
        Row("kuberay_cluster_info", "Metadata information about RayCluster custom resources",
            "metadata.labels[ray.io/originated-from-crd]", lambda cluster, _: one(owner_kind(cluster)),
            labels=("owner_kind",), series="1", is_stable=True),
        Row("kuberay_cluster_condition_provisioned", "Indicates whether the RayCluster is provisioned",
            "status.conditions[RayClusterProvisioned].status",
            lambda cluster, _: one(condition_truth(cluster.status, PROVISIONED)), labels=("condition",), series="1",
            is_stable=True),
        Row("kuberay_cluster_provisioned_duration_seconds",
            "The time, in seconds, when a RayCluster's `RayClusterProvisioned` status transitions from false (or "
            "unset) to true",
            "status.conditions[RayClusterProvisioned].lastTransitionTime - metadata.creationTimestamp",
            lambda cluster, remembered: number(provisioned_seconds(cluster, remembered)), is_stable=True,
            reads="status.stateTransitionTimes"),
        created_row("kuberay_cluster"),
        deletion_row("kuberay_cluster"),
        Row("kuberay_cluster_state",
            "State of the cluster, as a label that is empty before the first state; the value is 1", "status.state",
            of_status(lambda status: one(status.state or "")), labels=("state",)),
        Row("kuberay_cluster_state_transition_timestamp_seconds",
            "Time at which the cluster last entered each state, in Unix seconds", "status.stateTransitionTimes",
            of_status(lambda status: [((state,), time.timestamp())
                for state, time in (status.state_transition_times or {}).items() if time is not None]),
            labels=("state",), series="1 per state that it has been in"),
        *condition_rows("kuberay_cluster"),
        Row("kuberay_cluster_desired_workers", "Desired number of worker replicas", "status.desiredWorkerReplicas",
            of_status(lambda status: number(status.desired_worker_replicas or 0))),
        Row("kuberay_cluster_min_workers", "Minimum number of worker replicas", "status.minWorkerReplicas",
            of_status(lambda status: number(status.min_worker_replicas or 0))),
        Row("kuberay_cluster_max_workers", "Maximum number of worker replicas, unless unlimited",
            "status.maxWorkerReplicas", of_status(lambda status: number(limit(status.max_worker_replicas or 0)))),
        Row("kuberay_cluster_ready_workers", "Number of worker replicas whose pods are Ready",
            "status.readyWorkerReplicas", of_status(lambda status: number(status.ready_worker_replicas or 0))),
        Row("kuberay_cluster_available_workers", "Number of worker replicas whose pods are running",
            "status.availableWorkerReplicas", of_status(lambda status: number(status.available_worker_replicas or 0))),
        Row("kuberay_cluster_desired_cpu_cores", "CPU cores that all desired pods request, including the head",
            "status.desiredCPU", of_status(lambda status: number(quantity(status.desired_cpu)))),
        Row("kuberay_cluster_desired_memory_bytes", "Memory in bytes that all desired pods request, including the head",
            "status.desiredMemory", of_status(lambda status: number(quantity(status.desired_memory)))),
        Row("kuberay_cluster_desired_gpus", f"{GPUS} that all desired pods request", "status.desiredGPU",
            of_status(lambda status: number(quantity(status.desired_gpu)))),
        Row("kuberay_cluster_desired_tpus", "TPUs that all desired pods request", "status.desiredTPU",
            of_status(lambda status: number(quantity(status.desired_tpu)))),
        Row("kuberay_cluster_owner", "RayJob or RayService that the cluster was created for, as labels; the value is 1",
            "metadata.labels[ray.io/originated-from-crd, ray.io/originated-from-cr-name]",
            lambda cluster, _: info(cluster.metadata.label("ray.io/originated-from-crd"),
                cluster.metadata.label("ray.io/originated-from-cr-name")),
            labels=("owner_kind", "owner_name")),
        Row("kuberay_cluster_version_info", "Version of Ray, as a label; the value is 1", "spec.rayVersion",
            of_spec(lambda spec: info(spec.ray_version)), labels=("ray_version",)),
        Row("kuberay_cluster_head_info", "Pod and service of the head, as labels; the value is 1",
            "status.head.podName, status.head.serviceName",
            of_status(lambda status: info(status.head.pod_name, status.head.service_name) if status.head else []),
            labels=("head_pod", "head_service")),
        Row("kuberay_cluster_autoscaling_enabled", "Whether Ray's autoscaler is enabled: 1 if it is, otherwise 0",
            "spec.enableInTreeAutoscaling",
            lambda cluster, _: truth(cluster.spec.enable_in_tree_autoscaling if cluster.spec else None), series="1"),
        *GROUP_ROWS,
        *EXTENDED_RESOURCE_ROWS,
        Row("kuberay_cluster_suspended",
            "Whether suspension is requested, by the user or of an idle cluster: 1 if it is, otherwise 0",
            "spec.suspend, spec.idleSuspend",
            lambda cluster, _: truth(cluster.spec.is_suspended if cluster.spec else None), series="1"),
        managed_by_row("kuberay_cluster"),
        labels_row("kuberay_cluster"),
    ),
    lifecycle=(
        *lifecycle_counters("kuberay_clusters"),
        LifecycleMetric("kuberay_clusters_provisioning_duration_seconds",
            "Time in seconds from the creation of a cluster to RayClusterProvisioned, of clusters never suspended",
            "status.conditions[RayClusterProvisioned].lastTransitionTime - metadata.creationTimestamp",
            lambda cluster, _: first_provisioning(cluster), is_histogram=True, reads="status.stateTransitionTimes"),
    ),
    integrals=REQUESTED + EXTENDED_RESOURCE_SECONDS,
    is_suspended=is_suspended,
)
# fmt: on
