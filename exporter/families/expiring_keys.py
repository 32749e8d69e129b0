"""Keys that are kept for some time, up to a maximum number: namespaces, deleted objects."""

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
