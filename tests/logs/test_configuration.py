"""The log's form, and that everybody's records have it."""

import io
import json
import logging
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.logs.configuration import dropped_log_lines, set_up_logging
from tests.support.logging_state import restored_logging


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
def test_text_of_others_cannot_control_a_terminal(stream: io.StringIO, encoder: str) -> None:
    """Escape sequences, backspaces, zero bytes and directions of text are written as escapes."""
    set_up_logging("info", encoder, stream=stream)
    hostile = "\x1b[2J\b\0\u202e\x9bm\x7f\u2028ä"
    logging.getLogger("exporter.app").info(hostile, extra={"name_": hostile})
    (line,) = lines(stream)
    assert all(part.isprintable() for part in line.split("\t"))
    assert line.count(r"\u001b[2J\b\u0000\u202e\u009bm\u007f\u2028ä") == 2


@pytest.mark.parametrize("encoder", ["json", "console"])
def test_a_traceback_stays_on_the_line(stream: io.StringIO, encoder: str) -> None:
    """As the field `stacktrace`."""
    set_up_logging("info", encoder, stream=stream)
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("exporter.pipeline.metrics_store").exception("failed")
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
    set_up_logging("debug", "console", str(path), "json", stream=stream)
    for level in (logging.DEBUG, logging.INFO, logging.ERROR):
        logging.getLogger("exporter.x").log(level, "m")
    assert [line.split("\t")[1] for line in lines(stream)] == ["debug", "info", "error"]
    assert [json.loads(line)["level"] for line in path.read_text().splitlines()] == ["info", "error"]


def test_a_file_can_be_console_too(stream: io.StringIO, tmp_path: Path) -> None:
    """And is not above the level of standard output."""
    path = tmp_path / "exporter.log"
    set_up_logging("error", "json", str(path), "console", stream=stream)
    logging.getLogger("exporter.x").info("m")
    logging.getLogger("exporter.x").error("m")
    flush_logs()
    (line,) = path.read_text().splitlines()
    assert line.endswith("\terror\tx\tm")


def test_the_file_is_appended_to(stream: io.StringIO, tmp_path: Path) -> None:
    """A restart does not forget."""
    path = tmp_path / "exporter.log"
    path.write_text("before\n")
    set_up_logging("info", "json", str(path), "json", stream=stream)
    logging.getLogger("exporter.x").info("m")
    flush_logs()
    assert path.read_text().startswith("before\n{")


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
        set_up_logging("info", "json", path, "json")


def test_a_full_disk_is_reported_once_and_stops_nothing(
    stream: io.StringIO, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard output goes on; what the file lost is counted."""
    set_up_logging("info", "json", "/dev/full", "json", stream=stream)
    for _ in range(1000):
        logging.getLogger("exporter.x").info("m")
    assert len(records(stream)) == 1000
    assert capsys.readouterr().err == "couldn't write the log: [Errno 28] No space left on device\n"
    assert dropped_log_lines() == 1000


# What standard output can print.

PRINTS = """
import logging
from exporter.logs.configuration import set_up_logging
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
