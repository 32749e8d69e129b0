"""Connections: TLS, proxies, headers, and the words for what fails, against real servers and proxies."""

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import ConnectError, HandshakeError, IdleTimeoutError, StreamError
from exporter.kube.client import api_transport, response
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.certificates import issue
from tests.support.faults import FaultServer
from tests.support.proxies import HttpProxy, SocksProxy
from tests.support.reaching import PATH, ROOT, authorizations, data, get, kubeconfig, tls_server, transport_of
from tests.support.trickling import trickling

CLIENT = issue("client", ROOT)
CERTIFICATE = {"client-certificate-data": data(CLIENT.certificate_pem), "client-key-data": data(CLIENT.key_pem)}
PROXY_VARIABLES = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """But those that a test names."""
    for name in PROXY_VARIABLES:
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with tls_server() as server:
        yield server


@pytest.fixture
def plain_server() -> Iterator[FaultServer]:
    with FaultServer(ObjectStore()) as server:
        yield server


def connect_error(path: str) -> str:
    with pytest.raises(ConnectError) as caught:
        get(transport_of(path))
    return str(caught.value)


# TLS.


def test_a_server_of_another_authority_is_refused(tmp_path: Path) -> None:
    """In words of one line that are the same each time."""
    with tls_server(issue("api", issue("other", is_authority=True))) as server:
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "t"}))
        for _ in range(2):
            with pytest.raises(HandshakeError, match=f"^couldn't connect to {server.url}: .*certificate verify failed"):
                get(transport)
        assert server.requests == []


def test_verification_can_be_switched_off(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """`insecure-skip-tls-verify`, as kubectl; said once, and not at every request."""
    with tls_server(issue("api", valid_for=timedelta(hours=-1), host="other")) as server:
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, insecure_skip_tls_verify=True))
        assert [get(transport), get(transport)] == [200, 200]
    assert caplog.text.count("is not verified") == 1


@pytest.mark.parametrize("through", ["", "http", "https", "socks5"])
def test_the_name_in_the_certificate_may_be_another(tmp_path: Path, through: str) -> None:
    """`tls-server-name`, through a proxy too; and no other name is accepted."""
    served = issue("api", ROOT, host="cluster-7.example.internal")
    with tls_server(served) as server, proxy_of(through or "http") as proxy:
        cluster = {"proxy-url": f"{through}://{proxy.address}"} if through else {}
        right = kubeconfig(tmp_path / "c", server.url, tls_server_name="cluster-7.example.internal", **cluster)
        assert get(transport_of(right)) == 200
        wrong = kubeconfig(tmp_path / "d", server.url, tls_server_name="cluster-8.example.internal", **cluster)
        with pytest.raises(HandshakeError, match="cluster-8.example.internal"):
            get(transport_of(wrong))
        assert bool(proxy.heads) is bool(through)


def test_a_client_certificate_is_shown(tmp_path: Path) -> None:
    """Without one the server does not even answer."""
    with tls_server(clients_by=ROOT) as server:
        assert get(transport_of(kubeconfig(tmp_path / "c", server.url, CERTIFICATE))) == 200
        assert authorizations(server) == [None]
        with pytest.raises((ConnectError, StreamError)):
            get(transport_of(kubeconfig(tmp_path / "d", server.url)))


def test_a_broken_certificate_in_a_bundle_is_reported_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """With the file's name; the others count."""
    broken = "-----BEGIN CERTIFICATE-----\nAAAABBBB\n-----END CERTIFICATE-----\n"
    (tmp_path / "ca.crt").write_text(broken + ROOT.certificate_pem)
    with tls_server() as server:
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, **{"certificate-authority": "ca.crt"}))
        assert [get(transport), get(transport)] == [200, 200]
    assert caplog.messages == [
        "1 of the certificates in certificate-authority 'ca.crt' can't be read; the others are used"
    ]


# Headers.


