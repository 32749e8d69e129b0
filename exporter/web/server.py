"""uvicorn on the exporter's listening sockets: a maximum of connections, TLS, and the end in order."""

import asyncio
import logging
import socket
import traceback
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn

from exporter.system.signals import handle_signals
from exporter.web import client_log
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
        # Of all TLS connections of asyncio, which has no public name for it: each has 256 KiB before any handshake.
        SSLProtocol.max_size = READ_BYTES
        self.server_state: SharedState = SharedState()
        self.servers = []  # uvicorn's list of asyncio's servers: there are none
        self._listener = listener
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
        _hang_up(*self._handshakes.values())
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
        _hang_up(*self._handshakes.values())
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
                client_log.log.warning(f"couldn't accept a connection: {exc.strerror}")
                # Mostly there are no descriptors left; one becomes free so.
                self._close_longest_idle()
                await asyncio.sleep(_ACCEPT_RETRY_SECONDS)
                continue
            if len(self._accepted) < self._listener.max_connections or self._close_longest_idle():
                connecting = loop.create_task(self._connect(client))
                self.server_state.tasks.add(connecting)
                connecting.add_done_callback(self.server_state.tasks.discard)
            else:
                client_log.log.warning("refused a connection: all others have a request in progress")
                client.close()
            await asyncio.sleep(0)  # sock_accept does not suspend while connections are waiting

    async def _connect(self, client: socket.socket) -> None:
        """Pass the client's socket to uvicorn's protocol, after the handshake if there is TLS."""
        tls = self._listener.tls()
        protocol = HttpProtocol(self.config, self.server_state, tls)
        self._accepted[protocol] = None
        self._handshakes[protocol] = client
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: protocol,
                client,
                ssl=tls.context if tls else None,
                ssl_handshake_timeout=REQUEST_SECONDS if tls else None,
                # Until then, the rest of an answer may be on its way to a slow client.
                ssl_shutdown_timeout=UNREAD_SECONDS if tls else None,
            )
        except OSError as exc:
            # It refers to asyncio's frames, and they to it: some 60 KiB, which are freed at once without them.
            traceback.clear_frames(exc.__traceback__)
            self._accepted.pop(protocol, None)
            client_log.log.info("a TLS handshake failed")
        finally:
            del self._handshakes[protocol]

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
        client_log.log.warning("closed an idle connection to make room for a new one")
        del self._accepted[longest]
        if client := self._handshakes.get(longest):
            _hang_up(client)
        else:
            longest.transport.abort()
        return True

    def _abort_all(self) -> None:
        made = self._accepted.keys() - self._handshakes.keys()
        unread = [found for found in made if not found.is_idle or found.transport.get_write_buffer_size()]
        if unread:
            log.warning("aborted answers that clients had not read in time", extra={"count": len(unread)})
        for connection in made:
            connection.transport.abort()


def _hang_up(*clients: socket.socket) -> None:
    """End TLS handshakes as if the clients had closed their connections."""
    for client in clients:
        with suppress(OSError):  # it has
            client.shutdown(socket.SHUT_RDWR)


async def serve(servers: Sequence[Server], companion: Coroutine[Any, Any, None] | None = None) -> None:
    """Serve until all are stopped. `companion` runs on the same event loop, and is cancelled then."""
    client_log.limit_client_log()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(companion) if companion else None
        await asyncio.gather(*(server.serve() for server in servers))
        if task:
            task.cancel()


async def serve_until_signal(
    servers: Sequence[Server], on_signal: Callable[[], None], companion: Coroutine[Any, Any, None]
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
        await serve(servers, companion)
    finally:
        handle_signals(lambda: None)
