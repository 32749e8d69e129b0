"""Credentials and connections: who the exporter is, and how it gets through, against a real server."""

import base64
import json
import logging
import socket
import ssl
import stat
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import ConfigError, ConnectError, CredentialsError, IdleTimeoutError, StreamError
from exporter.kube import credentials
from exporter.kube.credentials import load_configuration
from exporter.kube.transport import ApiTransport
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.certificates import Certificates, make_certificates
from tests.support.faults import FaultServer
from tests.support.watching import job

PATH = "/apis/ray.io/v1/rayjobs"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    return make_certificates(tmp_path_factory.mktemp("certificates"))


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(ObjectStore()) as server:
        yield server


def kubeconfig(path: Path, server: str, user: dict[str, Any], **cluster: Any) -> str:
    """Write a kubeconfig and return its path."""
    path.write_text(
        json.dumps(
            {
                "current-context": "one",
                "contexts": [
                    {"name": "one", "context": {"cluster": "c", "user": "u"}},
                    {"name": "other", "context": {"cluster": "c", "user": "nobody"}},
                ],
                "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}],
                "users": [{"name": "u", "user": user}],
            }
        )
    )
    return str(path)


def get(transport: ApiTransport, seconds: float = 5) -> int:
    """Send one request; return the status of its answer."""
    response = transport.get(PATH, {"limit": "1"}, read_timeout_seconds=seconds)
    response.read()
    response.close()
    return response.status


def transport_of(path: str, context: str | None = None) -> ApiTransport:
    return ApiTransport(partial(load_configuration, path, context), connections=1)


def authorizations(server: FaultServer) -> list[str | None]:
    return [request.headers.get("authorization") for request in server.requests]


def test_a_token_of_the_kubeconfig_is_sent(server: FaultServer, tmp_path: Path) -> None:
    """As a bearer token, on one connection that is kept."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "s3cret"}))
    assert [get(transport), get(transport)] == [200, 200]
    assert authorizations(server) == ["Bearer s3cret", "Bearer s3cret"]


def test_a_context_can_be_chosen(server: FaultServer, tmp_path: Path) -> None:
    """The other one has no user, so no credentials are sent."""
    get(transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "s3cret"}), "other"))
    assert authorizations(server) == [None]


def test_the_kubeconfig_of_the_environment_is_found(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """$KUBECONFIG may name several files, as kubectl's."""
    kubeconfig(tmp_path / "b", server.url, {"token": "of-b"})
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}:{tmp_path / 'b'}")
    get(ApiTransport(load_configuration, connections=1))
    assert authorizations(server) == ["Bearer of-b"]


def test_a_path_in_the_servers_address_is_kept(server: FaultServer, tmp_path: Path) -> None:
    """Some clusters are behind a proxy with a path of its own."""
    get(transport_of(kubeconfig(tmp_path / "c", f"{server.url}/k8s/clusters/x/", {})))
    assert server.requests[0].path == f"/k8s/clusters/x{PATH}"


def test_a_rotated_token_file_of_the_kubeconfig_is_read_again(server: FaultServer, tmp_path: Path) -> None:
    """On the first refusal, without a failure for the caller."""
    token = tmp_path / "token"
    token.write_text("old\n")
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"tokenFile": str(token)}))
    server.required_token = "old"
    assert get(transport) == 200
    server.required_token = "new"
    token.write_text("new\n")
    assert get(transport) == 200
    assert authorizations(server) == ["Bearer old", "Bearer old", "Bearer new"]