def test_without_tls_no_credentials_are_sent(
    plain_server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """As for kubectl; one line says so."""
    transport = transport_of(kubeconfig(tmp_path / "c", plain_server.url, {"token": "S3CRET", "as": "someone"}))
    assert [get(transport), get(transport)] == [200, 200]
    assert authorizations(plain_server) == [None, None]
    assert plain_server.requests[0].headers["impersonate-user"] == "someone"
    assert caplog.messages == [f"no credentials are sent to {plain_server.url}: it is not reached over TLS (https://)"]


def test_each_impersonated_group_is_a_header(plain_server: FaultServer, tmp_path: Path) -> None:
    """Joined by commas they would be one group; seen by a proxy, as the server's own memory joins them."""
    with HttpProxy() as proxy:
        user = {"as": "jörg", "as-groups": ["a", "b"], "as-user-extra": {"x/y": ["1", "2"]}}
        cluster = {"proxy-url": f"http://{proxy.address}"}
        assert get(transport_of(kubeconfig(tmp_path / "c", plain_server.url, user, **cluster))) == 200
        (head,) = proxy.heads
    lines = head.splitlines()
    assert "Impersonate-User: jörg".encode().decode("latin-1") in lines
    assert [line for line in lines if "Group" in line] == ["Impersonate-Group: a", "Impersonate-Group: b"]
    assert [line for line in lines if "Extra" in line] == [
        "Impersonate-Extra-x%2Fy: 1",
        "Impersonate-Extra-x%2Fy: 2",
    ]


def test_a_path_in_the_servers_address_is_kept(server: FaultServer, tmp_path: Path) -> None:
    """Some clusters are behind a proxy with a path of its own."""
    get(transport_of(kubeconfig(tmp_path / "c", f"{server.url}/k8s/clusters/x/")))
    assert server.requests[0].path == f"/k8s/clusters/x{PATH}"


def test_a_redirect_is_not_followed(server: FaultServer, tmp_path: Path) -> None:
    """It would lead the token to another server."""
    with tls_server() as other:
        server.answer_next(302, headers=(("Location", f"{other.url}{PATH}"),))
        assert get(transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "t"}))) == 302
        assert other.requests == []


def test_a_new_server_in_the_kubeconfig_gets_the_next_request(
    monkeypatch: pytest.MonkeyPatch, server: FaultServer, tmp_path: Path
) -> None:
    """And the old one nothing of what is written for the new."""
    transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "old"}))
    assert get(transport) == 200
    monkeypatch.setattr(api_transport, "REREAD_SECONDS", 0.0)
    with tls_server() as other:
        kubeconfig(tmp_path / "c", other.url, {"token": "new"})
        assert get(transport) == 200
        assert (authorizations(server), authorizations(other)) == (["Bearer old"], ["Bearer new"])


# Proxies.


def proxy_of(scheme: str, auth: str = "") -> HttpProxy | SocksProxy:
    if scheme.startswith("socks5"):
        return SocksProxy(auth)
    return HttpProxy(auth, issue("proxy", ROOT).server_context() if scheme == "https" else None)


@pytest.mark.parametrize("scheme", ["http", "https", "socks5", "socks5h"])
def test_a_proxy_of_the_kubeconfig(server: FaultServer, tmp_path: Path, scheme: str) -> None:
    """With user and password, which are decoded; the server is checked through it."""
    with proxy_of(scheme, "corp:pa%ss@x") as proxy:
        url = f"{scheme}://corp:pa%25ss%40x@{proxy.address}"
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, {"token": "t"}, **{"proxy-url": url}))
        assert [get(transport), get(transport)] == [200, 200]
        assert len(proxy.heads) == 1
        assert "authorization: bearer" not in proxy.heads[0].lower()
    assert authorizations(server) == ["Bearer t", "Bearer t"]


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_watch_through_a_proxy_can_be_aborted(server: FaultServer, tmp_path: Path, scheme: str) -> None:
    """Or the exporter would not end."""
    with proxy_of(scheme) as proxy:
        cluster = {"proxy-url": f"{scheme}://{proxy.address}"}
        transport = transport_of(kubeconfig(tmp_path / "c", server.url, **cluster))
        query = {"watch": "true", "resourceVersion": "1"}
        response = transport.get(PATH, query, read_timeout_seconds=5)
        response.abort()
        try:
            assert list(response.chunks()) == []
        except IdleTimeoutError as error:
            raise AssertionError("it was not aborted") from error
        except StreamError:
            pass
        response.close()


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
def test_a_server_without_tls_through_a_proxy(plain_server: FaultServer, tmp_path: Path, scheme: str) -> None:
    """An HTTP proxy forwards such requests itself."""
    with proxy_of(scheme, "corp:secret") as proxy:
        cluster = {"proxy-url": f"{scheme}://corp:secret@{proxy.address}"}
        assert get(transport_of(kubeconfig(tmp_path / "c", plain_server.url, **cluster))) == 200
        assert proxy.heads
    assert plain_server.requests[0].path == PATH


