"""The queue of log lines: logging never waits, and what cannot be written is counted and reported."""

import logging
import threading
from collections.abc import Iterator

import pytest

from exporter.logs import queue as log_queue
from exporter.logs.queue import QueuedHandler
from tests.support.watching import wait_until


class Gate:
    """A destination that accepts nothing until it is opened, as a pipe whose reader hangs."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.opened = threading.Event()
        self.is_broken = False

    def write(self, line: str) -> None:
        self.opened.wait(10)
        if self.is_broken:
            raise OSError(32, "Broken pipe")
        self.lines.append(line)


class Queue:
    """A logger with one handler, and the gate that the handler writes to."""

    def __init__(self, gate: Gate) -> None:
        self.gate = gate
        self.handler = QueuedHandler(gate.write)
        self.handler.setFormatter(logging.Formatter("%(message)s"))
        self.logger = logging.Logger("test")
        self.logger.addHandler(self.handler)

    def log(self, *messages: object) -> None:
        for message in messages:
            self.logger.info("%s", message)

    def written(self) -> list[str]:
        """Open the gate, and return all lines that were written."""
        self.gate.opened.set()
        self.handler.flush()
        return self.gate.lines


@pytest.fixture
def queue() -> Iterator[Queue]:
    queue = Queue(Gate())
    yield queue
    queue.gate.opened.set()
    queue.handler.flush()


def test_logging_does_not_wait_and_keeps_the_order(queue: Queue) -> None:
    """Nothing is written yet, and nothing is lost."""
    queue.log(*range(1000))
    assert queue.gate.lines == []
    assert queue.written() == [str(i) for i in range(1000)]
    assert queue.handler.dropped == 0


def test_a_destination_that_hangs_does_not_delay_another(queue: Queue) -> None:
    """Each has a queue of its own."""
    other = Queue(Gate())
    other.gate.opened.set()
    queue.logger.addHandler(other.handler)
    queue.log("a")
    wait_until(lambda: other.gate.lines == ["a"])
    assert queue.gate.lines == []


def test_flush_waits_for_a_limited_time(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pipe that nobody reads must not keep the process from ending."""
    monkeypatch.setattr(log_queue, "FLUSH_SECONDS", 0.05)
    queue.log("a")
    queue.handler.flush()
    assert queue.gate.lines == []


def test_lines_that_do_not_fit_are_dropped_counted_and_reported(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest lines stay; after them one line says how many are missing; what comes later is written."""
    monkeypatch.setattr(log_queue, "MAX_QUEUED_CHARACTERS", 100)
    queue.log(*[f"{i:09}" for i in range(30)])
    queue.written()
    queue.log("later")
    assert queue.written() == [
        *[f"{i:09}" for i in range(10)],
        "dropped log lines that could not be written",
        "later",
    ]
    assert queue.handler.dropped == 20


def test_the_report_says_how_many_lines_are_missing(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a field, and under the name of the exporter's own log."""
    monkeypatch.setattr(log_queue, "MAX_QUEUED_CHARACTERS", 10)
    queue.handler.setFormatter(logging.Formatter("%(levelno)s %(name)s %(count)s", defaults={"count": ""}))
    queue.log("x" * 10, "lost", "lost")
    assert queue.written()[-1] == f"{logging.WARNING} exporter.logs.configuration 2"


def test_memory_of_waiting_lines_is_bounded(queue: Queue) -> None:
    """However long nobody reads."""
    queue.log(*["x" * 1000] * 3000)
    assert queue.handler.dropped > 900
    assert sum(map(len, queue.written())) <= log_queue.MAX_QUEUED_CHARACTERS


def test_a_line_of_any_length_is_written(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing else waits."""
    monkeypatch.setattr(log_queue, "MAX_QUEUED_CHARACTERS", 100)
    for _ in range(3):
        queue.log("x" * 1000)
        queue.written()
    assert len(queue.gate.lines) == 3


def test_failures_are_printed_once_and_reported_when_lines_are_written_again(
    queue: Queue, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that was full, a reader that was restarted."""
    queue.gate.is_broken = True
    queue.log(*["lost"] * 3)
    assert queue.written() == []
    queue.gate.is_broken = False
    queue.log("works")
    assert queue.written() == ["works", "dropped log lines that could not be written"]
    assert queue.handler.dropped == 3
    assert capsys.readouterr().err == "couldn't write the log: [Errno 32] Broken pipe\n"


def test_a_record_that_cannot_be_formatted_stops_nothing(queue: Queue, capsys: pytest.CaptureFixture[str]) -> None:
    """Python's logging names it on standard error."""
    queue.logger.info("%d", "no number")
    queue.log("next")
    assert queue.written() == ["next"]
    assert "--- Logging error ---" in capsys.readouterr().err
