"""Kubernetes quantities, every suffix of them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.resources.quantities import Quantity, parse_quantity


@pytest.mark.parametrize(
    ("quantity", "value"),
    [
        ("0", 0), ("1", 1), ("+1", 1), ("-1", -1), ("1.5", 1.5), (".5", 0.5), ("5.", 5), (2, 2), (0.25, 0.25),
        ("1n", 1e-9), ("1u", 1e-6), ("100m", 0.1), ("1500m", 1.5),
        ("1k", 1e3), ("1M", 1e6), ("1G", 1e9), ("1T", 1e12), ("1P", 1e15), ("1E", 1e18),
        ("1Ki", 2**10), ("1Mi", 2**20), ("1Gi", 2**30), ("1Ti", 2**40), ("1Pi", 2**50), ("1Ei", 2**60),
        ("1.5Gi", 1610612736), ("1e3", 1000), ("1E3", 1000), ("12e-1", 1.2), ("1E+2", 100),
        ("9007199254740993", 9007199254740992), ("0.1Ki", 102.4),
    ],
)  # fmt: skip
def test_quantities(quantity: Quantity, value: float) -> None:
    """Exact in decimal, then the nearest float."""
    assert parse_quantity(quantity) == value


@pytest.mark.parametrize(
    "text",
    ["", " 1", "1 ", "1.2.3Gi", "Gi", "1ki", "1K", "1Mib", "1e", "--1", "inf", "nan", "0x1", "1e9999", "\u0661", "1\n"],
)
def test_what_is_not_a_quantity(text: str) -> None:
    """Refused, with the value in the message."""
    with pytest.raises(ValueError, match="quantity"):
        parse_quantity(text)


@given(st.integers(-(10**18), 10**18), st.sampled_from(["m", "", "k", "Mi", "Gi", "E"]))
def test_any_integer_with_any_suffix_is_finite(number: int, suffix: str) -> None:
    """No integer is too large for its suffix."""
    assert math.isfinite(parse_quantity(f"{number}{suffix}"))
