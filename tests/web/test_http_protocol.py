"""One connection: keep-alive, pipelined and refused requests, limits on time, and faults of the application."""

import gc
import logging
import struct
import threading
import time
import weakref
from contextlib import ExitStack
from socket import SO_LINGER, SOL_SOCKET, socket

import pytest

from exporter.web import http_protocol, listener
from exporter.web.server import KEEP_ALIVE_SECONDS
from tests.support.watching import wait_until
from tests.support.web_application import BIG, Application
from tests.support.web_server import RunningServer, parse_answers, read_all, read_answer, request, web_server


def test_a_request_is_answered(web: RunningServer) -> None:
    """With the length, and a date as HTTP wants it."""
    answer = web.get("/")
    assert (answer.status, answer.body, answer.headers["content-length"]) == (200, b"ok\n", "3")
    assert answer.headers["date"].endswith("GMT")


def test_head_is_get_without_a_body(web: RunningServer) -> None:
    """The same length, and the connection stays usable."""
    with web.connect() as client:
        client.sendall(request("/", method="HEAD"))
        answer = read_answer(client, "HEAD")
        assert (answer.status, answer.headers["content-length"], answer.body) == (200, "3", b"")
        client.sendall(request("/"))
        assert read_answer(client).body == b"ok\n"


def test_other_methods_are_not_allowed(web: RunningServer) -> None:
    """405, and the connection stays usable."""
    with web.connect() as client:
        for method in ("POST", "DELETE", "BREW"):
            client.sendall(request("/", "Content-Length: 0", method=method))
            assert read_answer(client).status == 405


def test_http_1_0_is_answered_and_closed(web: RunningServer) -> None:
    """As `Connection: close` is."""
    for text in (b"GET / HTTP/1.0\r\n\r\n", request("/", "Connection: close")):
        head, _, body = web.exchange(text).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body == b"ok\n"


def test_an_upgrade_is_not_followed(web: RunningServer, caplog: pytest.LogCaptureFixture) -> None:
    """`curl --http2` gets HTTP/1.1, and may go on; nothing is logged."""
    with web.connect() as client:
        for upgrade in ("h2c", "websocket"):
            client.sendall(request("/", "Connection: Upgrade, HTTP2-Settings", f"Upgrade: {upgrade}"))
            assert read_answer(client).status == 200
    assert caplog.records == []


def test_expect_continue_without_a_body_is_answered(web: RunningServer) -> None:
    """There is nothing to wait for."""
    with web.connect() as client:
        client.sendall(request("/", "Expect: 100-continue"))
        assert read_answer(client).status == 200


def test_a_connection_may_be_idle_for_longer_than_any_scrape_interval() -> None:
    """Prometheus would connect anew at every scrape."""
    assert KEEP_ALIVE_SECONDS == 300


