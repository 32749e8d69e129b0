"""The exporter's web server with an application of a test, on loopback, and what a client sees of it."""

import asyncio
import http.client
import io
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

from starlette.types import ASGIApp

from exporter.web.auth.tls import ServerTls
from exporter.web.http_protocol import HttpProtocol
from exporter.web.listener import MAX_CONNECTIONS, Listener, listen
from exporter.web.server import Server, serve


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class RunningServer:
    def __init__(self, application: ASGIApp, tls: ServerTls | None, max_connections: int) -> None:
        self._listener = listen("--metrics-addr", "127.0.0.1", 0)
        self.address: tuple[str, int] = self._listener.getsockname()
        self._application = application
        self.tls = tls
        self._max_connections = max_connections
        self._is_serving = threading.Event()
        self._loop: asyncio.AbstractEventLoop
        self._server: Server
        self.thread = threading.Thread(target=lambda: asyncio.run(self._serve()))

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        listener = Listener(self._listener, self._application, lambda: self.tls, self._max_connections)
        self._server = Server(listener)
        self._is_serving.set()
        await serve([self._server])

    def start(self) -> None:
        self.thread.start()
        self._is_serving.wait()

    @property
    def connections(self) -> list[HttpProtocol]:
        return list(self._server.server_state.accepted)

    def stop(self) -> None:
        """Ask for the end, as the first signal does; a second call is the second signal."""
        with suppress(RuntimeError):  # the loop has ended already
            self._loop.call_soon_threadsafe(self._server.stop)

    def renew_connections(self) -> None:
        self._loop.call_soon_threadsafe(self._server.renew_connections)

    def connect(self, receive_buffer: int | None = None, source: str | None = None) -> socket.socket:
        """Return a connection, from an own address of loopback if there is a `source`."""
        client = socket.socket()
        if source is not None:
            client.bind((source, 0))
        if receive_buffer is not None:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        client.settimeout(10)
        client.connect(self.address)
        return client

    def exchange(self, request: bytes) -> bytes:
        """Return all that is answered on a connection on which nothing more is sent."""
        with self.connect() as client:
            client.sendall(request)
            return read_all(client)

    def get(self, path: str = "/") -> Answer:
        with self.connect() as client:
            client.sendall(request(path))
            return read_answer(client)


@contextmanager
def web_server(
    application: ASGIApp, *, tls: ssl.SSLContext | ServerTls | None = None, max_connections: int = MAX_CONNECTIONS
) -> Iterator[RunningServer]:
    server = RunningServer(application, ServerTls(tls) if isinstance(tls, ssl.SSLContext) else tls, max_connections)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        server.stop()
        server.thread.join(10)
        assert not server.thread.is_alive()


def request(path: str = "/", *headers: str, method: str = "GET") -> bytes:
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: x", *headers, "", ""]).encode()


def read_all(client: socket.socket) -> bytes:
    """Read until the server closes the connection, in whichever way."""
    received = bytearray()
    with suppress(ConnectionResetError):
        while data := client.recv(65536):
            received += data
    return bytes(received)


def read_answer(client: socket.socket, method: str = "GET") -> Answer:
    """Read one answer; the connection stays open."""
    answer = http.client.HTTPResponse(client, method=method)
    answer.begin()
    return Answer(answer.status, _headers(answer), answer.read())


def _headers(answer: http.client.HTTPResponse) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.getheaders()}


def parse_answers(received: bytes) -> list[Answer]:
    """Split what was received on one connection into answers."""
    stream, answers = _Received(received), []
    while stream.rest():
        answer = http.client.HTTPResponse(stream)  # type: ignore[arg-type]
        answer.begin()
        answers.append(Answer(answer.status, _headers(answer), answer.read()))
    return answers


class _Received:
    """What http.client reads answers from, in place of a socket: its buffer must not be lost between answers."""

    def __init__(self, received: bytes) -> None:
        self._file = io.BytesIO(received)
        self._file.close = lambda: None  # type: ignore[method-assign]

    def makefile(self, _mode: str) -> io.BytesIO:
        return self._file

    def rest(self) -> int:
        return len(self._file.getbuffer()) - self._file.tell()
