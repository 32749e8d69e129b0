"""The shapes that rows yield: the small words of the tables."""

from collections.abc import Iterable

from exporter.resources.meta import HasConditions, find_condition

Values = Iterable[tuple[tuple[str, ...], float]]
"""For each series of one object the values of the row's own labels, and the sample's value."""


def one(*labels: str) -> Values:
    """One series with the value 1: an info, or a state as a label."""
    return [(labels, 1)]


def number(value: float | None) -> Values:
    """One series with this value, or none where it is not known."""
    return [] if value is None else [((), value)]


def condition_truth(status: HasConditions | None, type_: str) -> str:
    """Return `true` only for the status True; False, Unknown and absent are all `false` (the operator's)."""
    condition = find_condition(status, type_)
    return "true" if condition is not None and condition.is_true else "false"
