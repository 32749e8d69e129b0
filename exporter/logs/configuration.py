"""Logging to standard output and to a file, as the KubeRay operator's zap set-up does it.

Handlers on the root logger, so that asyncio, the Kubernetes client, urllib3 and Python's own
warnings come out in the same form as the exporter's records.
"""

import codecs
import errno
import io
import json
import logging
import os
import stat
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter

from exporter.errors import ConfigError
from exporter.logs.queue import QueuedHandler

LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warn": logging.WARNING, "error": logging.ERROR}
ENCODERS = ("json", "console")

_LEVEL_NAMES = {level: name for name, level in LEVELS.items()} | {logging.CRITICAL: "error"}
_OWN_PREFIX = "exporter."

# As the operator does it, with lumberjack: its MaxSize, MaxBackups and MaxAge.
FILE_MAX_BYTES = 500 * 1024 * 1024
FILE_BACKUPS = 10
FILE_MODE = 0o640
FILE_MAX_AGE_SECONDS = 30 * 24 * 3600

_LIBRARIES = {"asyncio": logging.ERROR, "urllib3": logging.WARNING}
"""Records of a library below this level are logged at debug level only: they are a line per connection."""


def set_up_logging(
    level: str, encoder: str, file: str | None = None, file_encoder: str = "json", *, stream: TextIO | None = None
) -> None:
    """Send all records of this level (a key of LEVELS) and above to standard output, and to a file if one is named.

    The file gets info and above, whatever the level is below. The encoders are of ENCODERS.

    Raises:
        ConfigError: the file cannot be written.
    """
    out = stream or sys.stdout or sys.stderr  # each is None if it was closed before the start
    handlers = [_queued(_stream(out), encoder, _is_unicode(out))] if out else []
    if file:
        handlers.append(_queued(_open_file(file), file_encoder))
        handlers[-1].setLevel(logging.INFO)
    logging.basicConfig(level=LEVELS[level], handlers=handlers, force=True)
    logging.captureWarnings(capture=True)
    for name, least in _LIBRARIES.items():
        logging.getLogger(name).setLevel(logging.DEBUG if level == "debug" else least)


def dropped_log_lines() -> int:
    """Return how many lines could not be written since the start, of all destinations."""
    return sum(handler.dropped for handler in logging.getLogger().handlers if isinstance(handler, QueuedHandler))


def _queued(destination: Callable[[str], None], encoder: str, is_unicode: bool = True) -> QueuedHandler:
    handler = QueuedHandler(destination)
    handler.setFormatter(_ConsoleEncoder(is_unicode) if encoder == "console" else _JsonEncoder(is_unicode))
    return handler


def _stream(stream: TextIO) -> Callable[[str], None]:
    """Return what writes lines to standard output; characters that it cannot print are escaped."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(errors="backslashreplace")

    def write(line: str) -> None:
        stream.write(f"{line}\n")
        stream.flush()

    return write


def _is_unicode(stream: TextIO) -> bool:
    """Tell whether a stream can print all characters; one without an encoding takes text as it is."""
    return not stream.encoding or codecs.lookup(stream.encoding).name.startswith("utf")


def _open_file(path: str) -> Callable[[str], None]:
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        return RotatedFile(Path(path)).write
    except OSError as exc:
        raise ConfigError(f"--log-file-path '{path}': {exc.strerror}") from exc


class RotatedFile:
    """A file that is rotated by size; rotated ones are removed by number and by age. Devices are not rotated."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open()
        self._remove_old()

    def write(self, line: str) -> None:
        data = f"{line}\n".encode(errors="backslashreplace")
        if not os.fstat(self._file.fileno()).st_nlink:
            # Removed, perhaps with its folder: what is written to it is lost, unless there can be a new one.
            removed = self._file
            self._open()
            removed.close()
        if self._is_regular and self._size > 0 and self._size + len(data) > FILE_MAX_BYTES:
            self._rotate()
        if self._file.write(data) < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size += len(data)

    def _open(self) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        self._file = os.fdopen(descriptor, "ab", buffering=0)
        status = os.fstat(self._file.fileno())
        self._is_regular, self._size = stat.S_ISREG(status.st_mode), status.st_size

    def _rotate(self) -> None:
        self._file.close()
        try:
            for number in range(FILE_BACKUPS - 1, -1, -1):
                with suppress(FileNotFoundError):
                    self._rotated(number).rename(self._rotated(number + 1))
        finally:
            self._open()
        self._remove_old()

    def _rotated(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path

    def _remove_old(self) -> None:
        oldest = time.time() - FILE_MAX_AGE_SECONDS
        for number in range(1, FILE_BACKUPS + 1):
            with suppress(OSError):
                if self._rotated(number).stat().st_mtime < oldest:
                    self._rotated(number).unlink()


class _JsonEncoder(JsonFormatter):
    """One JSON object a line: `level`, `ts`, `logger`, `msg`, then the record's fields."""

    def __init__(self, is_unicode: bool) -> None:
        super().__init__([], reserved_attrs=RESERVED_ATTRS, json_ensure_ascii=not is_unicode)

    def serialize_log_record(self, log_data: dict[str, Any]) -> str:
        return escaped(super().serialize_log_record(log_data))

    def add_fields(self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]) -> None:
        log_data["level"] = _LEVEL_NAMES.get(record.levelno, "info")
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        log_data["ts"] = time.replace("+00:00", "Z")
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
        head[-1] = escaped(head[-1])
        return "\t".join([*head, *([super().serialize_log_record(log_data)] if log_data else [])])


def escaped(text: str) -> str:
    """Return text with escapes as in JSON in the place of line ends and of what changes what a terminal shows."""
    return text if text.isprintable() else "".join(one if one.isprintable() else json.dumps(one)[1:-1] for one in text)
