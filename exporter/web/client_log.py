"""Log messages about clients, limited in number: no client can fill the log."""

import asyncio
import logging

from exporter.clock import Clock
from exporter.logs.limit import LogLimit

INTERVAL_SECONDS = 60.0

log = logging.getLogger(__name__)


def limit_client_log(clock: Clock | None = None) -> None:
    """Let each message be one line a minute; its `count` says how often it occurred since the line before.

    Uvicorn's records are limited too: the stack traces of faults in answers.
    """
    limit = LogLimit(INTERVAL_SECONDS, clock=clock)

    def is_written(record: logging.LogRecord) -> bool:
        if record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError):
            return False  # the process ends
        record.msg = str(record.msg).strip()
        suppressed = limit.take(record.msg)
        vars(record)["count"] = 1 + (suppressed or 0)
        return suppressed is not None

    # Not removed at the end: what is running then is cancelled with the event loop.
    for logger in (log, logging.getLogger("uvicorn.error")):
        logger.filters = [is_written]
