"""The bound on log lines that repeat."""

import math

import pytest

from exporter.logs import limit as log_limit
from exporter.logs.limit import LogLimit
from tests.support.clocks import FakeClock


def test_lines_beyond_the_bound_are_counted() -> None:
    """A few at once, then one in every interval, which says how many are missing."""
    clock = FakeClock()
    limit = LogLimit(10.0, burst=3, clock=clock)
    assert [limit.take() for _ in range(5)] == [0, 0, 0, None, None]
    clock.advance(9)
    assert limit.take() is None
    clock.advance(1)
    assert [limit.take(), limit.take()] == [3, None]
    clock.advance(1000)
    assert [limit.take() for _ in range(4)] == [1, 0, 0, None]


def test_keys_do_not_count_together() -> None:
    """One message that repeats does not hide another."""
    limit = LogLimit(10.0, clock=FakeClock())
    assert [limit.take("a"), limit.take("a"), limit.take("b")] == [0, None, 0]


def test_without_an_interval_a_line_is_written_once_until_its_cause_ends() -> None:
    """However long it lasts."""
    clock = FakeClock()
    limit = LogLimit(math.inf, clock=clock)
    assert limit.take("a") == 0
    clock.advance(1e9)
    assert limit.take("a") is None
    limit.reset("a")
    limit.reset("unknown")
    assert limit.take("a") == 0


def test_keys_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one used least recently is forgotten."""
    monkeypatch.setattr(log_limit, "MAX_KEYS", 2)
    limit = LogLimit(10.0, clock=FakeClock())
    assert [limit.take(key) for key in "ababc"] == [0, 0, None, None, 0]
    assert [limit.take(key) for key in "bca"] == [None, None, 0]
