"""Logging to standard output, as the KubeRay operator's zap set-up does it.

One handler on the root logger, so that uvicorn, the Kubernetes client, urllib3 and Python's own
warnings come out in the same form as the exporter's records.
"""

import logging
import sys
from datetime import UTC, datetime
from typing import Any, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
ENCODERS = ("json", "console")

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()} | {logging.CRITICAL: "error"}
_OWN_PREFIX = "exporter."


def set_up_logging(level: str, encoder: str, stream: TextIO = sys.stdout) -> None:
    """Send all records of this level (a key of LEVELS) and above to `stream`, in this encoding.

    What uvicorn and urllib3 tell below warnings is told at debug level only: it is theirs, and a line
    per request or connection.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_ConsoleEncoder() if encoder == "console" else _JsonEncoder())
    logging.basicConfig(level=LEVELS[level], handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in ("uvicorn", "urllib3"):
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)


class _JsonEncoder(JsonFormatter):
    """One JSON object a line: `level`, `ts`, `logger`, `msg`, then the record's fields."""

    def __init__(self) -> None:
        # uvicorn adds its message once more, with colours.
        super().__init__([], reserved_attrs=[*RESERVED_ATTRS, "color_message"], json_ensure_ascii=False)

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["level"] = _LEVEL_NAMES.get(record.levelno, "info")
        log_data["ts"] = _timestamp(record.created)
        log_data["logger"] = record.name.removeprefix(_OWN_PREFIX)
        log_data["msg"] = record.getMessage()
        if stack := message_dict.pop("exc_info", None):
            log_data["stacktrace"] = stack
        super().add_fields(log_data, record, message_dict)


class _ConsoleEncoder(_JsonEncoder):
    """The same on one readable line: time, level, logger, message, and the fields as JSON."""

    def serialize_log_record(self, log_data: dict[str, Any]) -> str:
        head = [str(log_data.pop(key)) for key in ("ts", "level", "logger", "msg")]
        # A message may carry what somebody else wrote: it stays on its line.
        head[-1] = "\\n".join(head[-1].splitlines())
        return "\t".join([*head, *([super().serialize_log_record(log_data)] if log_data else [])])


def _timestamp(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
