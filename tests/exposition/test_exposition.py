"""Whole bodies: from sources and a registry, plain and compressed."""

import gzip
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.exposition.exposition import Exposition
from exporter.exposition.model import Family, Sample, histogram_samples
from exporter.exposition.text import Format
from tests.support.bodies import family_of, parse, parse_gzip
from tests.support.lines import LinesSource, lines

FAMILY = Family("x_info", "gauge", 'Help with "quotes".', ("name",))


def exposition(objects: int = 200) -> Exposition:
    source = LinesSource(FAMILY)
    source.update({str(i): lines(FAMILY, [Sample((f"object-{i}",), i)]) for i in range(objects)})
    registry = CollectorRegistry()
    Counter("own_events_total", "Events.", ["resource"], registry=registry).labels("a\n").inc(3)
    Gauge("own_absent", "A family without series.", ["resource"], registry=registry)
    Histogram("own_seconds", "Time.", buckets=(0.5, 10), registry=registry).observe(2)
    return Exposition([source], registry)


@pytest.mark.parametrize("format_", Format)
def test_own_metrics_come_last_and_without_created(format_: Format) -> None:
    """The end of a body, to the letter; only the counter's header differs between the formats."""
    counter = "own_events_total" if format_ is Format.TEXT else "own_events"
    end = "" if format_ is Format.TEXT else "# EOF\n"
    assert (
        bytes(exposition().body(format_))
        .decode()
        .endswith(
            f"# HELP {counter} Events.\n"
            f"# TYPE {counter} counter\n"
            'own_events_total{resource="a\\n"} 3\n'
            "# HELP own_seconds Time.\n"
            "# TYPE own_seconds histogram\n"
            'own_seconds_bucket{le="0.5"} 0\n'
            'own_seconds_bucket{le="10.0"} 1\n'
            'own_seconds_bucket{le="+Inf"} 1\n'
            "own_seconds_count 1\n"
            "own_seconds_sum 2\n"
            f"{end}"
        )
    )


@pytest.mark.parametrize("format_", Format)
def test_gzip_is_one_member_with_the_same_text(format_: Format) -> None:
    """Compressed pages put together are one stream, as every reader understands it."""
    own = exposition()
    plain, compressed = bytes(own.body(format_)), bytes(own.body(format_, gzip=True))
    openmetrics = format_ is Format.OPENMETRICS
    assert parse_gzip(compressed, openmetrics=openmetrics) == parse(plain, openmetrics=openmetrics)
    assert gzip.decompress(compressed) == plain
    assert len(compressed) < len(plain) / 3


def test_the_gzip_program_reads_it() -> None:
    """Not only Python's reader, which is lenient about trailing data."""
    compressed = bytes(exposition().body(Format.TEXT, gzip=True))
    result = subprocess.run(["gzip", "-dc"], input=compressed, capture_output=True, check=True)
    assert result.stdout == bytes(exposition().body(Format.TEXT))
    assert result.stderr == b""


def test_an_empty_exposition_is_valid() -> None:
    """No objects and no own metrics."""
    empty = Exposition([LinesSource(FAMILY)], CollectorRegistry())
    assert bytes(empty.body(Format.TEXT)) == b""
    assert gzip.decompress(bytes(empty.body(Format.TEXT, gzip=True))) == b""
    assert bytes(empty.body(Format.OPENMETRICS)) == b"# EOF\n"


@pytest.mark.parametrize(
    ("names", "families"),
    [
        (["x_info"], {"x_info"}),
        (["own_events_total"], {"own_events"}),
        (["own_seconds"], {"own_seconds"}),
        (["own_seconds_count"], {"own_seconds"}),
        (["x_info", "own_seconds"], {"x_info", "own_seconds"}),
        (["nothing"], set()),
    ],
)
def test_names_select_families(names: list[str], families: set[str]) -> None:
    """`?name[]=` as in prometheus_client, by the name of the family or of a sample."""
    body = bytes(exposition().body(Format.OPENMETRICS, names=names))
    assert parse(body, openmetrics=True).keys() == families


def test_names_select_a_histogram_by_any_of_its_series() -> None:
    """It comes whole, whichever is asked for: a part of it is invalid."""
    family = Family("x_seconds", "histogram", "Time.", ("ns",))
    source = LinesSource(family)
    source.update({"a": lines(family, histogram_samples((1.0,), ("ns",), ("a",), [2, 1], 9.5))})
    whole = Exposition([source], CollectorRegistry())
    for name in ("x_seconds", "x_seconds_bucket", "x_seconds_sum", "x_seconds_count"):
        series = parse(bytes(whole.body(Format.OPENMETRICS, names=[name])), openmetrics=True)["x_seconds"].series
        assert sorted(series.values()) == [2, 3, 3, 9.5]
    assert bytes(whole.body(Format.TEXT, names=["x_seconds_total"])) == b""


def test_registry_families_can_be_left_out() -> None:
    """What the allow and deny lists say holds for the exporter's own metrics too."""
    own = exposition()
    own._family_filter = lambda name: name != "own_events_total"
    assert parse(bytes(own.body(Format.TEXT))).keys() == {"x_info", "own_seconds"}


def test_own_metrics_equal_prometheus_clients_own_rendering() -> None:
    """Rendered by us or by prometheus_client: the same after parsing, but for `_created` and empty families."""
    own = exposition(0)
    metrics = text_string_to_metric_families(generate_latest(own._registry).decode())
    theirs = {metric.name: family_of(metric) for metric in metrics if metric.samples}
    expected = {name: family for name, family in theirs.items() if not name.endswith("_created")}
    assert parse(bytes(own.body(Format.TEXT))) == expected


@given(st.lists(st.text(), min_size=1, max_size=20, unique=True))
def test_any_label_value_survives_the_parsers(values: list[str]) -> None:
    """Any text that has UTF-8 comes back as it was."""
    values = [value.encode("utf-8", "replace").decode() for value in values]
    source = LinesSource(FAMILY)
    source.update({value: lines(FAMILY, [Sample((value,), 1)]) for value in dict.fromkeys(values)})
    body = bytes(Exposition([source], CollectorRegistry()).body(Format.OPENMETRICS))
    series = parse(body, openmetrics=True)["x_info"].series
    assert {dict(labels)["name"] for _, labels in series} == set(values)


def test_zlib_serves_where_isal_is_not_installed() -> None:
    """The fallback makes the same text."""
    code = (
        "import sys, gzip; sys.modules['isal'] = None\n"
        "from exporter.exposition.segments import Segment, SegmentRun, gzip_body\n"
        "from exporter.exposition import segments\n"
        "assert segments.crc32.__module__ == 'zlib', segments.crc32\n"
        "runs = [SegmentRun([Segment(b'a' * 1000), Segment(b'b')])]\n"
        "assert gzip.decompress(bytes(gzip_body(runs))) == b'a' * 1000 + b'b'\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
