"""Lines and headers, to the letter."""

import math

import pytest

from exporter.exposition.model import Family, Sample
from exporter.exposition.text import FamilyText, Format, format_value

INFO = Family("x_info", "gauge", "Help.", ("name", "uid"))


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (1, "1"),
        (1.0, "1"),
        (0, "0"),
        (-0.0, "0"),
        (0.5, "0.5"),
        (-3.25, "-3.25"),
        (1e15, "1000000000000000"),
        (2**53, "9007199254740992.0"),
        (1e300, "1e+300"),
        (math.inf, "+Inf"),
        (-math.inf, "-Inf"),
        (math.nan, "NaN"),
    ],
)
def test_values(value: float, printed: str) -> None:
    """Whole numbers print as integers, as long as a float holds them exactly."""
    assert format_value(float(value)) == printed


@pytest.mark.parametrize(
    ("value", "escaped"),
    [
        pytest.param("plain", b"plain", id="plain"),
        pytest.param('a"b', rb"a\"b", id="quote"),
        pytest.param("a\\b", rb"a\\b", id="backslash"),
        pytest.param("a\nb", rb"a\nb", id="newline"),
        pytest.param('\\"\n', rb"\\\"\n", id="all three"),
        pytest.param("größe 🚀", "größe 🚀".encode(), id="unicode"),
        pytest.param("a\rb\u2028c", "a\rb\u2028c".encode(), id="other line ends are not line ends"),
        pytest.param("\ud800", b"?", id="a lone surrogate has no UTF-8"),
        pytest.param("%s%d", b"%s%d", id="percent signs are not templates"),
    ],
)
def test_label_values_are_escaped(value: str, escaped: bytes) -> None:
    """Whatever a name holds, the line stays one line."""
    assert FamilyText(INFO).lines([Sample(("n", value), 1)]) == b'x_info{name="n",uid="' + escaped + b'"} 1\n'


def test_a_family_without_labels_has_no_braces() -> None:
    """`x 1`, not `x{} 1`."""
    assert FamilyText(Family("x", "gauge", "Help.")).lines([Sample((), 1)]) == b"x 1\n"


def test_no_samples_are_no_lines() -> None:
    """An object without a series in a family costs no byte."""
    assert FamilyText(INFO).lines([]) == b""


@pytest.mark.parametrize(
    ("format_", "header"),
    [
        (Format.TEXT, b'# HELP x_total A "b" \\\\ \\n c.\n# TYPE x_total counter\n'),
        (Format.OPENMETRICS, b'# HELP x A \\"b\\" \\\\ \\n c.\n# TYPE x counter\n'),
    ],
)
def test_headers_differ_between_the_formats(format_: Format, header: bytes) -> None:
    """OpenMetrics names a counter's family without `_total`, and escapes quotes in HELP."""
    family = Family("x_total", "counter", 'A "b" \\ \n c.')
    assert list(FamilyText(family).header(format_).texts) == [header]
