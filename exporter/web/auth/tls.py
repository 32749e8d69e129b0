"""TLS of the exporter's own port: from the settings of `tls_server_config` to a context of OpenSSL.

Names of versions and cipher suites are Go's, as in exporter-toolkit, and so is the meaning of a client CA: every
certificate in it is trusted, an intermediate one too.
"""

import ssl
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

from exporter.errors import ConfigError
from exporter.system.files import private_file
from exporter.web.auth.web_config import TlsSettings, safe_name

_T = TypeVar("_T")

_VERSIONS = {"TLS12": ssl.TLSVersion.TLSv1_2, "TLS13": ssl.TLSVersion.TLSv1_3}
_OLD_VERSIONS = ("TLS10", "TLS11")

_CLIENT_AUTH = {
    "": ssl.CERT_NONE,
    "NoClientCert": ssl.CERT_NONE,
    "VerifyClientCertIfGiven": ssl.CERT_OPTIONAL,
    "RequireAndVerifyClientCert": ssl.CERT_REQUIRED,
}
_UNVERIFYING_CLIENT_AUTH = ("RequestClientCert", "RequireAnyClientCert", "RequireClientCert")

_CIPHERS = {
    "TLS_AES_128_GCM_SHA256": "",
    "TLS_AES_256_GCM_SHA384": "",
    "TLS_CHACHA20_POLY1305_SHA256": "",
    "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA": "ECDHE-ECDSA-AES128-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA": "ECDHE-ECDSA-AES256-SHA",
    "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA": "ECDHE-RSA-AES128-SHA",
    "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA": "ECDHE-RSA-AES256-SHA",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256": "ECDHE-ECDSA-AES128-GCM-SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384": "ECDHE-ECDSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256": "ECDHE-RSA-AES128-GCM-SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384": "ECDHE-RSA-AES256-GCM-SHA384",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-RSA-CHACHA20-POLY1305",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256": "ECDHE-ECDSA-CHACHA20-POLY1305",
}
"""Go's secure cipher suites with OpenSSL's names. Those of TLS 1.3 cannot be chosen, neither in Go nor here."""


_KINDS_OF_NAMES = {"@": "email", "://": "URI"}
"""How `ssl` calls the alternative names that contain these; "DNS" is every other."""


@dataclass(frozen=True)
class ServerTls:
    """What a new connection needs: a context, and which of the clients that it accepts are admitted."""

    context: ssl.SSLContext
    allowed_sans: frozenset[str] | None = None

    @property
    def verifies_clients(self) -> bool:
        return self.context.verify_mode != ssl.CERT_NONE

    def admits(self, certificate: Mapping[str, Any] | None) -> bool:
        """Tell whether a client may connect, by its verified certificate as `ssl` decodes it."""
        return self.allowed_sans is None or not self.allowed_sans.isdisjoint(_names(certificate or {}))


def _names(certificate: Mapping[str, Any]) -> Iterator[str]:
    """Yield the alternative names that are what they look like: an e-mail address or URI may spell a DNS name."""
    for kind, name in certificate.get("subjectAltName", ()):
        if kind == "IP Address":
            # OpenSSL writes an IPv6 address in full and in capitals, and one of a wrong length as "<invalid>".
            with suppress(ValueError):
                yield str(ip_address(name.strip()))
        elif kind == _KINDS_OF_NAMES.get("@" if "@" in name else "://" if "://" in name else "", "DNS"):
            yield name


def load_tls(settings: TlsSettings, folder: Path, read: Callable[[Path, str], bytes]) -> ServerTls:
    """Read the files, relative ones from `folder`, and make the context; raises ConfigError.

    `read` is called with a path and the key that names it.
    """
    certificate, key, client_ca = (_content(settings, what, folder, read) for what in ("cert", "key", "client_ca"))
    verify_mode = _verify_mode(settings, has_client_ca=bool(client_ca))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_RENEGOTIATION
    _set_versions(context, settings)
    _load_certificate(context, certificate, key)
    if verify_mode != ssl.CERT_NONE:
        _verify_clients(context, verify_mode, client_ca)
    sans = settings.client_allowed_sans
    return ServerTls(context, None if sans is None else frozenset(sans))


