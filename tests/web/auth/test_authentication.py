"""The filter in front of the application: nothing passes it undecided, whatever is sent."""

from collections.abc import Iterator

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from exporter.web.answers import authorization, unauthorized, with_headers
from exporter.web.application import with_authentication
from tests.support.web_server import RunningServer, parse_answers, request, web_server

ALLOWED = "Authorization: Bearer right"
SERIES = b"series"


async def _series(_request: Request) -> Response:
    return PlainTextResponse(SERIES)


async def _probe(_request: Request) -> Response:
    return PlainTextResponse("ok\n")


APPLICATION = Starlette(
    routes=[
        Route("/", _series),
        Route("/metrics", _series),
        Route("/api/{rest:path}", _series),
        Route("/healthz", _probe),
        Route("/readyz", _probe),
    ]
)


async def authenticate(scope: Scope) -> Response | None:
    token = authorization(scope, "bearer")
    if token == "fault":
        raise ValueError("a bug")
    return None if token == "right" else unauthorized("Bearer")


@pytest.fixture
def web() -> Iterator[RunningServer]:
    filtered = with_authentication(APPLICATION, authenticate)
    with web_server(with_headers(filtered, lambda: {"X-Frame-Options": "deny"})) as server:
        yield server


ANONYMOUS = {
    "a scrape": request("/metrics"),
    "a probe's path as a prefix": request("/healthz/../metrics"),
    "a probe's path in front": request("/healthz/metrics"),
    "another probe's path": request("/healthz/"),
    "capitals": request("/HEALTHZ"),
    "two slashes": request("//healthz"),
    "a parameter": request("/metrics;/healthz"),
    "an encoded path": request("/%6detrics"),
    "an encoded slash": request("/healthz%2f..%2fmetrics"),
    "a zero byte": request("/healthz%00/metrics"),
    "a query": request("/metrics?/healthz"),
    "a fragment": request("/metrics#/healthz"),
    "an absolute target": request("http://x/metrics"),
    "another host's probe": request("http://healthz/metrics"),
    "HEAD": request("/metrics", method="HEAD"),
    "POST": request("/metrics", "Content-Length: 0", method="POST"),
    "OPTIONS": request("/metrics", method="OPTIONS"),
    "TRACE": request("/metrics", ALLOWED.replace("right", "wrong"), method="TRACE"),
    "CONNECT": request("/metrics", method="CONNECT"),
    "an unknown method": request("/metrics", method="BREW"),
    "HTTP/1.0": b"GET /metrics HTTP/1.0\r\n\r\n",
    "headers of a proxy": request(
        "/metrics", "X-Original-URL: /healthz", "X-Rewrite-URL: /healthz", "X-Forwarded-User: admin"
    ),
    "an upgrade": request("/metrics", "Connection: Upgrade", "Upgrade: websocket"),
    "a method in a header": request("/healthz", "X-HTTP-Method-Override: GET", method="POST"),
    "another scheme": request("/metrics", "Authorization: Basic right"),
    "a token and more": request("/metrics", ALLOWED, "Authorization: Bearer wrong"),
    "two tokens in one": request("/metrics", ALLOWED + ", Bearer wrong"),
    "a fault": request("/metrics", "Authorization: Bearer fault"),
    "an unknown path": request("/nothing"),
}


@pytest.mark.parametrize("text", ANONYMOUS.values(), ids=ANONYMOUS)
def test_anonymous_never_sees_a_series(web: RunningServer, text: bytes) -> None:
    """Nor which paths there are."""
    received = web.exchange(text.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))
    assert SERIES not in received
    assert not received.startswith(b"HTTP/1.1 200")


def test_an_allowed_request_opens_nothing_for_the_next(web: RunningServer) -> None:
    """On the same connection, pipelined or not, in any order."""
    series, anonymous = request("/metrics", ALLOWED), request("/metrics")
    probe, last = request("/readyz"), request("/metrics", "Connection: close")
    received = web.exchange(series + anonymous + probe + anonymous + series + last)
    assert [answer.status for answer in parse_answers(received)] == [200, 401, 200, 401, 200, 401]
    assert received.count(SERIES) == 2


def test_a_fault_in_the_decision_is_no_access(web: RunningServer) -> None:
    """And no stack trace in the answer."""
    (answer,) = parse_answers(web.exchange(request("/metrics", "Authorization: Bearer fault", "Connection: close")))
    assert (answer.status, answer.body) == (500, b"Internal Server Error")


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_the_probes_are_open(web: RunningServer, path: str) -> None:
    assert (web.get(path).status, web.get(path).body) == (200, b"ok\n")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/nothing"])
def test_every_answer_has_headers_that_protect_a_browser(web: RunningServer, path: str) -> None:
    """And those of the web configuration."""
    headers = web.get(path).headers
    assert headers["content-security-policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "deny"
    assert "server" not in headers
