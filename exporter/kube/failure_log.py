"""The failures in a row of one operation, logged once for each change and not once for each try."""

import logging
from collections.abc import MutableMapping
from typing import Any

from exporter.errors import ApiError, StatusError
from exporter.kube.log_budget import LogBudget

REFUSALS = (401, 403)
NOT_FOUND = 404


class ResourceLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that adds the resource (and namespace) to the fields of every record.

    Records from level info on are written at level debug if the budget of all informers is used up; the next one
    that is written says how many there were.
    """

    def __init__(self, logger: logging.Logger, fields: dict[str, str], budget: LogBudget) -> None:
        super().__init__(logger, fields)
        self._budget = budget

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if level >= logging.INFO and self.isEnabledFor(level):
            suppressed = self._budget.take()
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
        self.consecutive += 1
        self.refusals = self.refusals + 1 if is_refusal(error) else 0
        self._report(error)

    def succeeded(self) -> None:
        if self._reported:
            self._log.info("%s succeeded again", self._operation)
        self.reset()

    def reset(self) -> None:
        """Start anew without a log line: the operation neither failed nor succeeded."""
        self._reported = ""
        self.consecutive = self.refusals = 0

    def _report(self, error: ApiError) -> None:
        text = str(error)
        if text == self._reported:
            self._log.debug("%s failed again: %s", self._operation, text)
            return
        self._reported = text
        # A refusal lasts until a person changes RBAC; other failures usually pass.
        level = logging.ERROR if is_refusal(error) else logging.WARNING
        self._log.log(level, "%s failed, retrying: %s", self._operation, text)


def is_refusal(error: ApiError) -> bool:
    """Tell whether the API server refuses who asks (401), or what is asked for (403)."""
    return isinstance(error, StatusError) and error.code in REFUSALS
