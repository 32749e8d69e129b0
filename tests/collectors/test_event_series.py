"""The series that Events leave behind, and when they go."""

from typing import Any

import pytest

from exporter.collectors import event_series
from exporter.collectors.event_series import WARNING_SECONDS, EventCounts, LastWarnings
from exporter.families.limits import NO_REPORT, Limits
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS
from exporter.resources.event import Event, ObjectReference
from exporter.resources.meta import ObjectMeta
from tests.support.clocks import FakeClock

LABELS = ("RayJob", "Warning", "FailedToCreate")


def event(name: str = "a", uid: str = "1") -> Event:
    return Event(ObjectMeta("e", "e", namespace="ns"), involved_object=ObjectReference("RayJob", name, uid))


def test_occurrences_of_the_same_labels_are_added_up() -> None:
    """0 makes the series exist: `increase()` cannot see a first step."""
    counts = EventCounts(FakeClock(), lambda: None)
    key = counts.add("ns", LABELS, 0)
    assert [sample.value for sample in counts.samples(key)] == [0]
    assert counts.add("ns", LABELS, 3) == counts.add("ns", LABELS, 2) == key
    (sample,) = counts.samples(key)
    assert (sample.labels, sample.value) == (("RayJob", "ns", "FailedToCreate", "Warning"), 5)
    assert counts.samples("another") == []


def test_a_namespace_beyond_the_maximum_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one without an occurrence for the longest time goes, and is reported."""
    dropped: list[int] = []
    monkeypatch.setattr(event_series, "MAX_NAMESPACES", 2)
    counts = EventCounts(FakeClock(), lambda: dropped.append(1))
    keys = [counts.add(namespace, LABELS, 1) for namespace in ("a", "b", "a", "c")]
    assert counts.expire() == [keys[1]]
    assert counts.present_keys() == [keys[0], keys[3]]
    assert len(dropped) == 1


def test_a_namespace_that_goes_in_time_is_not_reported() -> None:
    """Nothing is lost by it."""
    clock, dropped = FakeClock(), list[int]()
    counts = EventCounts(clock, lambda: dropped.append(1))
    key = counts.add("a", LABELS, 1)
    clock.advance(EMPTY_NAMESPACE_SECONDS)
    assert (counts.expire(), counts.present_keys(), dropped) == ([key], [], [])


def test_an_occurrence_of_the_future_is_shown_for_an_hour() -> None:
    """Clocks of other machines may be ahead by any time."""
    clock = FakeClock()
    warnings = LastWarnings(clock, NO_REPORT)
    key = warnings.add(event(), LABELS, clock.time() + 100 * WARNING_SECONDS)
    clock.advance(WARNING_SECONDS - 1)
    assert warnings.expire() == []
    clock.advance(1)
    assert warnings.expire() == [key]


def test_an_occurrence_of_long_ago_is_not_shown() -> None:
    """The API server may keep Events for longer than an hour."""
    clock = FakeClock()
    warnings = LastWarnings(clock, NO_REPORT)
    key = warnings.add(event(), LABELS, clock.time() - WARNING_SECONDS - 1)
    assert warnings.expire() == [key]
    assert warnings.samples(key) == []


def test_warnings_beyond_the_maximum_go_with_a_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The longest unchanged ones."""
    dropped: list[Any] = []
    clock = FakeClock()
    monkeypatch.setattr(event_series, "MAX_WARNINGS", 2)
    warnings = LastWarnings(clock, Limits(10, lambda _: None, dropped.append))
    keys = [warnings.add(event(name), LABELS, clock.time()) for name in ("a", "b", "a", "c")]
    assert warnings.expire() == [keys[1]]
    assert warnings.present_keys() == [keys[0], keys[3]]
    assert dropped == [1]


def test_warnings_about_a_deleted_object_go_with_it() -> None:
    """Those about others stay."""
    clock = FakeClock()
    warnings = LastWarnings(clock, NO_REPORT)
    gone, kept = (warnings.add(event(uid=uid), LABELS, clock.time()) for uid in ("1", "2"))
    warnings.object_deleted("1")
    assert warnings.expire() == [gone]
    assert warnings.present_keys() == [kept]
