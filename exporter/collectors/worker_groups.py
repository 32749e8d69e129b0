"""Worker groups of a RayCluster, as its spec has them: one series per group and family."""

from collections.abc import Callable, Iterable
from typing import Any

from exporter.families.table import Row
from exporter.families.values import Values, of_spec
from exporter.resources.raycluster import RayCluster, RayClusterSpec, WorkerGroupSpec

NO_LIMIT = 2147483647
"""The maxReplicas of a group without an upper limit; the operator's sum of them saturates there, too."""


def desired_replicas(group: WorkerGroupSpec) -> float:
    """Return how many replicas the operator creates: within the limits, none of a suspended group."""
    if group.suspend:
        return 0
    minimum = group.min_replicas or 0
    maximum = NO_LIMIT if group.max_replicas is None else group.max_replicas
    replicas = minimum if group.replicas is None else group.replicas
    # In the order of GetWorkerGroupDesiredReplicas (v1.7.0), which matters if the limits contradict each other.
    return minimum if replicas < minimum else min(replicas, maximum)


def limit(replicas: int | None) -> int | None:
    """Return an upper limit, None if there is none."""
    return None if replicas == NO_LIMIT else replicas


def _gates(spec: RayClusterSpec) -> Values:
    gates = [
        (group.group_name, gate.name)
        for group in _distinct(spec)
        for gate in (group.scale_strategy and group.scale_strategy.scale_gate) or ()
    ]
    return [(labels, 1) for labels in dict.fromkeys(gates)]


def _each(value: Callable[[WorkerGroupSpec], float | None]) -> Callable[[RayCluster, object], Values]:
    """Return a series for each group whose value is known."""

    def of_groups(spec: RayClusterSpec) -> Values:
        values = ((group.group_name, value(group)) for group in _distinct(spec))
        return [((name,), known) for name, known in values if known is not None]

    return of_spec(of_groups)


def _distinct(spec: RayClusterSpec) -> Iterable[WorkerGroupSpec]:
    """Return the first group of each name: the operator refuses a spec in which two have the same."""
    distinct: dict[str, WorkerGroupSpec] = {}
    for group in spec.worker_group_specs or ():
        distinct.setdefault(group.group_name, group)
    return distinct.values()


# Rows in a few lines each.
# fmt: off
GROUP_ROWS: tuple[Row[RayCluster, Any], ...] = (
    Row("kuberay_cluster_group_desired_replicas",
        "Desired number of replicas of each worker group, within its limits, 0 if the group is suspended",
        "spec.workerGroupSpecs[].replicas", _each(desired_replicas), labels=("group",), series="1 per worker group"),
    Row("kuberay_cluster_group_min_replicas", "Minimum number of replicas of each worker group",
        "spec.workerGroupSpecs[].minReplicas", _each(lambda group: group.min_replicas), labels=("group",),
        series="1 per worker group"),
    Row("kuberay_cluster_group_max_replicas", "Maximum number of replicas of each worker group, unless unlimited",
        "spec.workerGroupSpecs[].maxReplicas", _each(lambda group: limit(group.max_replicas)), labels=("group",),
        series="1 per limited worker group"),
    Row("kuberay_cluster_group_hosts", "Number of hosts of each replica of a worker group, each of them a pod",
        "spec.workerGroupSpecs[].numOfHosts", _each(lambda group: group.num_of_hosts), labels=("group",),
        series="1 per worker group"),
    Row("kuberay_cluster_group_suspended", "Whether each worker group is suspended: 1 if it is, otherwise 0",
        "spec.workerGroupSpecs[].suspend", _each(lambda group: 1 if group.suspend else 0), labels=("group",),
        series="1 per worker group"),
    Row("kuberay_cluster_group_scale_gate",
        "Gates that keep a worker group from growing, such as an exceeded quota, as a label; the value is 1",
        "spec.workerGroupSpecs[].scaleStrategy.scaleGate[].name", of_spec(_gates), labels=("group", "gate"),
        series="1 per gate"),
)
# fmt: on
"""Rows of the cluster's table."""
