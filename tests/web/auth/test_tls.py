"""TLS by the settings of `tls_server_config`, over real sockets."""

import logging
import ssl
from datetime import timedelta
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from starlette.responses import PlainTextResponse

from exporter.errors import ConfigError
from exporter.web.auth.tls import ServerTls, load_tls
from exporter.web.auth.web_config import TlsSettings
from exporter.web.auth.web_config_file import read_limited
from tests.support.certificates import Certificates, issue
from tests.support.processes import get
from tests.support.web_configs import add_pair, client_context, server_section
from tests.support.web_server import read_answer, request, web_server

APPLICATION = PlainTextResponse("ok\n")
REFUSALS = (OSError, HTTPException)
"""What a client sees of a refusal: in TLS 1.3 it comes after the handshake."""

VERIFYING = "RequireAndVerifyClientCert"


def load(certificates: Certificates, **settings: Any) -> ServerTls:
    settings = server_section(certificates) | settings
    return load_tls(TlsSettings(**settings), certificates.directory, read_limited)


def test_serves_with_the_certificate_of_the_files(certificates: Certificates) -> None:
    """TLS 1.3 where the client has it, relative paths from the folder of the configuration."""
    tls = load(certificates, cert_file="server.crt", key_file="server.key")
    with web_server(APPLICATION, tls=tls) as web:
        context = client_context(certificates)
        assert get(web.address, "/", context).body == b"ok\n"
        with context.wrap_socket(web.connect(), server_hostname=web.address[0]) as client:
            assert client.version() == "TLSv1.3"


def test_serves_with_a_certificate_and_key_that_are_written_in_the_settings(certificates: Certificates) -> None:
    certificate, key = certificates.pair("server")
    tls = load(certificates, cert=certificate.read_text(), key=key.read_text(), cert_file="", key_file="")
    with web_server(APPLICATION, tls=tls) as web:
        assert get(web.address, "/", client_context(certificates)).body == b"ok\n"


def test_speaks_http_1_1_to_a_client_that_would_like_http_2(certificates: Certificates) -> None:
    context = client_context(certificates)
    context.set_alpn_protocols(["h2", "http/1.1"])
    with (
        web_server(APPLICATION, tls=load(certificates)) as web,
        context.wrap_socket(web.connect(), server_hostname=web.address[0]) as client,
    ):
        assert client.selected_alpn_protocol() == "http/1.1"


@pytest.mark.parametrize(
    ("settings", "version"),
    [
        ({"min_version": "TLS13"}, ssl.TLSVersion.TLSv1_2),
        ({"max_version": "TLS12"}, ssl.TLSVersion.TLSv1_3),
        ({"cipher_suites": ("TLS_AES_128_GCM_SHA256",)}, ssl.TLSVersion.TLSv1_2),
    ],
    ids=["minimum", "maximum", "no suite of TLS 1.2"],
)
def test_refuses_other_versions(certificates: Certificates, settings: dict[str, Any], version: ssl.TLSVersion) -> None:
    context = client_context(certificates)
    context.minimum_version = context.maximum_version = version
    with web_server(APPLICATION, tls=load(certificates, **settings)) as web, pytest.raises(ssl.SSLError):
        get(web.address, "/", context)


def test_offers_only_the_cipher_suites_of_the_settings(certificates: Certificates) -> None:
    """Of TLS 1.2, by Go's names."""
    tls = load(certificates, cipher_suites=("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_AES_128_GCM_SHA256"))
    allowed, refused = client_context(certificates), client_context(certificates)
    allowed.maximum_version = refused.maximum_version = ssl.TLSVersion.TLSv1_2
    refused.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    with web_server(APPLICATION, tls=tls) as web:
        with allowed.wrap_socket(web.connect(), server_hostname=web.address[0]) as client:
            assert client.cipher() == ("ECDHE-ECDSA-AES256-GCM-SHA384", "TLSv1.2", 256)
        with pytest.raises(ssl.SSLError):
            get(web.address, "/", refused)


# Clients' certificates.


