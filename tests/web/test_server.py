"""Connections and requests over real sockets: what clients get, and what they cannot do."""

import gc
import logging
import os
import resource
import socket
import ssl
import struct
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from exporter.web import client_log, connection, server
from exporter.web.limits import ScrapeLimit
from exporter.web.server import listen
from tests.support.certificates import Certificates, make_certificates
from tests.support.watching import wait_until
from tests.support.web_server import RunningServer, parse_answers, read_all, read_answer, request, web_server

BIG = 64 * 1024 * 1024
FLAG = "--metrics-addr"


class Application:
    """Routes for each kind of answer; `ended` has an entry for each streamed one that has ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.sent = 0
        self.is_waiting = threading.Event()
        self.release = threading.Event()
        self._routes = Starlette(
            routes=[
                Route("/", self._ok),
                Route("/query", self._query),
                Route("/big", self._big),
                Route("/wait", self._wait),
                Route("/fault", self._fault),
                Route("/half", self._half),
            ]
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._stream if scope["path"] == "/stream" else self._routes)(scope, receive, send)

    async def _ok(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _query(self, request: Request) -> Response:
        return PlainTextResponse(str(request.url.query))

    async def _big(self, _request: Request) -> Response:
        return Response(bytes(BIG))

    async def _stream(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % BIG)]})
            for _ in range(BIG // 65536):
                await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
                self.sent += 65536
            await send({"type": "http.response.body"})
        finally:
            self.ended.append("ended")

    async def _wait(self, _request: Request) -> Response:
        self.is_waiting.set()
        await run_in_threadpool(self.release.wait, 10)
        return PlainTextResponse("released\n")

    async def _fault(self, _request: Request) -> Response:
        raise ValueError("a bug")

    async def _half(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ValueError("a bug")

        return StreamingResponse(pieces(), headers={"Content-Length": "8"})


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def web(application: Application) -> Iterator[RunningServer]:
    with web_server(application.app) as server:
        yield server


# Requests.


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


def test_pipelined_requests_are_answered_in_order(web: RunningServer, application: Application) -> None:
    """Also if the first is slow, and if the client sends nothing more after them."""
    with web.connect() as client:
        client.sendall(request("/wait") + request("/query?1") + request("/big") + request("/query?2"))
        client.shutdown(socket.SHUT_WR)
        application.release.set()
        first, second, third, fourth = parse_answers(read_all(client))
    assert [first.body, second.body, len(third.body), fourth.body] == [b"released\n", b"1", BIG, b"2"]


def test_http_1_0_is_answered_and_closed(web: RunningServer) -> None:
    """As `Connection: close` is."""
    for text in (b"GET / HTTP/1.0\r\n\r\n", request("/", "Connection: close")):
        head, _, body = web.exchange(text).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK")
        assert body == b"ok\n"


def test_an_upgrade_is_not_followed(web: RunningServer) -> None:
    """`curl --http2` gets HTTP/1.1, and may go on."""
    with web.connect() as client:
        for _ in range(2):
            client.sendall(request("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAM"))
            assert read_answer(client).status == 200


def test_expect_continue_without_a_body_is_answered(web: RunningServer) -> None:
    """There is nothing to wait for."""
    with web.connect() as client:
        client.sendall(request("/", "Expect: 100-continue"))
        assert read_answer(client).status == 200


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


def test_a_refused_client_that_goes_on_sending_gets_its_answer(web: RunningServer) -> None:
    """Closing at once would make the kernel discard an answer that was not read yet."""
    with web.connect() as client:
        client.sendall(request("/", "Content-Length: 300000", method="POST"))
        for _ in range(30):
            client.sendall(bytes(10_000))
        (answer,) = parse_answers(read_all(client))
    assert answer.status == 413


# Time.


def test_a_connection_may_be_idle_for_longer_than_any_scrape_interval() -> None:
    """Prometheus would connect anew at every scrape."""
    assert connection.KEEP_ALIVE_SECONDS == 300


def test_an_idle_connection_is_closed_in_the_end(web: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a word, since the client may be about to send."""
    monkeypatch.setattr(connection, "KEEP_ALIVE_SECONDS", 0.05)
    with web.connect() as client:
        client.sendall(request("/"))
        (answer,) = parse_answers(read_all(client))
    assert answer.status == 200


def test_half_a_request_is_timed_out(web: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """408 from the first byte on, also for a second request; bytes that trickle do not extend the time."""
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.2)
    with web.connect() as client:
        client.sendall(request("/") + b"GET / HT")
        trickle = threading.Thread(target=_trickle, args=(client,))
        trickle.start()
        first, second = parse_answers(read_all(client))
        trickle.join()
    assert (first.status, second.status) == (200, 408)


def _trickle(client: socket.socket) -> None:
    """Send a byte of a header at a time until the server closes the connection."""
    try:
        for _ in range(1000):
            client.sendall(b"x")
            threading.Event().wait(0.01)
    except OSError:
        pass


