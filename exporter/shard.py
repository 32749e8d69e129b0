"""Which namespaces one of several exporters watches, so that together they watch each namespace once."""

from hashlib import sha256

from msgspec import Struct


class Shard(Struct, frozen=True):
    """One of several exporters.

    A whole namespace belongs to one shard, not single objects as in kube-state-metrics: counters of a namespace, and
    what belongs to an object (its clusters, pods and Events), are then in one exporter.

    Attributes:
        ordinal: counts from 0.
        total: how many exporters there are.
    """

    ordinal: int
    total: int

    def __str__(self) -> str:
        return f"shard {self.ordinal} of {self.total} (counted from 0)"

    def owns(self, namespace: str) -> bool:
        """Tell whether a namespace belongs to this shard; the same in every process and version."""
        digest = sha256(namespace.encode(errors="surrogatepass")).digest()
        return int.from_bytes(digest[:8]) % self.total == self.ordinal
