"""Retries of many informers: at most ten a second, and none that waits longer than needed."""

from exporter.kube.retry_budget import RETRIES_PER_SECOND, RetryBudget
from tests.support.clocks import FakeClock


def test_a_single_informer_waits_no_longer_than_its_delay() -> None:
    """One namespace: the budget is never reached."""
    clock = FakeClock()
    budget = RetryBudget(clock)
    for _ in range(20):
        assert budget.reserve(0.8) == 0
        clock.advance(0.8)


def test_retries_of_many_informers_are_spread() -> None:
    """900 informers that fail at the same moment send ten requests in each second."""
    clock = FakeClock()
    budget = RetryBudget(clock)
    times = sorted(0.5 + budget.reserve(0.5) for _ in range(900))
    for first in range(len(times) - RETRIES_PER_SECOND):
        assert times[first + RETRIES_PER_SECOND] - times[first] > 0.99
    assert 89 < times[-1] < 91


def test_a_free_slot_before_a_later_one_is_used() -> None:
    """Long delays of some do not delay the others."""
    budget = RetryBudget(FakeClock())
    assert budget.reserve(30.0) == 0
    assert budget.reserve(1.0) == 0


def test_a_success_ends_the_waiting() -> None:
    """Informers that wait for a slot can see it."""
    budget = RetryBudget(FakeClock())
    for _ in range(50):
        budget.reserve(0.0)
    assert budget.is_failing
    budget.succeeded()
    budget.succeeded()
    assert (budget.is_failing, budget.recoveries) == (False, 1)
    assert budget.reserve(0.0) == 0
