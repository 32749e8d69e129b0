"""Headers that real clients send, and those that nobody should."""

import pytest

from exporter.exposition.exposition import accepts_gzip, choose_format
from exporter.exposition.text import Format

PROMETHEUS_2_42 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3_0 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "format_"),
    [
        pytest.param(PROMETHEUS_2_42, Format.OPENMETRICS, id="Prometheus 2.42"),
        pytest.param(PROMETHEUS_3_0, Format.OPENMETRICS, id="Prometheus 3.0"),
        pytest.param(
            "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.6,*/*;q=2",
            Format.TEXT,
            id="Prometheus 2.49: q above 1 is 1",
        ),
        pytest.param("application/openmetrics-text", Format.OPENMETRICS, id="any version"),
        pytest.param('Application/OpenMetrics-Text; Version="1.0.0"', Format.OPENMETRICS, id="case and quotes"),
        pytest.param("application/openmetrics-text;version=0.0.1", Format.TEXT, id="only the draft of OpenMetrics"),
        pytest.param("application/openmetrics-text;version=2.0.0", Format.TEXT, id="a future version"),
        pytest.param("application/openmetrics-text;q=0", Format.TEXT, id="refused"),
        pytest.param("text/plain;q=0.5,application/openmetrics-text;q=0.6", Format.OPENMETRICS, id="higher q"),
        pytest.param("text/plain,application/openmetrics-text", Format.TEXT, id="of equals the first"),
        pytest.param("application/openmetrics-text,text/plain", Format.OPENMETRICS, id="of equals the first (2)"),
        pytest.param("text/html,application/xhtml+xml,*/*;q=0.8", Format.TEXT, id="a browser"),
        pytest.param("application/json", Format.TEXT, id="unknown"),
        pytest.param("application/vnd.google.protobuf;proto=io.prometheus.client", Format.TEXT, id="protobuf"),
        pytest.param("*/*", Format.TEXT, id="curl"),
        pytest.param("text/*", Format.TEXT, id="any text"),
        pytest.param("", Format.TEXT, id="empty"),
        pytest.param(None, Format.TEXT, id="absent"),
        pytest.param(";;,=,;q=,q=nan", Format.TEXT, id="garbage"),
        pytest.param("application/openmetrics-text;q=nan", Format.OPENMETRICS, id="an unreadable q is 1"),
    ],
)
def test_format(accept: str | None, format_: Format) -> None:
    """What each client gets."""
    assert choose_format(accept) is format_


@pytest.mark.parametrize(
    ("accept_encoding", "is_gzip"),
    [
        pytest.param("gzip", True, id="Prometheus"),
        pytest.param("gzip, deflate, br, zstd", True, id="a browser"),
        pytest.param("zstd,gzip;q=0.5", True, id="not the first wish"),
        pytest.param("GZIP", True, id="case"),
        pytest.param("x-gzip", True, id="the old name"),
        pytest.param("gzip;q=0", False, id="refused"),
        pytest.param("gzip;q=0.0", False, id="refused with a fraction"),
        pytest.param("identity;q=1, gzip;q=0.5", False, id="liked less than identity"),
        pytest.param("deflate, br", False, id="others"),
        pytest.param("*", False, id="not asked for by name"),
        pytest.param("", False, id="empty"),
        pytest.param(None, False, id="absent"),
    ],
)
def test_gzip(accept_encoding: str | None, is_gzip: bool) -> None:
    """Compressed only when asked for."""
    assert accepts_gzip(accept_encoding) is is_gzip
