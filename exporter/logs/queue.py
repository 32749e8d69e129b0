"""A bounded queue and a thread between loggers and a destination, so that logging never waits.

Standard output that nobody reads, a full disk or a file server that hangs delay one thread, not the event loop
or an informer. Each destination has a queue of its own, so that one does not delay the other.
"""

import logging
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from logging.handlers import QueueHandler
from queue import SimpleQueue

MAX_QUEUED_CHARACTERS = 2 * 1024 * 1024
"""Maximum length of the formatted lines that wait for one destination: about 10,000 lines."""

FLUSH_SECONDS = 1.0
"""Maximum time for which the end of the process waits for queued lines."""


_REPORT = {
    "name": "exporter.logs.configuration",
    "levelno": logging.WARNING,
    "msg": "dropped log lines that could not be written",
}


class QueuedHandler(QueueHandler):
    """Formats a record at once and leaves the writing of its line to a thread.

    Lines keep their order. When MAX_QUEUED_CHARACTERS wait, new lines are dropped until all that wait are written; then
    one line says how many were dropped. `dropped` counts them, and lines whose writing failed, since the start.
    Any thread may log.
    """

    def __init__(self, destination: Callable[[str], None]) -> None:
        """`destination` writes a line and its end, and may wait; it raises OSError or ValueError if it cannot.

        It is no handler of `logging`: at the exit that would flush and close it, and wait for one that hangs.
        """
        super().__init__(SimpleQueue())
        self.dropped = 0
        self._destination = destination
        # Guards the counts below; held for moments only, and never while anything is written. A collected object
        # may log while its thread holds the lock.
        self._counting = threading.RLock()
        self._queued_characters = 0
        self._unreported = 0
        self._is_dropping = False
        self._is_failing = False  # for the thread alone
        threading.Thread(target=self._write_queued, name="log", daemon=True).start()

    def enqueue(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        with self._counting:
            # A single line is queued whatever its length.
            is_full = self._queued_characters + _size(line) > MAX_QUEUED_CHARACTERS
            self._is_dropping |= is_full and self._queued_characters > 0
            if self._is_dropping:
                self._drop()
            else:
                self._queued_characters += _size(line)
                self.queue.put_nowait(line)

    def flush(self) -> None:
        """Wait until all that is queued is written, for FLUSH_SECONDS at most; `logging` does so at the exit."""
        written = threading.Event()
        self.queue.put_nowait(written)
        written.wait(FLUSH_SECONDS)

    def _write_queued(self) -> None:
        while True:
            queued = self.queue.get()
            if isinstance(queued, threading.Event):
                queued.set()
            else:
                self._write(queued)

    def _write(self, line: str) -> None:
        self._write_line(line)
        with self._counting:
            self._queued_characters -= _size(line)
            if self._queued_characters:
                return
            self._is_dropping = False
            unreported = 0 if self._is_failing else self._unreported
            self._unreported -= unreported
        if unreported:
            self._write_line(self.format(logging.makeLogRecord(_REPORT | {"count": unreported})))

    def _write_line(self, line: str) -> None:
        """Write a line, or drop it; the first of several failures is printed on standard error."""
        try:
            self._destination(line)
        except (OSError, ValueError) as exc:
            if not self._is_failing:
                with suppress(OSError):
                    print(f"couldn't write the log: {exc}", file=sys.stderr)  # noqa: T201 - the log can't
            self._is_failing = True
            with self._counting:
                self._drop()
        else:
            self._is_failing = False

    def _drop(self) -> None:
        self.dropped += 1
        self._unreported += 1


def _size(line: str) -> int:
    return len(line) + 1
