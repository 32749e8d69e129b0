"""What is between exporter and API server: a TCP proxy that breaks connections at any byte of what is encrypted."""

import math
import socket
import struct
import threading
import time
from contextlib import suppress

from tests.support.proxies import Proxy

_READ_BYTES = 64 * 1024
_POLL_SECONDS = 0.01
_RESET = struct.pack("ii", 1, 0)


class Link:
    """One connection through the proxy. The attributes are its faults; any thread may set them.

    Attributes:
        cut_after: bytes to the exporter until the connection ends.
        is_reset: it ends by RST, else by FIN.
        held_until: nothing is forwarded before; infinite for a half-open connection.
    """

    def __init__(self, client: socket.socket, server: socket.socket) -> None:
        self._client, self._server = client, server
        self.cut_after = math.inf
        self.is_reset = False
        self.held_until = 0.0

    def end(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                if self.is_reset:
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                end.shutdown(socket.SHUT_RD if self.is_reset else socket.SHUT_RDWR)

    def carry(self, source: socket.socket, target: socket.socket) -> None:
        """Forward bytes until one side ends or a fault ends it."""
        with suppress(OSError):
            while data := source.recv(_READ_BYTES):
                while time.monotonic() < self.held_until:
                    time.sleep(_POLL_SECONDS)
                if target is self._client and self.cut_after < len(data):
                    target.sendall(data[: int(self.cut_after)])
                    break
                target.sendall(data)
                self.cut_after -= len(data) if target is self._client else 0
        self.end()


class Network(Proxy):
    """Forwards connections to a port of loopback, and breaks them on order. Any thread may call.

    Attributes:
        refused: how many connections were refused because it was not `is_open`.
    """

    def __init__(self, server_port: int) -> None:
        super().__init__()
        self._server_port = server_port
        self._links: dict[Link, None] = {}
        self.is_open = True
        self.refused = 0

    def forward(self, client: socket.socket) -> None:
        if not self.is_open:
            self.refused += 1
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            return
        with socket.create_connection(("127.0.0.1", self._server_port)) as server:
            link = Link(client, server)
            self._links[link] = None
            back = threading.Thread(target=link.carry, args=(server, client), daemon=True)
            back.start()
            link.carry(client, server)
            back.join()
            del self._links[link]

    def links(self) -> list[Link]:
        """Return the connections, the oldest first."""
        return list(self._links)

    def close(self) -> None:
        """Reset all connections, and refuse new ones."""
        self.is_open = False
        for link in self.links():
            link.is_reset = True
            link.end()

    def heal(self) -> None:
        """Forward everything again; connections that were half open are reset."""
        self.is_open = True
        for link in self.links():
            if math.isinf(link.held_until):
                link.is_reset = True
                link.end()
            link.held_until, link.cut_after = 0.0, math.inf
