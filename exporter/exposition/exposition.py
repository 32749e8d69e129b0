"""The whole body of a scrape, put together from rendered families and a `prometheus_client` registry."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from prometheus_client import Metric
from prometheus_client.registry import Collector

from exporter.exposition.families import Family, Format, escape_label, family_header, format_value, line_template
from exporter.exposition.segments import Segment, gzip_body, plain_body

_OPENMETRICS_END = Segment(b"# EOF\n")


class Source(Protocol):
    """Whoever has rendered families: a book, or several in a row."""

    def segments(self) -> Iterator[tuple[Family, list[Segment]]]:
        """Yield every family that has series, with the segments of its lines."""


class Exposition:
    """Bodies of scrapes; any thread may ask.

    Families come in the order of the sources, the registry's metrics last and rendered anew each time.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        registry: Collector,
        is_exported: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`is_exported` decides by name which of the registry's families are printed at all."""
        self._sources = sources
        self._registry = registry
        self._is_exported = is_exported

    def body(self, format_: Format, *, gzip: bool = False, names: Collection[str] = ()) -> bytes:
        """Return the exposition, compressed or not; with `names`, of these families alone."""
        segments = [*self._object_segments(format_, names), *self._registry_segments(format_, names)]
        if format_ is Format.OPENMETRICS:
            segments.append(_OPENMETRICS_END)
        return gzip_body(segments) if gzip else plain_body(segments)

    def _object_segments(self, format_: Format, names: Collection[str]) -> Iterator[Segment]:
        for source in self._sources:
            for family, segments in source.segments():
                if not names or family.is_named_in(names):
                    yield family.header(format_)
                    yield from segments

    def _registry_segments(self, format_: Format, names: Collection[str]) -> Iterator[Segment]:
        for metric in self._registry.collect():
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            # A family that is asked for by one of its samples comes whole: part of a histogram is invalid.
            is_wanted = not names or name in names or any(sample.name in names for sample in metric.samples)
            if is_wanted and self._is_exported(name) and (lines := metric_lines(metric)):
                yield Segment(family_header(name, metric.type, metric.documentation, format_) + lines)


def metric_lines(metric: Metric) -> bytes:
    """Render the samples of a metric of `prometheus_client`.

    `_created` samples are left out: Prometheus stores each as a series of its own.
    """
    return "".join(
        line_template(sample.name, tuple(sorted(sample.labels)))
        % (*(escape_label(value) for _, value in sorted(sample.labels.items())), format_value(sample.value))
        for sample in metric.samples
        if not sample.name.endswith("_created")
    ).encode("utf-8", "replace")
