"""The format and the encoding of an answer (RFC 9110, as Prometheus' own clients read it)."""

import re
from collections.abc import Iterator

from exporter.exposition.text import Format

_QUALITY = re.compile(r"\d+(\.\d*)?|\.\d+")


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
