"""One bound on the log lines of all informers: hundreds of namespaces that fail alike are not hundreds of messages."""

import threading

from exporter.clock import Clock

BURST = 50
"""Lines at once: a few namespaces never reach it."""

LINES_PER_SECOND = 0.5


class LogBudget:
    """A token bucket of log lines. Any thread may call."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Guards all below.
        self._lock = threading.Lock()
        self._tokens = float(BURST)
        self._filled_at = clock.monotonic()
        self._suppressed = 0

    def take(self) -> int | None:
        """Return how many lines were suppressed before this one; None: this one is, too."""
        with self._lock:
            now = self._clock.monotonic()
            self._tokens = min(BURST, self._tokens + (now - self._filled_at) * LINES_PER_SECOND)
            self._filled_at = now
            if self._tokens < 1:
                self._suppressed += 1
                return None
            self._tokens -= 1
            suppressed, self._suppressed = self._suppressed, 0
            return suppressed
