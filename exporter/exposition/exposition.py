"""The whole body of a scrape: rendered families, then the metrics of a `prometheus_client` registry."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from prometheus_client.registry import Collector

from exporter.exposition.segments import Body, Segment, SegmentRun, gzip_body, plain_body
from exporter.exposition.text import FamilyText, Format, family_header, metric_lines

_OPENMETRICS_END = SegmentRun([Segment(b"# EOF\n")])


class RenderedFamilies(Protocol):
    """What has rendered families, such as the metrics store of one kind."""

    def segments(self) -> Iterator[tuple[FamilyText, SegmentRun]]:
        """Yield every family that has series, with the segments of its lines."""


class Exposition:
    """Bodies of scrapes. Any thread may call.

    Families come in the order of the sources, the registry's metrics last and rendered for each scrape.
    """

    def __init__(
        self,
        sources: Sequence[RenderedFamilies],
        registry: Collector,
        family_filter: Callable[[str], bool] = lambda _: True,
    ) -> None:
        """`family_filter` decides by name which of the registry's families are printed."""
        self._sources = sources
        self._registry = registry
        self._family_filter = family_filter

    def body(self, format_: Format, *, gzip: bool = False, names: Collection[str] = ()) -> Body:
        """Return the exposition, compressed or not; with `names`, only these families."""
        runs = [*self._object_segments(format_, names), *self._registry_segments(format_, names)]
        if format_ is Format.OPENMETRICS:
            runs.append(_OPENMETRICS_END)
        return gzip_body(runs) if gzip else plain_body(runs)

    def _object_segments(self, format_: Format, names: Collection[str]) -> Iterator[SegmentRun]:
        for source in self._sources:
            for text, segments in source.segments():
                if not names or text.family.is_named_in(names):
                    yield text.header(format_)
                    yield segments

    def _registry_segments(self, format_: Format, names: Collection[str]) -> Iterator[SegmentRun]:
        for metric in self._registry.collect():
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            # A family that is requested by one of its samples is complete: a part of a histogram is invalid.
            is_wanted = not names or name in names or any(sample.name in names for sample in metric.samples)
            if is_wanted and self._family_filter(name) and (lines := metric_lines(metric)):
                header = family_header(name, metric.type, metric.documentation, format_)
                yield SegmentRun([Segment(header + lines)])
