"""Names of kinds and the format of times in the Kubernetes API: what `apiserver/` and `kuberay/` have in common."""

import time

API_VERSION = "ray.io/v1"
GROUP_PATH = f"/apis/{API_VERSION}"

KIND_NAMES = {
    "rayclusters": "RayCluster",
    "rayjobs": "RayJob",
    "rayservices": "RayService",
    "raycronjobs": "RayCronJob",
}


def kind_name(plural: str) -> str:
    """Return `RayCluster` for `rayclusters`; a guess for other plurals."""
    return KIND_NAMES.get(plural) or plural.removesuffix("s").capitalize()


def timestamp(at: float) -> str:
    """Return RFC 3339 in whole seconds, truncated as Go's metav1.Time does it: never later than `at`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