def test_a_refusal_that_new_credentials_do_not_mend_is_asked_once(server: FaultServer, tmp_path: Path) -> None:
    """The same token again would be the same answer again."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "wrong"}))
    server.required_token = "right"
    assert get(transport) == 401
    assert len(server.requests) == 1


def test_a_kubeconfig_that_vanished_is_no_end(
    server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The old credentials are kept, and a warning says so."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "old"}))
    server.required_token = "other"
    (tmp_path / "c").unlink()
    assert [get(transport), get(transport)] == [401, 401]
    assert caplog.text.count("couldn't read the credentials again") == 1
    server.required_token = "old"
    assert get(transport) == 200


def exec_plugin(path: Path, status: str) -> dict[str, Any]:
    """Write a plugin that prints credentials with this status, a shell expression; return the user."""
    path.write_text(
        '#!/bin/sh\necho run >> "$0.runs"\n'
        'echo "{\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"kind\\":\\"ExecCredential\\",'
        f'\\"status\\":{status}}}"\n'
    )
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path)}}


def test_an_exec_plugin_is_run_again_when_its_token_expires(server: FaultServer, tmp_path: Path) -> None:
    """Once per request here, as its tokens are always about to expire."""
    status = '{\\"token\\":\\"run-$(wc -l < "$0.runs")\\",\\"expirationTimestamp\\":\\"2020-01-01T00:00:00Z\\"}'
    user = exec_plugin(tmp_path / "plugin", status)
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, user))
    assert [get(transport), get(transport)] == [200, 200]
    first, second = (str(value) for value in authorizations(server))
    assert first.startswith("Bearer run-")
    assert second > first


def test_an_exec_plugin_is_run_again_on_401(server: FaultServer, tmp_path: Path) -> None:
    """Its token was revoked before it expired."""
    user = exec_plugin(tmp_path / "plugin", '{\\"token\\":\\"run-$(wc -l < "$0.runs")\\"}')
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, user))
    assert get(transport) == 200
    server.required_token = "run-2"
    assert get(transport) == 200


def test_a_failing_exec_plugin_is_tried_again(server: FaultServer, tmp_path: Path) -> None:
    """Without credentials the request is anonymous; a refusal makes the plugin run again."""
    user = exec_plugin(tmp_path / "plugin", '{\\"token\\":\\"good\\"}')
    good = (tmp_path / "plugin").read_text()
    (tmp_path / "plugin").write_text("#!/bin/sh\nexit 3\n")
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, user))
    server.required_token = "good"
    assert get(transport) == 403
    (tmp_path / "plugin").write_text(good)
    assert get(transport) == 200


# Inside a pod.


@pytest.fixture
def service_account(
    server: FaultServer, certificates: Certificates, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[FaultServer, Path]]:
    """A server with TLS, and a pod's files and variables that lead to it."""
    with FaultServer(ObjectStore(), ssl_context=certificates.server_context()) as tls_server:
        host, port = tls_server.url.removeprefix("https://").split(":")
        token = tmp_path / "token"
        token.write_text("pod\n")
        monkeypatch.setattr(credentials, "SERVICE_TOKEN_FILENAME", str(token))
        monkeypatch.setattr(credentials, "SERVICE_CERT_FILENAME", str(certificates.authority))
        monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
        monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
        monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "c", server.url, {"token": "kubeconfig"}))
        yield tls_server, token


def test_a_pods_service_account_comes_before_a_kubeconfig(service_account: tuple[FaultServer, Path]) -> None:
    """With its token, over TLS that is checked against its CA."""
    server, _ = service_account
    assert get(ApiTransport(load_configuration, connections=1)) == 200
    assert authorizations(server) == ["bearer pod"]


def test_a_rotated_service_account_token_is_read_again(service_account: tuple[FaultServer, Path]) -> None:
    """Even before the minute after which the client reads it anyway."""
    server, token = service_account
    transport = ApiTransport(load_configuration, connections=1)
    server.required_token = "pod"
    assert get(transport) == 200
    server.required_token = "rotated"
    token.write_text("rotated\n")
    assert get(transport) == 200


def test_a_named_kubeconfig_comes_before_the_service_account(
    service_account: tuple[FaultServer, Path], server: FaultServer, tmp_path: Path
) -> None:
    """What the user asks for wins."""
    get(transport_of(str(tmp_path / "c")))
    assert authorizations(server) == ["Bearer kubeconfig"]


