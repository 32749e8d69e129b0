"""HTTP: routes, headers, readiness, draining."""

import re
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from starlette.responses import Response
from starlette.testclient import TestClient
from starlette.types import Scope

from exporter import __version__
from exporter.exposition.exposition import Exposition
from exporter.exposition.model import Family, Sample
from exporter.web.application import Endpoints, with_authentication
from exporter.web.auth.token_auth import FORBIDDEN, METRICS_PATH
from tests.support.bodies import parse
from tests.support.exporter_status import FakeStatus
from tests.support.lines import LinesSource, lines
from tests.support.web_server import web_server

FAMILY = Family("x_info", "gauge", "Help.", ("name",))
OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"}


class Web:
    def __init__(self) -> None:
        self.status = FakeStatus()
        self.scrapes: list[float] = []
        source = LinesSource(FAMILY)
        source.update({"a": lines(FAMILY, [Sample(("a",), 1)])})
        self.endpoints = Endpoints(Exposition([source], CollectorRegistry()), self.status, self.scrapes.append)
        self.client = TestClient(self.endpoints.application(max_requests=40))
        self.client.headers.clear()


@pytest.fixture
def web() -> Iterator[Web]:
    web = Web()
    with web.client:
        yield web


def test_metrics_in_text(web: Web) -> None:
    """What a client without wishes gets, and the headers that are always there."""
    answer = web.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.headers["Content-Length"] == str(len(answer.content))
    assert answer.headers["Vary"] == "Accept, Accept-Encoding"
    assert "Content-Encoding" not in answer.headers
    assert parse(answer.content).keys() == {"x_info"}


def test_metrics_in_openmetrics(web: Web) -> None:
    """What Prometheus asks for."""
    answer = web.client.get("/metrics", headers=OPENMETRICS)
    assert answer.headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert parse(answer.content, openmetrics=True).keys() == {"x_info"}


def test_metrics_compressed(web: Web) -> None:
    """The client reads it, so the headers are right."""
    answer = web.client.get("/metrics", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["Content-Encoding"] == "gzip"
    assert parse(answer.content) == parse(web.client.get("/metrics").content)


def test_names_select_families(web: Web) -> None:
    """`?name[]=`."""
    assert web.client.get("/metrics?name[]=x_info&name[]=y").content != b""
    assert web.client.get("/metrics", params={"name[]": "y"}).content == b""


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/"])
def test_head_is_get_without_a_body(web: Web, path: str) -> None:
    """The same headers."""
    got, head = web.client.get(path), web.client.head(path)
    assert (head.status_code, head.headers["Content-Length"]) == (200, got.headers["Content-Length"])


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_allowed(web: Web, method: str) -> None:
    """405, with what is."""
    answer = web.client.request(method, "/metrics")
    assert answer.status_code == 405
    assert "GET" in answer.headers["Allow"]


def test_unknown_paths_are_not_found(web: Web) -> None:
    """404, not the landing page."""
    assert web.client.get("/nothing").status_code == 404
    assert web.client.get("/metrics/", follow_redirects=False).status_code == 404


@pytest.mark.parametrize("path", ["/metrics%0a", "/healthz%0a", "/metrics%0d", "/%0a"])
def test_a_path_with_a_line_break_is_another_path(web: Web, path: str) -> None:
    """A client that may get one page must not get another by it."""
    assert web.client.get(path).status_code == 404


SPELLINGS = ("/metrics%0a", "/metrics%0d%0a", "/metrics/", "//metrics", "/./metrics", "/a/../metrics", "/%6detrics",
             "/METRICS", "/metrics;a", "/metrics%00", "/metrics%3Fa", "/%2fmetrics")  # fmt: skip


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_metrics_are_under_the_path_that_was_authenticated_alone(web: Web, spelling: str) -> None:
    """A client that may get everything but `/metrics` gets it under no other spelling."""

    async def authenticate(scope: Scope) -> Response | None:
        return FORBIDDEN if scope["path"] == METRICS_PATH else None

    with web_server(with_authentication(web.endpoints.application(max_requests=40), authenticate)) as server:
        answer = server.get(spelling)
        assert answer.status in (403, 404)
        assert b"x_info" not in answer.body


def test_not_ready_is_503_with_the_reason(web: Web) -> None:
    """Neither metrics nor readiness; but alive."""
    web.status.not_ready = "not listed yet: rayjobs"
    for path in ("/metrics", "/readyz"):
        answer = web.client.get(path)
        assert answer.status_code == 503
        assert "not listed yet: rayjobs\n" in answer.text
    assert web.client.get("/healthz").text == "ok\n"
    assert web.scrapes == []


def test_not_alive_is_503_with_the_reason(web: Web) -> None:
    """A thread has ended: the process has to be started again."""
    web.status.not_alive = "thread ended: rayjobs"
    answer = web.client.get("/healthz")
    assert (answer.status_code, answer.text) == (503, "thread ended: rayjobs\n")


def test_draining_is_not_ready_but_serves(web: Web) -> None:
    """Running scrapes finish; new traffic goes elsewhere."""
    assert web.client.get("/readyz").status_code == 200
    web.endpoints.drain()
    answer = web.client.get("/readyz")
    assert (answer.status_code, answer.text) == (503, "shutting down\n")
    assert web.client.get("/metrics").status_code == 200


def test_scrapes_are_observed(web: Web) -> None:
    """Each with the seconds that it took."""
    web.client.get("/metrics")
    web.client.get("/metrics")
    assert len(web.scrapes) == 2
    assert all(0 < seconds < 10 for seconds in web.scrapes)


def test_landing_page(web: Web) -> None:
    """Version, kinds, counts, state and links, which are relative; what others named is escaped."""
    answer = web.client.get("/")
    assert answer.headers["Content-Type"].startswith("text/html")
    for text in (__version__, "rayjobs in &lt;ns&gt;", ">7<", "watching &lt;b&gt;", 'href="metrics"', "Ready."):
        assert text in answer.text
    assert all(not link.startswith("/") for link in re.findall('href="(.*?)"', answer.text))
    web.status.not_ready = "<b>"
    assert "Not ready: &lt;b&gt;" in web.client.get("/").text


def test_the_probe_listener_has_the_probes_alone(web: Web) -> None:
    """No metrics behind a port that is open to the kubelet."""
    with TestClient(web.endpoints.probe_application()) as probes:
        assert [probes.get(path).status_code for path in ("/healthz", "/readyz", "/metrics", "/")] == [
            200,
            200,
            404,
            404,
        ]
