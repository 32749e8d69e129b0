"""uvicorn's HTTP/1.1 protocol on h11, with limits on time, size and pipelining that uvicorn does not have."""

import asyncio
import contextlib
from typing import Any

import h11
from uvicorn import Config
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.server import ServerState

from exporter.web.auth.tls import ServerTls
from exporter.web.client_log import log

REQUEST_SECONDS = 5.0
"""How long request line and headers may take, from the connection or the first byte on; the TLS handshake too."""

MAX_HEAD_BYTES = 16 * 1024
"""Request line and headers together."""

READ_BYTES = 4 * 1024
"""How much is read from a client at once, usually a whole request. asyncio has a buffer of it per TLS connection."""


class StrictConnection(h11.Connection):
    """Refuses what no client of an exporter has a reason to send; `refusal` says why the last request was."""

    refusal = "malformed request"
    _unsent = b""

    def next_event(self) -> Any:
        event = super().next_event()
        if isinstance(event, h11.Request) and (reason := _reason_to_refuse(event)):
            self.refusal = reason
            raise h11.RemoteProtocolError(reason)
        return event

    def send(self, event: h11.Event) -> bytes:  # type: ignore[override] # overloads
        """Keep the head of an answer until its first data: they are one packet, and one system call."""
        data = self._unsent + (super().send(event) or b"")
        is_head = isinstance(event, h11.Response)
        self._unsent = data if is_head else b""
        return b"" if is_head else data


def _reason_to_refuse(request: h11.Request) -> str | None:
    if request.http_version not in (b"1.0", b"1.1"):
        return "unknown HTTP version"
    headers = dict(request.headers)
    if b"transfer-encoding" in headers or int(headers.get(b"content-length", b"0")):
        return "a request body is not allowed"
    # h11 checks only heads that do not arrive at once.
    if len(request.target) + sum(len(name) + len(value) + 4 for name, value in request.headers) > MAX_HEAD_BYTES:
        return f"request line and headers exceed {MAX_HEAD_BYTES} bytes"
    return None


class SharedState(ServerState):
    """What the connections of one server share."""

    def __init__(self) -> None:
        super().__init__()
        # All connections, those in a TLS handshake too, in the order in which they were accepted.
        self.accepted: dict[HttpProtocol, None] = {}
        # Used between get_buffer and buffer_updated, which the event loop calls without a pause between them.
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self.pipelined: asyncio.Queue[HttpProtocol] = asyncio.Queue()


class HttpProtocol(H11Protocol, asyncio.BufferedProtocol):
    """One connection. For the event loop's thread.

    `cycle` is None until there is a request. `idle_since` is the loop's time at which the connection was accepted, or
    at which its last answer was complete.
    """

    cycle: RequestResponseCycle | None  # type: ignore[assignment] # as it is in uvicorn

    def __init__(self, config: Config, server_state: SharedState, tls: ServerTls | None) -> None:
        super().__init__(config, server_state, app_state={})
        self.conn: StrictConnection = StrictConnection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)
        self.idle_since = self.loop.time()
        self._shared = server_state
        self._tls = tls
        self._head_deadline: float | None = None

    @property
    def is_idle(self) -> bool:
        """There is no request in progress."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as in uvicorn
        super().connection_made(transport)
        certificate = transport.get_extra_info("peercert")
        if self._tls is not None:
            # What asyncio holds of requests that are not decrypted yet; otherwise 256 KiB.
            transport.set_read_buffer_limits(READ_BYTES)  # type: ignore[attr-defined] # TLS transports have it
            if not self._tls.admits(certificate):
                log.warning("closed a connection: the client's certificate is not allowed")
                transport.abort()
                return
        # In the scope of every request, as `state`.
        self.app_state = {"client_certificate": certificate, "transport": transport}
        self._close_at(self.loop.time() + REQUEST_SECONDS)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - asyncio's
        return self._shared.read_buffer

    def buffer_updated(self, nbytes: int) -> None:
        # TLS passes on what arrives while it closes. What follows the last request would be an error in its answer.
        if not self.transport.is_closing() and self.conn.their_state in (h11.IDLE, h11.DONE):
            self.data_received(bytes(self._shared.read_buffer[:nbytes]))
            self._limit_head()

    def on_response_complete(self) -> None:
        """Prepare for the next request. If it is there already, it has to wait for its turn."""
        self.idle_since = self.loop.time()
        if self.conn.trailing_data[0]:
            self._shared.pipelined.put_nowait(self)
        else:
            super().on_response_complete()

    def take_turn(self) -> None:
        """Start the answer to a pipelined request."""
        super().on_response_complete()
        self._limit_head()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._shared.accepted.pop(self, None)
        # uvicorn does so only without an error: the timer would keep the connection's memory.
        self._unset_keepalive_if_required()
        # The answer and TLS refer to this, and this to them: all would wait for a collection of cyclic garbage.
        if self.is_idle:
            self.cycle = None
        # A transport that was closed first has left TLS already.
        with contextlib.suppress(AttributeError):
            if self._tls is not None:
                self.transport.set_protocol(asyncio.BufferedProtocol())

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's, the same for all
        log.info(f"refused a request: {self.conn.refusal}")
        super().send_400_response(f"{self.conn.refusal}\n")

    def _get_upgrade(self) -> None:
        """Never upgrade; uvicorn would log a warning for every request that asks for it."""

    def _limit_head(self) -> None:
        """Limit the time for a head of which a part is there. uvicorn stops its timer at each further byte."""
        if self.conn.their_state is not h11.IDLE or not self.conn.trailing_data[0]:
            self._head_deadline = None
            return
        if self._head_deadline is None:
            self._head_deadline = self.loop.time() + REQUEST_SECONDS
        self._close_at(self._head_deadline)

    def _close_at(self, deadline: float) -> None:
        """Set uvicorn's only timer, which it stops when a request has arrived."""
        self._unset_keepalive_if_required()
        self.timeout_keep_alive_task = self.loop.call_at(deadline, self.timeout_keep_alive_handler)
