"""How long a reflector waits after a failure, and that it ends when it is stopped."""

import threading

from exporter.clock import Clock
from exporter.errors import ApiError, StatusError
from exporter.kube.backoff import MAX_SECONDS, Backoff
from exporter.kube.failure_log import FailureLog
from exporter.kube.list_watch import Stopped
from exporter.kube.retry_budget import RetryBudget

QUICK_REFUSALS = 2
"""RBAC that is just being installed is there within seconds; after that, a person has to act."""

TURN_CHECK_SECONDS = 5.0
"""How often an informer that waits for its turn checks whether the API server works again."""

REMAINING_SHARE = 0.2
"""Of the wait that is left when it works again: hundreds of lists at once would delay the answers to probes."""


class Retries:
    """The waits of one reflector: its own back-off, and the budget that all share. For one thread.

    Every method that waits raises Stopped when `stopping` is set.
    """

    def __init__(self, clock: Clock, backoff: Backoff, budget: RetryBudget, stopping: threading.Event) -> None:
        self._clock = clock
        self._backoff = backoff
        self._budget = budget
        self._stopping = stopping

    def succeeded(self) -> None:
        """Record that the API server works."""
        self._budget.succeeded()

    def before_first_request(self) -> None:
        """Wait if the API server fails: hundreds of informers must not send hundreds of requests at once."""
        if self._budget.is_failing:
            self._wait_for_turn(self._backoff.next_seconds())

    def before_next_list(self) -> None:
        """Wait for the ordinary back-off: the API server works, but list, 410, list, 410 is no hot loop."""
        self.wait(self._backoff.next_seconds())

    def after_failure(self, error: ApiError, failures: FailureLog) -> None:
        """Wait before the request is sent again; refusals that persist are retried rarely."""
        retry_after = error.retry_after_seconds if isinstance(error, StatusError) else None
        seconds = self._backoff.next_seconds(retry_after or 0.0)
        self._wait_for_turn(MAX_SECONDS if failures.refusals > QUICK_REFUSALS else seconds)

    def wait(self, seconds: float) -> None:
        if self._clock.wait(self._stopping, seconds):
            raise Stopped

    def _wait_for_turn(self, seconds: float) -> None:
        """Wait, and then until the budget has a place: five times as soon if the API server works again."""
        recoveries = self._budget.recoveries
        extra_seconds = self._budget.reserve(seconds)
        self.wait(seconds)
        while extra_seconds > 0 and self._budget.recoveries == recoveries:
            self.wait(min(extra_seconds, TURN_CHECK_SECONDS))
            extra_seconds -= TURN_CHECK_SECONDS
        if extra_seconds > 0:
            self.wait(extra_seconds * REMAINING_SHARE)
