"""Log messages about clients, limited in number: no client can fill the log."""

import asyncio
import logging

from exporter.clock import Clock
from exporter.logs.limit import LogLimit

INTERVAL_SECONDS = 60.0

log = logging.getLogger(__name__)


class ClientLog:
    """At most one line a minute for each message; `count` says how often it happened since the previous line."""

    def __init__(self, clock: Clock | None = None) -> None:
        self._limit = LogLimit(INTERVAL_SECONDS, clock=clock)

    def log(self, level: int, message: str) -> None:
        """Log or count."""
        if (suppressed := self._limit.take(message)) is not None:
            log.log(level, message, extra={"count": suppressed + 1})

    def filter(self, record: logging.LogRecord) -> bool:
        """Limit uvicorn's records, of whose logger this is a filter: the stack traces of faults in answers."""
        if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
            return False  # the process ends
        record.msg = str(record.msg).strip()
        suppressed = self._limit.take(record.msg)
        vars(record)["count"] = 1 + (suppressed or 0)
        return suppressed is not None
