"""The log's form, and that everybody's records have it."""

import io
import json
import logging
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from exporter import logs
from exporter.errors import ConfigError
from exporter.logs import LogFile, set_up_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream for the log; afterwards logging is as pytest had it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    libraries = {name: logging.getLogger(name).level for name in ("uvicorn", "urllib3")}
    root.handlers.clear()  # or the set-up would close pytest's
    yield io.StringIO()
    logging.captureWarnings(capture=False)
    for handler in root.handlers:
        with suppress(OSError):  # what a full disk could not take
            handler.close()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in libraries.items():
        logging.getLogger(name).setLevel(old)


def records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


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
    first, second = stream.getvalue().splitlines()
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
    (line,) = stream.getvalue().splitlines()
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
    """uvicorn, urllib3, the Kubernetes client's root logger and Python's warnings; no line per port scan."""
    set_up_logging("info", "json", stream=stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("uvicorn.error").error("a fault", extra={"color_message": "\x1b[1m"})
    logging.getLogger("urllib3.connectionpool").debug("GET /")
    logging.getLogger().error("exec: process returned 1")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", stacklevel=1)
    assert [(record["logger"], record["level"]) for record in records(stream)] == [
        ("uvicorn.error", "error"),
        ("root", "error"),
        ("py.warnings", "warn"),
    ]
    assert "color_message" not in stream.getvalue()


def test_non_ascii_is_written_as_it_is(stream: io.StringIO) -> None:
    """Readable with jq and without."""
    set_up_logging("info", "json", stream=stream)
    logging.getLogger("exporter.x").info("größe")
    assert '"größe"' in stream.getvalue()


# The file.


def test_file_and_standard_output_together(stream: io.StringIO, tmp_path: Path) -> None:
    """Each in its own encoding; the file has info and above, whatever standard output has."""
    path = tmp_path / "new" / "exporter.log"
    set_up_logging("debug", "console", LogFile(str(path), "json"), stream=stream)
    for level in (logging.DEBUG, logging.INFO, logging.ERROR):
        logging.getLogger("exporter.x").log(level, "m")
    assert [line.split("\t")[1] for line in stream.getvalue().splitlines()] == ["debug", "info", "error"]
    assert [json.loads(line)["level"] for line in path.read_text().splitlines()] == ["info", "error"]


def test_a_file_can_be_console_too(stream: io.StringIO, tmp_path: Path) -> None:
    """And is not above the level of standard output."""
    path = tmp_path / "exporter.log"
    set_up_logging("error", "json", LogFile(str(path), "console"), stream=stream)
    logging.getLogger("exporter.x").info("m")
    logging.getLogger("exporter.x").error("m")
    (line,) = path.read_text().splitlines()
    assert line.endswith("\terror\tx\tm")


def test_the_file_is_appended_to(stream: io.StringIO, tmp_path: Path) -> None:
    """A restart does not forget."""
    path = tmp_path / "exporter.log"
    path.write_text("before\n")
    set_up_logging("info", "json", LogFile(str(path), "json"), stream=stream)
    logging.getLogger("exporter.x").info("m")
    assert path.read_text().startswith("before\n{")


def test_rotation_by_size_number_and_age(stream: io.StringIO, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten rotated files at the most, none older than 30 days."""
    monkeypatch.setattr(logs, "FILE_MAX_BYTES", 200)
    path, old = tmp_path / "exporter.log", tmp_path / "exporter.log.3"
    old.write_text("old\n")
    os.utime(old, (0, time.time() - 31 * 24 * 3600))
    set_up_logging("info", "json", LogFile(str(path), "json"), stream=stream)
    assert not old.exists()
    for i in range(40):
        logging.getLogger("exporter.x").info("message %d", i)
    rotated = sorted(tmp_path.glob("exporter.log.*"))
    assert len(rotated) == 10
    assert all(0 < file.stat().st_size <= 200 for file in rotated)
    assert "message 39" in path.read_text()


def test_the_sizes_are_the_operators() -> None:
    """lumberjack's settings in the operator."""
    assert (logs.FILE_MAX_BYTES, logs.FILE_BACKUPS, logs.FILE_MAX_AGE_SECONDS) == (500 * 2**20, 10, 30 * 86400)


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


def test_a_full_disk_is_told_once_and_stops_nothing(stream: io.StringIO, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output goes on; once for each time that it fills."""
    set_up_logging("info", "json", LogFile("/dev/full", "json"), stream=stream)
    for _ in range(1000):
        logging.getLogger("exporter.x").info("m")
    assert len(records(stream)) == 1000
    assert capsys.readouterr().err == "couldn't write the log: [Errno 28] No space left on device\n"