def test_requires_a_client_certificate_of_its_ca(certificates: Certificates) -> None:
    """Not that of another CA, not one that has expired, and not none."""
    authority = issue("ca-2", is_authority=True)
    certificates.authority.write_text(certificates.authority.read_text() + authority.certificate_pem)
    add_pair(certificates, "stranger", issue("stranger", issue("other", is_authority=True)))
    add_pair(certificates, "expired", issue("expired", authority, valid_for=timedelta(days=-1)))
    tls = load(certificates, client_auth_type=VERIFYING, client_ca_file=str(certificates.authority))
    with web_server(APPLICATION, tls=tls) as web:
        assert get(web.address, "/", client_context(certificates, "client")).status == 200
        for client in (None, "stranger", "expired"):
            with pytest.raises(REFUSALS):
                get(web.address, "/", client_context(certificates, client))


def test_verifies_a_client_certificate_if_one_is_given(certificates: Certificates) -> None:
    add_pair(certificates, "stranger", issue("stranger", issue("other", is_authority=True)))
    ca = certificates.authority.read_text()
    tls = load(certificates, client_auth_type="VerifyClientCertIfGiven", client_ca=ca)
    with web_server(APPLICATION, tls=tls) as web:
        for client in (None, "client"):
            assert get(web.address, "/", client_context(certificates, client)).status == 200
        with pytest.raises(REFUSALS):
            get(web.address, "/", client_context(certificates, "stranger"))


def test_a_session_is_not_resumed_where_clients_show_certificates(certificates: Certificates) -> None:
    """In TLS 1.3, where a ticket may be used for days: the certificate would not be verified again."""
    tls = load(certificates, client_auth_type=VERIFYING, client_ca_file=str(certificates.authority))
    context = client_context(certificates, "client")
    with web_server(APPLICATION, tls=tls) as web:
        with context.wrap_socket(web.connect(), server_hostname=web.address[0]) as client:
            client.sendall(request("/"))
            assert read_answer(client).status == 200
            session = client.session
        with context.wrap_socket(web.connect(), server_hostname=web.address[0], session=session) as client:
            client.sendall(request("/"))
            assert read_answer(client).status == 200
            assert not client.session_reused


@pytest.mark.parametrize(
    ("host", "san", "is_admitted"),
    [
        ("127.0.0.1", "127.0.0.1", True),
        ("2001:db8::1", "2001:db8::1", True),
        ("prometheus.monitoring", "prometheus.monitoring", True),
        ("prometheus.monitoring", "monitoring", False),
        ("*.monitoring", "prometheus.monitoring", False),
        (None, "client", False),
        (x509.RFC822Name("ops@monitoring"), "ops@monitoring", True),
        (x509.RFC822Name("prometheus"), "prometheus", False),
        (x509.UniformResourceIdentifier("spiffe://monitoring/prometheus"), "spiffe://monitoring/prometheus", True),
        (x509.UniformResourceIdentifier("prometheus"), "prometheus", False),
        (x509.DNSName("ops@monitoring"), "ops@monitoring", False),
        # An IP address of five bytes.
        (b"\x30\x07\x87\x05\x01\x02\x03\x04\x05", "<invalid>", False),
    ],
)
def test_admits_clients_by_an_alternative_name(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    host: str | x509.GeneralName | bytes | None,
    san: str,
    is_admitted: bool,
) -> None:
    """An exact match, as in exporter-toolkit; the connection is closed before any request is read."""
    authority = issue("ca", is_authority=True)
    certificates = Certificates(tmp_path)
    certificates.authority.write_text(authority.certificate_pem)
    add_pair(certificates, "server", issue("server", authority))
    add_pair(certificates, "client", issue("client", authority, host=host))
    tls = load(
        certificates,
        client_auth_type=VERIFYING,
        client_ca_file=str(certificates.authority),
        client_allowed_sans=("other", san),
    )
    with web_server(APPLICATION, tls=tls) as web:
        if is_admitted:
            assert get(web.address, "/", client_context(certificates, "client")).status == 200
            return
        with caplog.at_level(logging.WARNING), pytest.raises(REFUSALS):
            get(web.address, "/", client_context(certificates, "client"))
        assert [record.getMessage() for record in caplog.records] == [
            "closed a connection: the client's certificate is not allowed"
        ]


