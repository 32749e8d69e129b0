"""Listening sockets: accept connections, serve until a signal, end in order."""

import asyncio
import logging
import os
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Awaitable, Callable, Sequence
from contextlib import nullcontext, suppress
from typing import NamedTuple

from starlette.types import ASGIApp

from exporter.errors import ConfigError
from exporter.signals import handle_signals
from exporter.web.client_log import ClientLog
from exporter.web.connection import REQUEST_SECONDS, UNREAD_SECONDS, Connection
from exporter.web.pool import MAX_CONNECTIONS, READ_BYTES, ConnectionPool
from exporter.web.tls import ServerTls

DRAIN_SECONDS = 7
"""How long running scrapes may take after SIGTERM; with the threads' 2 s that is less than 10."""

SEND_BUFFER_BYTES = 256 * 1024
"""What the kernel holds of an answer that is not read: it counts as memory of the container."""

_BACKLOG = 128

_ACCEPT_RETRY_SECONDS = 0.1
"""After a failure to accept, which mostly comes again at once: without a pause a core would be busy with it."""

log = logging.getLogger(__name__)


class Listener(NamedTuple):
    """A listening socket and what answers on it; `tls` is asked for every new connection."""

    socket: socket.socket
    application: ASGIApp
    tls: Callable[[], ServerTls | None] = lambda: None


class Server:
    """One process's listeners, on one event loop. All methods are for the loop's thread."""

    def __init__(
        self,
        listeners: Sequence[Listener],
        max_connections: int = MAX_CONNECTIONS,
    ) -> None:
        self._listeners = listeners
        # asyncio reads up to 256 KiB of TLS at once, into a buffer that each connection has from its first moment on.
        SSLProtocol.max_size = READ_BYTES
        self._client_log = ClientLog()
        self._pool = ConnectionPool(self._client_log, max_connections)
        self._handshakes: set[asyncio.Task[None]] = set()
        self._stop = asyncio.Event()

    async def serve(self, *companions: Awaitable[None]) -> None:
        """Serve until `stop`, and until running requests are answered after it, for DRAIN_SECONDS at most.

        `companions` run on the same event loop, and are cancelled by `stop`.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(_run(work)) for work in (*map(self._accept, self._listeners), *companions)]
            await self._stop.wait()
            for task in tasks:
                task.cancel()
        for listener in self._listeners:
            listener.socket.close()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._pool.drain(), DRAIN_SECONDS)
        if aborted := self._pool.abort_all():
            log.warning("aborted answers that clients had not read in time", extra={"count": aborted})
        await asyncio.sleep(0)  # the event loop closes them in its next pass

    def stop(self) -> None:
        """Accept nothing new; a second call aborts what is still running."""
        if self._stop.is_set():
            self._pool.abort_all()
        self._stop.set()

    def renew_connections(self) -> None:
        """Close all connections, after the answers that are being sent: TLS is another for new ones."""
        self._pool.finish_all()

    async def _accept(self, listener: Listener) -> None:
        listener.socket.setblocking(False)
        loop = asyncio.get_running_loop()
        while True:
            try:
                client, _ = await loop.sock_accept(listener.socket)
            except ConnectionAbortedError:
                continue
            except OSError as exc:
                self._client_log.log(logging.WARNING, f"couldn't accept a connection: {exc.strerror}")
                # Mostly there are no descriptors left; one becomes free so.
                self._pool.close_longest_idle()
                await asyncio.sleep(_ACCEPT_RETRY_SECONDS)
            else:
                self._connect(client, listener)
                await asyncio.sleep(0)  # sock_accept does not suspend while connections are waiting

    def _connect(self, client: socket.socket, listener: Listener) -> None:
        tls = listener.tls()
        connection = Connection(listener.application, self._pool, lambda: handshake.cancel(), tls)
        if not self._pool.admit(connection):
            client.close()
            return

        def end_handshake(task: asyncio.Task[None]) -> None:
            self._handshakes.discard(task)
            if connection.is_pending:
                self._pool.discard(connection)
                client.close()

        handshake = asyncio.get_running_loop().create_task(self._shake_hands(client, connection, tls))
        self._handshakes.add(handshake)
        handshake.add_done_callback(end_handshake)

    async def _shake_hands(self, client: socket.socket, connection: Connection, tls: ServerTls | None) -> None:
        """Pass the client's socket to its connection, after the handshake if there is TLS."""
        seconds = REQUEST_SECONDS if tls else None
        try:
            await asyncio.get_running_loop().connect_accepted_socket(
                lambda: connection,
                client,
                ssl=tls.context if tls else None,
                ssl_handshake_timeout=seconds,
                ssl_shutdown_timeout=seconds,
            )
        except OSError:
            self._client_log.log(logging.INFO, "a TLS handshake failed")


async def _run(work: Awaitable[None]) -> None:
    await work


def listen(flag: str, host: str, port: int) -> socket.socket:
    """Return a listening socket; an empty host and `::` are all interfaces, of IPv4 and of IPv6.

    Raises:
        ConfigError: the address, given by `flag`, is in use, not allowed, or not of this machine.
    """
    listener = _bind(flag, host, port)
    # Accepted connections inherit both.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        # For what is left in the kernel after the process has closed a connection.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
    return listener


def _bind(flag: str, host: str, port: int) -> socket.socket:
    try:
        if host in ("", "::") and socket.has_dualstack_ipv6():
            # IPv6 may be compiled in, but switched off: then an empty host is all interfaces of IPv4.
            with suppress(OSError) if not host else nullcontext():
                return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as exc:
        # Of some errors Python's text repeats the address, of names that do not resolve only it has one.
        number = exc.errno if isinstance(exc, OSError) and not isinstance(exc, socket.gaierror) else None
        reason = os.strerror(number) if number else str(exc)
        raise ConfigError(f"{flag}: couldn't listen on '{format_address(host, port)}': {reason}") from exc


def format_address(host: str, port: int) -> str:
    """Return host and port as text; an IPv6 address is put in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def serve_until_signal(server: Server, on_signal: Callable[[], None], *companions: Awaitable[None]) -> None:
    """Serve until SIGTERM or SIGINT; `on_signal` is called first, on the event loop. Afterwards both are ignored.

    Without the loop's own handlers: when it closes it replaces them by the default ones, and a signal at that
    moment would end the process with another exit code.
    """

    def stop() -> None:
        log.info("stopping")
        on_signal()
        server.stop()

    loop = asyncio.get_running_loop()
    try:
        handle_signals(lambda: loop.call_soon_threadsafe(stop))
        await server.serve(*companions)
    finally:
        handle_signals(lambda: None)
