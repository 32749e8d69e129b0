"""One connection pool to one API server, for one access and one client certificate.

Hides urllib3 in connecting: its errors become ours, with the proxy or the server named that is at fault.
"""

import socket
import ssl
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import urllib3
from socks import SOCKS5Error
from urllib3.contrib.socks import SOCKSProxyManager
from urllib3.exceptions import (
    ClosedPoolError,
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from exporter import __version__
from exporter.errors import ConnectError, HandshakeError, IdleTimeoutError, StreamError
from exporter.kube import headers, tls
from exporter.kube.access import Access
from exporter.kube.credentials import Credential
from exporter.kube.deadline import aborted_after
from exporter.kube.transport import Response, reason_of

CONNECT_TIMEOUT_SECONDS = 5.0

_KEEP_ALIVE = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)] + [
    # A half-open connection is found after two minutes, and not after two hours.
    (socket.IPPROTO_TCP, option, value)
    for option, value in (
        (getattr(socket, "TCP_KEEPIDLE", None), 60),
        (getattr(socket, "TCP_KEEPINTVL", None), 20),
        (getattr(socket, "TCP_KEEPCNT", None), 3),
    )
    if option is not None
]

_TUNNEL_FAILED = "Tunnel connection failed: "
"""How http.client begins, when a proxy has answered CONNECT with another status than 200."""


HEADERS_MAX_SECONDS = 30.0
"""In addition to the read timeout: a proxy that sends a byte a second would never be idle."""


