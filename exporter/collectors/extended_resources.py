"""What RayClusters request by name: extended resources, such as devices, and claims of devices (DRA).

Read from the pod templates of the spec, for the pods that the operator creates. So the numbers differ from KubeRay's
`desiredGPU` on purpose: that adds some names and leaves out others, and takes replicas as written.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from exporter.collectors.requested import SUSPENSION
from exporter.collectors.worker_groups import desired_replicas
from exporter.families.table import Integral, Row
from exporter.families.values import Values, of_spec
from exporter.resources.pod_request import PodRequest
from exporter.resources.raycluster import MAX_CORES, PodGroupsSpec, RayCluster

HEAD_GROUP = "headgroup"
"""The head's value of the label ray.io/group."""

SOURCE = "spec.headGroupSpec.template, spec.workerGroupSpecs[].template"


def _groups(spec: PodGroupsSpec) -> list[tuple[str, PodRequest, float]]:
    """Return the groups that request something: name, request of one pod, desired number of pods."""
    groups = [(HEAD_GROUP, spec.head_group_spec.pod, 1.0)] if spec.head_group_spec else []
    for group in spec.worker_group_specs or ():
        if group.template:
            hosts = 1 if group.num_of_hosts is None else group.num_of_hosts
            groups.append((group.group_name, group.pod, max(desired_replicas(group) * hosts, 0)))
    return groups


def desired_resources(spec: PodGroupsSpec) -> Mapping[str, float]:
    """Return the amounts that all desired pods request by name, at most MAX_CORES each."""
    amounts: dict[str, float] = {}
    for _, pod, pods in _groups(spec):
        for name, amount in pod.resources:
            amounts[name] = min(amounts.get(name, 0) + amount * pods, MAX_CORES)
    return amounts


def _requested(cluster: RayCluster) -> Mapping[str, float]:
    return desired_resources(cluster.spec) if cluster.spec else {}


def _of_one_pod(spec: PodGroupsSpec) -> Values:
    series: dict[tuple[str, str], float] = {}
    for group, pod, _ in _groups(spec):
        for name, amount in pod.resources:
            series.setdefault((group, name), amount)
    return series.items()


def _claims(spec: PodGroupsSpec) -> Values:
    series = Counter[tuple[str, str]]()
    for _, pod, pods in _groups(spec):
        for claim in pod.claims:
            # A claim is shared by all pods; of a template each pod gets a claim of its own.
            series[claim] = 1 if claim[0] == "claim" else series[claim] + int(pods)
    return series.items()


# Rows in a few lines each.
# fmt: off
EXTENDED_RESOURCE_ROWS: tuple[Row[RayCluster, Any], ...] = (
    Row("kuberay_cluster_desired_extended_resources",
        "Extended resources, such as devices, that all desired pods request by name, including the head", SOURCE,
        of_spec(lambda spec: [((name,), amount) for name, amount in desired_resources(spec).items()]),
        labels=("resource",), series="1 per name"),
    Row("kuberay_cluster_group_pod_extended_resources",
        f"Extended resources that one pod of each group requests by name; the head's group is `{HEAD_GROUP}`", SOURCE,
        of_spec(_of_one_pod), labels=("group", "resource"), series="1 per group and name"),
    Row("kuberay_cluster_desired_resource_claims",
        "Claims of devices (DRA) that desired pods refer to: of a template one for each pod, of a shared claim 1",
        SOURCE.replace("template", "template.spec.resourceClaims"), of_spec(_claims), labels=("kind", "claim"),
        series="1 per template or claim"),
)
"""Rows of the cluster's table."""

EXTENDED_RESOURCE_SECONDS: tuple[Integral[RayCluster], ...] = tuple(
    Integral(name, "Extended resources that all desired pods request by name, times the seconds for which they do so, "
        f"since the exporter {since}", SOURCE, _requested, is_per_object=is_per_object, label="resource",
        reads=SUSPENSION)
    for name, since, is_per_object in (
        ("kuberay_cluster_requested_extended_resource_seconds_total", "first received the cluster", True),
        ("kuberay_clusters_requested_extended_resource_seconds_total", "started", False),
    )
)
"""Rows of the cluster's table of integrals."""
# fmt: on