def test_a_socks_proxy_looks_up_the_name(tmp_path: Path) -> None:
    """As for Go, for which socks5 and socks5h are the same."""
    served = issue("api", ROOT, host="api.corp.invalid")
    with tls_server(served) as server, SocksProxy(names={"api.corp.invalid": "127.0.0.1"}) as proxy:
        url = server.url.replace("127.0.0.1", "api.corp.invalid")
        path = kubeconfig(tmp_path / "c", url, **{"proxy-url": f"socks5://{proxy.address}"})
        assert get(transport_of(path)) == 200


def test_a_proxy_of_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For a server that is not on this machine; the address may be without a scheme."""
    with HttpProxy(auth="never:asked") as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        message = connect_error(kubeconfig(tmp_path / "c", "https://api.example.invalid"))
        assert message == f"the proxy http://{proxy.address} answered 407 Proxy Authentication Required"
        assert proxy.heads[0].startswith("CONNECT api.example.invalid:443 ")


def test_a_server_on_this_machine_is_reached_directly(
    server: FaultServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the environment says."""
    with HttpProxy() as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.address)
        assert get(transport_of(kubeconfig(tmp_path / "c", server.url))) == 200
        assert proxy.heads == []


@pytest.mark.parametrize("scheme", ["http", "https", "socks5"])
@pytest.mark.parametrize("is_secure", [True, False])
def test_a_proxy_that_is_away_is_named(tmp_path: Path, scheme: str, is_secure: bool) -> None:
    """And not the server, with which nothing is wrong; without the password."""
    path = kubeconfig(
        tmp_path / "c",
        "https://api.example.invalid" if is_secure else "http://api.example.invalid",
        **{"proxy-url": f"{scheme}://corp:S3CRET@127.0.0.1:1"},
    )
    message = connect_error(path)
    assert message.startswith(f"couldn't connect to the proxy {scheme}://127.0.0.1:1: ")
    assert message.endswith("Connection refused")
    assert "S3CRET" not in message
    assert message == connect_error(path)


@pytest.mark.parametrize("is_secure", [True, False])
def test_a_proxy_that_asks_for_a_password_is_named(tmp_path: Path, is_secure: bool) -> None:
    """With what it answered."""
    server = "https://api.example.invalid" if is_secure else "http://api.example.invalid"
    with HttpProxy(auth="corp:right") as proxy:
        path = kubeconfig(tmp_path / "c", server, **{"proxy-url": f"http://corp:S3CRET@{proxy.address}"})
        message = connect_error(path)
        assert message == f"the proxy http://{proxy.address} answered 407 Proxy Authentication Required"


def test_a_socks_proxy_that_asks_for_a_password_is_named(tmp_path: Path, server: FaultServer) -> None:
    """In the same words each time."""
    with SocksProxy(auth="corp:right") as proxy:
        path = kubeconfig(tmp_path / "c", server.url, **{"proxy-url": f"socks5://corp:S3CRET@{proxy.address}"})
        message = connect_error(path)
        assert message.startswith(f"couldn't connect to the proxy socks5://{proxy.address}: ")
        assert "authentication failed" in message
        assert "S3CRET" not in message
        assert "0x7" not in message
        assert message == connect_error(path)


def test_a_socks_proxy_without_a_way_to_the_server_names_both(tmp_path: Path, server: FaultServer) -> None:
    """The proxy works."""
    with SocksProxy(refuses=True) as proxy:
        path = kubeconfig(tmp_path / "c", server.url, **{"proxy-url": f"socks5://{proxy.address}"})
        message = connect_error(path)
        assert message == connect_error(path)
        assert message == (
            f"couldn't connect to {server.url} through the proxy socks5://{proxy.address}: 0x05: Connection refused"
        )


