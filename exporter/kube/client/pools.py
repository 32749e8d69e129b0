"""The `kubernetes` client's connections to one API server.

Hides urllib3 in connecting: its errors become ours, with the proxy or the server named that is at fault.
"""

import ssl
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import urllib3
from kubernetes.client.exceptions import ApiException
from kubernetes.client.rest import RESTClientObject, RESTResponse
from socks import SOCKS5Error
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProxyError,
    ReadTimeoutError,
    SSLError,
)

from exporter.errors import ConnectError, HandshakeError, IdleTimeoutError, StreamError
from exporter.kube.client import headers
from exporter.kube.client.access import Access, Credential, load_client_certificate, make_context
from exporter.kube.client.response import Response, TimedHttpResponse, reason_of

_TUNNEL_FAILED = "Tunnel connection failed: "
"""How http.client begins, when a proxy has answered CONNECT with another status than 200."""


class Pools(RESTClientObject):
    """Connections for one reading of the files and one client certificate. Any thread may call.

    What is idle is closed when nobody uses the object any more.
    """

    def __init__(self, access: Access, certificate: bytes, connections: int) -> None:
        """Make the TLS context, without connecting; raises ConfigError for a wrong certificate."""
        self.access = access
        self.certificate = certificate
        access.connection_pool_maxsize = connections
        super().__init__(access)
        # The client would pass names of files, and leave keys in temporary ones (docs/upstream.md).
        context = make_context(access.authority, verify=access.verify_ssl)
        if certificate:
            load_client_certificate(context, certificate, "the client certificate")
        self.pool_manager.connection_pool_kw["ssl_context"] = context
        if isinstance(self.pool_manager, urllib3.ProxyManager):
            # urllib3 would join headers of one name if the proxy forwards the request: all groups would be one.
            setattr(self.pool_manager, "_set_proxy_headers", lambda _url, headers: headers)  # noqa: B010 - mypy
        pool = self.pool_manager.connection_from_url(access.host)
        pool.ConnectionCls = type("Connection", (pool.ConnectionCls,), {"response_class": TimedHttpResponse})

    def send(
        self, method: str, path: str, header: Mapping[str, str], body: Any, timeout: Any, credential: Credential
    ) -> Response:
        """Send a request, with what proves who sends it; `timeout` is for connecting, and for each byte, in seconds.

        Raises as `ApiTransport.get` does, HandshakeError included.
        """
        access = self.access
        values = urllib3.HTTPHeaderDict(header)
        if body is not None:
            # The client leaves it out.
            values["Content-Type"] = "application/json"
        for name, value in access.impersonation:
            values.add(name, value)
        if credential.authorization:
            values["Authorization"] = credential.authorization
        try:
            answer: RESTResponse = self.request(  # type: ignore[no-untyped-call]
                method, access.host + path, headers=values, body=body, _request_timeout=timeout
            )
        except ReadTimeoutError as exc:
            raise IdleTimeoutError(f"no answer from {access.host} within {timeout[1]:g} s") from exc
        except ApiException as exc:
            # In place of an SSLError. Its text is never used: in other cases it holds headers and body.
            raise self._error(exc.__context__ or exc, credential) from exc
        except (HTTPError, OSError, ValueError) as exc:
            raise self._error(exc, credential) from exc
        if answer.status == HTTPStatus.PROXY_AUTHENTICATION_REQUIRED and access.proxy:
            answer.response.close()
            raise ConnectError(f"the proxy {access.proxy_name} answered 407 Proxy Authentication Required")
        return Response(answer, self._secrets(credential))

    def _secrets(self, credential: Credential) -> tuple[str, ...]:
        """Return what must not be in any message."""
        return tuple(filter(None, [credential.authorization.partition(" ")[2], *self.access.passwords]))

    def _error(self, exc: BaseException, credential: Credential) -> ConnectError | StreamError:
        server, proxy = self.access.host, self.access.proxy_name
        reason = headers.redact(reason_of(exc), self._secrets(credential))
        is_unconnected = isinstance(exc, (NewConnectionError, ConnectTimeoutError))
        if proxy and reason.startswith(_TUNNEL_FAILED):
            return ConnectError(f"the proxy {proxy} answered {reason.removeprefix(_TUNNEL_FAILED)}")
        if proxy and isinstance(getattr(exc.__context__, "socket_err", None), SOCKS5Error):
            # The proxy works, and says why it has no connection.
            return ConnectError(f"couldn't connect to {server} through the proxy {proxy}: {reason}")
        if proxy and (isinstance(exc, ProxyError) or is_unconnected):
            return ConnectError(f"couldn't connect to the proxy {proxy}: {reason}")
        if isinstance(exc, SSLError):
            is_untrusted = any(isinstance(arg, ssl.SSLCertVerificationError) for arg in exc.args)
            return HandshakeError(f"couldn't connect to {server}: {reason}", is_server_untrusted=is_untrusted)
        if is_unconnected:
            return ConnectError(f"couldn't connect to {server}: {reason}")
        return StreamError(f"no answer from {server}: {reason}")
