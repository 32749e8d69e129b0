"""uvicorn on the exporter's listening sockets: a maximum of connections, TLS, and the end in order."""

import asyncio
import logging
import socket
import traceback
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from exporter.system.cpython import limit_tls_reads
from exporter.system.signals import handle_signals
from exporter.web.client_log import ClientLog
from exporter.web.http_protocol import READ_BYTES, REQUEST_SECONDS, HttpProtocol, SharedState
from exporter.web.listener import UNREAD_SECONDS, Listener

KEEP_ALIVE_SECONDS = 300
"""How long a connection may be idle between requests: more than the longest usual scrape interval."""

DRAIN_SECONDS = 7
"""How long running scrapes may take after SIGTERM; with the threads' 2 s that is less than 10."""

_TICK_SECONDS = 1
"""How often uvicorn has to renew the Date header."""

_ACCEPT_RETRY_SECONDS = 0.1
"""After a failure to accept, which mostly comes again at once: without a pause a core would be busy with it."""

_TURN_SECONDS = 0.001
"""Between two pipelined requests, of all clients: they are at most a thousand a second, a part of a core."""

log = logging.getLogger(__name__)


class Server(uvicorn.Server):
    """A uvicorn server for one listener. All methods are for the event loop's thread.

    A connection above the listener's maximum closes the one that has been idle for the longest time. So a probe or
    a scrape always gets in, however many clients connect and then do nothing. Only connections with a request in
    progress are never closed for others.
    """

    def __init__(self, listener: Listener) -> None:
        super().__init__(
            uvicorn.Config(
                listener.application,
                http=HttpProtocol,
                loop="asyncio",
                ws="none",
                lifespan="off",
                interface="asgi3",
                log_config=None,
                log_level=logging.ERROR,
                access_log=False,
                proxy_headers=False,
                server_header=False,
                workers=1,
                timeout_keep_alive=KEEP_ALIVE_SECONDS,
                # Later than connections are aborted: for what the application does in threads.
                timeout_graceful_shutdown=DRAIN_SECONDS + 1,
            )
        )
        limit_tls_reads(READ_BYTES)
        self.server_state: SharedState = SharedState()
        self.servers = []  # uvicorn's list of asyncio's servers: there are none
        self._listener = listener
        self._client_log = self.server_state.client_log
        self._accepted = self.server_state.accepted
        self._handshakes: dict[HttpProtocol, socket.socket] = {}
        self._stopped = asyncio.Event()

    def stop(self) -> None:
        """Accept nothing new, and end when running requests are answered; a second call aborts them."""
        if self.should_exit:
            self.force_exit = True
            self._abort_all()
        self.should_exit = True
        self._stopped.set()

    def renew_connections(self) -> None:
        """Close all connections, after the answers that are being sent: TLS is another for new ones."""
        self._hang_up_all()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    # What uvicorn calls.

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them to serve_until_signal."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        self.started = True

    async def main_loop(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._accept()), group.create_task(self._take_turns())]
            while not await self.on_tick(0):
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._stopped.wait(), _TICK_SECONDS)
            for task in tasks:
                task.cancel()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002 - uvicorn's
        self._listener.socket.close()
        self._hang_up_all()
        timer = asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._abort_all)
        await super().shutdown()
        timer.cancel()

    # Connections.

    async def _accept(self) -> None:
        self._listener.socket.setblocking(False)
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(self._listener.socket)
            except ConnectionAbortedError:
                continue
            except OSError as exc:
                self._client_log.log(logging.WARNING, f"couldn't accept a connection: {exc.strerror}")
                # Mostly there are no descriptors left; one becomes free so.
                self._close_longest_idle()
                await asyncio.sleep(_ACCEPT_RETRY_SECONDS)
                continue
            if len(self._accepted) < self._listener.max_connections or self._close_longest_idle():
                self._connect(client)
            else:
                self._client_log.log(logging.WARNING, "refused a connection: all others have a request in progress")
                client.close()
            await asyncio.sleep(0)  # sock_accept does not suspend while connections are waiting

    def _connect(self, client: socket.socket) -> None:
        """Pass the client's socket to uvicorn's protocol, after the handshake if there is TLS."""
        loop = asyncio.get_running_loop()
        tls = self._listener.tls()
        protocol = HttpProtocol(self.config, self.server_state, tls)

        def end_handshake(handshake: asyncio.Task[Any]) -> None:
            self._handshakes.pop(protocol, None)
            if not handshake.cancelled() and (error := handshake.exception()):
                # It refers to asyncio's frames, and they to it: some 60 KiB, which are freed at once without them.
                traceback.clear_frames(error.__traceback__)
                self._accepted.pop(protocol, None)
                self._client_log.log(logging.INFO, "a TLS handshake failed")

        handshake = loop.create_task(
            loop.connect_accepted_socket(
                lambda: protocol,
                client,
                ssl=tls.context if tls else None,
                ssl_handshake_timeout=REQUEST_SECONDS if tls else None,
                # Until then, the rest of an answer may be on its way to a slow client.
                ssl_shutdown_timeout=UNREAD_SECONDS if tls else None,
            )
        )
        self._accepted[protocol] = None
        self._handshakes[protocol] = client
        handshake.add_done_callback(end_handshake)

    async def _take_turns(self) -> None:
        """Start pipelined requests one by one, with pauses: a flood of them must not delay other clients."""
        loop = asyncio.get_running_loop()
        while True:
            connection = await self.server_state.pipelined.get()
            loop.call_soon(connection.take_turn)
            await asyncio.sleep(_TURN_SECONDS)

    def _close_longest_idle(self) -> bool:
        """Make room for another connection, if any is idle."""
        # First those without any request so far: a scraper's has been idle since its last scrape.
        longest = next((found for found in self._accepted if found.cycle is None), None) or min(
            (found for found in self._accepted if found.is_idle), key=lambda found: found.idle_since, default=None
        )
        if longest is None:
            return False
        self._client_log.log(logging.WARNING, "closed an idle connection to make room for a new one")
        del self._accepted[longest]
        if client := self._handshakes.get(longest):
            _hang_up(client)
        else:
            longest.transport.abort()
        return True

    def _hang_up_all(self) -> None:
        for client in self._handshakes.values():
            _hang_up(client)

    def _abort_all(self) -> None:
        made = self._accepted.keys() - self._handshakes.keys()
        unread = [found for found in made if not found.is_idle or found.transport.get_write_buffer_size()]
        if unread:
            log.warning("aborted answers that clients had not read in time", extra={"count": len(unread)})
        for connection in made:
            connection.transport.abort()


