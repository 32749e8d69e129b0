"""The fields of KubeRay's custom resources that metrics use, as frozen msgspec structs with KubeRay's Go names.

An object is 3 to 9 KB of JSON; what is named here is about a tenth of it, and the rest is never
kept. A struct names a field only if a collector reads it. Optional fields accept `null` as absent.
"""

API_GROUP = "ray.io"
API_VERSION = "v1"
