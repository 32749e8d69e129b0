"""The log's form, and that everybody's records have it."""

import io
import json
import logging
import re
import warnings
from collections.abc import Iterator

import pytest

from exporter.logs import set_up_logging


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """A stream for the log; afterwards logging is as pytest had it."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    libraries = {name: logging.getLogger(name).level for name in ("uvicorn", "urllib3")}
    root.handlers.clear()  # or the set-up would close pytest's
    yield io.StringIO()
    logging.captureWarnings(capture=False)
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, old in libraries.items():
        logging.getLogger(name).setLevel(old)


def records(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_keys_and_their_order(stream: io.StringIO) -> None:
    """level, ts, logger, msg as the operator's; then the fields."""
    set_up_logging("info", "json", stream)
    logging.getLogger("exporter.kube.informer").warning("list %s", "failed", extra={"resource": "rayjobs"})
    (record,) = records(stream)
    assert list(record) == ["level", "ts", "logger", "msg", "resource"]
    assert record | {"ts": ""} == {
        "level": "warn", "ts": "", "logger": "kube.informer", "msg": "list failed", "resource": "rayjobs",
    }  # fmt: skip
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", str(record["ts"]))


def test_console_is_one_readable_line(stream: io.StringIO) -> None:
    """Even where a message or a field carries line ends."""
    set_up_logging("info", "console", stream)
    logging.getLogger("exporter.app").info("two\nlines", extra={"name_": "a\nb"})
    logging.getLogger("exporter.app").info("plain")
    first, second = stream.getvalue().splitlines()
    assert first.split("\t")[1:] == ["info", "app", "two\\nlines", '{"name_": "a\\nb"}']
    assert second.split("\t")[1:] == ["info", "app", "plain"]


@pytest.mark.parametrize("encoder", ["json", "console"])
def test_a_traceback_stays_on_the_line(stream: io.StringIO, encoder: str) -> None:
    """As the field `stacktrace`."""
    set_up_logging("info", encoder, stream)
    try:
        raise ValueError("a bug")
    except ValueError:
        logging.getLogger("exporter.feed").exception("failed")
    (line,) = stream.getvalue().splitlines()
    assert '"stacktrace": "Traceback' in line
    assert "ValueError: a bug" in line


def test_levels(stream: io.StringIO) -> None:
    """Below the level nothing is written; names are zap's."""
    set_up_logging("warn", "json", stream)
    log = logging.getLogger("exporter.x")
    for level in (logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR, logging.CRITICAL):
        log.log(level, "m")
    assert [record["level"] for record in records(stream)] == ["warn", "error", "error"]


def test_the_libraries_go_the_same_way(stream: io.StringIO) -> None:
    """uvicorn, urllib3, the Kubernetes client's root logger and Python's warnings; no chatter of theirs."""
    set_up_logging("info", "json", stream)
    logging.getLogger("uvicorn.error").info("Started server process")
    logging.getLogger("uvicorn.error").warning("odd request", extra={"color_message": "\x1b[1m"})
    logging.getLogger("urllib3.connectionpool").debug("GET /")
    logging.getLogger().error("exec: process returned 1")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("careful", stacklevel=1)
    assert [(record["logger"], record["level"]) for record in records(stream)] == [
        ("uvicorn.error", "warn"),
        ("root", "error"),
        ("py.warnings", "warn"),
    ]
    assert "color_message" not in stream.getvalue()


def test_non_ascii_is_written_as_it_is(stream: io.StringIO) -> None:
    """Readable with jq and without."""
    set_up_logging("info", "json", stream)
    logging.getLogger("exporter.x").info("größe")
    assert '"größe"' in stream.getvalue()