def test_a_connection_without_a_request_is_closed(web: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an answer: there was no question."""
    monkeypatch.setattr(connection, "REQUEST_SECONDS", 0.05)
    with web.connect() as client:
        assert read_all(client) == b""


@pytest.mark.parametrize("path", ["/big", "/stream"])
def test_an_answer_that_is_not_read_is_aborted(
    web: RunningServer, application: Application, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """What is sent by then is what the kernel holds; the application ends, too."""
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.2)
    with web.connect(receive_buffer=4096) as client:
        client.sendall(request(path))
        if path == "/stream":
            wait_until(lambda: application.ended == ["ended"])
            assert application.sent < BIG / 4
        wait_until(lambda: _is_reset(client))
        assert len(read_all(client)) < BIG / 4


def _is_reset(client: socket.socket) -> bool:
    """Tell from the kernel whether the other side has closed the connection."""
    info = client.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 8)
    return bool(struct.unpack("B", info[:1])[0] != 1)  # TCP_ESTABLISHED


def test_a_client_that_reads_slowly_gets_all(web: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for a piece of the answer, not for all of it."""
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 1.0)
    with web.connect(receive_buffer=65536) as client:
        client.sendall(request("/stream", "Connection: close"))
        received = 0
        while data := client.recv(1_000_000):
            received += len(data)
    assert received > BIG


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


# Numbers.


def test_the_longest_idle_connection_makes_room(application: Application) -> None:
    """So a probe always gets in; connections with a request in progress stay."""
    with web_server(application.app, max_connections=3) as web, web.connect() as busy:
        busy.sendall(request("/wait"))
        application.is_waiting.wait(10)
        with web.connect() as idle, web.connect() as newer:
            for client in (idle, newer):
                client.sendall(request("/"))
                assert read_answer(client).status == 200
            assert web.get("/").status == 200
            assert read_all(idle) == b""
            newer.sendall(request("/"))
            assert read_answer(newer).status == 200
        application.release.set()
        assert read_answer(busy).body == b"released\n"


def test_no_connection_is_accepted_while_all_have_requests_in_progress(application: Application) -> None:
    """It is closed at once, and the next one is welcome when there is room."""
    with web_server(application.app, max_connections=1) as web, web.connect() as busy:
        busy.sendall(request("/wait"))
        application.is_waiting.wait(10)
        wait_until(lambda: _is_refused(web))
        application.release.set()
        assert read_answer(busy).status == 200
        assert web.get("/").status == 200


def _is_refused(web: RunningServer) -> bool:
    with web.connect() as client:
        return read_all(client) == b""


def test_idle_connections_leave_room_when_descriptors_run_out(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a busy core nor a full log: one line, and a probe is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with web_server(application.app) as web:
        assert web.get("/").status == 200
        clients = [web.connect() for _ in range(20)]
        clients += [socket.socket() for _ in range(10)]
        wait_until(lambda: len(web.connections) == 20)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            for client in clients[20:]:
                client.settimeout(10)
                client.connect(web.address)
                client.sendall(request("/"))
                assert read_answer(client).status == 200
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for client in clients:
                client.close()
    messages = [record.getMessage() for record in caplog.records]
    assert "couldn't accept a connection: Too many open files" in messages
    assert len(messages) == len(set(messages))


def test_messages_about_clients_are_one_a_minute() -> None:
    """Of each kind, with how many there were since the previous line."""
    now = [0.0]
    records: list[tuple[str, int]] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append((record.getMessage(), vars(record)["count"]))  # type: ignore[method-assign]
    client_log.log.addHandler(handler)
    try:
        messages = client_log.ClientLog(lambda: now[0])
        for second in range(121):
            now[0] = float(second)
            messages.log(logging.WARNING, "a")
        messages.log(logging.WARNING, "b")
    finally:
        client_log.log.removeHandler(handler)
    assert records == [("a", 1), ("a", 60), ("a", 60), ("b", 1)]


# Scrapes at once.


def test_more_scrapes_than_the_maximum_are_told_to_retry(application: Application) -> None:
    """503 with Retry-After; the others are answered, and room is there again after them."""
    with web_server(ScrapeLimit(application.app, 2)) as web, web.connect() as first, web.connect() as second:
        for client in (first, second):
            client.sendall(request("/wait"))
        wait_until(lambda: web.get("/").status == 503)
        answer = web.get("/")
        assert (answer.headers["retry-after"], answer.body) == (
            "1", b"2 scrapes are in progress, which is the maximum\n",
        )  # fmt: skip
        application.release.set()
        assert read_answer(first).status == read_answer(second).status == 200
        wait_until(lambda: web.get("/").status == 200)


def test_clients_that_do_not_read_do_not_use_up_the_scrapes(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that has read nothing for the longest time is aborted."""
    now = [0.0]
    limit = ScrapeLimit(application.app, 2, lambda: now[0])
    with web_server(limit) as web, web.connect(4096) as first, web.connect(4096) as second:
        for client in (first, second):
            client.sendall(request("/stream"))
        wait_until(lambda: web.get("/").status == 503)
        wait_until(lambda: _advance(now, 6) and web.get("/").status == 200)
        assert application.ended == ["ended"]


def _advance(now: list[float], seconds: float) -> float:
    now[0] += seconds
    return now[0]


# Faults of the application.


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


# The end.


def test_the_end_lets_running_answers_finish(application: Application) -> None:
    """Idle connections are closed at once, new ones refused; the last answer says that the connection is closed."""
    with web_server(application.app) as web, web.connect() as idle, web.connect() as busy:
        busy.sendall(request("/wait"))
        application.is_waiting.wait(10)
        idle.sendall(request("/"))
        assert read_answer(idle).status == 200
        web.stop()
        assert read_all(idle) == b""
        with socket.socket() as late, pytest.raises(ConnectionRefusedError):
            late.connect(web.address)
        application.release.set()
        answer = read_answer(busy)
        assert (answer.body, answer.headers["connection"]) == (b"released\n", "close")
        web.thread.join(10)
        assert not web.thread.is_alive()


def test_the_end_does_not_wait_for_clients_that_do_not_read(
    application: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It aborts what is left after its time, which is no error."""
    monkeypatch.setattr(server, "DRAIN_SECONDS", 0.1)
    with web_server(application.app) as web, web.connect(4096) as client:
        client.sendall(request("/big"))
        client.recv(10)
        web.stop()
        web.thread.join(10)
        assert not web.thread.is_alive()
    assert [(record.levelname, vars(record)["count"]) for record in caplog.records] == [("WARNING", 1)]


def test_a_second_stop_ends_at_once(application: Application) -> None:
    """Whatever is still running."""
    with web_server(application.app) as web, web.connect(4096) as client:
        client.sendall(request("/stream"))
        client.recv(10)
        web.stop()
        web.stop()
        web.thread.join(5)
        assert not web.thread.is_alive()
        assert len(read_all(client)) < BIG


# Addresses.


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["", "::"])
def test_all_interfaces_are_of_both_families(host: str) -> None:
    """As Go listens on `:8080` and on `[::]:8080`."""
    with listen(FLAG, host, 0) as listener:
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, listener.getsockname()[1]), timeout=5).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_address_of_ipv4_is_of_ipv4_alone(host: str) -> None:
    """Nobody asked for more."""
    with listen(FLAG, host, 0) as listener:
        assert listener.family is socket.AF_INET


