"""Resources that RayClusters request, integrated over time, by namespace; GPUs and TPUs by cluster, too.

A counter that grows by itself is rendered for every scrape: those of the CPU cores and the memory of each cluster
would cost more than all that changes.
"""

from collections.abc import Callable

from exporter.families.table import Integral
from exporter.resources.meta import find_condition
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.raycluster import RayCluster, RayClusterStatus

SUSPENSION = "spec.suspend, spec.idleSuspend, status.conditions"
"""The fields that `is_suspended` reads."""


GPUS = "GPUs as KubeRay counts them (MIG slices are some; Gaudi, Neuron, NPUs, .shared names, DRA claims are none)"


GPU_SECONDS, TPU_SECONDS = (f"kuberay_cluster_requested_{unit}_seconds_total" for unit in ("gpu", "tpu"))


def is_suspended(cluster: RayCluster) -> bool:
    """Tell whether it requests nothing: suspended, or to be suspended; its status keeps the desired amounts.

    `state` is not read: it stays `suspended` while a cluster resumes, until all of its pods are ready.
    """
    if cluster.spec is not None and cluster.spec.is_suspended:
        return True
    condition = find_condition(cluster.status, "RayClusterSuspended")
    return condition is not None and condition.is_true


def quantity(value: Quantity | None) -> float | None:
    """Return a quantity as a number, None if it is absent."""
    return None if value is None else parse_quantity(value)


def _of_status(amount: Callable[[RayClusterStatus], float | None]) -> Callable[[RayCluster], float | None]:
    return lambda cluster: None if cluster.status is None else amount(cluster.status)


# Rows in a few lines each.
# fmt: off
def _resource(
    unit: str, words: str, source: str, amount: Callable[[RayClusterStatus], Quantity | None],
    *, of_clusters: bool = False,
) -> tuple[Integral[RayCluster], ...]:
    """Return the counters of one resource: of each namespace, and perhaps of each cluster."""
    value = _of_status(lambda status: quantity(amount(status)))
    seconds = f"{words} that all desired pods request, times the seconds for which they do so, since the exporter"
    by_cluster = Integral(f"kuberay_cluster_requested_{unit}_seconds_total", f"{seconds} first received the cluster",
        f"status.{source}", value, is_per_object=True, reads=SUSPENSION)
    return (
        *((by_cluster,) if of_clusters else ()),
        Integral(f"kuberay_clusters_requested_{unit}_seconds_total", f"{seconds} started", f"status.{source}", value,
            reads=SUSPENSION),
    )


REQUESTED: tuple[Integral[RayCluster], ...] = (
    *_resource("cpu_core", "CPU cores", "desiredCPU", lambda status: status.desired_cpu),
    *_resource("memory_byte", "Bytes of memory", "desiredMemory", lambda status: status.desired_memory),
    *_resource("gpu", GPUS, "desiredGPU", lambda status: status.desired_gpu, of_clusters=True),
    *_resource("tpu", "TPUs", "desiredTPU", lambda status: status.desired_tpu, of_clusters=True),
    Integral("kuberay_clusters_requested_worker_seconds_total",
        "Desired worker replicas, times the seconds for which they are desired, since the exporter started",
        "status.desiredWorkerReplicas", _of_status(lambda status: status.desired_worker_replicas),
        reads=SUSPENSION),
    Integral("kuberay_clusters_ready_worker_seconds_total",
        "Ready worker replicas, times the seconds for which they are ready, since the exporter started",
        "status.readyWorkerReplicas", _of_status(lambda status: status.ready_worker_replicas), reads=SUSPENSION),
)
# fmt: on
"""The cluster's table of integrals."""
