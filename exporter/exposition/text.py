"""How families and samples print in text 0.0.4 and OpenMetrics 1.0.0.

The line of a sample is the same in both formats; only the header before a family's lines differs. So
lines can be rendered before a client requests a format.
"""

import enum
from collections.abc import Iterable
from functools import cached_property, lru_cache

from prometheus_client import Metric

from exporter.exposition.model import Family, Sample
from exporter.exposition.segments import Segment, SegmentRun

_LARGEST_EXACT = 2**53
"""From here on a float is not exact any more, which its repr shows."""


class Format(enum.Enum):
    """An exposition format; the value is its Content-Type."""

    TEXT = "text/plain; version=0.0.4; charset=utf-8"
    OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


class FamilyText:
    """A family as text: its header, and the lines of its samples. Any thread may call."""

    def __init__(self, family: Family) -> None:
        self.family = family
        self._template = line_template(family.name, family.label_names)
        # Of a histogram's series: few, as the family decides their names, not an object.
        self._suffix_templates: dict[tuple[str, tuple[str, ...]], str] = {}

    def lines(self, samples: Iterable[Sample]) -> bytes:
        """Render samples of this family, one line each, as UTF-8 that ends with a newline."""
        return "".join(
            [
                (self._template if sample.label_names is None and not sample.suffix else self._template_of(sample))
                % (*escape_labels(sample.labels), format_value(sample.value))
                for sample in samples
            ]
        ).encode("utf-8", "replace")  # a lone surrogate has no UTF-8 and must not cost the scrape

    def header(self, format_: Format) -> SegmentRun:
        return self._headers[format_]

    def _template_of(self, sample: Sample) -> str:
        key = sample.suffix, sample.label_names or self.family.label_names
        if not sample.suffix:
            # Label names that users choose are not cached: changing them must not make the memory grow.
            return line_template(self.family.name, key[1])
        if key not in self._suffix_templates:
            self._suffix_templates[key] = line_template(self.family.name + sample.suffix, key[1])
        return self._suffix_templates[key]

    @cached_property
    def _headers(self) -> dict[Format, SegmentRun]:
        family = self.family
        headers = {format_: family_header(family.name, family.type, family.help, format_) for format_ in Format}
        return {format_: SegmentRun([Segment(header)]) for format_, header in headers.items()}


def metric_lines(metric: Metric) -> bytes:
    """Render the samples of a metric of `prometheus_client`.

    `_created` samples are omitted: Prometheus stores each as a series of its own.
    """
    return "".join(
        line_template(sample.name, tuple(sorted(sample.labels)))
        % (*(escape_label(value) for _, value in sorted(sample.labels.items())), format_value(sample.value))
        for sample in metric.samples
        if not sample.name.endswith("_created")
    ).encode("utf-8", "replace")


def family_header(name: str, type_: str, help_text: str, format_: Format) -> bytes:
    """Return the HELP and TYPE lines of the family whose samples are called `name`.

    A counter `x_total` is the family `x` in OpenMetrics, and `x_total` in the text format.
    """
    help_text = help_text.replace("\\", r"\\").replace("\n", r"\n")
    if format_ is Format.OPENMETRICS:
        help_text = help_text.replace('"', r"\"")
        name = name.removesuffix("_total") if type_ == "counter" else name
    return f"# HELP {name} {help_text}\n# TYPE {name} {type_}\n".encode()


def line_template(name: str, label_names: tuple[str, ...]) -> str:
    """Return a `%`-template for one line: escaped label values, then the formatted value."""
    labels = ",".join([f'{label}="%s"' for label in label_names])
    return f"{name}{{{labels}}} %s\n" if labels else f"{name} %s\n"


def escape_labels(values: tuple[str, ...]) -> Iterable[str]:
    """Escape label values, of which nearly none has anything to escape: they are looked through as one text."""
    text = "".join(values)
    return map(escape_label, values) if "\\" in text or '"' in text or "\n" in text else values


def escape_label(value: str) -> str:
    """Escape a label value. Not cached: what objects contain must not decide how much memory is held."""
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
    return value


@lru_cache(maxsize=8192)
def format_value(value: float) -> str:
    """Print a sample value: whole numbers as integers, as the operator's client does."""
    if -_LARGEST_EXACT < value < _LARGEST_EXACT:
        whole = int(value)
        return str(whole) if whole == value else repr(float(value))
    if value != value:
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
