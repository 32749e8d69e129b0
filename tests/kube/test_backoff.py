"""Delays after failures."""

import random

from exporter.kube.backoff import Backoff
from tests.support.clocks import FakeClock


class Highest(random.Random):
    """Always draws the bound: what is left is the rule."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def test_doubles_from_800_ms_to_30_s() -> None:
    """The bounds are client-go's."""
    backoff = Backoff(FakeClock(), Highest())
    assert [backoff.next_seconds() for _ in range(8)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]


def test_draws_between_nothing_and_the_bound() -> None:
    """Full jitter: many exporters do not come back in step."""
    backoff = Backoff(FakeClock(), random.Random(1))
    delays = [backoff.next_seconds() for _ in range(500)][6:]
    assert all(0 <= delay <= 30 for delay in delays)
    assert min(delays) < 3
    assert max(delays) > 27


def test_starts_again_after_two_minutes_of_health() -> None:
    """Health counts from the end of the last delay, not from its beginning."""
    clock = FakeClock()
    backoff = Backoff(clock, Highest())
    for _ in range(7):
        backoff.next_seconds()
    clock.advance(30 + 119)
    assert backoff.next_seconds() == 30
    clock.advance(30 + 121)
    assert backoff.next_seconds() == 0.8


def test_heeds_retry_after_up_to_its_own_highest_bound() -> None:
    """A server that says "in an hour" does not make the exporter blind for an hour."""
    backoff = Backoff(FakeClock(), Highest())
    assert backoff.next_seconds(at_least=5) == 5
    assert backoff.next_seconds(at_least=3600) == 30
    assert backoff.next_seconds(at_least=0.1) == 3.2
