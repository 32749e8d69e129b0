"""Families and samples, and how each prints in text 0.0.4 and OpenMetrics 1.0.0.

A sample's line is the same in both formats; only the header before a family's lines differs, so
lines can be rendered before anybody has asked for a format.
"""

import enum
from collections.abc import Iterable
from functools import cached_property
from typing import NamedTuple

from exporter.exposition.segments import Segment


class Format(enum.Enum):
    """An exposition format; the value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class Sample(NamedTuple):
    """One series at one moment: label values in the order of the family's label names."""

    labels: tuple[str, ...]
    value: float


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

    def lines(self, samples: Iterable[Sample]) -> bytes:
        """Render samples of this family, one line each, as UTF-8 that ends with a newline."""
        template = self._template
        return "".join(
            [template % (*map(escape_label, labels), format_value(value)) for labels, value in samples]
        ).encode("utf-8", "replace")  # a lone surrogate has no UTF-8 and must not cost the scrape

    def header(self, format_: Format) -> Segment:
        return self._headers[format_]

    @cached_property
    def _headers(self) -> dict[Format, Segment]:
        return {format_: Segment(family_header(self.name, self.type, self.help, format_)) for format_ in Format}


def family_header(name: str, type_: str, help_text: str, format_: Format) -> bytes:
    """Return the HELP and TYPE lines of the family whose samples are called `name`.

    A counter `x_total` is the family `x` in OpenMetrics, and `x_total` in the text format.
    """
    help_text = help_text.replace("\\", r"\\").replace("\n", r"\n")
    if format_ is Format.OPENMETRICS:
        help_text = help_text.replace('"', r"\"")
        name = name.removesuffix("_total") if type_ == "counter" else name
    return f"# HELP {name} {help_text}\n# TYPE {name} {type_}\n".encode()


def line_template(name: str, label_names: Iterable[str]) -> str:
    """Return a `%`-template for one line: escaped label values, then the formatted value."""
    labels = ",".join(f'{label}="%s"' for label in label_names)
    return f"{name}{{{labels}}} %s\n" if labels else f"{name} %s\n"


def escape_label(value: str) -> str:
    """Escape a label value; three searches that find nothing cost less than one table look-up."""
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def format_value(value: float) -> str:
    """Print a sample value: whole numbers as integers, as the operator's client does."""
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    # Beyond 2**53 a float is not exact any more, and its repr says so.
    return str(int(value)) if value == int(value) and abs(value) < 2**53 else repr(value)
