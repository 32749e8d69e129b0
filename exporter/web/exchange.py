"""One request and its answer, as ASGI sees them: the scope, `receive` and `send`."""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Iterator, MutableMapping
from contextlib import suppress
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import unquote

import h11
from starlette.types import ASGIApp, Message, Scope

from exporter.web.client_log import ClientLog

MAX_HEAD_BYTES = 16 * 1024
"""Request line and headers together."""

_ABSOLUTE = (b"http://", b"https://")


class RefusedRequest(Exception):
    """A request that is answered without the application; the connection is closed after it."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Sender(Protocol):
    """The connection, as an exchange sees it."""

    must_close: bool

    @property
    def is_lost(self) -> bool:
        """The client has closed the connection, or it was aborted."""

    def send(self, event: h11.Event) -> Awaitable[None]:
        """Send; return when the kernel has all of it. Raises OSError if the client has closed the connection."""

    def abort(self) -> None:
        """Close now, so that the client sees that its answer is not complete."""

    def wait_closed(self) -> Awaitable[Any]:
        """Return when the connection is closed."""


def check_request(request: h11.Request) -> None:
    """Raise RefusedRequest for what no client of an exporter has a reason to send."""
    if request.http_version not in (b"1.0", b"1.1"):
        raise RefusedRequest(400, "unknown HTTP version")
    headers = dict(request.headers)
    size = (
        len(request.method) + len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers)
    )
    if size > MAX_HEAD_BYTES:
        raise RefusedRequest(431, f"request line and headers exceed {MAX_HEAD_BYTES} bytes")
    if b"transfer-encoding" in headers:
        raise RefusedRequest(400, "a request body is not allowed")
    if int(headers.get(b"content-length", b"0")) > 0:
        raise RefusedRequest(413, "a request body is not allowed")


def request_scope(request: h11.Request, transport: asyncio.BaseTransport) -> Scope:
    """Return the ASGI scope; a target in absolute form (`GET http://host/metrics`) is one in origin form."""
    raw_path, _, query = _origin_form(request.target).partition(b"?")
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": request.http_version.decode(),
        "server": _address(transport, "sockname"),
        "client": _address(transport, "peername"),
        "scheme": "https" if transport.get_extra_info("sslcontext") else "http",
        "method": request.method.decode(),
        "root_path": "",
        "path": unquote(raw_path.decode()),
        "raw_path": raw_path,
        "query_string": query,
        "headers": list(request.headers),
        # Empty without TLS, and if the client has not shown a certificate that was verified.
        "extensions": {"tls": {"client_certificate": transport.get_extra_info("peercert")}},
    }


def _origin_form(target: bytes) -> bytes:
    if target.startswith(b"/"):
        return target
    if not target.lower().startswith(_ABSOLUTE):
        raise RefusedRequest(400, "the request target is neither a path nor an address")
    authority, slash, rest = target.partition(b"://")[2].partition(b"/")
    _, mark, query = authority.partition(b"?")
    return slash + rest if slash and not mark else b"/" + mark + query + slash + rest


def _address(transport: asyncio.BaseTransport, name: str) -> tuple[str, int] | None:
    address = transport.get_extra_info(name)
    return (address[0], address[1]) if address else None


class Exchange:
    """Runs the application for one request. Whatever the application does, the client gets an end."""

    def __init__(self, connection: Sender, scope: Scope, client_log: ClientLog) -> None:
        self._connection = connection
        self._scope = scope
        self._client_log = client_log
        self._has_received = False
        self._has_started = False
        self._is_complete = False

    async def run(self, application: ASGIApp) -> None:
        """Answer the request. Cancelling it closes the connection."""
        try:
            await application(self._scope, self.receive, self.send)
        except Exception as exc:  # noqa: BLE001 - a fault in one answer must not end the server
            # A client that closes the connection is no fault, whatever the application makes of it.
            if not self._connection.is_lost:
                self._client_log.log(logging.ERROR, "couldn't answer a request", exc)
                await self._send_error()
        finally:
            if not self._is_complete:
                self._connection.abort()

    async def _send_error(self) -> None:
        if not self._has_started:
            with suppress(OSError):  # the client has closed the connection meanwhile
                await self.send({"type": "http.response.start", "status": 500, "headers": [(b"content-length", b"0")]})
                await self.send({"type": "http.response.body"})

    async def receive(self) -> Message:
        """The empty body, then the end of the connection."""
        if not self._has_received:
            self._has_received = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await self._connection.wait_closed()
        return {"type": "http.disconnect"}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            self._has_started = True
            await self._connection.send(self._response(message["status"], message.get("headers", ())))
            return
        body = message.get("body", b"")
        if body and self._scope["method"] != "HEAD":
            await self._connection.send(h11.Data(data=body))
        if not message.get("more_body", False):
            await self._connection.send(h11.EndOfMessage())
            self._is_complete = True

    def _response(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> h11.Response:
        return h11.Response(
            status_code=status,
            headers=[*headers, *_general_headers(close=self._connection.must_close)],
            reason=HTTPStatus(status).phrase.encode(),
        )


def _general_headers(*, close: bool) -> Iterator[tuple[bytes, bytes]]:
    yield b"date", formatdate(usegmt=True).encode()
    if close:
        yield b"connection", b"close"


def refusal(status: int, reason: str) -> bytes:
    """Return a whole answer for a request that is not passed to the application."""
    body = f"{reason}\n".encode()
    lines = [
        f"HTTP/1.1 {status} {HTTPStatus(status).phrase}".encode(),
        b"content-type: text/plain; charset=utf-8",
        b"content-length: %d" % len(body),
        b"x-content-type-options: nosniff",
        *(b"%s: %s" % header for header in _general_headers(close=True)),
    ]
    return b"\r\n".join([*lines, b"", body])
