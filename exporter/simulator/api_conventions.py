"""How the API names kinds and writes times: what the server and the engine of the demo both need."""

import time

API_VERSION = "ray.io/v1"

KIND_NAMES = {
    "rayclusters": "RayCluster",
    "rayjobs": "RayJob",
    "rayservices": "RayService",
    "raycronjobs": "RayCronJob",
}


def kind_name(plural: str) -> str:
    """Return `RayCluster` for `rayclusters`; a guess for other plurals."""
    return KIND_NAMES.get(plural) or plural.removesuffix("s").capitalize()


def stamp(at: float) -> str:
    """RFC 3339 in whole seconds, truncated as Go's metav1.Time does it: never later than `at`."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
