"""Who is trusted over TLS: what Go's crypto/x509 trusts and refuses, over real handshakes."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import pytest

from exporter.errors import ConfigError
from exporter.kube.client.access import count_certificates, load_client_certificate, make_context, unverifying_context
from tests.support.certificates import Pair, issue

NOT_A_CERTIFICATE = "-----BEGIN CERTIFICATE-----\nAAAABBBB\n-----END CERTIFICATE-----\n"
NOT_BASE64 = "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n"
UNFINISHED = "-----BEGIN CERTIFICATE-----\nAAAABBBB\n"

ROOT = issue("root", is_authority=True)
INTERMEDIATE = issue("intermediate", ROOT, is_authority=True)
BY_ROOT = issue("api", ROOT)
BY_INTERMEDIATE = issue("api", INTERMEDIATE)
SELF_SIGNED = issue("api")
OTHER = issue("other", is_authority=True)


@contextmanager
def listener(served: Pair) -> Iterator[tuple[str, int]]:
    """A server that does handshakes, one after the other, until the block ends."""
    context = served.server_context()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with suppress(OSError), connection, context.wrap_socket(connection, server_side=True) as tls:
                        tls.recv(1)

        thread = threading.Thread(target=accept)
        thread.start()
        yield server.getsockname()
        server.shutdown(socket.SHUT_RDWR)
        thread.join(10)


def is_trusted(served: Pair, bundle: str, name: str = "127.0.0.1") -> bool:
    """Tell whether a server is accepted with one of a bundle's contexts."""
    with listener(served) as address:
        context = make_context(bundle.encode(), verify=True)
        with socket.create_connection(address, 5) as connection, suppress(ssl.SSLCertVerificationError):
            context.wrap_socket(connection, server_hostname=name).close()
            return True
    return False


@pytest.mark.parametrize(
    ("served", "bundle"),
    [
        pytest.param(BY_ROOT, ROOT.certificate_pem, id="root"),
        pytest.param(BY_INTERMEDIATE, INTERMEDIATE.certificate_pem, id="intermediate alone"),
        pytest.param(BY_INTERMEDIATE, BY_INTERMEDIATE.certificate_pem, id="the server's own"),
        pytest.param(SELF_SIGNED, SELF_SIGNED.certificate_pem, id="self-signed"),
        pytest.param(BY_ROOT, ROOT.certificate_pem + NOT_A_CERTIFICATE, id="a broken one after it"),
        pytest.param(BY_ROOT, NOT_A_CERTIFICATE + NOT_BASE64 + ROOT.certificate_pem, id="broken ones before it"),
        pytest.param(BY_ROOT, UNFINISHED + ROOT.certificate_pem, id="an unfinished one before it"),
        pytest.param(BY_ROOT, ROOT.certificate_pem + UNFINISHED, id="an unfinished one after it"),
        pytest.param(BY_ROOT, "# Zertifizierungsstelle für X\n" + ROOT.certificate_pem, id="a comment"),
        pytest.param(BY_ROOT, ROOT.certificate_pem.replace("\n", "\r\n"), id="CRLF"),
        pytest.param(BY_ROOT, OTHER.key_pem + ROOT.certificate_pem, id="a key before it"),
        pytest.param(BY_ROOT, OTHER.certificate_pem + ROOT.certificate_pem * 2, id="others, and twice"),
    ],
)
def test_what_go_trusts_is_trusted(served: Pair, bundle: str) -> None:
    """Whatever else is in the bundle."""
    assert is_trusted(served, bundle)


@pytest.mark.parametrize(
    ("served", "bundle", "name"),
    [
        pytest.param(BY_ROOT, OTHER.certificate_pem, "127.0.0.1", id="another CA"),
        pytest.param(BY_ROOT, "", "127.0.0.1", id="nothing"),
        pytest.param(BY_ROOT, ROOT.certificate_pem, "127.0.0.2", id="another address"),
        pytest.param(BY_ROOT, ROOT.certificate_pem, "api", id="a common name"),
        pytest.param(SELF_SIGNED, SELF_SIGNED.certificate_pem, "127.0.0.2", id="self-signed for another address"),
        pytest.param(issue("api", SELF_SIGNED), SELF_SIGNED.certificate_pem, "127.0.0.1", id="signed by no CA"),
        pytest.param(
            issue("api", ROOT, valid_for=timedelta(hours=-1)), ROOT.certificate_pem, "127.0.0.1", id="expired"
        ),
        pytest.param(BY_INTERMEDIATE, ROOT.certificate_pem, "127.0.0.1", id="an intermediate CA that is not shown"),
        pytest.param(BY_ROOT, issue("root", is_authority=True).certificate_pem, "127.0.0.1", id="a CA of that name"),
    ],
)
def test_what_go_refuses_is_refused(served: Pair, bundle: str, name: str) -> None:
    """Names and times are checked, and nothing is trusted that is not in the bundle."""
    assert not is_trusted(served, bundle, name)


def test_two_authorities_of_one_name_are_told_apart_by_their_key_identifiers() -> None:
    """As in the rotation of a cluster's CA: kubeadm's have the same name, and identifiers."""
    first, second = (issue("kubernetes", is_authority=True, has_key_ids=True) for _ in range(2))
    for root in (first, second):
        served = issue("api", root, has_key_ids=True)
        assert is_trusted(served, first.certificate_pem + second.certificate_pem)


def test_an_expired_authority_is_refused() -> None:
    """Go checks the times of the whole chain."""
    expired = issue("expired", is_authority=True, valid_for=timedelta(hours=-1))
    assert not is_trusted(issue("api", expired), expired.certificate_pem)


def test_broken_certificates_are_counted() -> None:
    """To be reported."""
    bundle = NOT_A_CERTIFICATE + ROOT.certificate_pem + NOT_BASE64 + UNFINISHED
    assert count_certificates(bundle.encode()) == (1, 3)


def test_flags_are_those_of_go_on_every_python() -> None:
    """3.13 sets the first, and one that Go has no equal of."""
    context = make_context(ROOT.certificate_pem.encode(), verify=True)
    assert context.verify_flags & ssl.VERIFY_X509_PARTIAL_CHAIN
    assert not context.verify_flags & ssl.VERIFY_X509_STRICT
    assert context.check_hostname
    assert context.verify_mode == ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    "pem",
    [
        "",
        "no PEM",
        BY_ROOT.certificate_pem,
        BY_ROOT.certificate_pem + OTHER.key_pem,
        BY_ROOT.certificate_pem + NOT_A_CERTIFICATE.replace("CERTIFICATE", "PRIVATE KEY"),
        BY_ROOT.certificate_pem + BY_ROOT.encrypted_key_pem,
    ],
)
def test_a_client_certificate_without_its_key_is_refused(pem: str) -> None:
    """In our words, and never with a question on the terminal."""
    with pytest.raises(ConfigError, match="^client-certificate: no client certificate with its unencrypted key"):
        load_client_certificate(unverifying_context(), pem.encode(), "client-certificate")