def _hang_up(client: socket.socket) -> None:
    """End a TLS handshake as if the client had closed the connection."""
    with suppress(OSError):  # it has
        client.shutdown(socket.SHUT_RDWR)


async def serve(servers: Sequence[Server], *companions: Awaitable[None]) -> None:
    """Serve until all are stopped. `companions` run on the same event loop, and are cancelled then."""
    # Not removed at the end: what is running then is cancelled with the event loop.
    logging.getLogger("uvicorn.error").filters = [ClientLog().filter]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_run(companion)) for companion in companions]
        await asyncio.gather(*(server.serve() for server in servers))
        for task in tasks:
            task.cancel()


async def _run(work: Awaitable[None]) -> None:
    await work


async def serve_until_signal(
    servers: Sequence[Server], on_signal: Callable[[], None], *companions: Awaitable[None]
) -> None:
    """Serve until SIGTERM or SIGINT; `on_signal` is called first, on the event loop. Afterwards both are ignored.

    Without the loop's own handlers: when it closes it replaces them by the default ones, and a signal at that
    moment would end the process with another exit code.
    """

    def stop() -> None:
        log.info("stopping")
        on_signal()
        for server in servers:
            server.stop()

    loop = asyncio.get_running_loop()
    try:
        handle_signals(lambda: loop.call_soon_threadsafe(stop))
        await serve(servers, *companions)
    finally:
        handle_signals(lambda: None)
