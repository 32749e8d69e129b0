"""Families and samples, and how each prints in text 0.0.4 and OpenMetrics 1.0.0.

A sample's line is the same in both formats; only the header before a family's lines differs, so
lines can be rendered before anybody has asked for a format.
"""

import enum
from collections.abc import Collection, Iterable
from functools import cached_property, lru_cache

from msgspec import Struct

from exporter.exposition.segments import Segment

HISTOGRAM_SUFFIXES = ("_bucket", "_count", "_sum")


class Format(enum.Enum):
    """An exposition format; the value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Sample(Struct, frozen=True, gc=False):
    """One series at one moment. A struct, as tens of them are made for every event.

    Attributes:
        labels: values in the order of the label names.
        suffix: what follows the family's name in the series' name, `_bucket` of a histogram say.
        label_names: in printed order, where they are not the family's.
    """

    labels: tuple[str, ...]
    value: float
    suffix: str = ""
    label_names: tuple[str, ...] | None = None


class Family:
    """A metric family: immutable, shared by all threads.

    `name` is the sample name (with `_total` on counters); `label_names` are in printed order.
    """

    def __init__(self, name: str, type_: str, help_text: str, label_names: Iterable[str] = ()) -> None:
        self.name = name
        self.type = type_
        self.help = help_text
        self.label_names = tuple(label_names)
        self._template = line_template(name, self.label_names)

    def __repr__(self) -> str:
        return f"Family({self.name!r})"

    def is_named_in(self, names: Collection[str]) -> bool:
        """Tell whether one of these is the family's name, or that of a series of it."""
        suffixes = HISTOGRAM_SUFFIXES if self.type == "histogram" else ()
        return self.name in names or any(self.name + suffix in names for suffix in suffixes)

    def lines(self, samples: Iterable[Sample]) -> bytes:
        """Render samples of this family, one line each, as UTF-8 that ends with a newline."""
        return "".join(
            [
                self._template_of(sample) % (*map(escape_label, sample.labels), format_value(sample.value))
                for sample in samples
            ]
        ).encode("utf-8", "replace")  # a lone surrogate has no UTF-8 and must not cost the scrape

    def _template_of(self, sample: Sample) -> str:
        if sample.label_names is None and not sample.suffix:
            return self._template
        return line_template(self.name + sample.suffix, sample.label_names or self.label_names)

    def header(self, format_: Format) -> Segment:
        return self._headers[format_]

    @cached_property
    def _headers(self) -> dict[Format, Segment]:
        return {format_: Segment(family_header(self.name, self.type, self.help, format_)) for format_ in Format}


def histogram_samples(
    bounds: tuple[float, ...], label_names: tuple[str, ...], labels: tuple[str, ...], counts: list[float], total: float
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


def family_header(name: str, type_: str, help_text: str, format_: Format) -> bytes:
    """Return the HELP and TYPE lines of the family whose samples are called `name`.

    A counter `x_total` is the family `x` in OpenMetrics, and `x_total` in the text format.
    """
    help_text = help_text.replace("\\", r"\\").replace("\n", r"\n")
    if format_ is Format.OPENMETRICS:
        help_text = help_text.replace('"', r"\"")
        name = name.removesuffix("_total") if type_ == "counter" else name
    return f"# HELP {name} {help_text}\n# TYPE {name} {type_}\n".encode()


@lru_cache(maxsize=4096)
def line_template(name: str, label_names: tuple[str, ...]) -> str:
    """Return a `%`-template for one line: escaped label values, then the formatted value."""
    labels = ",".join(f'{label}="%s"' for label in label_names)
    return f"{name}{{{labels}}} %s\n" if labels else f"{name} %s\n"


@lru_cache(maxsize=16384)
def escape_label(value: str) -> str:
    """Escape a label value. An object's name, and the words of states, are printed tens of times."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


@lru_cache(maxsize=8192)
def format_value(value: float) -> str:
    """Print a sample value: whole numbers as integers, as the operator's client does."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    # Beyond 2**53 a float is not exact any more, and its repr says so.
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
