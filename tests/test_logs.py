"""The log's form, and that everybody's records have it."""

import io
import json
import logging
import os
import re
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import log_file, log_queue
from exporter.errors import ConfigError
from exporter.log_queue import QueuedHandler
from exporter.logs import LogFile, dropped_log_lines, set_up_logging
from tests.support.logging_state import restored_logging
from tests.support.watching import wait_until


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream for the log; afterwards logging is as pytest had it."""
    with restored_logging():
        yield io.StringIO()


def records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in lines(stream)]


def flush_logs() -> None:
    for handler in logging.getLogger().handlers:
        handler.flush()


def lines(stream: io.StringIO) -> list[str]:
    flush_logs()
    return stream.getvalue().splitlines()


def test_json_keys_and_their_order(stream: io.StringIO) -> None:
    """level, ts, logger, msg as the operator's; then the fields."""
    set_up_logging("info", "json", stream=stream)
    logging.getLogger("exporter.kube.informer").warning("list %s", "failed", extra={"resource": "rayjobs"})
    (record,) = records(stream)
    assert list(record) == ["level", "ts", "logger", "msg", "resource"]
    assert record | {"ts": ""} == {
        "level": "warn", "ts": "", "logger": "kube.informer", "msg": "list failed", "resource": "rayjobs",
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(record["ts"]))


def test_console_is_one_readable_line(stream: io.StringIO) -> None:
    """Even where a message or a field carries line ends."""
    set_up_logging("info", "console", stream=stream)
    logging.getLogger("exporter.app").info("two\nlines", extra={"name_": "a\nb"})
    logging.getLogger("exporter.app").info("plain")
    first, second = lines(stream)
    assert first.split("\t")[1:] == ["info", "app", "two\\nlines", '{"name_": "a\\nb"}']
    assert second.split("\t")[1:] == ["info", "app", "plain"]


@pytest.mark.parametrize("encoder", ["json", "console"])
def test_a_traceback_stays_on_the_line(stream: io.StringIO, encoder: str) -> None:
    """As the field `stacktrace`."""
    set_up_logging("info", encoder, stream=stream)
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("exporter.metrics_store").exception("failed")
    (line,) = lines(stream)
    assert '"stacktrace": "Traceback' in line
    assert "ValueError: a bug" in line


def test_levels(stream: io.StringIO) -> None:
    """Below the level nothing is written; names are zap's."""
    set_up_logging("warn", "json", stream=stream)
    log = logging.getLogger("exporter.x")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "m")
    assert [record["level"] for record in records(stream)] == ["warn", "error", "error"]


def test_the_libraries_go_the_same_way(stream: io.StringIO) -> None:
    """asyncio, urllib3, the Kubernetes client's root logger and Python's warnings; no line per connection."""
    set_up_logging("info", "json", stream=stream)
    logging.getLogger("asyncio").warning("socket.send() raised exception.")
    logging.getLogger("asyncio").error("a fault")
    logging.getLogger("urllib3.connectionpool").debug("GET /")
    logging.getLogger().error("exec: process returned 1")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", stacklevel=1)
    assert [(record["logger"], record["level"]) for record in records(stream)] == [
        ("asyncio", "error"),
        ("root", "error"),
        ("py.warnings", "warn"),
    ]


def test_non_ascii_is_written_as_it_is(stream: io.StringIO) -> None:
    """Readable with jq and without."""
    set_up_logging("info", "json", stream=stream)
    logging.getLogger("exporter.x").info("größe")
    assert '"größe"' in lines(stream)[0]


# The file.


def test_file_and_standard_output_together(stream: io.StringIO, tmp_path: Path) -> None:
    """Each in its own encoding; the file has info and above, whatever standard output has."""
    path = tmp_path / "new" / "exporter.log"
    set_up_logging("debug", "console", LogFile(str(path), "json"), stream=stream)
    for level in (logging.DEBUG, logging.INFO, logging.ERROR):
        logging.getLogger("exporter.x").log(level, "m")
    assert [line.split("\t")[1] for line in lines(stream)] == ["debug", "info", "error"]
    assert [json.loads(line)["level"] for line in path.read_text().splitlines()] == ["info", "error"]


