"""RayCluster's metrics (KubeRay v1.7.0, `controllers/ray/metrics/ray_cluster_metrics.go`)."""

from exporter.collectors.collector import Kind, Row
from exporter.collectors.values import condition_truth, number, one
from exporter.resources.meta import find_condition
from exporter.resources.raycluster import RayCluster
from exporter.resources.times import elapsed_seconds

PROVISIONED = "RayClusterProvisioned"


def owner_kind(cluster: RayCluster) -> str:
    """Return who the operator made it for: `RayJob`, `RayService`, or `None` (the word) for nobody.

    Read from a label, as the operator does; ownerReferences play no part.
    """
    labels = cluster.metadata.labels
    return (labels and labels.originated_from_crd) or "None"


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
    was_suspended = times is not None and times.suspended is not None
    return elapsed_seconds(created, times.ready) if times and was_suspended else None


def remember(cluster: RayCluster, remembered: float | None, _received_at: float | None) -> float | None:
    """Remember the last provisioned duration, in seconds: a suspension takes it out of the object."""
    seconds = provisioned_seconds(cluster, remembered)
    return remembered if seconds is None else seconds


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
        ),
        Row(
            name="kuberay_cluster_condition_provisioned",
            help="Indicates whether the RayCluster is provisioned",
            labels=("condition",),
            source="status.conditions[RayClusterProvisioned].status",
            values=lambda cluster, _: one(condition_truth(cluster.status, PROVISIONED)),
        ),
        Row(
            name="kuberay_cluster_provisioned_duration_seconds",
            help="The time, in seconds, when a RayCluster's `RayClusterProvisioned` status transitions "
            "from false (or unset) to true",
            source="status.conditions[RayClusterProvisioned].lastTransitionTime - metadata.creationTimestamp",
            values=lambda cluster, remembered: number(provisioned_seconds(cluster, remembered)),
        ),
    ),
)