class Session:
    """Requests to one API server. Any thread may call.

    Attributes:
        certificate: the client certificate that connections show.
        broken_certificates: how many of the authority's could not be read.
    """

    def __init__(self, access: Access, certificate: bytes, connections: int) -> None:
        """Make the TLS context and the pool, without connecting; raises ConfigError for a wrong certificate."""
        self.certificate = certificate
        self.broken_certificates = 0
        self._access = access
        self._connections = connections
        self._trust = self._find_trust()
        self._pool = self._make_pool(next(self._contexts()))

    def send(
        self,
        path: str,
        query: Mapping[str, str],
        credential: Credential,
        read_timeout_seconds: float,
        *,
        gzip: bool,
        body: bytes | None = None,
    ) -> Response:
        """Send a GET request, or a POST request with a body of JSON.

        Raises as `Transport.get` does, HandshakeError included.
        """
        secrets = self._secrets(credential)
        url = f"{self._access.server.path}{path}{'?' if query else ''}{urlencode(query)}"
        if self._access.server.scheme == "http" and self._forwarding_proxy:
            url = f"http://{self._access.server.authority}{url}"
        options: dict[str, Any] = {
            "headers": self._headers(credential, gzip=gzip),
            "timeout": urllib3.Timeout(connect=CONNECT_TIMEOUT_SECONDS, read=read_timeout_seconds),
        }
        if body is not None:
            options["headers"]["Content-Type"] = "application/json"
            options["body"] = body
        try:
            raw = self._send(url, options)
        except ReadTimeoutError as exc:
            raise IdleTimeoutError(f"no answer from {self._access.server} within {read_timeout_seconds:g} s") from exc
        except (HTTPError, OSError, ValueError) as exc:
            raise self._error(exc, secrets) from exc
        if raw.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and self._forwarding_proxy:
            raw.close()
            raise ConnectError(f"the proxy {self._access.proxy} answered 407 Proxy Authentication Required")
        return Response(raw, secrets)

    def close(self) -> None:
        """Close what is idle; requests under way keep their connections."""
        self._pool.close()

    @property
    def _forwarding_proxy(self) -> bool:
        proxy = self._access.proxy
        return proxy is not None and self._access.server.scheme == "http" and proxy.scheme in ("http", "https")

    def _send(self, url: str, options: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
        """Send a request; if the server's certificate is refused, once more for each other context."""
        try:
            return _urlopen(self._pool, url, options)
        except ClosedPoolError:
            # Another thread has replaced this session meanwhile: one last connection.
            return _urlopen(self._make_pool(next(self._contexts())), url, options)
        except SSLError as exc:
            if not (self._trust and self._trust.has_alternatives and _is_server_untrusted(exc)):
                raise
            refused = exc
        for context in self._contexts():
            pool = self._make_pool(context)
            try:
                response = _urlopen(pool, url, options)
            except SSLError:
                pool.close()
            else:
                self._pool = pool
                return response
        raise refused

    def _find_trust(self) -> tls.Trust | None:
        """Return what the server is trusted by, None if its certificate is not looked at."""
        access = self._access
        if access.server.scheme != "https" or access.is_insecure:
            return None
        if access.authority is None:
            return tls.Trust.of_system()
        trust = tls.Trust(access.authority)
        self.broken_certificates = trust.broken
        return trust

    def _contexts(self) -> Iterator[ssl.SSLContext]:
        """Yield the contexts to be tried one after the other, all with the client certificate."""
        for context in tls.verifying_contexts(self._trust) if self._trust else [tls.unverifying_context()]:
            if self.certificate:
                tls.load_client_certificate(context, self.certificate, "the client certificate")
            yield context

    def _make_pool(self, context: ssl.SSLContext) -> urllib3.HTTPConnectionPool:
        access = self._access
        options: dict[str, Any] = {"maxsize": self._connections, "socket_options": _KEEP_ALIVE}
        if access.server.scheme == "https":
            options["ssl_context"] = context
            if access.tls_server_name:
                options["server_hostname"] = access.tls_server_name
        pool = self._make_manager(options).connection_from_url(f"{access.server.scheme}://{access.server.authority}")
        pool.ConnectionCls = type("Connection", (_BoundedHeaders, pool.ConnectionCls), {})
        return pool

    def _make_manager(self, options: dict[str, Any]) -> urllib3.PoolManager:
        proxy = self._access.proxy
        if proxy is None:
            return urllib3.PoolManager(**options)
        address = (
            f"{proxy.scheme}://{proxy.host if ':' not in proxy.host else f'[{proxy.host}]'}:{proxy.effective_port}"
        )
        if proxy.scheme.startswith("socks5"):
            # The proxy looks up names, as it does for Go, which makes no difference between socks5 and socks5h.
            return SOCKSProxyManager(
                address.replace("socks5://", "socks5h://"), proxy.user, proxy.password or "", **options
            )
        basic = {} if proxy.user is None else {"Proxy-Authorization": headers.basic(proxy.user, proxy.password or "")}
        return urllib3.ProxyManager(address, proxy_headers=basic, proxy_ssl_context=self._proxy_context(), **options)

    def _proxy_context(self) -> ssl.SSLContext | None:
        """Return how a proxy is checked that speaks TLS: as the API server, or by the system's CAs."""
        access = self._access
        if access.proxy is None or access.proxy.scheme != "https":
            return None
        if access.is_insecure:
            return tls.unverifying_context()
        return next(tls.verifying_contexts(tls.Trust.of_system(access.authority or b"")))

    def _headers(self, credential: Credential, *, gzip: bool) -> urllib3.HTTPHeaderDict:
        values = urllib3.HTTPHeaderDict({"Accept": "application/json", "User-Agent": f"kuberay-exporter/{__version__}"})
        for name, value in self._access.fixed_headers:
            values.add(name, value)
        if credential.authorization:
            values["Authorization"] = credential.authorization
        if gzip and self._access.is_compressing:
            values["Accept-Encoding"] = "gzip"
        return values

    def _secrets(self, credential: Credential) -> tuple[str, ...]:
        """Return what must not be in any message."""
        proxy, server = self._access.proxy, self._access.server
        passwords = [address.password for address in (proxy, server) if address]
        scheme, _, value = credential.authorization.partition(" ")
        if scheme == "Basic":
            passwords.append(b64decode(value).decode().partition(":")[2])
        return tuple(filter(None, [value, *passwords]))

    def _error(self, exc: Exception, secrets: tuple[str, ...]) -> ConnectError | StreamError:
        server, proxy = self._access.server, self._access.proxy
        reason = headers.redact(reason_of(exc), secrets)
        if proxy and reason.startswith(_TUNNEL_FAILED):
            return ConnectError(f"the proxy {proxy} answered {reason.removeprefix(_TUNNEL_FAILED)}")
        if proxy and isinstance(getattr(exc.__context__, "socket_err", None), SOCKS5Error):
            # The proxy works, and says why it has no connection.
            return ConnectError(f"couldn't connect to {server} through the proxy {proxy}: {reason}")
        if proxy and (isinstance(exc, ProxyError) or _is_unconnected(exc)):
            return ConnectError(f"couldn't connect to the proxy {proxy}: {reason}")
        if isinstance(exc, SSLError):
            return HandshakeError(
                f"couldn't connect to {server}: {reason}", is_server_untrusted=_is_server_untrusted(exc)
            )
        if _is_unconnected(exc):
            return ConnectError(f"couldn't connect to {server}: {reason}")
        return StreamError(f"no answer from {server}: {reason}")


class _BoundedHeaders(urllib3.connection.HTTPConnection):
    """A connection on which the headers of an answer have to arrive in time, not only byte after byte."""

    def getresponse(self) -> urllib3.HTTPResponse:  # type: ignore[override]
        # urllib3 has set the read timeout, which is for each byte.
        idle_seconds = self.timeout if isinstance(self.timeout, (int, float)) else 0.0
        with aborted_after(idle_seconds + HEADERS_MAX_SECONDS, self._abort):
            return super().getresponse()

    def _abort(self) -> None:
        if self.sock:
            with suppress(OSError):
                self.sock.shutdown(socket.SHUT_RDWR)


def _urlopen(pool: urllib3.HTTPConnectionPool, url: str, options: Mapping[str, Any]) -> urllib3.BaseHTTPResponse:
    # A proxy that forwards is asked for another host's address.
    method = "POST" if "body" in options else "GET"
    return pool.urlopen(
        method, url, retries=False, redirect=False, assert_same_host=False, preload_content=False, **options
    )


def _is_unconnected(exc: Exception) -> bool:
    return isinstance(exc, (NewConnectionError, ConnectTimeoutError))


def _is_server_untrusted(exc: BaseException) -> bool:
    return any(isinstance(arg, ssl.SSLCertVerificationError) for arg in exc.args)
