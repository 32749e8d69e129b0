"""Logging to standard output and to a file, as the KubeRay operator's zap set-up does it.

Handlers on the root logger, so that asyncio, the Kubernetes client, urllib3 and Python's own
warnings come out in the same form as the exporter's records.
"""

import codecs
import io
import logging
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from exporter.errors import ConfigError
from exporter.logs.file import RotatedFile
from exporter.logs.queue import Destination, QueuedHandler

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
ENCODERS = ("json", "console")

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()} | {logging.CRITICAL: "error"}
_OWN_PREFIX = "exporter."

_LIBRARIES = {"asyncio": logging.ERROR, "urllib3": logging.WARNING}
"""Records of a library below this level are logged at debug level only: they are a line per connection."""


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
    out = stream or sys.stdout or sys.stderr  # each is None if it was closed before the start
    handlers = [_queued(_Stream(out), encoder, _is_unicode(out))] if out else []
    if file:
        handlers.append(_queued(_open_file(file), file.encoder))
        handlers[-1].setLevel(logging.INFO)
    logging.basicConfig(level=LEVELS[level], handlers=handlers, force=True)
    logging.captureWarnings(capture=True)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else least)


def dropped_log_lines() -> int:
    """Return how many lines could not be written since the start, of all destinations."""
    return sum(handler.dropped for handler in logging.getLogger().handlers if isinstance(handler, QueuedHandler))


def _queued(destination: Destination, encoder: str, is_unicode: bool = True) -> QueuedHandler:
    handler = QueuedHandler(destination)
    handler.setFormatter(_ConsoleEncoder(is_unicode) if encoder == "console" else _JsonEncoder(is_unicode))
    return handler


def _is_unicode(stream: TextIO) -> bool:
    """Tell whether a stream can print all characters; one without an encoding takes text as it is."""
    return not stream.encoding or codecs.lookup(stream.encoding).name.startswith("utf")


def _open_file(file: LogFile) -> Destination:
    try:
        Path(file.path).parent.mkdir(parents=True, exist_ok=True)
        return RotatedFile(Path(file.path))
    except OSError as exc:
        raise ConfigError(f"--log-file-path '{file.path}': {exc.strerror}") from exc


class _Stream:
    """Standard output, or standard error if that is closed. Characters that it cannot print are escaped."""

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(f"{line}\n")
        self._stream.flush()


class _JsonEncoder(JsonFormatter):
    """One JSON object a line: `level`, `ts`, `logger`, `msg`, then the record's fields."""

    def __init__(self, is_unicode: bool) -> None:
        super().__init__([], reserved_attrs=RESERVED_ATTRS, json_ensure_ascii=not is_unicode)

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
        # A message may contain text of an object or a server: it stays on its line.
        head[-1] = "\\n".join(head[-1].splitlines())
        return "\t".join([*head, *([super().serialize_log_record(log_data)] if log_data else [])])


def _timestamp(seconds: float) -> str:
    """Return Unix seconds as ISO 8601 in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
