"""The comparison of `make guard`: what counts as too high."""

import pytest

from benchmarks.guard import TOO_HIGH, compare


@pytest.mark.parametrize(
    ("before", "now", "is_too_high"),
    [
        ({"a": 1000}, {"a": 1100}, False),
        ({"a": 1000}, {"a": 1101}, True),
        ({"a": 1000}, {}, False),
        ({}, {"a": 1}, True),
    ],
    ids=["as tolerated", "more", "gone", "new"],
)
def test_a_cost_of_more_than_a_tenth_above_the_baseline_fails(
    before: dict[str, int], now: dict[str, int], is_too_high: bool
) -> None:
    """A cost without a baseline fails, too: it has to be written first."""
    (row,) = compare(before, now)
    assert (TOO_HIGH in row) is is_too_high
