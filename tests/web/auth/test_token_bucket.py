"""How many reviews clients may cause, by address and together."""

import pytest

from exporter.web.auth.token_bucket import (
    BURST,
    BURST_PER_ADDRESS,
    MAX_ADDRESSES,
    PER_ADDRESS,
    TOTAL,
    ReviewRates,
    TokenBucket,
)
from tests.support.clocks import FakeClock


@pytest.mark.parametrize(
    ("uses", "seconds", "level"),
    [
        (0, 0.0, 3.0),
        (0, 100.0, 3.0),
        (2, 0.0, 1.0),
        (2, 0.5, 2.0),
        (3, 1.0, 2.0),
        (3, 1.5, 3.0),
        (3, 100.0, 3.0),
        (1, -10.0, 2.0),
    ],
)
def test_level_of_a_bucket(uses: int, seconds: float, level: float) -> None:
    """Two a second up to three; a clock that goes back takes nothing away."""
    bucket = TokenBucket(2.0, 3.0, 50.0)
    for _ in range(uses):
        bucket.take()
    assert bucket.level(50.0 + seconds) == level


def takes(rates: ReviewRates, address: str, times: int) -> int:
    """Return how many of these reviews were allowed."""
    return sum(rates.take(address) for _ in range(times))


def test_an_address_has_its_burst_and_then_its_rate() -> None:
    """Refused reviews do not count."""
    clock = FakeClock(0.0)
    rates = ReviewRates(clock)
    assert takes(rates, "a", 50) == BURST_PER_ADDRESS
    clock.advance(0.5 / PER_ADDRESS)
    assert takes(rates, "a", 5) == 0
    clock.advance(0.5 / PER_ADDRESS)
    assert takes(rates, "a", 5) == 1


def test_other_addresses_have_what_one_leaves() -> None:
    """All of them together have a burst and a rate, too."""
    clock = FakeClock(0.0)
    rates = ReviewRates(clock)
    takes(rates, "a", 50)
    assert takes(rates, "b", 50) == BURST - BURST_PER_ADDRESS
    assert takes(rates, "c", 50) == 0
    clock.advance(1.0)
    assert takes(rates, "c", 50) == TOTAL


@pytest.mark.parametrize(("others", "is_allowed"), [(MAX_ADDRESSES - 1, False), (MAX_ADDRESSES, True)])
def test_the_address_that_was_not_seen_for_the_longest_time_is_forgotten(others: int, is_allowed: bool) -> None:
    """So that memory is bounded: it gets a new bucket."""
    clock = FakeClock(0.0)
    rates = ReviewRates(clock)
    takes(rates, "a", 10)
    for number in range(others):
        rates.take(f"other-{number}")
    clock.advance(0.5)
    assert rates.take("a") is is_allowed


def test_an_address_that_was_refused_is_not_forgotten() -> None:
    """Otherwise it could fill up its bucket with many addresses of its own."""
    clock = FakeClock(0.0)
    rates = ReviewRates(clock)
    takes(rates, "a", 10)
    for number in range(MAX_ADDRESSES):
        rates.take(f"other-{number}")
        if number == MAX_ADDRESSES // 2:
            assert rates.take("a") is False
    clock.advance(0.5)
    assert rates.take("a") is False
