"""TLS contexts that trust and refuse what Go's crypto/x509 does, and so kubectl.

OpenSSL and Python differ from Go in four ways. This module removes the differences on every version of Python: a
certificate in the bundle is trusted whatever it is (an intermediate CA, the server's own); a CA needs no extensions of
RFC 5280; a broken certificate is skipped; two CAs with the same subject are both tried.
"""

import base64
import binascii
import os
import re
import ssl
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import urllib3

from exporter.errors import ConfigError

_BEGIN = b"-----BEGIN CERTIFICATE-----"
_PEM_BLOCK = re.compile(_BEGIN + rb"([^-]*)-----END CERTIFICATE-----")
_MAX_ALTERNATIVES = 8
"""How many CAs of the same subject are tried one by one; a rotation needs two."""


class Trust:
    """The certificates that a server may be trusted by.

    Attributes:
        broken: how many PEM blocks could not be read as a certificate.
        count: how many could.
    """

    def __init__(self, bundle: bytes) -> None:
        """`bundle` is PEM text; whatever is around the certificates in it is skipped."""
        blocks = [_der(match[1]) for match in _PEM_BLOCK.finditer(bundle)]
        scratch = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._certificates = [der for der in blocks if der and _load(scratch, der)]
        self.count = len(self._certificates)
        self.broken = bundle.count(_BEGIN) - self.count
        self._namesakes = _namesakes(scratch)

    @property
    def has_alternatives(self) -> bool:
        """Tell whether several contexts have to be tried before a server is refused."""
        return bool(self._namesakes)

    @classmethod
    def of_system(cls, more: bytes = b"") -> "Trust":
        """Return the system's CAs, or those that $SSL_CERT_FILE and $SSL_CERT_DIR name, and those in `more`."""
        paths = ssl.get_default_verify_paths()
        files = [Path(paths.cafile)] if paths.cafile else []
        folders = os.environ.get(paths.openssl_capath_env) or ("" if files else paths.capath or "")
        for folder in filter(None, folders.split(os.pathsep)):
            with suppress(OSError):
                files += sorted(Path(folder).iterdir())
        return cls(b"\n".join([more, *map(_read, files)]))

    def alternatives(self) -> Iterator[list[bytes]]:
        """Yield all certificates, and then, if CAs have the same subject, sets with one of each.

        OpenSSL takes the first CA with the issuer's name, and does not try another when its key does not fit.
        """
        yield self._certificates
        for number in range(min(max(map(len, self._namesakes), default=0), _MAX_ALTERNATIVES)):
            left_out = {der for same in self._namesakes for der in same if der != same[number % len(same)]}
            yield [der for der in self._certificates if der not in left_out]


def verifying_contexts(trust: Trust) -> Iterator[ssl.SSLContext]:
    """Yield the contexts to be tried one after the other; nearly always there is one."""
    for certificates in trust.alternatives():
        context = urllib3.util.create_urllib3_context(cert_reqs=ssl.CERT_REQUIRED)
        # Python 3.13 began to set the first, and a flag that Go has no equal of.
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
        for der in certificates:
            _load(context, der)
        yield context


def unverifying_context() -> ssl.SSLContext:
    """Return a context that accepts any server's certificate."""
    return urllib3.util.create_urllib3_context(cert_reqs=ssl.CERT_NONE)


def load_client_certificate(context: ssl.SSLContext, pem: bytes, what: str) -> None:
    """Make a context show a client certificate; `pem` holds certificate, chain and key.

    Raises:
        ConfigError: it is none, or its key is another's; the message begins with `what`.
    """
    try:
        with _private_file(pem) as path:
            # Without an answer OpenSSL would ask for the pass phrase on the terminal.
            context.load_cert_chain(path, password=lambda: "")
    except ssl.SSLError as exc:
        reason = (exc.reason or "unreadable").lower().replace("_", " ")
        raise ConfigError(f"{what}: no client certificate with its unencrypted key ({reason})") from exc
    except OSError as exc:
        raise ConfigError(f"{what}: couldn't hand it to OpenSSL: {exc.strerror}") from exc


@contextmanager
def _private_file(data: bytes) -> Iterator[str]:
    """Yield the path of a file with this content: OpenSSL in Python reads keys from files only."""
    if hasattr(os, "memfd_create"):
        # In memory: the container's file system may be read-only, and a key should not reach a disk.
        descriptor = os.memfd_create("client-certificate")
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            yield f"/proc/self/fd/{descriptor}"
    else:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            yield file.name


def _namesakes(context: ssl.SSLContext) -> list[list[bytes]]:
    """Return the CAs in a context that have the same subject as another one, together."""
    by_subject: dict[object, list[bytes]] = defaultdict(list)
    # Names that Python cannot decode: then OpenSSL's own choice has to do.
    with suppress(ValueError, ssl.SSLError):
        for der, decoded in zip(context.get_ca_certs(binary_form=True), context.get_ca_certs(), strict=True):
            by_subject[decoded["subject"]].append(der)
    return [same for same in by_subject.values() if len(same) > 1]


def _der(block: bytes) -> bytes | None:
    try:
        return base64.b64decode(b"".join(block.split()), validate=True)
    except binascii.Error:
        return None


def _load(context: ssl.SSLContext, der: bytes) -> bool:
    try:
        context.load_verify_locations(cadata=der)
    except (ssl.SSLError, ValueError):
        return False
    return True


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""