# TLS.


@pytest.fixture
def certificates(tmp_path: Path) -> Certificates:
    return make_certificates(tmp_path)


def _tls(web: RunningServer, certificates: Certificates) -> ssl.SSLSocket:
    context = ssl.create_default_context(cafile=certificates.authority)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context.wrap_socket(web.connect(4096), server_hostname="127.0.0.1")


def test_the_same_holds_over_tls(application: Application, certificates: Certificates) -> None:
    """Keep-alive, large answers, pipelined requests, refusals."""
    with web_server(application.app, tls=certificates.server_context()) as web, _tls(web, certificates) as client:
        client.sendall(request("/") + request("/big") + request("/", "Transfer-Encoding: chunked"))
        first, second, third = parse_answers(read_all(client))
    assert [first.status, len(second.body), third.status] == [200, BIG, 400]


def test_an_answer_that_is_not_read_is_aborted_over_tls(
    application: Application, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's layer for TLS has buffers of its own: they are limited, too."""
    monkeypatch.setattr(connection, "UNREAD_SECONDS", 0.2)
    with web_server(application.app, tls=certificates.server_context()) as web, _tls(web, certificates) as client:
        client.sendall(request("/stream"))
        wait_until(lambda: application.ended == ["ended"])
        assert application.sent < BIG / 4
        wait_until(lambda: len(web.connections) == 0)


def test_what_a_tls_connection_holds_is_freed_when_it_closes(
    application: Application, certificates: Certificates
) -> None:
    """Not only by the garbage collector, which does not know how large the buffers are."""
    gc.collect()
    gc.disable()
    try:
        with web_server(application.app, tls=certificates.server_context()) as web:
            for _ in range(3):
                with _tls(web, certificates) as client:
                    client.sendall(request("/"))
                    assert read_answer(client).status == 200
            wait_until(lambda: not any(isinstance(found, connection.Connection) for found in gc.get_objects()))
    finally:
        gc.enable()


def test_a_tls_handshake_that_does_not_end_is_timed_out(
    application: Application, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as a connection, and a new one takes its place."""
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    with web_server(application.app, tls=certificates.server_context(), max_connections=2) as web:
        with web.connect() as first, web.connect() as second, web.connect() as third:
            for client in (first, second, third):
                assert read_all(client) == b""
        wait_until(lambda: len(web.connections) == 0)


def test_a_failed_tls_handshake_is_one_line_without_a_stack_trace(
    application: Application, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """Plain HTTP on the port of TLS is common."""
    caplog.set_level(logging.INFO)
    with web_server(application.app, tls=certificates.server_context()) as web:
        for _ in range(3):
            web.exchange(request("/"))
        wait_until(lambda: len(web.connections) == 0)
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [("a TLS handshake failed", None)]


def test_what_the_kernel_holds_for_a_client_that_is_gone_is_dropped_in_the_end() -> None:
    """After the process has closed the connection nobody else does it."""
    listener = listen(FLAG, "127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
