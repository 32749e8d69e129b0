"""One bound on the log lines of all informers."""

from exporter.kube.log_budget import BURST, LINES_PER_SECOND, LogBudget
from tests.support.clocks import FakeClock


def test_a_burst_is_logged_and_what_follows_is_suppressed() -> None:
    """The next line that is logged says how many were not."""
    clock = FakeClock()
    budget = LogBudget(clock)
    assert [budget.take() for _ in range(BURST)] == [0] * BURST
    assert [budget.take() for _ in range(7)] == [None] * 7
    clock.advance(1 / LINES_PER_SECOND)
    assert [budget.take(), budget.take()] == [7, None]
    clock.advance(1 / LINES_PER_SECOND)
    assert budget.take() == 1


def test_a_quiet_time_allows_no_more_than_a_burst() -> None:
    """However long it was."""
    clock = FakeClock()
    budget = LogBudget(clock)
    clock.advance(1e6)
    assert sum(budget.take() is not None for _ in range(10 * BURST)) == BURST


def test_many_lines_for_long_are_logged_at_the_rate() -> None:
    """An hour of ten lines a second."""
    clock = FakeClock()
    budget = LogBudget(clock)
    logged = 0
    for _ in range(36_000):
        clock.advance(0.1)
        logged += budget.take() is not None
    assert abs(logged - BURST - 3600 * LINES_PER_SECOND) <= 1
