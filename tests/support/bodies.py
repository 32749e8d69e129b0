"""Bodies of scrapes, checked: every one that a test looks at goes through both of the client's parsers."""

import gzip
from typing import NamedTuple

from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from exporter.kinds import KINDS

Labels = frozenset[tuple[str, str]]

GROWING = tuple(row.name.encode() for kind in KINDS for row in kind.integrals)
"""Families whose values grow between two scrapes without any change."""


class ParsedFamily(NamedTuple):
    """One family: HELP, TYPE, and the value of each series by sample name and labels."""

    help: str
    type: str
    series: dict[tuple[str, Labels], float]


def parse(body: bytes, *, openmetrics: bool = False) -> dict[str, ParsedFamily]:
    """Parse a plain body strictly, and refuse what Prometheus would: a series or a family twice."""
    text = body.decode()
    assert text == "" or text.endswith("\n")
    if openmetrics:
        assert text.endswith("# EOF\n")
        metrics = list(parse_openmetrics(text))  # type: ignore[no-untyped-call]
    else:
        assert "# EOF" not in text
        metrics = list(parse_text(text))
        # The OpenMetrics parser is the stricter one: what it says of the lines holds for text too.
        parse(_as_openmetrics(text), openmetrics=True)
    families = {metric.name: family_of(metric) for metric in metrics}
    assert len(families) == len(metrics)
    assert all(family.series for family in families.values()), "a family without series prints nothing"
    return families


def parse_gzip(body: bytes, *, openmetrics: bool = False) -> dict[str, ParsedFamily]:
    """Parse a compressed body, which has to be one gzip member."""
    plain = gzip.decompress(body)
    assert body.count(b"\x1f\x8b\x08\x00\x00\x00\x00\x00") == 1
    return parse(plain, openmetrics=openmetrics)


def family_of(metric: Metric) -> ParsedFamily:
    series = {(sample.name, frozenset(sample.labels.items())): sample.value for sample in metric.samples}
    assert len(series) == len(metric.samples), f"a series of {metric.name} twice"
    return ParsedFamily(metric.documentation, metric.type, series)


def _as_openmetrics(text: str) -> bytes:
    lines: list[str] = []
    for line in text.removesuffix("\n").split("\n") if text else []:
        words = line.split(" ", 3)
        if words[:2] == ["#", "TYPE"] and words[3] == "counter":
            lines[-1] = lines[-1].replace(words[2], words[2].removesuffix("_total"), 1)
            line = line.replace(words[2], words[2].removesuffix("_total"), 1)
        elif words[:2] == ["#", "HELP"]:
            line = line.replace('"', r"\"")
        lines.append(line + "\n")
    return "".join([*lines, "# EOF\n"]).encode()