def test_a_broken_service_account_is_told(
    service_account: tuple[FaultServer, Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A token without a CA."""
    monkeypatch.setattr(credentials, "SERVICE_CERT_FILENAME", str(tmp_path / "missing"))
    with pytest.raises(CredentialsError, match="couldn't use the pod's service account"):
        load_configuration()


def test_no_kubeconfig_is_a_wrong_value(tmp_path: Path) -> None:
    """Told with the flag and the path."""
    with pytest.raises(ConfigError, match="--kubeconfig '.*missing': no such file"):
        load_configuration(str(tmp_path / "missing"))


# TLS.


@pytest.mark.parametrize("form", ["files", "data"])
def test_client_certificates(certificates: Certificates, tmp_path: Path, form: str) -> None:
    """From files or from the kubeconfig itself; without one the server does not even answer."""
    certificate, key = certificates.pair("client")
    if form == "files":
        user = {"client-certificate": str(certificate), "client-key": str(key)}
        cluster = {"certificate-authority": str(certificates.authority)}
    else:
        user = {"client-certificate-data": _base64(certificate), "client-key-data": _base64(key)}
        cluster = {"certificate-authority-data": _base64(certificates.authority)}
    with FaultServer(ObjectStore(), ssl_context=certificates.server_context(verify_clients=True)) as server:
        assert get(transport_of(kubeconfig(tmp_path / "c", server.url, user, **cluster))) == 200
        with pytest.raises((ConnectError, StreamError)):
            get(transport_of(kubeconfig(tmp_path / "d", server.url, {}, **cluster)))


def _base64(path: Path) -> str:
    return base64.b64encode(path.read_bytes()).decode()


def test_an_unknown_authority_is_refused(certificates: Certificates, tmp_path: Path) -> None:
    """In words of one line that are the same each time."""
    with FaultServer(ObjectStore(), ssl_context=certificates.server_context()) as server:
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, {}))
        for _ in range(2):
            with pytest.raises(ConnectError, match=f"^couldn't connect to {server.url}: .*certificate verify failed"):
                get(transport)


def test_verification_can_be_switched_off_in_the_kubeconfig(
    certificates: Certificates, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """`insecure-skip-tls-verify`, as kubectl; said once, and not at every request."""
    with FaultServer(ObjectStore(), ssl_context=certificates.server_context()) as server:
        path = kubeconfig(tmp_path / "c", server.url, {}, **{"insecure-skip-tls-verify": True})
        transport = transport_of(path)
        assert [get(transport), get(transport)] == [200, 200]
        assert caplog.text.count("is not verified") == 1


def test_a_server_without_a_scheme_is_plain_http(server: FaultServer, tmp_path: Path) -> None:
    """As kubectl reads it."""
    assert get(transport_of(kubeconfig(tmp_path / "c", server.url.removeprefix("http://"), {}))) == 200


def test_strict_verification_is_off_as_in_go(certificates: Certificates, tmp_path: Path) -> None:
    """Python 3.13 sets VERIFY_X509_STRICT, which refuses authorities like this one."""
    strict = ssl.create_default_context(cafile=str(certificates.authority))
    strict.verify_flags |= ssl.VERIFY_X509_STRICT
    cluster = {"certificate-authority": str(certificates.authority)}
    with FaultServer(ObjectStore(), ssl_context=certificates.server_context()) as server:
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, {}, **cluster))
        context = transport._session._pool.connection_pool_kw["ssl_context"]
        assert not context.verify_flags & ssl.VERIFY_X509_STRICT
        assert get(transport) == 200


def test_a_watch_over_tls_can_be_aborted(certificates: Certificates, tmp_path: Path) -> None:
    """A blocked read wakes up, though closing would not wake it."""
    cluster = {"certificate-authority": str(certificates.authority)}
    with FaultServer(ObjectStore(), ssl_context=certificates.server_context()) as server:
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, {}, **cluster))
        query = {"watch": "true", "resourceVersion": "1"}
        response = transport.get(PATH, query, read_timeout_seconds=30)
        ended: list[str] = []

        def read() -> None:
            try:
                ended.extend(str(chunk) for chunk in response.chunks())
            except StreamError as error:
                ended.append(str(error))

        reader = threading.Thread(target=read)
        reader.start()
        response.abort()
        reader.join(5)
        assert not reader.is_alive()
        response.close()


# Connections.


def test_keep_alive_is_on(server: FaultServer, tmp_path: Path) -> None:
    """A half-open connection is found by TCP too."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {}))
    response = transport.get(PATH, {"watch": "true", "resourceVersion": "1"}, read_timeout_seconds=5)
    connection: Any = response._raw.connection
    assert connection.sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    response.close()


def test_a_refused_connection_is_told_without_addresses_of_objects(tmp_path: Path) -> None:
    """The same words each time, so that the log tells it once."""
    transport = transport_of(kubeconfig(tmp_path / "c", "http://127.0.0.1:1", {}))
    with pytest.raises(ConnectError) as caught:
        get(transport)
    assert str(caught.value) == "couldn't connect to http://127.0.0.1:1: Connection refused"


def test_an_unknown_host_is_told(tmp_path: Path) -> None:
    """The name is in the message."""
    transport = transport_of(kubeconfig(tmp_path / "c", "http://no-such-host.invalid", {}))
    with pytest.raises(ConnectError, match="couldn't connect to http://no-such-host.invalid: "):
        get(transport)


def test_an_answer_that_does_not_come_is_an_error(server: FaultServer, tmp_path: Path) -> None:
    """After the read time-out; the caller decides what then."""
    server.stall_answer()
    with pytest.raises(IdleTimeoutError, match="no answer from .* within 0.2 s"):
        get(transport_of(kubeconfig(tmp_path / "c", server.url, {})), seconds=0.2)


def test_a_large_list_comes_compressed(server: FaultServer, tmp_path: Path) -> None:
    """Where it is asked for; the body is plain again when it is read."""
    for i in range(300):
        server.store.create("rayjobs", job(f"job-{i}", padding="x" * 500))
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {}))
    response = transport.get(PATH, {}, read_timeout_seconds=5, gzip=True)
    assert response.headers["Content-Encoding"] == "gzip"
    assert len(json.loads(response.read())["items"]) == 300


def test_no_token_is_ever_logged(server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not at debug level, not on refusal."""
    caplog.set_level(logging.DEBUG)
    server.required_token = "right"
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "s3cret-t0ken"}))
    get(transport)
    assert "limit" in caplog.text
    assert "s3cret" not in caplog.text
