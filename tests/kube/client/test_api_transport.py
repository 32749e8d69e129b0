"""Credentials and trust that change: read again at the right moments, against real servers."""

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import ConfigError, ConnectError, HandshakeError
from exporter.kube.client import api_transport
from exporter.kube.client.api_transport import ApiTransport
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.certificates import Pair, issue
from tests.support.faults import FaultServer
from tests.support.reaching import (
    ROOT,
    SERVED,
    authorizations,
    data,
    get,
    kubeconfig,
    tls_server,
    transport_of,
)
from tests.support.watching import wait_until, warnings_in

V1 = "client.authentication.k8s.io/v1"


@pytest.fixture
def minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A minute passes between requests."""
    monkeypatch.setattr(api_transport, "REREAD_SECONDS", 0.0)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with tls_server() as server:
        yield server


def exec_plugin(path: Path, status: dict[str, Any] | str) -> dict[str, Any]:
    """Write a plugin that prints these credentials and counts its runs; return the user. RUNS is the number."""
    text = status if isinstance(status, str) else credential_text(status)
    path.with_name("text").write_text(text)
    path.write_text('#!/bin/sh\necho run >> "$0.runs"\nsed "s/RUNS/$(wc -l < "$0.runs")/" "$(dirname "$0")/text"\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": V1, "command": str(path), "interactiveMode": "Never"}}


def credential_text(status: dict[str, Any]) -> str:
    return json.dumps({"apiVersion": V1, "kind": "ExecCredential", "status": status})


def certificate_status(pair: Pair, **more: Any) -> dict[str, Any]:
    return {"clientCertificateData": pair.certificate_pem, "clientKeyData": pair.key_pem, **more}


def runs(path: Path) -> int:
    return len(path.with_name(f"{path.name}.runs").read_text().splitlines())


# Tokens.


def test_a_token_is_sent_on_one_connection_that_is_kept(server: FaultServer, tmp_path: Path) -> None:
    """As a bearer token."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "s3cret"}))
    assert [get(transport), get(transport)] == [200, 200]
    assert authorizations(server) == ["Bearer s3cret", "Bearer s3cret"]


@pytest.mark.usefixtures("minute")
def test_a_rotated_token_file_is_read_again(server: FaultServer, tmp_path: Path) -> None:
    """Before the server refuses the old one."""
    token = tmp_path / "token"
    token.write_text("old\n")
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"tokenFile": str(token)}))
    assert get(transport) == 200
    token.write_text("new\n")
    assert get(transport) == 200
    assert authorizations(server) == ["Bearer old", "Bearer new"]


