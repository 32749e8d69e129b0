"""Proxies on the loopback interface, which remember what they were asked: HTTP, HTTP over TLS, and SOCKS5."""

import base64
import socket
import socketserver
import ssl
import threading
from contextlib import suppress
from typing import Any, Self
from urllib.parse import urlsplit

_READ_BYTES = 65536
_NEEDS_PASSWORD = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n"
)
_SOCKS_IPV4, _SOCKS_NAME = 1, 3
_SOCKS_REFUSED = 5


class Proxy(socketserver.ThreadingTCPServer):
    """What the proxies have in common. A context manager.

    Attributes:
        heads: the head of each request, or the target of each SOCKS connection.
    """

    daemon_threads = True
    block_on_close = False

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), socketserver.BaseRequestHandler)
        self.heads: list[str] = []
        self._tls = tls

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"

    def __enter__(self) -> Self:
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()

    def finish_request(self, request: Any, _client_address: Any) -> None:
        client = self._tls.wrap_socket(request, server_side=True) if self._tls else request
        try:
            self.forward(client)
        finally:
            client.close()

    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """A client that breaks off is what some tests are about."""

    def forward(self, client: socket.socket) -> None:
        raise NotImplementedError


class HttpProxy(Proxy):
    """Forwards CONNECT and plain requests; with `auth` (`user:password`) it asks for them."""

    def __init__(self, auth: str = "", tls: ssl.SSLContext | None = None) -> None:
        super().__init__(tls)
        self._credentials = base64.b64encode(auth.encode()).decode()

    def forward(self, client: socket.socket) -> None:
        head = b""
        while b"\r\n\r\n" not in head:
            if not (more := client.recv(_READ_BYTES)):
                return
            head += more
        text = head.decode("latin-1")
        self.heads.append(text)
        method, target = text.split(" ")[:2]
        if self._credentials and f"proxy-authorization: Basic {self._credentials}".lower() not in text.lower():
            client.sendall(_NEEDS_PASSWORD)
        elif method == "CONNECT":
            host, _, port = target.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                _join(client, server)
        else:
            url = urlsplit(target)
            with socket.create_connection((url.hostname or "", url.port or 80)) as server:
                server.sendall(head)
                _join(client, server)


class SocksProxy(Proxy):
    """SOCKS5 (RFC 1928, RFC 1929), CONNECT alone; leads names that only it knows to an address."""

    def __init__(self, auth: str = "", names: dict[str, str] | None = None, refuses: bool = False) -> None:
        super().__init__()
        self._auth = auth
        self._names = names or {}
        self._refuses = refuses

    def forward(self, client: socket.socket) -> None:
        _, methods = _read(client, 2)
        _read(client, methods)
        client.sendall(b"\x05\x02" if self._auth else b"\x05\x00")
        if self._auth:
            _, length = _read(client, 2)
            user = _read(client, length).decode()
            password = _read(client, _read(client, 1)[0]).decode()
            client.sendall(b"\x01\x00" if f"{user}:{password}" == self._auth else b"\x01\x01")
        *_, address_type = _read(client, 4)
        if address_type == _SOCKS_IPV4:
            host = socket.inet_ntop(socket.AF_INET, _read(client, 4))
        else:
            assert address_type == _SOCKS_NAME
            host = _read(client, _read(client, 1)[0]).decode()
        port = int.from_bytes(_read(client, 2), "big")
        self.heads.append(f"{host}:{port}")
        if self._refuses:
            client.sendall(bytes([5, _SOCKS_REFUSED, 0, 1]) + bytes(6))
            return
        with socket.create_connection((self._names.get(host, host), port)) as server:
            client.sendall(b"\x05\x00\x00\x01" + bytes(6))
            _join(client, server)


def _read(client: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        if not (more := client.recv(count - len(data))):
            raise ConnectionError("the request broke off")
        data += more
    return data


def _join(client: socket.socket, server: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    back = threading.Thread(target=_carry, args=(server, client), daemon=True)
    back.start()
    _carry(client, server)
    back.join()


def _carry(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(_READ_BYTES):
            target.sendall(data)
    for end in (source, target):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
