"""Kubernetes quantities: `1500m`, `3Gi`, `1e3` (`k8s.io/apimachinery/pkg/api/resource`)."""

import re
from decimal import Decimal
from functools import lru_cache
from math import isinf

Quantity = str | int | float
"""A quantity as JSON has it: a string, or a number, as some manifests have it."""

_QUANTITY = re.compile(
    r"(?P<number>[+-]?(\d+(\.\d*)?|\.\d+))(?P<suffix>[KMGTPE]i|[numkMGTPE]|[eE][+-]?\d{1,4})?", re.ASCII
)
_MULTIPLES = {
    "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9),
    "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30),
    "Ti": Decimal(2**40), "Pi": Decimal(2**50), "Ei": Decimal(2**60),
}  # fmt: skip


MAX_QUANTITY_LENGTH = 64
"""Maximum length; the longest that Kubernetes itself writes has about 30 digits."""


@lru_cache(maxsize=1024, typed=True)
def parse_quantity(quantity: Quantity) -> float:
    """Return a quantity in its base unit: cores, bytes, devices.

    The value is exact in decimal, then rounded once to the nearest float. A fleet has few different quantities, so they
    are kept; all of them are short.

    Raises:
        ValueError: not a quantity.
    """
    # Before it becomes text: that of a long integer takes a quadratic time, and Python refuses it.
    if isinstance(quantity, int) and abs(quantity) >= 10**MAX_QUANTITY_LENGTH:
        raise ValueError(f"a quantity has more than {MAX_QUANTITY_LENGTH} digits")
    text = str(quantity)
    if len(text) > MAX_QUANTITY_LENGTH:
        raise ValueError(f"couldn't parse quantity {text[:MAX_QUANTITY_LENGTH]!r}…: too long")
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise ValueError(f"couldn't parse quantity {text!r}")
    number, suffix = match["number"], match["suffix"] or ""
    multiple = _MULTIPLES.get(suffix)
    value = float(Decimal(number + suffix) if multiple is None else Decimal(number) * multiple)
    if isinf(value):
        raise ValueError(f"quantity {text!r} is too large")
    return value
