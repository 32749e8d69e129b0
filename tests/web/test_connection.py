"""One connection: keep-alive, pipelined requests, and limits on time."""

import socket
import struct
import threading

import pytest

from exporter.web import connection
from tests.support.watching import wait_until
from tests.support.web_application import BIG, Application
from tests.support.web_server import RunningServer, parse_answers, read_all, read_answer, request


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


def test_a_refused_client_that_goes_on_sending_gets_its_answer(web: RunningServer) -> None:
    """Closing at once would make the kernel discard an answer that was not read yet."""
    with web.connect() as client:
        client.sendall(request("/", "Content-Length: 300000", method="POST"))
        for _ in range(30):
            client.sendall(bytes(10_000))
        (answer,) = parse_answers(read_all(client))
    assert answer.status == 413


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
