"""A maximum for what namespaces make grow: beyond it, the namespace that has most loses its oldest key."""

from collections.abc import Hashable
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)


class Shares(Generic[K]):
    """Keys of namespaces, up to a maximum. Not for several threads at once."""

    def __init__(self, maximum: int, of_namespace: int | None = None) -> None:
        """`maximum` is that of all keys, `of_namespace` that of one namespace: the same if it is None."""
        self.maximum = maximum
        self.of_namespace = of_namespace or maximum
        # By namespace, the oldest first.
        self._keys: dict[str, dict[K, None]] = {}
        self._total = 0

    def add(self, namespace: str, key: K) -> K | None:
        """Add a key as the newest of its namespace; return the key that is removed for it, if there are too many."""
        self.discard(namespace, key)
        self._keys.setdefault(namespace, {})[key] = None
        self._total += 1
        if len(self._keys[namespace]) > self.of_namespace:
            return self._pop_oldest(namespace)
        return self._pop_oldest(self._largest()) if self._total > self.maximum else None

    def discard(self, namespace: str, key: K) -> None:
        keys = self._keys.get(namespace, {})
        if key in keys:
            del keys[key]
            self._total -= 1
            if not keys:
                del self._keys[namespace]

    def is_full(self, namespace: str) -> bool:
        """Return whether another key of this namespace would remove one of its own."""
        own = len(self._keys.get(namespace, ()))
        return own >= self.of_namespace or (self._total >= self.maximum and own >= len(self._keys[self._largest()]))

    def _largest(self) -> str:
        return max(self._keys, key=lambda namespace: len(self._keys[namespace]))

    def _pop_oldest(self, namespace: str) -> K:
        key = next(iter(self._keys[namespace]))
        self.discard(namespace, key)
        return key
