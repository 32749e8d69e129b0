"""Namespaces without objects: kept for a day, up to a bound."""

import pytest

from exporter.families import namespaces
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS, Namespaces
from tests.support.clocks import FakeClock


class Counted:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.dropped = 0
        self.namespaces = Namespaces(self.clock, self._drop)

    def _drop(self) -> None:
        self.dropped += 1

    def use(self, *names: str) -> None:
        """Let each have an object for a moment."""
        for name in names:
            self.namespaces.added(name)
            self.namespaces.deleted(name)


def test_a_namespace_expires_a_day_after_its_last_object() -> None:
    """Once; then it is not known any more."""
    counted = Counted()
    counted.namespaces.added("a")
    counted.use("a")
    counted.clock.advance(2 * EMPTY_NAMESPACE_SECONDS)
    assert counted.namespaces.expire() == []
    counted.namespaces.deleted("a")
    counted.clock.advance(EMPTY_NAMESPACE_SECONDS - 1)
    assert counted.namespaces.expire() == []
    counted.clock.advance(2)
    assert counted.namespaces.expire() == ["a"]
    assert counted.namespaces.expire() == []
    assert counted.dropped == 0


def test_a_new_object_keeps_its_namespace() -> None:
    """A job that runs every night: the day begins again with its deletion."""
    counted = Counted()
    for _ in range(3):
        counted.use("nightly")
        counted.clock.advance(EMPTY_NAMESPACE_SECONDS - 1)
        assert counted.namespaces.expire() == []


def test_too_many_empty_namespaces_expire_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that have been empty for the longest time; each is reported. Namespaces with objects do not count."""
    monkeypatch.setattr(namespaces, "MAX_EMPTY_NAMESPACES", 2)
    counted = Counted()
    for name in ("full-1", "full-2", "full-3"):
        counted.namespaces.added(name)
    counted.use("a", "b", "c", "d")
    assert counted.namespaces.expire() == ["a", "b"]
    assert counted.dropped == 2


def test_what_expires_in_time_is_not_reported_as_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also if there were too many."""
    monkeypatch.setattr(namespaces, "MAX_EMPTY_NAMESPACES", 1)
    counted = Counted()
    counted.use("old", "older")
    counted.clock.advance(EMPTY_NAMESPACE_SECONDS + 1)
    counted.use("new", "newer")
    assert counted.namespaces.expire() == ["old", "older", "new"]
    assert counted.dropped == 1
