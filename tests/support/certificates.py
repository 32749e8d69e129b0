"""Certificates made for one test run: any that a test needs, and one usual set of a CA, a server and a client.

None has an Authority Key Identifier, like those of many clusters.
"""

import ssl
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

LOOPBACK = "127.0.0.1"


@dataclass(frozen=True)
class Pair:
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey

    @property
    def certificate_pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def key_pem(self) -> str:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

    @property
    def encrypted_key_pem(self) -> str:
        encryption = BestAvailableEncryption(b"a pass phrase")
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()

    def server_context(self, *, clients_by: "Pair | None" = None) -> ssl.SSLContext:
        """Return a server's context; with `clients_by` a client must show a certificate of that CA."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write(self.certificate_pem + self.key_pem)
            file.flush()
            context.load_cert_chain(file.name)
        if clients_by:
            context.load_verify_locations(cadata=clients_by.certificate_pem)
            context.verify_mode = ssl.CERT_REQUIRED
            # A resumed session would not be asked for its certificate again.
            context.options |= ssl.OP_NO_TICKET
            context.num_tickets = 0
        return context


def issue(
    name: str,
    by: Pair | None = None,
    *,
    host: str | x509.GeneralName | bytes | None = LOOPBACK,
    is_authority: bool = False,
    has_key_ids: bool = False,
    valid_for: timedelta = timedelta(days=2),
) -> Pair:
    """Make a certificate for a host, signed by another one or by itself; a negative time makes an expired one.

    As bytes, `host` is the DER of the alternative names, valid or not.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(by.certificate.subject if by else _name(name))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + valid_for)
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    if host is not None:
        builder = builder.add_extension(_alternative_names(host), critical=False)
    if has_key_ids:
        own, issuer = key.public_key(), (by.key if by else key).public_key()
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(own), critical=False)
        identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer)
        builder = builder.add_extension(identifier, critical=False)
    return Pair(builder.sign(by.key if by else key, hashes.SHA256()), key)


@dataclass(frozen=True)
class Certificates:
    """The usual set, as files."""

    directory: Path

    @property
    def authority(self) -> Path:
        return self.directory / "ca.crt"

    def pair(self, name: str) -> tuple[Path, Path]:
        """Return certificate and key of `server` or `client`."""
        return self.directory / f"{name}.crt", self.directory / f"{name}.key"

    def server_context(self, *, verify_clients: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*self.pair("server"))
        if verify_clients:
            context.load_verify_locations(self.authority)
            context.verify_mode = ssl.CERT_REQUIRED
        return context


def make_certificates(directory: Path) -> Certificates:
    certificates = Certificates(directory)
    authority = issue("ca", is_authority=True)
    certificates.authority.write_text(authority.certificate_pem)
    for name in ("server", "client"):
        certificate_path, key_path = certificates.pair(name)
        pair = issue(name, authority)
        certificate_path.write_text(pair.certificate_pem)
        key_path.write_text(pair.key_pem)
    return certificates


def _alternative_names(host: str | x509.GeneralName | bytes) -> x509.ExtensionType:
    if isinstance(host, bytes):
        return x509.UnrecognizedExtension(x509.SubjectAlternativeName.oid, host)
    return x509.SubjectAlternativeName([_alternative_name(host) if isinstance(host, str) else host])


def _alternative_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common_name)])
