"""The `kubernetes` client's configuration for one API server, and what it has no fields for.

TLS contexts trust what Go's crypto/x509 trusts, and so kubectl. A certificate in the bundle is trusted whatever it is
(an intermediate CA, the server's own), a CA needs no extensions of RFC 5280, and a broken certificate in the bundle is
skipped. The contexts of the `kubernetes` client, which urllib3 makes from files, do none of the three; but its pools
take a context in place of files.
"""

import re
import ssl
from typing import Any, NamedTuple

from kubernetes.client import Configuration
from urllib3.util import Retry, Url, create_urllib3_context, make_headers

from exporter.errors import ConfigError
from exporter.kube.client.addresses import parse_http_address, shown
from exporter.kube.client.headers import Header
from exporter.system.files import private_file

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]*(?:-----END CERTIFICATE-----)?")


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
            good, self.broken_certificates = count_certificates(authority)
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
            self.proxy_ssl_context = make_context(self.authority, verify=self.verify_ssl, with_system=True)


def anonymous(url: str) -> Access:
    """Return the access to a server that asks for no credentials, past any proxy."""
    return Access(parse_http_address(url, "server", ("http", "https")))


def make_context(authority: bytes | None, *, verify: bool, with_system: bool = False) -> ssl.SSLContext:
    """Return a context that trusts the certificates in PEM text, the system's if it is None."""
    if not verify:
        return unverifying_context()
    context = create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
    # Python 3.13 began to set the first, and a flag that Go has no equal of (kubernetes-client/python#2394).
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if authority is None or with_system:
        context.load_default_certs()
    _load(context, authority or b"")
    return context


def unverifying_context() -> ssl.SSLContext:
    """Return a context that accepts any server's certificate."""
    return create_urllib3_context(cert_reqs=ssl.CERT_NONE)


def count_certificates(authority: bytes) -> tuple[int, int]:
    """Return how many certificates in PEM text can be read, and how many cannot."""
    return _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), authority)


def load_client_certificate(context: ssl.SSLContext, pem: bytes, what: str) -> None:
    """Show a client certificate; `pem` has certificate, chain and key. Raises ConfigError that begins with `what`."""
    try:
        with private_file(pem) as path:
            # Without an answer OpenSSL would ask for the pass phrase on the terminal.
            context.load_cert_chain(path, password=lambda: "")
    except ssl.SSLError as exc:
        reason = (exc.reason or "unreadable").lower().replace("_", " ")
        raise ConfigError(f"{what}: no client certificate with its unencrypted key ({reason})") from exc
    except OSError as exc:
        raise ConfigError(f"{what}: couldn't hand it to OpenSSL: {exc.strerror}") from exc


def _load(context: ssl.SSLContext, authority: bytes) -> tuple[int, int]:
    """Load one certificate after the other; return how many could be read, and how many could not."""
    broken, found = 0, _CERTIFICATE.findall(authority)
    for pem in found:
        try:
            context.load_verify_locations(cadata=pem.decode("ascii"))
        except (ssl.SSLError, ValueError):
            broken += 1
    return len(found) - broken, broken
