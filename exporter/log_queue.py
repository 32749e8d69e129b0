"""Between who logs and what is written to: a bounded queue and a thread, so that logging never waits.

Standard output that nobody reads, a full disk or a file server that hangs delay one thread, not the event loop
or an informer. Each destination has a queue of its own, so that one does not delay the other.
"""

import logging
import sys
import threading
from contextlib import suppress
from queue import SimpleQueue
from typing import Protocol

MAX_QUEUED_CHARACTERS = 2 * 1024 * 1024
"""Formatted lines that may wait for one destination: about 10,000."""

FLUSH_SECONDS = 1.0
"""How long the end of the process waits for what is queued."""


class Destination(Protocol):
    """Where lines are written to; one thread calls it."""

    def write(self, line: str) -> None:
        """Write a line and its end; may wait. Raises OSError or ValueError if it cannot be written."""


class QueuedHandler(logging.Handler):
    """Formats a record at once and leaves the writing of its line to a thread.

    Lines keep their order. When MAX_QUEUED_CHARACTERS wait, new lines are dropped until all that wait are written; then
    one line says how many were dropped. `dropped` counts them, and lines whose writing failed, since the start.
    Any thread may log.
    """

    def __init__(self, destination: Destination) -> None:
        super().__init__()
        self.dropped = 0
        self._destination = destination
        self._queue: SimpleQueue[str | threading.Event] = SimpleQueue()
        # Guards the counts below; held for moments only, and never while anything is written. A collected object
        # may log while its thread holds the lock.
        self._lock = threading.RLock()
        self._queued_characters = 0
        self._unreported = 0
        self._is_dropping = False
        self._is_failing = False  # for the thread alone
        threading.Thread(target=self._write_all, name="log-writer", daemon=True).start()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            line = self.format(record)
        except Exception:  # noqa: BLE001 - logging's rule: a wrong record must not stop who logs it
            self.handleError(record)
            return
        with self._lock:
            # A single line is queued whatever its length.
            is_full = self._queued_characters + _size(line) > MAX_QUEUED_CHARACTERS
            self._is_dropping |= is_full and self._queued_characters > 0
            if self._is_dropping:
                self._drop()
            else:
                self._queued_characters += _size(line)
                self._queue.put(line)

    def flush(self) -> None:
        """Wait until all that is queued is written, for FLUSH_SECONDS at most; `logging` does so at the exit."""
        written = threading.Event()
        self._queue.put(written)
        written.wait(FLUSH_SECONDS)

    def _write_all(self) -> None:
        while True:
            item = self._queue.get()
            if isinstance(item, threading.Event):
                item.set()
            else:
                self._write(item)

    def _write(self, line: str) -> None:
        self._write_line(line)
        with self._lock:
            self._queued_characters -= _size(line)
            if self._queued_characters:
                return
            self._is_dropping = False
            unreported = 0 if self._is_failing else self._unreported
            self._unreported -= unreported
        if unreported:
            self._write_line(self.format(_drop_record(unreported)))

    def _write_line(self, line: str) -> None:
        """Write a line, or drop it; the first of several failures is printed on standard error."""
        try:
            self._destination.write(line)
        except (OSError, ValueError) as exc:
            if not self._is_failing:
                with suppress(OSError):
                    print(f"couldn't write the log: {exc}", file=sys.stderr)  # noqa: T201 - the log can't
            self._is_failing = True
            with self._lock:
                self._drop()
        else:
            self._is_failing = False

    def _drop(self) -> None:
        self.dropped += 1
        self._unreported += 1


def _size(line: str) -> int:
    return len(line) + 1


def _drop_record(count: int) -> logging.LogRecord:
    return logging.makeLogRecord(
        {
            "name": "exporter.logs",
            "levelno": logging.WARNING,
            "msg": "dropped log lines that could not be written",
            "count": count,
        }
    )
