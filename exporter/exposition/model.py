"""Metric families and samples: what collectors make, and what the text formats print."""

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from msgspec import Struct

HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")


class Sample(Struct, frozen=True, gc=False):
    """One series at one moment. A struct, as tens of them are made for every event.

    Attributes:
        labels: values in the order of the label names.
        suffix: what follows the family's name in the series' name, such as `_bucket` of a histogram.
        label_names: in printed order, where they are not the family's.
    """

    labels: tuple[str, ...]
    value: float
    suffix: str = ""
    label_names: tuple[str, ...] | None = None


class Growth(NamedTuple):
    """A counter that grows by itself.

    Attributes:
        total: its value at `since`.
        rate: by how much it grows in a second, never negative.
        since: seconds of a monotonic clock.
    """

    total: float
    rate: float
    since: float

    def at(self, now: float) -> float:
        """Return the value now: never less than at an earlier time."""
        return self.total + self.rate * (now - self.since)


class GrowingCounters(NamedTuple):
    """The label values of an object, and its counters, family by family; None as long as one has nothing to count."""

    labels: tuple[str, ...]
    growths: tuple[Growth | None, ...]


class Family:
    """A metric family: immutable, shared by all threads.

    Attributes:
        name: the name of its samples (with `_total` on counters).
        type: `gauge`, `counter` or `histogram`.
        label_names: in printed order.
    """

    def __init__(self, name: str, type_: str, help_text: str, label_names: Iterable[str] = ()) -> None:
        self.name = name
        self.type = type_
        self.help = help_text
        self.label_names = tuple(label_names)

    def __repr__(self) -> str:
        return f"Family({self.name!r})"

    def is_named_in(self, names: Collection[str]) -> bool:
        """Tell whether one of these is the family's name, or the name of one of its series."""
        suffixes = HISTOGRAM_SUFFIXES if self.type == "histogram" else ()
        return self.name in names or any(self.name + suffix in names for suffix in suffixes)


def histogram_samples(
    bounds: tuple[float, ...],
    label_names: tuple[str, ...],
    labels: tuple[str, ...],
    counts: Sequence[float],
    total: float,
) -> list[Sample]:
    """Return the series of one histogram.

    `counts` has an element for each bound and one for what is above them all, none of it cumulative yet;
    `total` is the sum of all observations. `le` takes its place among the label names, which are in order.
    """
    names = tuple(sorted((*label_names, "le")))
    place = names.index("le")
    samples, count = [], 0.0
    for bound, more in zip((*map(str, bounds), "+Inf"), counts, strict=True):
        count += more
        samples.append(Sample((*labels[:place], bound, *labels[place:]), count, "_bucket", names))
    return [*samples, Sample(labels, count, "_count"), Sample(labels, total, "_sum")]
