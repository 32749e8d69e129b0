"""How long to wait after a failure (the numbers are those of client-go's reflector)."""

import random

from exporter.clock import Clock

INITIAL_SECONDS = 0.8
FACTOR = 2.0
MAX_SECONDS = 30.0
RESET_AFTER_SECONDS = 120.0


class Backoff:
    """Delays that double from 0.8 s to 30 s, each drawn between 0 and its bound (full jitter).

    Two minutes after the last delay ended the next one is the first again. For one thread.
    """

    def __init__(self, clock: Clock, rng: random.Random) -> None:
        self._clock = clock
        self._rng = rng
        self._bound_seconds = INITIAL_SECONDS
        self._ends_at = float("-inf")

    def next_seconds(self, at_least: float = 0.0) -> float:
        """Return the next delay; `at_least` is what a Retry-After asked for, heeded up to 30 s."""
        now = self._clock.monotonic()
        if now - self._ends_at > RESET_AFTER_SECONDS:
            self._bound_seconds = INITIAL_SECONDS
        # A server that says "in an hour" must not make the exporter blind for an hour.
        delay = max(self._rng.uniform(0, self._bound_seconds), min(at_least, MAX_SECONDS))
        self._bound_seconds = min(self._bound_seconds * FACTOR, MAX_SECONDS)
        self._ends_at = now + delay
        return delay