@pytest.mark.usefixtures("minute")
def test_a_token_file_that_cannot_be_sent_any_more_is_not_used(
    server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The old token is, until it is refused; nothing of the file is in the message."""
    token = tmp_path / "token"
    token.write_text("old\n")
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"tokenFile": str(token)}))
    token.write_text("S3CRET\nS3CRET")
    assert get(transport) == 200
    assert "the token in" in caplog.text
    assert "S3CRET" not in caplog.text
    assert authorizations(server) == ["Bearer old"]


def test_a_refusal_that_new_credentials_do_not_mend_is_asked_once(server: FaultServer, tmp_path: Path) -> None:
    """The same token again would be the same answer again."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "wrong"}))
    server.required_token = "right"
    assert get(transport) == 401
    assert len(server.requests) == 1


@pytest.mark.usefixtures("minute")
def test_a_rewritten_kubeconfig_is_read_again(server: FaultServer, tmp_path: Path) -> None:
    """What is embedded in it is renewed by whatever wrote it."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "old"}))
    assert get(transport) == 200
    kubeconfig(tmp_path / "c", server.url, {"token": "newer"})
    assert get(transport) == 200
    assert authorizations(server) == ["Bearer old", "Bearer newer"]


@pytest.mark.parametrize("content", [None, "", "users: [", "current-context: one\n"])
def test_a_kubeconfig_that_is_not_usable_any_more_is_no_end(
    server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    """The old credentials are kept, a warning says so once, and a good one is used as soon as it is there."""
    path = tmp_path / "c"
    transport = transport_of(kubeconfig(path, server.url, {"token": "old"}))
    server.required_token = "other"
    path.unlink()
    if content is not None:
        path.write_text(content)
    assert [get(transport), get(transport)] == [401, 401]
    assert len([text for text in warnings_in(caplog) if text.startswith("couldn't reload the credentials: ")]) == 1
    kubeconfig(path, server.url, {"token": "other"})
    assert get(transport) == 200


# Exec plugins.


def test_a_plugin_is_run_with_the_first_request(server: FaultServer, tmp_path: Path) -> None:
    """And not before: it may hang, and nothing would be served meanwhile."""
    path = tmp_path / "plugin"
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, exec_plugin(path, {"token": "t"})))
    assert not path.with_name("plugin.runs").exists()
    assert [get(transport), get(transport)] == [200, 200]
    assert runs(path) == 1
    assert authorizations(server) == ["Bearer t", "Bearer t"]


def test_a_plugin_is_run_again_on_401(server: FaultServer, tmp_path: Path) -> None:
    """Its token was revoked before it expired."""
    user = exec_plugin(tmp_path / "plugin", {"token": "run-RUNS"})
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, user))
    assert get(transport) == 200
    server.required_token = "run-2"
    assert get(transport) == 200


def test_a_plugin_that_fails_leads_to_no_request(server: FaultServer, tmp_path: Path) -> None:
    """An anonymous one would be answered with 403, as if RBAC were wrong; the plugin is run again later."""
    path = tmp_path / "plugin"
    user = exec_plugin(path, "no JSON")
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, user))
    for _ in range(2):
        with pytest.raises(ConnectError, match="^couldn't get credentials: exec plugin '.*plugin' didn't print"):
            get(transport)
    assert server.requests == []
    exec_plugin(path, {"token": "good"})
    wait_until(lambda: answers(transport), "the plugin is run again")
    assert set(authorizations(server)) == {"Bearer good"}


def answers(transport: ApiTransport) -> bool:
    try:
        return get(transport) == 200
    except ConnectError:
        return False


def test_a_plugin_that_fails_after_a_401_is_reported(
    server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer is still the server's; the next request is not sent with what was refused."""
    path = tmp_path / "plugin"
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, exec_plugin(path, {"token": "old"})))
    assert get(transport) == 200
    exec_plugin(path, "no JSON")
    server.required_token = "other"
    assert get(transport) == 401
    assert "couldn't reload the credentials: couldn't get credentials: exec plugin" in caplog.text
    with pytest.raises(ConnectError):
        get(transport)
    assert authorizations(server) == ["Bearer old", "Bearer old"]


# Client certificates.


@pytest.mark.parametrize("source", ["plugin", "plugin, expired", "kubeconfig", "files"])
def test_a_client_certificate_that_is_refused_is_renewed(tmp_path: Path, source: str) -> None:
    """In the handshake, without a failure for the caller: the server knows only the new certificate's CA."""
    old_root, new_root = issue("clients", is_authority=True), issue("clients", is_authority=True)
    old, new = issue("client", old_root), issue("client", new_root)
    plugin = tmp_path / "plugin"

    def write(pair: Pair) -> dict[str, Any]:
        if source.startswith("plugin"):
            more = {"expirationTimestamp": "2020-01-01T00:00:00Z"} if "expired" in source else {}
            return exec_plugin(plugin, certificate_status(pair, **more))
        if source == "kubeconfig":
            certificate, key = data(pair.certificate_pem), data(pair.key_pem)
            return {"client-certificate-data": certificate, "client-key-data": key}
        (tmp_path / "crt").write_text(pair.certificate_pem)
        (tmp_path / "key").write_text(pair.key_pem)
        return {"client-certificate": "crt", "client-key": "key"}

    with tls_server(clients_by=old_root) as first:
        transport = transport_of(kubeconfig(tmp_path / "c", first.url, write(old)))
        assert get(transport) == 200
        port = int(first.url.rsplit(":", 1)[1])
    context = SERVED.server_context(clients_by=new_root)
    with FaultServer(ObjectStore(), port=port, ssl_context=context) as second:
        kubeconfig(tmp_path / "c", second.url, write(new))
        assert [get(transport), get(transport)] == [200, 200]


