"""KubeRay's kinds for these tests: small definitions, and objects that are also valid with KubeRay's own."""

from typing import Any, NamedTuple

from exporter.simulator.kuberay.manifests import Manifests, Shape, serve_config
from tests.support.objects import condition

GROUP = "ray.io"
API = f"/apis/{GROUP}/v1"
CRDS = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
NOW = "2026-11-23T10:00:00Z"

_CLUSTER_SPEC = Manifests().cluster_spec(Shape())


class Kind(NamedTuple):
    """A kind, its spec, a status, and the families that depend on the status.

    Attributes:
        info: the family with one series for each object.
        changed: the start of a line that exists after `status` is written.
    """

    plural: str
    kind: str
    info: str
    spec: dict[str, Any]
    status: dict[str, Any]
    changed: str


# A KubeRay operator ignores objects that MultiKueue manages, and does not overwrite a test's status.
_SPEC = {"managedBy": "kueue.x-k8s.io/multikueue"}


def _condition(type_: str, reason: str) -> dict[str, Any]:
    return condition(type_, "True", NOW, reason=reason, message="")


KINDS = (
    Kind(
        "rayclusters",
        "RayCluster",
        "kuberay_cluster_info",
        {**_SPEC, **_CLUSTER_SPEC},
        {"state": "ready", "conditions": [_condition("RayClusterProvisioned", "AllPodRunningAndReadyFirstTime")]},
        'kuberay_cluster_condition_provisioned{condition="true"',
    ),
    Kind(
        "rayjobs",
        "RayJob",
        "kuberay_job_info",
        {**_SPEC, "entrypoint": "python train.py", "rayClusterSpec": _CLUSTER_SPEC},
        {"jobDeploymentStatus": "Running", "jobStatus": "RUNNING", "startTime": NOW},
        'kuberay_job_deployment_status{deployment_status="Running"',
    ),
    Kind(
        "rayservices",
        "RayService",
        "kuberay_service_info",
        {**_SPEC, "rayClusterConfig": _CLUSTER_SPEC, "serveConfigV2": serve_config("app", ("deployment",))},
        {"conditions": [_condition("Ready", "NonZeroServeEndpoints")]},
        'kuberay_service_condition_ready{condition="true"',
    ),
)
RAYJOB = KINDS[1]
ALL_KINDS = {kind.plural: kind.kind for kind in KINDS} | {"raycronjobs": "RayCronJob"}


def manifest(kind: Kind, name: str) -> dict[str, Any]:
    return {"apiVersion": f"{GROUP}/v1", "kind": kind.kind, "metadata": {"name": name}, "spec": kind.spec}


def definition(group: str, plural: str, kind: str) -> dict[str, Any]:
    """Return a CustomResourceDefinition of version v1 that accepts any spec and status."""
    anything = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": anything, "status": anything}}},
        "subresources": {"status": {}},
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        # The API server refuses a definition in a group of Kubernetes without it.
        "metadata": {"name": f"{plural}.{group}", "annotations": {"api-approved.kubernetes.io": "unapproved, a test"}},
        "spec": {
            "group": group,
            "scope": "Namespaced",
            "names": {"plural": plural, "singular": kind.lower(), "kind": kind, "listKind": f"{kind}List"},
            "versions": [version],
        },
    }


RAY_DEFINITIONS = [definition(GROUP, plural, kind) for plural, kind in ALL_KINDS.items()]
CHART_DEFINITIONS = [
    definition("monitoring.coreos.com", f"{kind.lower()}s", kind)
    for kind in ("ServiceMonitor", "PodMonitor", "PrometheusRule")
] + [
    definition("autoscaling.k8s.io", "verticalpodautoscalers", "VerticalPodAutoscaler"),
    definition("gateway.networking.k8s.io", "httproutes", "HTTPRoute"),
]
