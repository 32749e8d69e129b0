"""Which namespaces have objects, and how long what was counted in the others is kept."""

from collections import defaultdict
from collections.abc import Callable

from exporter.clock import Clock


class ExpiringKeys:
    """Keys that all expire after the same time, the oldest first. Not for several threads at once."""

    def __init__(self, clock: Clock, seconds: float, maximum: int, dropped: Callable[[], object]) -> None:
        """`dropped` is called for each key that expires before its time, because there are too many."""
        self._clock = clock
        self._seconds = seconds
        self._maximum = maximum
        self._dropped = dropped
        self._since: dict[str, float] = {}

    def add(self, key: str) -> None:
        """Keep a key from now on."""
        self._since.pop(key, None)
        self._since[key] = self._clock.monotonic()

    def discard(self, key: str) -> None:
        """Forget a key: it does not expire."""
        self._since.pop(key, None)

    def expire(self) -> list[str]:
        """Forget the keys whose time is over, and the oldest if there are too many; return them."""
        due = self._clock.monotonic() - self._seconds
        expired: list[str] = []
        for key, since in self._since.items():
            if since > due:
                if len(self._since) - len(expired) <= self._maximum:
                    break
                self._dropped()
            expired.append(key)
        for key in expired:
            del self._since[key]
        return expired


EMPTY_NAMESPACE_SECONDS = 24 * 3600.0
"""How long a namespace's series stay after its last object: a nightly job's must not restart every night."""

MAX_EMPTY_NAMESPACES = 1000
"""Maximum number of them, so that namespaces that are created in a loop do not make the memory grow."""


class Namespaces:
    """The number of objects of each namespace. Not for several threads at once: the caller has a lock."""

    def __init__(self, clock: Clock, dropped: Callable[[], object] = lambda: None) -> None:
        """`dropped` is called for each namespace that expired before its time."""
        self._objects: dict[str, int] = defaultdict(int)
        self._empty = ExpiringKeys(clock, EMPTY_NAMESPACE_SECONDS, MAX_EMPTY_NAMESPACES, dropped)

    def added(self, namespace: str) -> None:
        self._objects[namespace] += 1
        self._empty.discard(namespace)

    def deleted(self, namespace: str) -> None:
        self._objects[namespace] -= 1
        if not self._objects[namespace]:
            self._empty.add(namespace)

    def expire(self) -> list[str]:
        """Forget namespaces that have been without objects for long, or that are too many; return them."""
        expired = self._empty.expire()
        for namespace in expired:
            del self._objects[namespace]
        return expired
