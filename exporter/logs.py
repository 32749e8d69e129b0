"""Logging to standard output and to a file, as the KubeRay operator's zap set-up does it.

Handlers on the root logger, so that uvicorn, the Kubernetes client, urllib3 and Python's own
warnings come out in the same form as the exporter's records.
"""

import logging
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from exporter.errors import ConfigError

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
ENCODERS = ("json", "console")

# The operator's: lumberjack's MaxSize, MaxBackups and MaxAge.
FILE_MAX_BYTES = 500 * 1024 * 1024
FILE_BACKUPS = 10
FILE_MAX_AGE_SECONDS = 30 * 24 * 3600

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()} | {logging.CRITICAL: "error"}
_OWN_PREFIX = "exporter."

_LIBRARIES = {"uvicorn": logging.ERROR, "urllib3": logging.WARNING}
"""Below these levels a library is heard at debug level only: a line per connection, or per port scan."""


class LogFile(NamedTuple):
    """A file to log to, and its encoding (one of ENCODERS)."""

    path: str
    encoder: str


def set_up_logging(level: str, encoder: str, file: LogFile | None = None, stream: TextIO | None = None) -> None:
    """Send all records of this level (a key of LEVELS) and above to standard output, and to a file.

    The file gets info and above, whatever the level is below.

    Raises:
        ConfigError: the file cannot be written.
    """
    handlers: list[logging.Handler] = [_StreamHandler(stream or sys.stdout)]
    handlers[0].setFormatter(_formatter(encoder))
    if file:
        handlers.append(_open_file(file))
    logging.basicConfig(level=LEVELS[level], handlers=handlers, force=True)
    logging.captureWarnings(capture=True)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else least)


def _formatter(encoder: str) -> logging.Formatter:
    return _ConsoleEncoder() if encoder == "console" else _JsonEncoder()


def _open_file(file: LogFile) -> logging.Handler:
    try:
        Path(file.path).parent.mkdir(parents=True, exist_ok=True)
        handler = _FileHandler(file.path)
    except OSError as exc:
        raise ConfigError(f"--log-file-path '{file.path}': {exc.strerror}") from exc
    handler.setLevel(logging.INFO)
    handler.setFormatter(_formatter(file.encoder))
    return handler


class _Steadfast(logging.Handler):
    """A handler that never stops or fills the program that logs: what cannot be written is dropped.

    A full disk is told on standard error once, until writing works again.
    """

    _has_failed = False
    _was_failing = False

    def emit(self, record: logging.LogRecord) -> None:
        self._has_failed = False
        super().emit(record)
        self._was_failing = self._has_failed

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: ARG002, N802 - logging's own name
        self._has_failed = True
        if not self._was_failing:
            with suppress(OSError):
                print(f"couldn't write the log: {sys.exc_info()[1]}", file=sys.stderr)  # noqa: T201 - the log can't


class _StreamHandler(_Steadfast, logging.StreamHandler[TextIO]):
    """Standard output."""


class _FileHandler(_Steadfast, RotatingFileHandler):
    """A file that is rotated by size; rotated ones go by number and by age."""

    def __init__(self, path: str) -> None:
        super().__init__(path, maxBytes=FILE_MAX_BYTES, backupCount=FILE_BACKUPS, encoding="utf-8")
        self._remove_old()

    def doRollover(self) -> None:  # noqa: N802 - logging's own name
        super().doRollover()
        self._remove_old()

    def _remove_old(self) -> None:
        oldest = time.time() - FILE_MAX_AGE_SECONDS
        path = Path(self.baseFilename)
        for number in range(1, FILE_BACKUPS + 1):
            rotated = path.with_name(f"{path.name}.{number}")
            with suppress(OSError):
                if rotated.stat().st_mtime < oldest:
                    rotated.unlink()


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
