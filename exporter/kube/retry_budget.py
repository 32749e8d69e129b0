"""One rate of retries for the whole process, however many namespaces are watched."""

import threading

from exporter.clock import Clock

RETRIES_PER_SECOND = 10
"""To an API server that fails: hundreds of informers must not add to what is wrong with it."""


class RetryBudget:
    """Spreads the retries of all informers so that at most RETRIES_PER_SECOND are sent. Any thread may call.

    Attributes:
        recoveries: how often a request succeeded after failures: a reason to retry earlier than planned.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        # Guards the slots: each is a tenth of a second in which one informer retries.
        self._lock = threading.Lock()
        self._taken: set[int] = set()
        self._is_failing = False
        self.recoveries = 0

    @property
    def is_failing(self) -> bool:
        """Tell whether the latest result of any informer was a failure."""
        return self._is_failing

    def reserve(self, delay_seconds: float) -> float:
        """Record a failure; return the seconds to wait in addition to the delay until there is a free slot."""
        with self._lock:
            self._is_failing = True
            now = self._clock.monotonic()
            planned = now + delay_seconds
            current = int(now * RETRIES_PER_SECOND)
            self._taken = {slot for slot in self._taken if slot >= current}
            first = slot = int(planned * RETRIES_PER_SECOND)
            while slot in self._taken:
                slot += 1
            self._taken.add(slot)
            return 0.0 if slot == first else slot / RETRIES_PER_SECOND - planned

    def succeeded(self) -> None:
        """Record a success: informers that wait for a slot need not wait any longer."""
        if self._is_failing:
            with self._lock:
                self._is_failing = False
                self._taken.clear()
                self.recoveries += 1