def test_a_plugin_is_run_again_when_its_certificate_is_refused(tmp_path: Path) -> None:
    """Though it has not expired, and no file has changed."""
    good_root = issue("clients", is_authority=True)
    good, bad = issue("client", good_root), issue("client", issue("others", is_authority=True))
    path = tmp_path / "plugin"
    user = exec_plugin(path, certificate_status(bad))
    # The second run prints other credentials than the first.
    path.with_name("text2").write_text(credential_text(certificate_status(good)))
    path.write_text('#!/bin/sh\ncd "$(dirname "$0")"\ncat text\necho run >> "$0.runs"\ncp text2 text\n')
    with tls_server(clients_by=good_root) as server:
        assert get(transport_of(kubeconfig(tmp_path / "c", server.url, user))) == 200
    assert runs(path) == 2


def test_a_plugin_is_not_run_again_when_the_server_is_not_trusted(tmp_path: Path) -> None:
    """Other credentials would not help."""
    path = tmp_path / "plugin"
    user = exec_plugin(path, certificate_status(issue("client", ROOT)))
    with tls_server(issue("api", issue("other", is_authority=True))) as server:
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, user))
        for _ in range(2):
            with pytest.raises(HandshakeError):
                get(transport)
    assert runs(path) == 1


# Trust.


def trusting(folder: Path, server: FaultServer, authority: Pair) -> ApiTransport:
    (folder / "ca.crt").write_text(authority.certificate_pem)
    return transport_of(kubeconfig(folder / "c", server.url, {"token": "t"}, **{"certificate-authority": "ca.crt"}))


def test_a_new_authority_is_trusted_as_soon_as_the_file_says_so(tmp_path: Path) -> None:
    """Also one with the same subject, and after handshakes have failed."""
    old, new = issue("kubernetes", is_authority=True), issue("kubernetes", is_authority=True)
    with tls_server(issue("api", new)) as server:
        transport = trusting(tmp_path, server, old)
        with pytest.raises(HandshakeError):
            get(transport)
        (tmp_path / "ca.crt").write_text(new.certificate_pem)
        assert get(transport) == 200


@pytest.mark.usefixtures("minute")
def test_an_old_authority_is_out_within_a_minute(tmp_path: Path) -> None:
    """Though the connection before was accepted, and none has failed."""
    old, new = issue("old", is_authority=True), issue("new", is_authority=True)
    with tls_server(issue("api", old)) as server:
        transport = trusting(tmp_path, server, old)
        assert get(transport) == 200
        (tmp_path / "ca.crt").write_text(new.certificate_pem)
        with pytest.raises(HandshakeError):
            get(transport)
        assert len(server.requests) == 1


@pytest.mark.usefixtures("minute")
@pytest.mark.parametrize("content", [None, "", "-----BEGIN CERTIFICATE-----\n"])
def test_an_authority_that_is_away_is_kept(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, content: str | None
) -> None:
    """A half-written file is no decision; a warning says so."""
    with tls_server() as server:
        transport = trusting(tmp_path, server, ROOT)
        (tmp_path / "ca.crt").unlink()
        if content is not None:
            (tmp_path / "ca.crt").write_text(content)
        assert [get(transport), get(transport)] == [200, 200]
    assert len([text for text in warnings_in(caplog) if text.startswith("couldn't reload the credentials: ")]) == 1


def test_what_is_wrong_is_said_before_anything_is_sent(tmp_path: Path) -> None:
    """A configuration is checked when the transport is made."""
    with pytest.raises(ConfigError, match="no certificate in it"):
        transport_of(kubeconfig(tmp_path / "c", "https://api.example", **{"certificate-authority-data": data("x")}))


def test_the_server_is_printed_without_its_password(tmp_path: Path) -> None:
    """In the first line of the log."""
    assert transport_of(kubeconfig(tmp_path / "c", "https://u:S3CRET@api.example")).host == "https://api.example"
