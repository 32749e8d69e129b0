"""What informers log: failures once for each change and not for each try, and not more than a bound in all."""

import logging
from collections.abc import MutableMapping
from typing import Any

from exporter.clock import Clock
from exporter.errors import ApiError, StatusError
from exporter.logs.limit import LogLimit

BURST = 50
"""Lines at once: a few namespaces never reach it."""

LINES_PER_SECOND = 0.5

REFUSALS = (401, 403)


def informer_log_limit(clock: Clock) -> LogLimit:
    """Return the limit on the lines of all informers together, because hundreds may fail alike."""
    return LogLimit(1 / LINES_PER_SECOND, BURST, clock=clock)


class ResourceLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that adds the resource (and namespace) to the fields of every record.

    Records from level info on are written at level debug if the limit of all informers is reached; the next one
    that is written says how many there were.
    """

    def __init__(self, logger: logging.Logger, fields: dict[str, str], limit: LogLimit) -> None:
        super().__init__(logger, fields)
        self._limit = limit

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if level >= logging.INFO and self.isEnabledFor(level):
            suppressed = self._limit.take()
            if suppressed is None:
                level = logging.DEBUG
            elif suppressed:
                kwargs["extra"] = {**kwargs.get("extra", {}), "suppressed": suppressed}
        super().log(level, msg, *args, **kwargs)

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}


class FailureLog:
    """The failures in a row of one operation ("list", "watch") of one resource. For one thread.

    Attributes:
        consecutive: failures since the last success.
        refusals: how many of the latest failures in a row were 401 or 403.
    """

    def __init__(self, operation: str, logger: ResourceLogger) -> None:
        self._operation = operation
        self._log = logger
        self._reported = ""
        self.consecutive = 0
        self.refusals = 0

    def failed(self, error: ApiError) -> None:
        is_refusal = isinstance(error, StatusError) and error.code in REFUSALS
        self.consecutive += 1
        self.refusals = self.refusals + 1 if is_refusal else 0
        if str(error) == self._reported:
            self._log.debug("%s failed again: %s", self._operation, error)
            return
        self._reported = str(error)
        # A refusal lasts until a person changes RBAC; other failures usually pass.
        level = logging.ERROR if is_refusal else logging.WARNING
        self._log.log(level, "%s failed, retrying: %s", self._operation, error)

    def succeeded(self) -> None:
        if self._reported:
            self._log.info("%s succeeded again", self._operation)
            self.reset()

    def reset(self) -> None:
        """Start anew without a log line: the operation neither failed nor succeeded."""
        self._reported = ""
        self.consecutive = self.refusals = 0
