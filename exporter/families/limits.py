"""Bounds on what one object can add to the metrics, and on what namespaces can make grow, whatever was written.

Objects that KubeRay writes stay below these limits. What is omitted is counted, and an alert reports it.
"""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from exporter.resources.meta import MAX_STRING_BYTES, cut_string

MAX_LABEL_BYTES = MAX_STRING_BYTES
"""Maximum size of a label value in UTF-8."""

MAX_SERIES = 1000
"""Default maximum number of series of one object in one family, such as its conditions (--object-series-limit)."""

_SURELY_SHORT = MAX_LABEL_BYTES // 4
"""Values of this length are below the maximum, as a character has at most 4 bytes."""

K = TypeVar("K", bound=Hashable)
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
        return series[: self.max_series]

    def _value(self, value: str) -> str:
        short = cut_string(value)
        if short is not value:
            self.labels_cut(1)
        return short


NO_REPORT = Limits()
"""The usual bounds, without counting: for files, documentation and tests."""


class Shares(Generic[K]):
    """Keys of namespaces, up to a maximum. Not for several threads at once."""

    def __init__(self, maximum: int, of_namespace: int | None = None) -> None:
        """`maximum` is that of all keys, `of_namespace` that of one namespace: the same if it is None."""
        self.maximum = maximum
        self.of_namespace = of_namespace or maximum
        # By namespace, the oldest first.
        self._keys: dict[str, dict[K, None]] = {}
        self._total = 0

    def add(self, namespace: str, key: K) -> K | None:
        """Add a key as the newest of its namespace; return the key that is removed for it, if there are too many."""
        self.discard(namespace, key)
        self._keys.setdefault(namespace, {})[key] = None
        self._total += 1
        if len(self._keys[namespace]) > self.of_namespace:
            return self._pop_oldest(namespace)
        return self._pop_oldest(self._largest()) if self._total > self.maximum else None

    def discard(self, namespace: str, key: K) -> None:
        keys = self._keys.get(namespace, {})
        if key in keys:
            del keys[key]
            self._total -= 1
            if not keys:
                del self._keys[namespace]

    def is_full(self, namespace: str) -> bool:
        """Return whether another key of this namespace would remove one of its own."""
        own = len(self._keys.get(namespace, ()))
        return own >= self.of_namespace or (self._total >= self.maximum and own >= len(self._keys[self._largest()]))

    def _largest(self) -> str:
        return max(self._keys, key=lambda namespace: len(self._keys[namespace]))

    def _pop_oldest(self, namespace: str) -> K:
        key = next(iter(self._keys[namespace]))
        self.discard(namespace, key)
        return key
