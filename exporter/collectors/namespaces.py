"""Which namespaces have objects, and how long what was counted in the others is kept."""

from collections import defaultdict
from collections.abc import Callable

from exporter.clock import Clock

EMPTY_NAMESPACE_SECONDS = 24 * 3600.0
"""How long a namespace's series stay after its last object: a nightly job's must not restart every night."""

MAX_EMPTY_NAMESPACES = 1000
"""Maximum number of them, so that namespaces that are created in a loop do not make the memory grow."""


class Namespaces:
    """The number of objects of each namespace. Not for several threads at once: the caller has a lock."""

    def __init__(self, clock: Clock, dropped: Callable[[], object] = lambda: None) -> None:
        """`dropped` is called for each namespace that expired before its time."""
        self._clock = clock
        self._dropped = dropped
        self._objects: dict[str, int] = defaultdict(int)
        # Namespaces without objects, and since when: the longest empty first.
        self._empty_since: dict[str, float] = {}

    def added(self, namespace: str) -> None:
        self._objects[namespace] += 1
        self._empty_since.pop(namespace, None)

    def deleted(self, namespace: str) -> None:
        self._objects[namespace] -= 1
        if not self._objects[namespace]:
            self._empty_since[namespace] = self._clock.monotonic()

    def expire(self) -> list[str]:
        """Forget namespaces that have been without objects for long, or that are too many; return them."""
        due = self._clock.monotonic() - EMPTY_NAMESPACE_SECONDS
        expired: list[str] = []
        for namespace, since in self._empty_since.items():
            excess = len(self._empty_since) - len(expired) - MAX_EMPTY_NAMESPACES
            if since > due and excess <= 0:
                break
            if since > due:
                self._dropped()
            expired.append(namespace)
        for namespace in expired:
            del self._empty_since[namespace], self._objects[namespace]
        return expired
