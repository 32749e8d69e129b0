"""How long an informer waits after a failure, and how often all of them retry (the delays are client-go's)."""

import random
import threading
from collections.abc import Iterator

from exporter.clock import Clock
from exporter.errors import ApiError, StatusError
from exporter.kube.failure_log import informer_log_limit

INITIAL_SECONDS = 0.8
FACTOR = 2.0
MAX_SECONDS = 30.0
RESET_AFTER_SECONDS = 120.0

QUICK_REFUSALS = 2
"""RBAC that is just being installed is there within seconds; after that, a person has to act."""

OUTAGE_RETRIES_PER_SECOND = 8
"""Of all informers, on average, while every request fails: they must not make it worse for the API server."""

RECOVERY_RETRIES_PER_SECOND = 40
"""Of all informers, on average, once a request has succeeded: many lists at once would delay the answers to probes."""

STARTS_AT_ONCE, STARTS_PER_SECOND = 50, 50
"""Of informers whose first request is sent: hundreds of lists at once would delay the answers to probes by seconds."""

TURN_CHECK_SECONDS = 5.0
"""How often an informer that waits for its turn checks how many others wait, and whether the API server works."""


class Stopped(Exception):
    """The informer was stopped: every request and every wait ends with this."""


class Outage:
    """What informers know of each other. Any thread may use it.

    Attributes:
        waiting: the back-offs of the informers that have failed, and wait to retry.
        is_on: the latest request of any informer has failed.
    """

    def __init__(self) -> None:
        # Each change is one operation of the interpreter, so no lock is needed.
        self.waiting: set[Backoff] = set()
        self.is_on = False


class SharedByInformers:
    """What all informers of a process share. Any thread may use it."""

    def __init__(self, clock: Clock, rng: random.Random | None = None) -> None:
        self.clock = clock
        # One generator: its state is larger than the rest of an informer.
        self.rng = rng or random.Random()  # noqa: S311 - jitter is not a secret
        self.outage = Outage()
        self.log_limit = informer_log_limit(clock)
        self._informers = 0

    def start_delay(self) -> float:
        """Return how many seconds the next informer waits before its first request. For one thread."""
        self._informers += 1
        return max(0, self._informers - STARTS_AT_ONCE) / STARTS_PER_SECOND


class Backoff:
    """Delays that double from 0.8 s to 30 s, each drawn between 0 and its bound (full jitter). For one thread.

    Two minutes after the last delay ended the next one is the first again. Every method that waits raises Stopped when
    `stopping` is set.
    """

    def __init__(self, clock: Clock, rng: random.Random, outage: Outage, stopping: threading.Event) -> None:
        self._clock = clock
        self._rng = rng
        self._outage = outage
        self._stopping = stopping
        self._bound_seconds = INITIAL_SECONDS
        self._ends_at = float("-inf")

    def next_seconds(self, at_least: float = 0.0) -> float:
        """Return the next delay; `at_least` is what a Retry-After asked for, respected up to 30 s."""
        now = self._clock.monotonic()
        if now - self._ends_at > RESET_AFTER_SECONDS:
            self._bound_seconds = INITIAL_SECONDS
        # A server that says "in an hour" must not make the exporter blind for an hour.
        delay = max(self._rng.uniform(0, self._bound_seconds), min(at_least, MAX_SECONDS))
        self._bound_seconds = min(self._bound_seconds * FACTOR, MAX_SECONDS)
        self._ends_at = now + delay
        return delay

    def succeeded(self) -> None:
        """Record that the API server has answered."""
        self._outage.is_on = False

    def wait_to_start(self, seconds: float) -> None:
        """Wait before the first request, and longer if the API server fails: hundreds must not be sent at once.

        It counts as waiting from the beginning, so that those that have failed leave it its part of the retries.
        """
        if seconds:
            self._outage.waiting.add(self)
            try:
                self.wait(seconds)
            finally:
                self._outage.waiting.discard(self)
        if self._outage.is_on:
            self._wait_to_retry(0.0)

    def wait_after(self, error: ApiError, refusals: int) -> None:
        """Wait before the request that failed is sent again; refusals that persist are retried rarely."""
        retry_after = error.retry_after_seconds if isinstance(error, StatusError) else None
        self._wait_to_retry(MAX_SECONDS if refusals > QUICK_REFUSALS else retry_after or 0.0)

    def wait(self, seconds: float) -> None:
        if self._clock.wait(self._stopping, seconds):
            raise Stopped

    def retry_delays(self, at_least: float = 0.0) -> Iterator[float]:
        """Yield what to wait before a retry: a delay, and then, if others wait as well, the time until its turn.

        An exponential distribution gives all that wait one rate, whatever their number, and may be drawn again after a
        part of the time.
        """
        self._outage.is_on = True
        self._outage.waiting.add(self)
        try:
            yield self.next_seconds(at_least)
            while others := len(self._outage.waiting) - 1:
                rate = OUTAGE_RETRIES_PER_SECOND if self._outage.is_on else RECOVERY_RETRIES_PER_SECOND
                seconds = self._rng.expovariate(rate / others)
                yield min(seconds, TURN_CHECK_SECONDS)
                if seconds <= TURN_CHECK_SECONDS:
                    return
        finally:
            self._outage.waiting.discard(self)

    def _wait_to_retry(self, at_least: float) -> None:
        for seconds in self.retry_delays(at_least):
            self.wait(seconds)