def test_an_empty_list_of_names_admits_nobody(certificates: Certificates) -> None:
    tls = load(
        certificates,
        client_auth_type=VERIFYING,
        client_ca_file=str(certificates.authority),
        client_allowed_sans=(),
    )
    with web_server(APPLICATION, tls=tls) as web, pytest.raises(REFUSALS):
        get(web.address, "/", client_context(certificates, "client"))


# What is refused.

WITH_CA = {"client_ca_file": "ca.crt"}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "RequestClientCert": (
        {"client_auth_type": "RequestClientCert"},
        "client_auth_type: 'RequestClientCert' is not supported, as it does not verify the certificate",
    ),
    "RequireAnyClientCert": ({"client_auth_type": "RequireAnyClientCert"}, "'RequireAnyClientCert' is not supported"),
    "an unknown type": ({"client_auth_type": "Sometimes"}, "client_auth_type: 'Sometimes' is not one of NoClientCert,"),
    "a CA without a type": (WITH_CA, "a client CA needs a client_auth_type that verifies certificates"),
    "a type without a CA": ({"client_auth_type": VERIFYING}, "needs client_ca_file or client_ca"),
    "names without a type": (
        WITH_CA | {"client_auth_type": "VerifyClientCertIfGiven", "client_allowed_sans": ("a",)},
        "client_allowed_sans needs client_auth_type RequireAndVerifyClientCert",
    ),
    "a CA that is none": (
        {"client_auth_type": VERIFYING, "client_ca": "SECRET"},
        "the client CA has no certificate (PEM) that can be read",
    ),
    "an old version": ({"min_version": "TLS11"}, "min_version: 'TLS11' is not supported, as it is not secure"),
    "an unknown version": ({"max_version": "SSL3"}, "max_version: 'SSL3' is not one of TLS12, TLS13"),
    "no version": ({"min_version": "TLS13", "max_version": "TLS12"}, "no version is left"),
    "an insecure cipher": (
        {"cipher_suites": ("TLS_RSA_WITH_RC4_128_SHA",)},
        "cipher_suites: 'TLS_RSA_WITH_RC4_128_SHA' is not one of TLS_AES_128_GCM_SHA256,",
    ),
    "a file that is not there": ({"key_file": "none.key"}, "tls_server_config.key_file: couldn't read '"),
    "a folder": ({"key_file": "."}, "Is a directory"),
    "another's key": (
        {"key_file": "client.key"},
        "no certificate (PEM) with its unencrypted key (key values mismatch)",
    ),
    "no PEM": ({"key_file": "", "key": "SECRET"}, "no certificate (PEM) with its unencrypted key ("),
    "a certificate as a key": ({"key_file": "server.crt"}, "no certificate (PEM) with its unencrypted key ("),
    "a huge file": ({"key_file": "huge"}, "is larger than 1048576 bytes"),
}


@pytest.mark.parametrize(("settings", "message"), REFUSED.values(), ids=REFUSED)
def test_refuses_what_would_not_protect(certificates: Certificates, settings: dict[str, Any], message: str) -> None:
    (certificates.directory / "huge").write_bytes(bytes(1024 * 1024 + 1))
    with pytest.raises(ConfigError) as caught:
        load(certificates, **settings)
    assert message in str(caught.value)
    assert "SECRET" not in str(caught.value)


def test_does_not_ask_for_the_pass_phrase_of_a_key(certificates: Certificates) -> None:
    """On the terminal, where nobody is."""
    pair = issue("server", issue("ca", is_authority=True))
    with pytest.raises(ConfigError, match="unencrypted key"):
        load(certificates, cert=pair.certificate_pem, key=pair.encrypted_key_pem, cert_file="", key_file="")
