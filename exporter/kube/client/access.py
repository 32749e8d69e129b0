"""The `kubernetes` client's configuration for one API server, and what it has no fields for."""

from typing import Any, NamedTuple

from kubernetes.client import Configuration
from urllib3.util import Retry, Url, make_headers

from exporter.errors import ConfigError
from exporter.kube.client import tls
from exporter.kube.client.addresses import parse_http_address, shown
from exporter.kube.client.headers import Header


class Credential(NamedTuple):
    """What one request needs: an Authorization header's value, a client certificate with its key (PEM), or neither."""

    authorization: str = ""
    certificate: bytes = b""

    def __repr__(self) -> str:
        # Nothing secret, wherever it may be printed.
        return f"Credential(authorization={bool(self.authorization)}, certificate={bool(self.certificate)})"


class Access(Configuration):
    """One reading of a kubeconfig or of a service account's files; it does not change.

    Attributes:
        authority: PEM text with the CAs that the server is trusted by; None: the system's.
        authority_name: where they stand, for messages.
        broken_certificates: how many of them cannot be read.
        credential: unless there is a `plugin`, which is asked before each request.
        impersonation: headers of every request.
        is_compressing: lists are requested with gzip.
        has_ignored_credentials: there are some, but the server is not reached over TLS.
        proxy_name, passwords: what messages name, and what they must not contain.
    """

    authority: bytes | None = None
    authority_name = ""
    broken_certificates = 0
    credential = Credential()
    plugin: Any = None
    impersonation: tuple[Header, ...] = ()
    is_compressing = True
    has_ignored_credentials = False
    proxy_name = ""
    passwords: tuple[str, ...] = ()

    def __init__(self, server: Url) -> None:
        # The client must not choose a proxy: its rules for NO_PROXY are not Go's (kubernetes-client/python#2460).
        super().__init__(host=shown(server), retries=Retry(False), proxy="", no_proxy="")
        self.keep_alive = True

    def state(self) -> tuple[Any, ...]:
        """Return what distinguishes this reading from another."""
        names = ("host", "authority", "credential", "impersonation", "proxy", "tls_server_name", "verify_ssl")
        return *(getattr(self, name) for name in names), self.is_compressing, self.plugin and self.plugin.key

    def trust(self, authority: bytes | None, name: str) -> None:
        """Trust the CAs in PEM text, the system's if it is None; raises ConfigError if there is none in it."""
        self.authority, self.authority_name = authority, name
        if authority is not None:
            good, self.broken_certificates = tls.count_certificates(authority)
            if not good:
                raise ConfigError(f"{name}: no certificate in it (must be PEM)")

    def use_proxy(self, proxy: Url) -> None:
        """Connect through a proxy; one that speaks TLS is checked as the server, or by the system's CAs."""
        self.proxy_name = shown(proxy)
        # The proxy looks up names, as it does for Go, which makes no difference between socks5 and socks5h.
        self.proxy = str(proxy).replace("socks5://", "socks5h://")
        if proxy.auth is not None:
            self.passwords += (proxy.auth_decoded[1] or "",)
            auth = proxy.auth_decoded_joined
            self.proxy_headers = make_headers(proxy_basic_auth=auth, proxy_basic_auth_encoding="utf-8")
        if proxy.scheme == "https":
            self.proxy_ssl_context = tls.make_context(self.authority, verify=self.verify_ssl, with_system=True)


def anonymous(url: str) -> Access:
    """Return the access to a server that asks for no credentials, past any proxy."""
    return Access(parse_http_address(url, "server", ("http", "https")))
