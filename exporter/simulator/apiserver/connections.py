"""The connections of the simulated API server: HTTP/1.1 on sockets, with incomplete responses on request.

It hides how requests are read and responses framed, and how a server with a hundred open watches stops
within seconds without a remaining thread.

Not promised: HTTP/2, pipelining beyond what http.server does, bodies of requests. Nothing is logged.
"""

import contextlib
import select
import socket
import ssl
import sys
import threading
import time
import uuid
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from exporter.simulator.apiserver.requests import Request, resource_of
from exporter.simulator.apiserver.responses import ApiResponse

# Go sends a Content-Length only for bodies that fit its buffer; longer ones are chunked.
_CHUNKED_ABOVE_BYTES = 2048
# Bounds the memory of a watch that starts with 30,000 objects.
_FLUSH_ABOVE_BYTES = 1024 * 1024
_CHUNK_BYTES = 32 * 1024
# Time for running responses to finish before their connections are closed.
_STOP_GRACE_SECONDS = 1.0
# Time for hooks of subclasses to return; without a limit a faulty one would block every test.
_STOP_CUT_SECONDS = 5.0


class CutError(Exception):
    """The connection is to be closed now, although the response is not complete."""


class Stream:
    """The chunked body of a watch. `send` buffers, so that many events need one system call."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def send(self, data: bytes) -> None:
        """Buffer one chunk, for the next flush."""
        self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    def raw(self, data: bytes) -> None:
        """Buffer bytes outside of any chunk."""
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes > _FLUSH_ABOVE_BYTES:
            self.flush()

    def flush(self) -> None:
        """Send what is buffered; blocks while the client does not read."""
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
            self._connection.sendall(data)

    def cut(self) -> None:
        """Send what is buffered and close the connection without the final chunk: raise CutError."""
        self.flush()
        raise CutError

    def end(self) -> None:
        """Send what is buffered and the final chunk."""
        self.raw(b"0\r\n\r\n")
        self.flush()

    def is_abandoned(self) -> bool:
        """Return whether the client has closed: during a watch nothing else makes the socket readable."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(0))


class RequestHandler(Protocol):
    """What makes the responses. Called in the threads of the connections."""

    @property
    def is_stopping(self) -> threading.Event: ...

    def override_response(self, request: Request) -> ApiResponse | None: ...

    def respond(self, request: Request) -> ApiResponse | None: ...

    def stream_watch(self, request: Request, stream: Stream) -> None: ...


class ConnectionThreads(ThreadingHTTPServer):
    """Accepts connections, and keeps the thread and the socket of each, so that all can be ended."""

    # After a restart all watches of a test may connect at the same time.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: RequestHandler, ssl_context: ssl.SSLContext | None) -> None:
        self.api = api
        self._ssl_context = ssl_context
        # Written by the accepting thread and by ending connections, read by end_connections.
        self._connections_lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's method looks up the name of the host, which can take seconds.
        TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if self._ssl_context:
            # The handshake is done in the connection's thread: a slow client must not delay other connections.
            connection = self._ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._serve_connection, args=(request, client_address), name="apiserver-conn", daemon=True
        )
        with self._connections_lock:
            self._connections[thread] = request
        thread.start()

    def _serve_connection(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                del self._connections[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client may close its connection at any time.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def end_connections(self) -> None:
        """End idle connections now, and running responses after a grace period."""
        for how, seconds in ((socket.SHUT_RD, _STOP_GRACE_SECONDS), (socket.SHUT_RDWR, _STOP_CUT_SECONDS)):
            with self._connections_lock:
                connections = dict(self._connections)
            for connection in connections.values():
                # The base class's method: SSLSocket's would continue in plain text.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, how)
            deadline = time.monotonic() + seconds
            for thread in connections:
                thread.join(max(0.0, deadline - time.monotonic()))


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, writes responses."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: ConnectionThreads

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        api = self.server.api
        request = self._read_request()
        try:
            response = api.override_response(request) or api.respond(request)
            if response:
                self._send(response)
            else:
                self._stream(api, request)
        except CutError:
            self.close_connection = True
        if api.is_stopping.is_set():
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - http.server looks for these

    def _read_request(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        body = self.rfile.read(int(headers.get("content-length", 0)))
        plural, namespace, name = resource_of(url.path)
        verb = "get" if name else "watch" if query.get("watch") in {"true", "1"} else "list"
        return Request(
            method=self.command,
            path=url.path,
            query=query,
            headers=headers,
            verb=verb if self.command == "GET" and plural else "",
            plural=plural,
            namespace=namespace,
            name=name,
            body=body,
        )

    def _head(self, status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
        own = (
            ("Audit-Id", str(uuid.uuid4())),
            ("Cache-Control", "no-cache, private"),
            ("Date", self.date_time_string()),
        )
        reason = responses.get(status, "")
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in own + headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _send(self, response: ApiResponse) -> None:
        body = response.body
        is_chunked = len(body) > _CHUNKED_ABOVE_BYTES and response.content_length is None
        length = len(body) if response.content_length is None else response.content_length
        framing = ("Transfer-Encoding", "chunked") if is_chunked else ("Content-Length", str(length))
        head = self._head(response.status, (*response.headers, framing))
        if self.command == "HEAD":
            body = b""
        elif response.cut_after is not None:
            body = body[: response.cut_after]
        end = b"" if response.cut_after is not None else b"0\r\n\r\n"
        self.connection.sendall(head + (_chunks(body) + end if is_chunked else body))
        if response.cut_after is not None or length != len(response.body):
            raise CutError

    def _stream(self, api: RequestHandler, request: Request) -> None:
        stream = Stream(self.connection)
        headers = ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")
        stream.raw(self._head(200, headers))
        api.stream_watch(request, stream)


def _chunks(body: bytes) -> bytes:
    parts: list[bytes] = []
    for first in range(0, len(body), _CHUNK_BYTES):
        data = body[first : first + _CHUNK_BYTES]
        parts += (b"%x\r\n" % len(data), data, b"\r\n")
    return b"".join(parts)
