"""Listening sockets and uvicorn: start, serve until a signal, end in order."""

import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import uvicorn
from starlette.applications import Starlette

from exporter.errors import ConfigError

DRAIN_SECONDS = 7
"""How long running scrapes may take after SIGTERM; with the threads' 2 s that is less than 10."""

UNREAD_TIMEOUT_SECONDS = 30
"""How long a client may read nothing of its answer, which is held in memory until then."""

_BACKLOG = 128

log = logging.getLogger(__name__)


class Server:
    """One process's listeners, on one event loop."""

    def __init__(self, listeners: list[tuple[socket.socket, Starlette]]) -> None:
        self._servers = [(socket_, _QuietServer(_uvicorn_config(app))) for socket_, app in listeners]

    async def serve(self) -> None:
        """Serve until `stop`, and until running requests are answered after it."""
        await asyncio.gather(*(server.serve([socket_]) for socket_, server in self._servers))

    def stop(self) -> None:
        """Accept nothing new; a second call cuts off what still runs. For the event loop's thread."""
        for _, server in self._servers:
            server.force_exit |= server.should_exit
            server.should_exit = True


class _QuietServer(uvicorn.Server):
    """uvicorn without its own signal handling, which would end the process by the signal, not by 0."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _uvicorn_config(application: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        application,
        http="h11",
        loop="asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )


def listen(flag: str, host: str, port: int) -> socket.socket:
    """Return a listening socket; an empty host is all interfaces, of IPv6 too where there is IPv6.

    Raises:
        ConfigError: the address, given by `flag`, is in use, not allowed, or not of this machine.
    """
    listener = _bind(flag, host, port)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNREAD_TIMEOUT_SECONDS * 1000)
    return listener


def _bind(flag: str, host: str, port: int) -> socket.socket:
    try:
        if not host and socket.has_dualstack_ipv6():
            with suppress(OSError):  # IPv6 is compiled in, but switched off
                return socket.create_server(("", port), family=socket.AF_INET6, backlog=_BACKLOG, dualstack_ipv6=True)
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError, UnicodeError) as exc:
        # Of some errors Python's text repeats the address, of names that do not resolve only it has one.
        number = exc.errno if isinstance(exc, OSError) and not isinstance(exc, socket.gaierror) else None
        reason = os.strerror(number) if number else str(exc)
        raise ConfigError(f"{flag}: couldn't listen on '{format_address(host, port)}': {reason}") from exc


def format_address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


async def serve_until_signal(server: Server, on_signal: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; `on_signal` is called first, on the event loop."""

    def stop() -> None:
        log.info("stopping")
        on_signal()
        server.stop()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    await server.serve()
