"""What rows yield: helpers that make the tables short."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol, TypeVar

S_co = TypeVar("S_co", covariant=True)
S = TypeVar("S")

Values = Iterable[tuple[tuple[str, ...], float]]
"""For each series of one object the values of the row's own labels, and the sample's value."""


class HasStatus(Protocol[S_co]):
    """Any object whose status may not have been written yet."""

    @property
    def status(self) -> S_co | None: ...


def one(*labels: str) -> Values:
    """One series with the value 1: a state as a label."""
    return [(labels, 1)]


def info(first: str | None, *others: str | None) -> Values:
    """One series with these labels, or none if the first is absent or empty; other absent labels print `""`."""
    return [((first, *[other or "" for other in others]), 1)] if first else []


def number(value: float | None) -> Values:
    """One series with this value, or none if it is not known."""
    return [] if value is None else [((), value)]


def timestamp(time: datetime | None) -> Values:
    """One series with a time in Unix seconds, or none if there is no time."""
    return [] if time is None else [((), time.timestamp())]


def truth(value: bool | None) -> Values:
    """One series: 1 if true, 0 if false or absent."""
    return [((), 1 if value else 0)]


class HasSpec(Protocol[S_co]):
    """Any object, whose spec may be missing where it came from a file."""

    @property
    def spec(self) -> S_co | None: ...


def of_spec(values: Callable[[S], Values]) -> Callable[[HasSpec[S], object], Values]:
    """Read from a spec; no series without one."""
    return lambda obj, _remembered: [] if obj.spec is None else values(obj.spec)


def of_status(values: Callable[[S], Values]) -> Callable[[HasStatus[S], object], Values]:
    """Read from a status; no series without one."""
    return lambda obj, _remembered: [] if obj.status is None else values(obj.status)
