"""Log lines of Events: one for each Event with new occurrences, on standard output and in the file."""

import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.collectors.event import EventTotals, NewOccurrences
from exporter.kinds import DIAGNOSED
from exporter.logs.configuration import set_up_logging
from exporter.pipeline.event_log import LOGGER, MAX_MESSAGE_BYTES, log_event
from tests.support.events import decoded, event, old_event
from tests.support.logging_state import restored_logging


class Output:
    """Standard output and a file, both read as JSON."""

    def __init__(self, folder: Path) -> None:
        self.stdout = io.StringIO()
        self.file = folder / "log.json"
        set_up_logging("info", "json", str(self.file), "json", stream=self.stdout)

    def lines(self) -> list[dict[str, Any]]:
        """Return the lines about Events, which must be the same in both places."""
        for handler in logging.getLogger().handlers:
            handler.flush()
        printed = self.stdout.getvalue()
        assert printed == self.file.read_text()
        return [line for line in map(json.loads, printed.rstrip("\n").split("\n")) if line["logger"] == LOGGER]


@pytest.fixture
def output(tmp_path: Path) -> Iterator[Output]:
    with restored_logging():
        yield Output(tmp_path)


def test_a_line_has_all_that_is_known_of_an_event(output: Output) -> None:
    """Enough for Loki, and for a reader to drop what another replica logged too."""
    log_event(NewOccurrences(decoded(event(count=3)), 2))
    (line,) = output.lines()
    assert line.pop("ts")
    assert line == {
        "level": "info",
        "logger": "kuberay.events",
        "msg": "RayCluster ns/a: FailedToCreateHeadPod",
        "kind": "RayCluster",
        "namespace": "ns",
        "name": "a",
        "uid": "u",
        "type": "Warning",
        "reason": "FailedToCreateHeadPod",
        "action": "Create",
        "count": 3,
        "occurrences": 2,
        "message": "exceeded quota",
        "first_time": "2026-11-23T10:00:00.123456Z",
        "last_time": "2026-11-23T10:00:00.123456Z",
        "event_uid": "1",
    }


def test_an_event_of_an_older_recorder_has_its_own_times(output: Output) -> None:
    """Whole seconds, and no action."""
    log_event(NewOccurrences(decoded(old_event(count=3) | {"action": None}), 3))
    (line,) = output.lines()
    assert (line["first_time"], line["last_time"]) == ("2026-11-23T10:00:00.000000Z", "2026-11-23T10:05:00.000000Z")
    assert (line["action"], line["count"]) == ("", 3)


@pytest.mark.parametrize(
    "message",
    ["x" * 100_000, "é" * 100_000, 'a\n"b"\r\n\x00{"level":"error"}\u2028' * 1000],
    ids=["long", "two bytes a character", "control characters"],
)
def test_a_message_is_cut_and_stays_on_its_line(output: Output, message: str) -> None:
    """Whoever may create Events can neither write a line of their own nor a very long one."""
    log_event(NewOccurrences(decoded(event() | {"message": message, "reason": message, "action": message}), 1))
    (line,) = output.lines()
    assert all(len(line[name].encode()) <= MAX_MESSAGE_BYTES for name in ("message", "reason", "action"))
    assert line["message"][:100] == message[:100]
    assert output.stdout.getvalue().count("\n") == 1


@pytest.mark.parametrize("encoder", ["json", "console"])
def test_a_line_is_readable_in_both_encoders(encoder: str, output: Output) -> None:
    """The console prints what happened to whom, and the fields as JSON."""
    stream = io.StringIO()
    set_up_logging("info", encoder, stream=stream)
    log_event(NewOccurrences(decoded(event()), 1))
    for handler in logging.getLogger().handlers:
        handler.flush()
    assert "RayCluster ns/a: FailedToCreateHeadPod" in stream.getvalue()
    assert '"message": "exceeded quota"' in stream.getvalue()


def test_each_new_occurrence_is_logged_once(output: Output) -> None:
    """Opsgenie #4: everything was sent twice. History is not logged, growth is, with how many are new."""
    totals = EventTotals(report=log_event, kinds=DIAGNOSED)

    def seen(*versions: dict[str, Any]) -> None:
        totals.on_change([totals.observe(decoded(one)) for one in versions], [])

    totals.on_list([totals.observe(decoded(event(count=4)))], ())
    seen(event(count=4))
    seen(event(count=9, version="2"), event("b.1", uid="2"))
    seen(event("b.1", uid="2"))
    assert [(line["event_uid"], line["count"], line["occurrences"]) for line in output.lines()] == [
        ("1", 9, 5),
        ("2", 1, 1),
    ]
