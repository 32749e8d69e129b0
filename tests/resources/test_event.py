"""Event: two recorders write it in two forms."""

from typing import Any

import pytest

from exporter.collectors.event import EVENTS
from exporter.resources.event import Event
from tests.support.objects import CREATED, decode, manifest

EARLY, LATE = "2026-11-23T10:00:00.000001Z", "2026-11-23T10:05:00.000002Z"


def event(**fields: Any) -> Event:
    decoded: Event = decode(EVENTS, manifest() | fields)
    return decoded


@pytest.mark.parametrize(
    ("fields", "occurrences"),
    [
        ({}, 1),
        ({"count": None}, 1),
        ({"count": 0}, 1),
        ({"count": -3}, 1),
        ({"count": 7}, 7),
        ({"series": {"count": 2}, "count": 7}, 2),
        ({"series": {}, "count": 7}, 7),
    ],
)
def test_occurrences(fields: dict[str, Any], occurrences: int) -> None:
    """The series counts before the older field; an Event has occurred once at least."""
    assert event(**fields).occurrences == occurrences


@pytest.mark.parametrize(
    ("fields", "first", "last"),
    [
        ({}, CREATED, CREATED),
        ({"firstTimestamp": EARLY}, EARLY, EARLY),
        ({"firstTimestamp": EARLY, "lastTimestamp": LATE}, EARLY, LATE),
        ({"eventTime": EARLY}, EARLY, EARLY),
        ({"eventTime": EARLY, "series": {"lastObservedTime": LATE}}, EARLY, LATE),
        ({"eventTime": None, "lastTimestamp": None, "series": None}, CREATED, CREATED),
    ],
)
def test_first_and_last_time(fields: dict[str, Any], first: str, last: str) -> None:
    """Each of the first field that is set; kube-eventer #276: no time of what is recorded through events.k8s.io."""
    one = event(**fields)
    times = event(eventTime=first).event_time, event(eventTime=last).event_time
    assert (one.first_time, one.last_time) == times


def test_an_event_that_is_written_again_has_the_same_key() -> None:
    """With another uid and version; at another time it is another one."""
    assert event().key == decode(EVENTS, manifest(uid="2", version="9")).key
    assert event(eventTime=EARLY).key != event(eventTime=LATE).key
