"""Names of kinds and the format of times in the Kubernetes API: what `apiserver/` and `kuberay/` have in common."""

import time

API_VERSION = "ray.io/v1"
CORE_VERSION = "v1"
GROUP_PATH = f"/apis/{API_VERSION}"
CORE_PATH = f"/api/{CORE_VERSION}"

EVENTS, PODS = "events", "pods"

KUEUE_GROUP, KUEUE_VERSIONS, WORKLOADS = "kueue.x-k8s.io", ("v1beta2", "v1beta1"), "workloads"
"""Kueue's only kind here; its CRD has to be installed, and the newer version is that of storage."""

KIND_NAMES = {
    "rayclusters": "RayCluster",
    "rayjobs": "RayJob",
    "rayservices": "RayService",
    "raycronjobs": "RayCronJob",
}
CORE_KIND_NAMES = {EVENTS: "Event", PODS: "Pod"}
"""The kinds of the core group: they exist in every cluster, and no CRD is needed."""


def kind_name(plural: str) -> str:
    """Return `RayCluster` for `rayclusters`; a guess for other plurals."""
    return KIND_NAMES.get(plural) or CORE_KIND_NAMES.get(plural) or plural.removesuffix("s").capitalize()


def group(plural: str) -> str:
    """Return `ray.io` for KubeRay's kinds, "" for those of the core group."""
    if plural == WORKLOADS:
        return KUEUE_GROUP
    return "" if is_core(plural) else API_VERSION.partition("/")[0]


def is_core(plural: str) -> bool:
    """Tell whether a kind is one of the core group."""
    return plural in CORE_KIND_NAMES


def api_version(plural: str) -> str:
    """Return `v1` for `pods`, `ray.io/v1` for KubeRay's kinds."""
    if plural == WORKLOADS:
        return f"{KUEUE_GROUP}/{KUEUE_VERSIONS[0]}"
    return CORE_VERSION if is_core(plural) else API_VERSION


def timestamp(at: float) -> str:
    """Return RFC 3339 in whole seconds, truncated as Go's metav1.Time does it: never later than `at`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))


def micro_timestamp(at: float) -> str:
    """Return RFC 3339 with microseconds, as Go's metav1.MicroTime does it: never later than `at`."""
    microseconds = int(at * 1e6)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(microseconds // 10**6)) + f".{microseconds % 10**6:06}Z"
