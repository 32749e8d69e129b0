"""What has gone wrong with one operation, told in the log once for each change and not once a try."""

import logging
from collections.abc import MutableMapping
from typing import Any

from exporter.errors import ApiError, StatusError

REFUSALS = (401, 403)
NOT_FOUND = 404


class ResourceLogger(logging.LoggerAdapter[logging.Logger]):
    """A logger that adds the resource (and namespace) to the fields of every record."""

    def process(self, msg: str, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        return msg, {**kwargs, "extra": {**(self.extra or {}), **kwargs.get("extra", {})}}


class Troubles:
    """The failures in a row of one operation ("list", "watch") of one resource. For one thread.

    Attributes:
        in_a_row: failures since the last success.
        refusals: how many of them in a row were 401 or 403.
    """

    def __init__(self, operation: str, logger: ResourceLogger) -> None:
        self._operation = operation
        self._log = logger
        self._told = ""
        self.in_a_row = 0
        self.refusals = 0

    def failed(self, error: ApiError) -> None:
        self.in_a_row += 1
        self.refusals = self.refusals + 1 if is_refusal(error) else 0
        self._tell(error)

    def succeeded(self) -> None:
        if self._told:
            self._log.info("%s works again", self._operation)
        self.forget()

    def forget(self) -> None:
        """Begin anew, without a word: the operation neither failed nor worked."""
        self._told = ""
        self.in_a_row = self.refusals = 0

    def _tell(self, error: ApiError) -> None:
        text = str(error)
        if text == self._told:
            self._log.debug("%s failed again: %s", self._operation, text)
            return
        self._told = text
        # A refusal lasts until a person changes RBAC; all else is likely to pass.
        level = logging.ERROR if is_refusal(error) else logging.WARNING
        self._log.log(level, "%s failed, trying again: %s", self._operation, text)


def is_refusal(error: ApiError) -> bool:
    return isinstance(error, StatusError) and error.code in REFUSALS
