"""One request and its answer: refused requests, targets, and faults of the application."""

import logging

import pytest

from tests.support.watching import wait_until
from tests.support.web_application import Application
from tests.support.web_server import RunningServer, parse_answers, request


@pytest.mark.parametrize(
    ("target", "body"),
    [
        ("http://example.com/query?a=%20b", b"a=%20b"),
        ("HTTPS://user@example.com:8080/query?http://x/", b"http://x/"),
        ("http://example.com", b"ok\n"),
        ("/query?name[]=x", b"name[]=x"),
    ],
)
def test_a_target_in_absolute_form_names_a_path(web: RunningServer, target: str, body: bytes) -> None:
    """As a client sends it to a proxy; HTTP demands it of every server."""
    assert web.get(target).body == body


REFUSED = {
    "a body": (413, request("/", "Content-Length: 5", method="POST") + b"12345"),
    "a large body that is announced": (413, request("/", "Content-Length: 10000000000", "Expect: 100-continue")),
    "a chunked body": (400, request("/", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "a broken chunk": (400, request("/", "Transfer-Encoding: chunked") + b"zz\r\n"),
    "length and encoding": (400, request("/", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "an unknown encoding": (400, request("/", "Transfer-Encoding: gzip")),
    "two lengths": (400, request("/", "Content-Length: 0", "Content-Length: 1")),
    "a length that is no number": (400, request("/", "Content-Length: -1")),
    "HTTP/2.0": (400, b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    "HTTP/0.9": (400, b"GET / HTTP/0.9\r\nHost: x\r\n\r\n"),
    "HTTP/11": (400, b"GET / HTTP/11\r\nHost: x\r\n\r\n"),
    "the preface of HTTP/2": (400, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "no host": (400, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (400, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "a header without a colon": (400, request("/", "nonsense")),
    "a TLS handshake": (400, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "a target that is no path": (400, request("metrics")),
    "a target for a proxy": (400, request("x:443", method="CONNECT")),
    "headers above 16 KiB at once": (431, request("/", "X: " + "x" * 16_400)),
    "headers above 16 KiB that go on": (431, b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyy\r\n" * 3_000),
    "a path above 16 KiB": (431, request("/" + "x" * 17_000)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_no_scraper_sends_is_refused(
    web: RunningServer, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    """With one whole answer, after which the connection is closed; nothing above info, and no stack trace."""
    caplog.set_level(logging.INFO)
    status, text = REFUSED[case]
    (answer,) = parse_answers(web.exchange(text))
    assert answer.status == status
    assert answer.headers["connection"] == "close"
    assert [(record.levelname, record.exc_info) for record in caplog.records] == [("INFO", None)]
    assert web.get("/").status == 200


def test_the_application_ends_when_its_client_disconnects(
    web: RunningServer, application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    """Promptly, and it is no fault of anything."""
    with web.connect(receive_buffer=4096) as client:
        client.sendall(request("/stream"))
        client.recv(1000)
    wait_until(lambda: application.ended == ["ended"])
    assert web.get("/").status == 200
    assert caplog.records == []


def test_a_fault_is_500_and_logged_once(web: RunningServer, caplog: pytest.LogCaptureFixture) -> None:
    """With its stack trace: it is the exporter's."""
    for _ in range(5):
        assert web.get("/fault").status == 500
    (record,) = caplog.records
    assert record.exc_info
    assert record.getMessage() == "couldn't answer a request"


def test_a_fault_in_the_middle_closes_the_connection(web: RunningServer) -> None:
    """The client sees that the body is not complete."""
    head, _, body = web.exchange(request("/half")).partition(b"\r\n\r\n")
    assert b"content-length: 8" in head
    assert body in (b"half", b"")