def test_a_proxy_of_another_authority_is_refused(tmp_path: Path, server: FaultServer) -> None:
    """A proxy that speaks TLS is checked as the server is."""
    with HttpProxy(tls=issue("proxy").server_context()) as proxy:
        path = kubeconfig(tmp_path / "c", server.url, **{"proxy-url": f"https://{proxy.address}"})
        assert "certificate verify failed" in connect_error(path)


# What fails.


def test_a_refused_connection_has_the_same_message_each_time(tmp_path: Path) -> None:
    """So that the log has it once; without a password that is in the address."""
    message = connect_error(kubeconfig(tmp_path / "c", "http://u:S3CRET@127.0.0.1:1"))
    assert message == "couldn't connect to http://127.0.0.1:1: Connection refused"


def test_an_unknown_host_is_in_the_message(tmp_path: Path) -> None:
    """With what was tried."""
    message = connect_error(kubeconfig(tmp_path / "c", "https://no-such-host.invalid"))
    assert message.startswith("couldn't connect to https://no-such-host.invalid: ")


def test_an_answer_that_does_not_come_is_an_error(server: FaultServer, tmp_path: Path) -> None:
    """After the read time-out; the caller decides what then."""
    server.stall_answer()
    with pytest.raises(IdleTimeoutError, match="no answer from .* within 0.2 s"):
        get(transport_of(kubeconfig(tmp_path / "c", server.url)), seconds=0.2)


def test_a_server_that_does_not_speak_tls_is_an_error(plain_server: FaultServer, tmp_path: Path) -> None:
    """`https` in place of `http`."""
    url = plain_server.url.replace("http", "https")
    assert connect_error(kubeconfig(tmp_path / "c", url)).startswith(f"couldn't connect to {url}: ")


def test_what_is_no_http_is_an_error(tmp_path: Path) -> None:
    """Whatever answers there."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        transport = transport_of(kubeconfig(tmp_path / "c", f"http://127.0.0.1:{listener.getsockname()[1]}"))

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(b"SSH-2.0-OpenSSH\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(StreamError, match="^no answer from http://127.0.0.1:"):
            get(transport)
        thread.join(5)


@pytest.mark.parametrize("is_proxy", [False, True])
def test_a_head_that_trickles_is_an_error(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, is_proxy: bool) -> None:
    """No byte is late; yet a proxy in front may never get to the end of it, also in its answer to CONNECT."""
    # With the 5 s for a byte: half a second.
    monkeypatch.setattr(response, "HEAD_MAX_SECONDS", -4.5)
    with trickling(b"HTTP/1.1 200 OK\r\nX-Padding: ") as url:
        server, cluster = ("https://api.invalid", {"proxy-url": url}) if is_proxy else (url, {})
        path = kubeconfig(tmp_path / "c", server, **cluster)
        with pytest.raises(StreamError, match=f"no answer from {server}: it took longer than 0.5 s"):
            get(transport_of(path), seconds=5)


def test_the_body_of_a_watch_may_take_longer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Its time has no limit but that of who reads it."""
    monkeypatch.setattr(response, "HEAD_MAX_SECONDS", -4.5)
    with trickling(b"HTTP/1.1 200 OK\r\n\r\n") as url:
        answer = transport_of(kubeconfig(tmp_path / "c", url)).get(PATH, {}, read_timeout_seconds=5)
        started_at = time.monotonic()
        for chunk in answer.chunks():
            assert chunk
            if time.monotonic() - started_at > 0.7:
                break
        answer.close()


def test_no_token_is_ever_logged(server: FaultServer, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not at debug level, not on refusal."""
    caplog.set_level(logging.DEBUG)
    server.required_token = "right"
    user: dict[str, Any] = {"token": "s3cret-t0ken"}
    get(transport_of(kubeconfig(tmp_path / "c", server.url, user)))
    assert "limit" in caplog.text
    assert "s3cret" not in caplog.text
