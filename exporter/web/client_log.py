"""Log messages about clients, limited in number: no client can fill the log."""

import logging
import time
from collections import Counter
from collections.abc import Callable

INTERVAL_SECONDS = 60.0

log = logging.getLogger(__name__)


class ClientLog:
    """At most one line a minute for each message; `count` says how often it happened since the previous line.

    Messages are constants of the program, so what is remembered is bounded. For the event loop's thread.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter()
        self._logged_at: dict[str, float] = {}

    def log(self, level: int, message: str, exception: BaseException | None = None) -> None:
        """Log or count; `exception` adds a stack trace and is for faults of the exporter alone."""
        self._counts[message] += 1
        now = self._clock()
        if message in self._logged_at and now - self._logged_at[message] < INTERVAL_SECONDS:
            return
        self._logged_at[message] = now
        log.log(level, message, extra={"count": self._counts.pop(message)}, exc_info=exception)
