"""Bounds on what one object can add to the metrics, whatever was written into it.

Objects that KubeRay writes stay below these limits. What is omitted is counted, and an alert reports it.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeVar

from exporter.resources.meta import MAX_STRING_BYTES, cut_string

MAX_LABEL_BYTES = MAX_STRING_BYTES
"""Maximum size of a label value in UTF-8."""

MAX_SERIES = 1000
"""Default maximum number of series of one object in one family, such as its conditions (--object-series-limit)."""

_SURELY_SHORT = MAX_LABEL_BYTES // 4
"""Values of this length are below the maximum, as a character has at most 4 bytes."""

S = TypeVar("S")


@dataclass(frozen=True)
class Limits:
    """The limits, and what counts the omitted. Any thread may call.

    Attributes:
        max_series: of one object in one family.
        labels_cut: is called with the number of label values that were cut, or of labels that were omitted.
        series_dropped: is called with the number of series that were omitted.
    """

    max_series: int = MAX_SERIES
    labels_cut: Callable[[int], object] = field(default=lambda _: None)
    series_dropped: Callable[[int], object] = field(default=lambda _: None)

    def values(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Return label values none of which is too long."""
        for value in labels:
            if len(value) > _SURELY_SHORT:
                return tuple([self._value(value) for value in labels])
        return labels

    def series(self, series: Iterable[S]) -> list[S]:
        """Return the first `max_series` of them."""
        series = list(series)
        if len(series) <= self.max_series:
            return series
        self.series_dropped(len(series) - self.max_series)
        return list(islice(series, self.max_series))

    def _value(self, value: str) -> str:
        short = cut_string(value)
        if short is not value:
            self.labels_cut(1)
        return short


NO_REPORT = Limits()
"""The usual bounds, without counting: for files, documentation and tests."""
