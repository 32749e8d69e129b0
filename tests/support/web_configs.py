"""Web configurations as files, and clients that speak TLS to the exporter."""

import socket
import ssl
from base64 import b64encode
from pathlib import Path
from typing import Any

import bcrypt
import yaml

from tests.support.certificates import Certificates, Pair, issue

PASSWORD = "correct-horse-7261"
HASH_COST = 4


def hashed(password: str = PASSWORD, cost: int = HASH_COST) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(cost)).decode()


def basic(user: str, password: str = PASSWORD) -> str:
    """Return the value of an Authorization header."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"


def write_web_config(path: Path, **sections: Any) -> Path:
    path.write_text(yaml.safe_dump(sections))
    return path


def server_section(certificates: Certificates, **settings: Any) -> dict[str, Any]:
    """Return a `tls_server_config` with the usual server's certificate."""
    certificate, key = certificates.pair("server")
    return {"cert_file": str(certificate), "key_file": str(key), **settings}


def client_context(certificates: Certificates, client: str | None = None) -> ssl.SSLContext:
    """Return a client's context that trusts the usual CA, with a certificate to show if `client` names one."""
    context = ssl.create_default_context(cafile=certificates.authority)
    # Set by Python 3.13: it would refuse this authority.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if client:
        context.load_cert_chain(*certificates.pair(client))
    return context


def add_pair(certificates: Certificates, name: str, pair: Pair) -> None:
    """Write a certificate and its key beside the usual ones, or in place of one."""
    for path, text in zip(certificates.pair(name), (pair.certificate_pem, pair.key_pem), strict=True):
        path.write_text(text)


def replace_server(certificates: Certificates, authority: Pair) -> Pair:
    """Put another server certificate in place of the present one."""
    pair = issue("server-2", authority)
    add_pair(certificates, "server", pair)
    return pair


def peer_certificate(address: tuple[str, int], context: ssl.SSLContext) -> bytes:
    """Return the server's certificate as a new connection shows it."""
    with (
        socket.create_connection(address, timeout=10) as plain,
        context.wrap_socket(plain, server_hostname=address[0]) as tls,
    ):
        return tls.getpeercert(binary_form=True) or b""