def test_a_file_can_be_console_too(stream: io.StringIO, tmp_path: Path) -> None:
    """And is not above the level of standard output."""
    path = tmp_path / "exporter.log"
    set_up_logging("error", "json", LogFile(str(path), "console"), stream=stream)
    logging.getLogger("exporter.x").info("m")
    logging.getLogger("exporter.x").error("m")
    flush_logs()
    (line,) = path.read_text().splitlines()
    assert line.endswith("\terror\tx\tm")


def test_the_file_is_appended_to(stream: io.StringIO, tmp_path: Path) -> None:
    """A restart does not forget."""
    path = tmp_path / "exporter.log"
    path.write_text("before\n")
    set_up_logging("info", "json", LogFile(str(path), "json"), stream=stream)
    logging.getLogger("exporter.x").info("m")
    flush_logs()
    assert path.read_text().startswith("before\n{")


def test_rotation_by_size_number_and_age(stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rotated files at the most, none older than 30 days."""
    monkeypatch.setattr(log_file, "FILE_MAX_BYTES", 200)
    path, old = tmp_path / "exporter.log", tmp_path / "exporter.log.3"
    old.write_text("old\n")
    os.utime(old, (0, time.time() - 31 * 24 * 3600))
    set_up_logging("info", "json", LogFile(str(path), "json"), stream=stream)
    assert not old.exists()
    for i in range(40):
        logging.getLogger("exporter.x").info("message %d", i)
    flush_logs()
    rotated = sorted(tmp_path.glob("exporter.log.*"))
    assert len(rotated) == 10
    assert all(0 < file.stat().st_size <= 200 for file in rotated)
    assert "message 39" in path.read_text()


def test_the_sizes_are_the_operators() -> None:
    """lumberjack's settings in the operator."""
    assert (log_file.FILE_MAX_BYTES, log_file.FILE_BACKUPS, log_file.FILE_MAX_AGE_SECONDS) == (
        500 * 2**20,
        10,
        30 * 86400,
    )


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("/proc/no/such.log", "No such file or directory"),
        ("/dev/null/x.log", "exists|Not a directory"),
        ("/", "Is a directory"),
    ],
)
def test_an_unwritable_path_is_a_wrong_value(path: str, reason: str) -> None:
    """Told with the flag, the path and the reason."""
    with pytest.raises(ConfigError, match=f"--log-file-path '{path}': .*({reason})"):
        set_up_logging("info", "json", LogFile(path, "json"))


