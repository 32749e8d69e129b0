"""The whole body of a scrape: rendered families, then the metrics of a `prometheus_client` registry.

Which format and encoding a client gets is as RFC 9110 says, as Prometheus' own clients read it.
"""

import re
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Protocol

from prometheus_client.registry import Collector

from exporter.exposition.segments import Body, Segment, SegmentRun, gzip_body, plain_body
from exporter.exposition.text import FamilyText, Format, family_header, metric_lines

_OPENMETRICS_END = SegmentRun([Segment(b"# EOF\n")])
_QUALITY = re.compile(r"\d+(\.\d*)?|\.\d+")


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


def choose_format(accept: str | None) -> Format:
    """Return OpenMetrics if the client prefers version 1.0.0 of it (or any version), else text.

    Every Prometheus understands text 0.0.4, so wildcards, unknown types and no header at all get it.
    Of two types with the same quality, the first counts.
    """
    best, best_quality = Format.TEXT, 0.0
    for media_type, parameters in _entries(accept):
        format_ = _format_of(media_type, parameters)
        quality = _quality(parameters)
        if format_ is not None and quality > best_quality:
            best, best_quality = format_, quality
    return best


def accepts_gzip(accept_encoding: str | None) -> bool:
    """Tell whether gzip is accepted by name, and its quality is neither 0 nor below that of identity."""
    quality = {coding: _quality(parameters) for coding, parameters in _entries(accept_encoding)}
    gzip = quality.get("gzip", quality.get("x-gzip", 0.0))
    return gzip > 0 and gzip >= quality.get("identity", 0.0)


def _format_of(media_type: str, parameters: dict[str, str]) -> Format | None:
    match media_type:
        case "application/openmetrics-text" if parameters.get("version", "1.0.0") == "1.0.0":
            return Format.OPENMETRICS
        case "text/plain" | "text/*" | "*/*":
            return Format.TEXT
    return None


def _entries(header: str | None) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield each element in lower case with its parameters; of a parameter given twice the last counts."""
    for element in (header or "").lower().split(","):
        name, *parameters = element.split(";")
        if name.strip():
            pairs = (parameter.partition("=") for parameter in parameters)
            yield name.strip(), {key.strip(): value.strip(' "') for key, _, value in pairs}


def _quality(parameters: dict[str, str]) -> float:
    """Return q between 0 and 1: above 1 (Prometheus 2.49 sent `q=2`) and unreadable are 1."""
    text = parameters.get("q", "")
    return min(float(text), 1.0) if _QUALITY.fullmatch(text) else 1.0
