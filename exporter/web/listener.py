"""Listening sockets, with the options that accepted connections inherit."""

import os
import socket
from collections.abc import Callable
from contextlib import nullcontext, suppress
from typing import NamedTuple

from starlette.types import ASGIApp

from exporter.errors import ConfigError
from exporter.web.auth.tls import ServerTls

MAX_CONNECTIONS = 512

UNREAD_SECONDS = 30.0
"""How long a client may read nothing of its answer."""

SEND_BUFFER_BYTES = 256 * 1024
"""What the kernel holds of an answer that is not read: it counts as memory of the container."""

_BACKLOG = 1024
"""Probes wait in it while thousands of connections are opened at once."""


class Listener(NamedTuple):
    """A listening socket and what answers on it; `tls` is called for every new connection."""

    socket: socket.socket
    application: ASGIApp
    tls: Callable[[], ServerTls | None] = lambda: None
    max_connections: int = MAX_CONNECTIONS


def listen(flag: str, host: str, port: int) -> socket.socket:
    """Return a listening socket; an empty host and `::` are all interfaces, of IPv4 and of IPv6.

    Raises:
        ConfigError: the address, given by `flag`, is in use, not allowed, or not of this machine.
    """
    try:
        if host in ("", "::") and socket.has_dualstack_ipv6():
            # IPv6 may be compiled in, but switched off: then an empty host is all interfaces of IPv4.
            with suppress(OSError) if not host else nullcontext():
                return _create("", port, socket.AF_INET6, dualstack_ipv6=True)
        return _create(host, port, socket.AF_INET6 if ":" in host else socket.AF_INET)
    except (OSError, OverflowError, UnicodeError) as exc:
        # Of some errors Python's text repeats the address, of names that do not resolve only it has one.
        number = exc.errno if isinstance(exc, OSError) and not isinstance(exc, socket.gaierror) else None
        reason = os.strerror(number) if number else str(exc)
        raise ConfigError(f"{flag}: couldn't listen on '{format_address(host, port)}': {reason}") from exc


def _create(host: str, port: int, family: int, *, dualstack_ipv6: bool = False) -> socket.socket:
    listener = socket.create_server((host, port), family=family, backlog=_BACKLOG, dualstack_ipv6=dualstack_ipv6)
    # asyncio does so only for sockets that name their protocol: a kept-alive answer would take 40 ms.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER_BYTES)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux
        # Also after the process has closed the connection.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNREAD_SECONDS * 1000))
    return listener


def format_address(host: str, port: int) -> str:
    """Return host and port as text; an IPv6 address is put in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