def test_an_idle_connection_is_closed_in_the_end(web: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word, since the client may be about to send."""
    monkeypatch.setattr(web._server.config, "timeout_keep_alive", 0.05)
    with web.connect() as client:
        client.sendall(request("/"))
        (answer,) = parse_answers(read_all(client))
    assert answer.status == 200


@pytest.mark.parametrize("trickles", [False, True])
def test_half_a_request_is_timed_out(web: RunningServer, monkeypatch: pytest.MonkeyPatch, trickles: bool) -> None:
    """From the first byte on, also behind another request; bytes that trickle do not extend the time."""
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.2)
    with web.connect() as client:
        client.sendall(request("/") + b"GET / HT")
        trickle = threading.Thread(target=_trickle, args=(client,))
        if trickles:
            trickle.start()
        (first,) = parse_answers(read_all(client))
        if trickles:
            trickle.join()
    assert first.status == 200


def _trickle(client: socket) -> None:
    """Send a byte of a header at a time until the server closes the connection."""
    try:
        for _ in range(1000):
            client.sendall(b"x")
            threading.Event().wait(0.01)
    except OSError:
        pass


def test_a_connection_without_a_request_is_closed(web: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer: there was no question."""
    monkeypatch.setattr(http_protocol, "REQUEST_SECONDS", 0.05)
    with web.connect() as client:
        assert read_all(client) == b""


@pytest.mark.parametrize("path", ["/big", "/stream"])
def test_an_answer_that_is_not_read_is_aborted(
    application: Application, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """By the kernel. What is sent by then is what the kernel and uvicorn hold; the application ends, too."""
    monkeypatch.setattr(listener, "UNREAD_SECONDS", 0.5)
    with web_server(application.app) as web, web.connect(receive_buffer=4096) as client:
        client.sendall(request(path))
        client.recv(10)
        wait_until(lambda: not web.connections)
        if path == "/stream":
            wait_until(lambda: application.ended == ["ended"])
        assert len(read_all(client)) < BIG / 4


def test_a_client_that_reads_slowly_gets_all(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for the time without any byte, not for the whole answer."""
    monkeypatch.setattr(listener, "UNREAD_SECONDS", 1.0)
    with web_server(application.app) as web, web.connect(receive_buffer=65536) as client:
        client.sendall(request("/stream", "Connection: close"))
        received = 0
        while data := client.recv(1_000_000):
            received += len(data)
    assert received > BIG


def test_a_connection_that_is_reset_is_freed(web: RunningServer) -> None:
    """uvicorn keeps its timer, and so all that the connection holds, for as long as it could have been idle."""
    with web.connect() as client:
        client.sendall(request("/"))
        assert read_answer(client).status == 200
        (connection,) = web.connections
        held = weakref.ref(connection)
        del connection
        client.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack("ii", 1, 0))
    gc.disable()
    try:
        wait_until(lambda: held() is None)
    finally:
        gc.enable()


# Pipelined requests.


def test_pipelined_requests_are_answered_in_order(web: RunningServer, application: Application) -> None:
    """Also if the first is slow, and if more of them arrive while it is answered."""
    with web.connect() as client:
        client.sendall(request("/wait") + request("/query?1") + request("/big") + request("/query?2"))
        application.is_waiting.wait(10)
        client.sendall(request("/query?3", "Connection: close"))
        application.release.set()
        bodies = [answer.body for answer in parse_answers(read_all(client))]
    assert bodies == [b"released\n", b"1", bytes(BIG), b"2", b"3"]


def test_a_client_cannot_send_more_than_some_requests_ahead(web: RunningServer, application: Application) -> None:
    """What it sends while an answer is prepared stays in the kernel, from some 32 KiB on."""
    with web.connect() as client:
        client.sendall(request("/wait"))
        application.is_waiting.wait(10)
        client.setblocking(False)
        flood = request("/") * 100_000
        wait_until(lambda: not _send_some(client, flood))
        (connection,) = web.connections
        assert len(connection.conn.trailing_data[0]) <= 2 * http_protocol.READ_BYTES
        application.release.set()


def _send_some(client: socket, data: bytes) -> int:
    try:
        return client.send(data)
    except BlockingIOError:
        return 0


def test_a_flood_of_pipelined_requests_does_not_delay_others(web: RunningServer) -> None:
    """They are started one by one, with pauses, however many connections have some."""
    with ExitStack() as stack:
        clients = [stack.enter_context(web.connect()) for _ in range(20)]
        started_at = time.monotonic()
        for client in clients:
            client.sendall(request("/") * 20 + request("/", "Connection: close"))
        assert all(len(parse_answers(read_all(client))) == 21 for client in clients)
        assert time.monotonic() - started_at > 20 * 20 * 0.001


@pytest.mark.parametrize("ending", [request("/wait", "Connection: close"), b"GET /wait HTTP/1.0\r\n\r\n"])
def test_what_follows_the_last_request_is_ignored(
    web: RunningServer, application: Application, caplog: pytest.LogCaptureFixture, ending: bytes
) -> None:
    """It is no fault in the answer that is being prepared."""
    with web.connect() as client:
        client.sendall(ending)
        application.is_waiting.wait(10)
        client.sendall(b"nonsense\r\n\r\n")
        application.release.set()
        (answer,) = parse_answers(read_all(client))
    assert (answer.status, answer.body) == (200, b"released\n")
    assert caplog.records == []


# Refused requests.

BODY, SIZE, MALFORMED = (
    "a request body is not allowed",
    "request line and headers exceed 16384 bytes",
    "malformed request",
)
REFUSED = {
    "a body": (BODY, request("/", "Content-Length: 5", method="POST") + b"12345"),
    "a large body that is announced": (BODY, request("/", "Content-Length: 10000000000", "Expect: 100-continue")),
    "a chunked body": (BODY, request("/", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "a broken chunk": (BODY, request("/", "Transfer-Encoding: chunked") + b"zz\r\n"),
    "length and encoding": (BODY, request("/", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n"),
    "an unknown encoding": (MALFORMED, request("/", "Transfer-Encoding: gzip")),
    "two lengths": (MALFORMED, request("/", "Content-Length: 0", "Content-Length: 1")),
    "a length that is no number": (MALFORMED, request("/", "Content-Length: -1")),
    "HTTP/2.0": ("unknown HTTP version", b"GET / HTTP/2.0\r\nHost: x\r\n\r\n"),
    "HTTP/0.9": ("unknown HTTP version", b"GET / HTTP/0.9\r\nHost: x\r\n\r\n"),
    "HTTP/11": (MALFORMED, b"GET / HTTP/11\r\nHost: x\r\n\r\n"),
    "the preface of HTTP/2": ("unknown HTTP version", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    "no host": (MALFORMED, b"GET / HTTP/1.1\r\n\r\n"),
    "two hosts": (MALFORMED, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
    "a header without a colon": (MALFORMED, request("/", "nonsense")),
    "a TLS handshake": (MALFORMED, b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
    "headers above 16 KiB": (SIZE, request("/", "X: " + "x" * 16_370)),
    "headers above 16 KiB that go on": (MALFORMED, b"GET / HTTP/1.1\r\n" + b"X: yyyyyyyy\r\n" * 3_000),
    "a path above 16 KiB": (SIZE, request("/" + "x" * 16_380)),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_request_that_no_scraper_sends_is_refused(
    web: RunningServer, caplog: pytest.LogCaptureFixture, case: str
) -> None:
    """With one whole answer, after which the connection is closed; nothing above info, and no stack trace."""
    caplog.set_level(logging.INFO)
    reason, text = REFUSED[case]
    (answer,) = parse_answers(web.exchange(text))
    assert (answer.status, answer.body.decode()) == (400, f"{reason}\n")
    assert answer.headers["connection"] == "close"
    (record,) = caplog.records
    assert (record.levelname, record.getMessage(), record.exc_info) == ("INFO", f"refused a request: {reason}", None)
    assert web.get("/").status == 200


@pytest.mark.parametrize("target", ["http://x/", "http://x/healthz", "x:443", "*"])
def test_a_target_that_is_no_path_is_not_found(web: RunningServer, target: str) -> None:
    """Scrapers send those only to proxies."""
    assert web.get(target).status == 404


def test_a_request_is_refused_behind_another(web: RunningServer) -> None:
    """Answered 400 as well, after the answer to the first."""
    first, second = parse_answers(web.exchange(request("/") + request("/", "Transfer-Encoding: chunked")))
    assert (first.status, second.status) == (200, 400)


# Faults.


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
    assert record.getMessage() == "Exception in ASGI application"


def test_a_fault_in_the_middle_closes_the_connection(web: RunningServer) -> None:
    """The client sees that the body is not complete."""
    head, _, body = web.exchange(request("/half")).partition(b"\r\n\r\n")
    assert b"content-length: 8" in head
    assert body in (b"half", b"")
