"""Log messages about clients, limited in number: no client can fill the log."""

import asyncio
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

    def log(self, level: int, message: str) -> None:
        """Log or count."""
        if count := self._due(message):
            log.log(level, message, extra={"count": count})

    def filter(self, record: logging.LogRecord) -> bool:
        """Limit uvicorn's records, of whose logger this is a filter: the stack traces of faults in answers."""
        if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
            return False  # the process ends
        record.msg = str(record.msg).strip()
        count = self._due(record.msg)
        vars(record)["count"] = count
        return count > 0

    def _due(self, message: str) -> int:
        """Return how often it has happened since the previous line, 0 if it is not to be logged now."""
        self._counts[message] += 1
        now = self._clock()
        if message in self._logged_at and now - self._logged_at[message] < INTERVAL_SECONDS:
            return 0
        self._logged_at[message] = now
        return self._counts.pop(message)
