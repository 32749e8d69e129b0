"""TLS contexts that trust what Go's crypto/x509 trusts, and so kubectl.

A certificate in the bundle is trusted whatever it is (an intermediate CA, the server's own), a CA needs no extensions
of RFC 5280, and a broken certificate in the bundle is skipped. The contexts of the `kubernetes` client, which urllib3
makes from files, do none of the three; but its pools take a context in place of files.
"""

import re
import ssl

from urllib3.util import create_urllib3_context

from exporter.errors import ConfigError
from exporter.system.files import private_file

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----[^-]*(?:-----END CERTIFICATE-----)?")


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
