"""A certificate authority, a server's and a client's certificate, made with openssl for one test run.

The authority is like that of many clusters: it has no Authority Key Identifier.
"""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Certificates:
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
    (directory / "extensions").write_text("subjectAltName=IP:127.0.0.1\n")
    _openssl(directory, "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt -days 2 -subj /CN=ca "
             "-addext authorityKeyIdentifier=none -addext subjectKeyIdentifier=none")  # fmt: skip
    for name in ("server", "client"):
        _openssl(directory, f"req -newkey rsa:2048 -nodes -keyout {name}.key -out {name}.csr -subj /CN={name}")
        _openssl(directory, f"x509 -req -in {name}.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 "
                 f"-out {name}.crt -extfile extensions")  # fmt: skip
    return Certificates(directory)


def _openssl(directory: Path, arguments: str) -> None:
    subprocess.run(["openssl", *arguments.split()], cwd=directory, check=True, capture_output=True)
