"""One bound on log lines that repeat: whatever fails a thousand times is a few lines, with a count."""

import threading

from exporter.clock import Clock, SystemClock

MAX_KEYS = 1000
"""Maximum number of keys that are remembered; the ones used least recently are dropped first."""


class LogLimit:
    """Tells which of the lines that repeat are written: a few at once, and then one in every interval.

    Lines under different keys do not count together. Any thread may call.
    """

    def __init__(self, interval_seconds: float, burst: int = 1, *, clock: Clock | None = None) -> None:
        """With an interval of `math.inf`, `burst` lines are written until `reset` is called."""
        self._interval_seconds = interval_seconds
        self._burst = burst
        self._clock = clock or SystemClock()
        # Guards what follows.
        self._lock = threading.Lock()
        # By key, the one used least recently first: how many lines may be written (with fractions), at which time,
        # and how many were not written.
        self._buckets: dict[str, tuple[float, float, int]] = {}

    def take(self, key: str = "") -> int | None:
        """Return how many lines were not written before this one; None if this one is not to be written either."""
        with self._lock:
            now = self._clock.monotonic()
            lines, filled_at, suppressed = self._buckets.pop(key, (self._burst, now, 0))
            filled = min(self._burst, lines + (now - filled_at) / self._interval_seconds)
            is_written = filled >= 1
            # Filled by lines that are written only: many small sums would not be exact.
            self._buckets[key] = (filled - 1, now, 0) if is_written else (lines, filled_at, suppressed + 1)
            if len(self._buckets) > MAX_KEYS:
                del self._buckets[next(iter(self._buckets))]
            return suppressed if is_written else None

    def reset(self, key: str = "") -> None:
        """Forget a key, whose cause has ended: its next line is written."""
        with self._lock:
            self._buckets.pop(key, None)
