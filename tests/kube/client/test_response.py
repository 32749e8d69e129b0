"""Answers of a real server: read as they come, aborted, and without what they repeat of the credentials."""

import json
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import IdleTimeoutError, StreamError
from exporter.kube.client import response
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from tests.support.faults import FaultServer
from tests.support.reaching import PATH, kubeconfig, tls_server, transport_of
from tests.support.trickling import raw_server, trickling
from tests.support.watching import job

WATCH = {"watch": "true", "resourceVersion": "1"}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with tls_server() as server:
        yield server


def test_a_watch_over_tls_can_be_aborted(server: FaultServer, tmp_path: Path) -> None:
    """A blocked read wakes up, though closing would not wake it."""
    response = transport_of(kubeconfig(tmp_path / "c", server.url)).get(PATH, WATCH, read_timeout_seconds=30)
    ended: list[str] = []

    def read() -> None:
        try:
            ended.extend(str(chunk) for chunk in response.chunks())
        except StreamError as error:
            ended.append(str(error))

    reader = threading.Thread(target=read)
    reader.start()
    response.abort()
    reader.join(5)
    assert not reader.is_alive()
    response.close()


def test_keep_alive_is_on(server: FaultServer, tmp_path: Path) -> None:
    """A half-open connection is found by TCP too."""
    response = transport_of(kubeconfig(tmp_path / "c", server.url)).get(PATH, WATCH, read_timeout_seconds=5)
    connection: Any = response.response.connection
    assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    response.close()


@pytest.mark.parametrize(("cluster", "coding"), [({}, "gzip"), ({"disable-compression": True}, None)])
def test_a_large_list_comes_compressed(
    server: FaultServer, tmp_path: Path, cluster: dict[str, bool], coding: str | None
) -> None:
    """If it is asked for, and unless the kubeconfig says no; the body is plain again when it is read."""
    for i in range(300):
        server.store.create("rayjobs", job(f"job-{i}", padding="x" * 500))
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, **cluster))
    response = transport.get(PATH, {}, read_timeout_seconds=5, gzip=True)
    assert response.headers.get("Content-Encoding") == coding
    assert len(json.loads(response.read())["items"]) == 300


@pytest.mark.parametrize(
    ("user", "secret"),
    [
        ({"token": "S3CRET-t0ken"}, b"S3CRET-t0ken"),
        ({"username": "u", "password": "S3CRET-passw0rd"}, b"S3CRET-passw0rd"),
        ({"username": "u", "password": "S3CRET-passw0rd"}, b"dTpTM0NSRVQtcGFzc3cwcmQ="),
    ],
)
@pytest.mark.parametrize("status", [401, 403, 500])
def test_an_error_that_repeats_the_credentials_is_read_without_them(
    server: FaultServer, tmp_path: Path, user: dict[str, str], secret: bytes, status: int
) -> None:
    """Bodies of errors are logged; nor is a part left over where the body is cut off."""
    server.answer_next(status, b"not allowed: " + secret + b"!", times=None)
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, user))
    response = transport.get(PATH, {}, read_timeout_seconds=5)
    assert response.read() == b"not allowed: [redacted]!"
    response.close()
    response = transport.get(PATH, {}, read_timeout_seconds=5)
    assert response.read(20) == b"not allowed: [redacted]!"[:20]
    response.close()


def test_interim_answers_without_end_are_an_error() -> None:
    """They come as fast as they are read: the bound is their bytes, long before any time has passed."""

    def answer(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 1000)

    with raw_server(answer) as url:
        transport = ApiTransport(lambda: anonymous(url), connections=1)
        with pytest.raises(StreamError, match="its head has more than 1048576 bytes"):
            transport.get(PATH, {}, read_timeout_seconds=60)


def test_an_error_whose_body_trickles_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """The body of an error is as bounded in time as a head is."""
    monkeypatch.setattr(response, "HEAD_MAX_SECONDS", 0.3)
    with trickling(b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\n") as url:
        answer = ApiTransport(lambda: anonymous(url), connections=1).get(PATH, {}, read_timeout_seconds=60)
        with pytest.raises(StreamError, match="it took longer than 0.3 s"):
            answer.read()


def test_an_error_whose_body_stops_is_ended_in_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though each byte might take the read time-out."""
    monkeypatch.setattr(response, "HEAD_MAX_SECONDS", 0.3)
    is_over = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 500 Oops\r\nContent-Length: 100000\r\n\r\nx")
        is_over.wait(30)

    with raw_server(answer) as url:
        got = ApiTransport(lambda: anonymous(url), connections=1).get(PATH, {}, read_timeout_seconds=60)
        with pytest.raises(StreamError, match="it took longer than 0.3 s"):
            got.read()
        is_over.set()


@pytest.mark.parametrize(
    ("sent", "read", "error"),
    [
        (b"3\r\nabc\r\n4;name=value\r\ndefg\r\n0\r\n\r\n", b"abcdefg", None),
        (b"3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n", b"abc", None),
        (b"3\r\nabc\r\n", b"abc", "the answer is incomplete"),
        (b"5\r\nabc", b"abc", "the answer is incomplete"),
        (b"3\r\nabc\r\nnonsense\r\n", b"abc", "the answer is incomplete"),
        (b"3\r\nabc\r\n-1\r\n", b"abc", "the answer is incomplete"),
        (b"3\r\nabc\r\n" + b"f" * 5000, b"abc", "the answer is incomplete"),
        (b"3\r\nabc\r\n" + b"f" * 70_000, b"abc", "got more than 65536 bytes when reading chunk size"),
        (b"3\r\nabc\r\n4", b"abc", "the answer is incomplete"),
    ],
    ids=["extension", "trailer", "no end", "cut", "no size", "negative", "long size", "endless size", "half a size"],
)
def test_a_chunked_answer_is_complete_or_an_error(sent: bytes, read: bytes, error: str | None) -> None:
    """What has come before the error is not lost; the connection is closed, or kept for the next request."""
    with raw_server(lambda to: to.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + sent)) as url:
        transport = ApiTransport(lambda: anonymous(url), connections=1)
        got = transport.get(PATH, {}, read_timeout_seconds=5)
        connection: Any = got.response.connection
        found, failure = b"", None
        try:
            for chunk in got.chunks():
                found += chunk
        except StreamError as exc:
            failure = str(exc)
        got.close()
        assert (connection.sock is None) == (error is not None)
    assert (found, failure) == (read, error)


def test_each_part_of_a_chunk_comes_at_once_and_silence_is_an_idle_timeout() -> None:
    """A chunk may have gigabytes, and no end."""
    is_over = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n7fffffffffffffff\r\nabc")
        is_over.wait(30)

    with raw_server(answer) as url:
        got = ApiTransport(lambda: anonymous(url), connections=1).get(PATH, {}, read_timeout_seconds=0.2)
        chunks = got.chunks()
        assert next(chunks) == b"abc"
        with pytest.raises(IdleTimeoutError):
            next(chunks)
        got.close()
        is_over.set()


def test_a_connection_is_used_again_after_a_chunked_answer() -> None:
    """Each list and each check of the version would make a new one."""
    connections: list[socket.socket] = []

    def answer(connection: socket.socket) -> None:
        connections.append(connection)
        connection.settimeout(5)
        for is_last in (False, False, True):
            connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
            if not is_last:
                connection.recv(4096)

    with raw_server(answer) as url:
        transport = ApiTransport(lambda: anonymous(url), connections=1)
        for _ in range(3):
            got = transport.get(PATH, {}, read_timeout_seconds=5)
            assert list(got.chunks()) == [b"abc"]
            got.close()
        assert len(connections) == 1