def _content(settings: TlsSettings, what: str, folder: Path, read: Callable[[Path, str], bytes]) -> bytes:
    """Return a certificate or key, which is written in the settings or in a file that they name."""
    path = getattr(settings, f"{what}_file")
    inline: str = getattr(settings, what)
    return read(folder / path, f"tls_server_config.{what}_file") if path else inline.encode()


def _verify_mode(settings: TlsSettings, *, has_client_ca: bool) -> ssl.VerifyMode:
    type_ = settings.client_auth_type
    insecure = (_UNVERIFYING_CLIENT_AUTH, "does not verify the certificate")
    mode = _choice("client_auth_type", type_, _CLIENT_AUTH, *insecure)
    if has_client_ca and mode == ssl.CERT_NONE:
        raise ConfigError("tls_server_config: a client CA needs a client_auth_type that verifies certificates")
    if mode != ssl.CERT_NONE and not has_client_ca:
        raise ConfigError(f"tls_server_config.client_auth_type: '{type_}' needs client_ca_file or client_ca")
    if settings.client_allowed_sans is not None and mode != ssl.CERT_REQUIRED:
        raise ConfigError("tls_server_config.client_allowed_sans needs client_auth_type RequireAndVerifyClientCert")
    return mode


def _set_versions(context: ssl.SSLContext, settings: TlsSettings) -> None:
    insecure = (_OLD_VERSIONS, "is not secure")
    minimum = _choice("min_version", settings.min_version, _VERSIONS, *insecure)
    maximum = _choice("max_version", settings.max_version, _VERSIONS, *insecure)
    ciphers = [_choice("cipher_suites", name, _CIPHERS) for name in settings.cipher_suites]
    if ciphers and not any(ciphers):
        minimum = ssl.TLSVersion.TLSv1_3  # no cipher suite of TLS 1.2 is left
    if minimum > maximum:
        raise ConfigError("tls_server_config: no version is left between min_version and max_version")
    context.minimum_version, context.maximum_version = minimum, maximum
    if any(ciphers):
        context.set_ciphers(":".join(filter(None, ciphers)))
    if settings.prefer_server_cipher_suites:
        context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    else:
        context.options &= ~ssl.OP_CIPHER_SERVER_PREFERENCE


def _choice(key: str, name: str, known: Mapping[str, _T], insecure: Collection[str] = (), reason: str = "") -> _T:
    if name in insecure:
        raise ConfigError(f"tls_server_config.{key}: '{name}' is not supported, as it {reason}")
    if name not in known:
        names = ", ".join(filter(None, known))
        raise ConfigError(f"tls_server_config.{key}: {safe_name(name)} is not one of {names}")
    return known[name]


def _load_certificate(context: ssl.SSLContext, certificate: bytes, key: bytes) -> None:
    try:
        with ExitStack() as stack:
            # OpenSSL in Python reads files only. In the settings' files the key could be newer than its certificate.
            certificate_path, key_path = (stack.enter_context(private_file(data)) for data in (certificate, key))
            # Without an answer OpenSSL would ask for the pass phrase on the terminal.
            context.load_cert_chain(certificate_path, key_path, password=lambda: "")
    except ssl.SSLError as exc:
        # The reason is OpenSSL's constant text, such as "key values mismatch".
        reason = (exc.reason or "unreadable").lower().replace("_", " ")
        raise ConfigError(f"tls_server_config: no certificate (PEM) with its unencrypted key ({reason})") from None
    except OSError as exc:
        raise ConfigError(f"tls_server_config: couldn't pass the key to OpenSSL: {exc.strerror}") from None


def _verify_clients(context: ssl.SSLContext, mode: ssl.VerifyMode, client_ca: bytes) -> None:
    try:
        context.load_verify_locations(cadata=client_ca.decode("ascii", "replace"))
    except (ssl.SSLError, ValueError):
        raise ConfigError("tls_server_config: the client CA has no certificate (PEM) that can be read") from None
    context.verify_mode = mode
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    # The client of a resumed session is not asked for its certificate again. Without tickets that is possible in
    # TLS 1.2 only, and for minutes.
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