def test_a_full_disk_is_reported_once_and_stops_nothing(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output goes on; what the file lost is counted."""
    set_up_logging("info", "json", LogFile("/dev/full", "json"), stream=stream)
    for _ in range(1000):
        logging.getLogger("exporter.x").info("m")
    assert len(records(stream)) == 1000
    assert capsys.readouterr().err == "couldn't write the log: [Errno 28] No space left on device\n"
    assert dropped_log_lines() == 1000


# The queue.


class Gate(io.StringIO):
    """A stream that nobody reads until it is opened, as a pipe whose reader hangs."""

    def __init__(self) -> None:
        super().__init__()
        self.opened = threading.Event()
        self.is_broken = False

    def write(self, text: str) -> int:
        self.opened.wait(10)
        if self.is_broken:
            raise OSError(32, "Broken pipe")
        return super().write(text)


@pytest.fixture
def gate(stream: io.StringIO) -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()
    flush_logs()


def test_logging_does_not_wait_for_who_reads(gate: Gate, tmp_path: Path) -> None:
    """Neither who logs nor the file waits for standard output; nothing is lost, and the order is kept."""
    path = tmp_path / "exporter.log"
    set_up_logging("info", "json", LogFile(str(path), "json"), stream=gate)
    for i in range(1000):
        logging.getLogger("exporter.x").info("%d", i)
    wait_until(lambda: len(path.read_text().splitlines()) == 1000)
    assert gate.getvalue() == ""
    gate.opened.set()
    expected = [str(i) for i in range(1000)]
    assert [record["msg"] for record in records(gate)] == expected
    assert [json.loads(line)["msg"] for line in path.read_text().splitlines()] == expected
    assert dropped_log_lines() == 0


def test_lines_that_do_not_fit_are_dropped_counted_and_reported(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Oldest lines stay; after them one line says how many are missing; what comes later is written."""
    monkeypatch.setattr(log_queue, "MAX_QUEUED_CHARACTERS", 10_000)
    set_up_logging("info", "json", stream=gate)
    for i in range(1000):
        logging.getLogger("exporter.x").info("%d", i)
    dropped = dropped_log_lines()
    assert 0 < dropped < 1000
    gate.opened.set()
    flush_logs()
    logging.getLogger("exporter.x").info("later")
    *before, notice, later = records(gate)
    assert [record["msg"] for record in before] == [str(i) for i in range(1000 - dropped)]
    assert notice | {"ts": ""} == {
        "level": "warn", "ts": "", "logger": "logs", "msg": "dropped log lines that could not be written",
        "count": dropped,
    }  # fmt: skip
    assert later["msg"] == "later"
    assert dropped_log_lines() == dropped


def test_memory_of_waiting_lines_is_bounded(gate: Gate) -> None:
    """However long nobody reads."""
    set_up_logging("info", "json", stream=gate)
    (handler,) = logging.getLogger().handlers
    assert isinstance(handler, QueuedHandler)
    for _ in range(3000):
        logging.getLogger("exporter.x").info("x" * 1000)
    assert handler._queued_characters <= log_queue.MAX_QUEUED_CHARACTERS
    assert handler._queue.qsize() < 2100
    assert dropped_log_lines() > 900


def test_a_line_of_any_length_is_written(stream: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    """If nothing else waits."""
    monkeypatch.setattr(log_queue, "MAX_QUEUED_CHARACTERS", 100)
    set_up_logging("info", "json", stream=stream)
    for _ in range(3):
        logging.getLogger("exporter.x").info("x" * 1000)
        flush_logs()
    assert len(lines(stream)) == 3


def test_lines_that_could_not_be_written_are_reported_once_it_works_again(
    gate: Gate, capsys: pytest.CaptureFixture[str]
) -> None:
    """A disk that was full, a reader that was restarted."""
    gate.opened.set()
    gate.is_broken = True
    set_up_logging("info", "json", stream=gate)
    for _ in range(3):
        logging.getLogger("exporter.x").info("lost")
    flush_logs()
    gate.is_broken = False
    logging.getLogger("exporter.x").info("works")
    assert [(record["msg"], record.get("count")) for record in records(gate)] == [
        ("works", None),
        ("dropped log lines that could not be written", 3),
    ]
    assert capsys.readouterr().err == "couldn't write the log: [Errno 32] Broken pipe\n"


def test_a_record_that_cannot_be_formatted_stops_nothing(
    stream: io.StringIO, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python's logging names it on standard error."""
    set_up_logging("info", "json", stream=stream)
    logging.getLogger("exporter.x").info("%d", "no number")
    logging.getLogger("exporter.x").info("next")
    assert [record["msg"] for record in records(stream)] == ["next"]
    assert "--- Logging error ---" in capsys.readouterr().err


# What standard output can print.

PRINTS = """
import logging
from exporter.logs import set_up_logging
set_up_logging("info", "{encoder}")
logging.getLogger("exporter.x").info("gr\\u00f6\\u00dfe \\udc80 \\U0001F600", extra={{"field": "gr\\u00f6\\u00dfe"}})
"""


@pytest.mark.parametrize(
    "variables", [{"LANG": "C"}, {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
                  {"PYTHONIOENCODING": "ascii"}, {"PYTHONIOENCODING": "latin-1"}, {"PYTHONUTF8": "1"}],
)  # fmt: skip
@pytest.mark.parametrize("encoder", ["json", "console"])
def test_characters_that_standard_output_cannot_print_are_escaped(encoder: str, variables: dict[str, str]) -> None:
    """The line is never lost, and one of JSON stays JSON."""
    result = subprocess.run(
        [sys.executable, "-c", PRINTS.format(encoder=encoder)],
        env={"PATH": os.environ["PATH"]} | variables, capture_output=True, timeout=60,
    )  # fmt: skip
    assert result.stderr == b""
    (line,) = result.stdout.splitlines()
    if encoder == "json":
        assert json.loads(line)["msg"] == "größe \udc80 \U0001f600"
    else:
        assert rb"\udc80" in line
