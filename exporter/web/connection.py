"""One client's connection: bytes to requests and answers to bytes, with limits on time and size.

A client that connects and does nothing, sends half a request, sends nonsense, or does not read its answer
costs a few KiB and is disconnected. A client that behaves may keep its connection for minutes.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable, Iterator

import h11
from starlette.types import ASGIApp

from exporter.web.exchange import MAX_HEAD_BYTES, Exchange, RefusedRequest, check_request, refusal, request_scope
from exporter.web.pool import ConnectionPool
from exporter.web.tls import ServerTls

REQUEST_SECONDS = 5.0
"""How long request line and headers may take, from the connection or the first byte on; the TLS handshake too."""

KEEP_ALIVE_SECONDS = 300.0
"""How long a connection may be idle between requests: more than the longest usual scrape interval."""

UNREAD_SECONDS = 30.0
"""How long a client may take for one piece of its answer."""

PIECE_BYTES = 64 * 1024
"""An answer is written in pieces of this size; no more of it is ever copied to a buffer of the connection."""

_LINGER_SECONDS = 1.0
"""After a refusal, what the client still sends is read and ignored, or the kernel would discard the answer."""


class Connection(asyncio.BufferedProtocol):
    """Requests are answered one after the other, pipelined ones too, in their order. For the event loop's thread."""

    def __init__(
        self,
        application: ASGIApp,
        pool: ConnectionPool,
        cancel_handshake: Callable[[], object],
        tls: ServerTls | None = None,
    ) -> None:
        self._application = application
        self._pool = pool
        self._cancel_handshake = cancel_handshake
        self._tls = tls
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self._timer: asyncio.TimerHandle | None = None
        self._unread_timer: asyncio.TimerHandle | None = None
        self._written: asyncio.Future[None] | None = None
        self._answer: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()
        self._has_eof = False
        self._is_refused = False
        self.must_close = False

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for mypy: a stream's
        self._transport = transport
        # Writing counts as paused until the kernel has taken everything; 0 would never end a pause of TLS.
        transport.set_write_buffer_limits(high=1, low=0)
        if self._tls is not None and not self._tls.admits(transport.get_extra_info("peercert")):
            self._pool.client_log.log(logging.WARNING, "closed a connection: the client's certificate is not allowed")
            transport.abort()
            return
        self._set_timer(REQUEST_SECONDS, self._request_timed_out)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        self._closed.set()
        self._set_timer(0, None)
        self.resume_writing()
        self._pool.discard(self)
        # asyncio's TLS transport refers to this object: without a cycle its buffers are freed at once.
        self._transport = None

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        return self._pool.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self._is_refused or self.is_lost:  # TLS passes on what arrives while it closes
            return
        if not self._http.trailing_data[0] and self._answer is None:
            self._set_timer(REQUEST_SECONDS, self._request_timed_out)
        self._http.receive_data(bytes(self._pool.read_buffer[:nbytes]))
        if self._answer is None:
            self._read_request()
        else:  # a pipelined request: it stays where it is until the answer to this one has been sent
            self._open_transport.pause_reading()

    def eof_received(self) -> bool:
        """A client may end its direction after the request; over TLS asyncio closes both."""
        self._has_eof = True
        return self._answer is not None and self._open_transport.can_write_eof()

    def pause_writing(self) -> None:
        self._written = self._loop.create_future()
        self._unread_timer = self._loop.call_later(UNREAD_SECONDS, self._unread_timed_out)

    def resume_writing(self) -> None:
        if self._unread_timer is not None:
            self._unread_timer.cancel()
        if self._written is not None and not self._written.done():
            self._written.set_result(None)

    # What the exchange and the pool call.

    async def send(self, event: h11.Event) -> None:
        """Write an event of the answer; return when the kernel has all of it."""
        for data in self._http.send_with_data_passthrough(event) or ():
            for piece in _pieces(data):
                if self.is_lost:
                    raise ConnectionResetError("the client has closed the connection")
                self._open_transport.write(piece)
                if self._written is not None:
                    await self._written
                # A client that reads as fast as this is written must not keep the event loop from the others.
                await asyncio.sleep(0)

    async def wait_closed(self) -> None:
        await self._closed.wait()

    def finish(self) -> None:
        self.must_close = True
        if self._answer is None:
            self._close()

    def abort(self) -> None:
        if self.is_pending:
            self._cancel_handshake()
        if self._answer is not None and self._answer is not asyncio.current_task():
            self._answer.cancel()
        if self._transport is not None:
            if self._answer is not None:
                self._discard_unsent(self._transport)
            self._transport.abort()

    @property
    def is_lost(self) -> bool:
        """The client has closed the connection, or it was aborted."""
        return self._transport is None or self._transport.is_closing()

    @property
    def is_pending(self) -> bool:
        """The TLS handshake has not ended, or it has failed."""
        return self._transport is None and not self._closed.is_set()

    # Requests.

    def _read_request(self) -> None:
        """Start the answer to the next request, if all of its head has arrived."""
        try:
            request = self._http.next_event()
            if isinstance(request, h11.Request):
                check_request(request)
                self._http.next_event()  # the end of the empty body
                exchange = Exchange(self, request_scope(request, self._open_transport), self._pool.client_log)
                self._start(exchange)
            elif self._has_eof:
                self._close()
        except h11.RemoteProtocolError as exc:
            # Its other hints are for encodings of bodies, and bodies are refused anyway.
            self._refuse(431 if exc.error_status_hint == 431 else 400, "malformed request")
        except RefusedRequest as exc:
            self._refuse(exc.status, str(exc))

    def _start(self, exchange: Exchange) -> None:
        self._set_timer(0, None)
        self._pool.set_busy(self)
        self._answer = self._loop.create_task(exchange.run(self._application))
        self._answer.add_done_callback(self._answered)

    def _answered(self, _task: asyncio.Task[None]) -> None:
        self._answer = None
        if self.is_lost:
            return
        if self.must_close or self._http.our_state is not h11.DONE:
            self._close()
            return
        self._pool.set_idle(self)
        self._http.start_next_cycle()
        has_started = bool(self._http.trailing_data[0])
        if has_started:
            self._set_timer(REQUEST_SECONDS, self._request_timed_out)
        else:
            self._set_timer(KEEP_ALIVE_SECONDS, self._close)
        self._open_transport.resume_reading()
        self._read_request()

    def _refuse(self, status: int, reason: str) -> None:
        """Answer in place of the application, and close the connection in a way that lets the answer arrive."""
        self._pool.client_log.log(logging.INFO, f"refused a request: {reason}")
        self._is_refused = True
        transport = self._open_transport
        transport.write(refusal(status, reason))
        if transport.can_write_eof():
            transport.write_eof()
            self._set_timer(_LINGER_SECONDS, self.abort)
        else:
            self._close()

    def _discard_unsent(self, transport: asyncio.Transport) -> None:
        """Let the kernel reset the connection, or it keeps what it holds of the answer for a client that is stuck."""
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    # Time.

    def _request_timed_out(self) -> None:
        if self._http.trailing_data[0]:
            self._refuse(408, f"request line and headers took more than {REQUEST_SECONDS:g} s")
        else:
            self._close()

    def _unread_timed_out(self) -> None:
        self._pool.client_log.log(
            logging.WARNING, f"aborted an answer: its client read nothing for {UNREAD_SECONDS:g} s"
        )
        self.abort()

    def _set_timer(self, seconds: float, callback: Callable[[], None] | None) -> None:
        """There is one timer; another one, or none, replaces it."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, callback) if callback else None

    def _close(self) -> None:
        """Close when the kernel has taken what was written, for which the unread timer sets the limit."""
        if self._transport is not None:
            self._transport.close()
        elif self.is_pending:
            self._cancel_handshake()

    @property
    def _open_transport(self) -> asyncio.Transport:
        assert self._transport is not None  # noqa: S101 - for mypy: used after connection_made only
        return self._transport


def _pieces(data: bytes | memoryview) -> Iterator[bytes | memoryview]:
    if len(data) <= PIECE_BYTES:
        yield data
        return
    view = memoryview(data)
    for start in range(0, len(view), PIECE_BYTES):
        yield view[start : start + PIECE_BYTES]
