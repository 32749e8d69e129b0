"""What of a kubeconfig is honoured or refused; nothing connects here."""

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from exporter.errors import ConfigError
from exporter.kube.client.access import Access, Credential
from exporter.kube.client.access_loader import AccessLoader
from exporter.kube.client.api_transport import ApiTransport
from tests.support.certificates import issue
from tests.support.reaching import ROOT, data, kubeconfig

SERVER = "https://api.example:6443"
CLIENT = issue("client")
CERTIFICATE = {
    "client-certificate-data": data(CLIENT.certificate_pem),
    "client-key-data": data(CLIENT.key_pem),
}
EXEC = {"apiVersion": "client.authentication.k8s.io/v1", "command": "plugin", "interactiveMode": "Never"}

NO_CA = {"certificate-authority-data": ""}

pytestmark = pytest.mark.usefixtures("bare_environment")

Load = Callable[..., Access]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Write a kubeconfig and load it."""

    def load(user: dict[str, Any] | None = None, server: str = SERVER, **cluster: Any) -> Access:
        return AccessLoader(kubeconfig(tmp_path / "config", server, user, **cluster))()

    return load


def refusal(load: Load, user: dict[str, Any] | None = None, server: str = SERVER, **cluster: Any) -> str:
    """Return why a kubeconfig is refused."""
    with pytest.raises(ConfigError, match=r"^--kubeconfig '.*config': ") as caught:
        load(user, server, **cluster)
    return str(caught.value).partition("': ")[2]


def test_a_server_may_have_a_path(load: Load) -> None:
    """Behind a proxy such as Rancher's; a query is not a part of it."""
    assert load(server="https://rancher.example/k8s/clusters/x/?a=b").host == "https://rancher.example/k8s/clusters/x"


def test_a_server_without_a_scheme_is_plain_http(load: Load) -> None:
    """As kubectl reads it."""
    assert load(server="127.0.0.1:8080", **NO_CA).host == "http://127.0.0.1:8080"


@pytest.mark.parametrize(
    "cluster", [NO_CA | {"insecure-skip-tls-verify": True}, {"certificate-authority-data": data(ROOT.certificate_pem)}]
)
def test_a_server_without_a_scheme_is_https_if_certificates_are_spoken_of(load: Load, cluster: dict[str, Any]) -> None:
    """As kubectl reads it: the token is sent."""
    access = load({"token": "t"}, server="127.0.0.1:6443", **cluster)
    assert access.host == "https://127.0.0.1:6443"
    assert access.credential == Credential("Bearer t")


@pytest.mark.parametrize(
    ("server", "message"),
    [
        ("", "the cluster has no server"),
        ("https://u:S3CRET@host:x", "server is not an address"),
        ("ftp://u:S3CRET@host", "server has the unsupported scheme 'ftp'"),
        ("host/path", "server must begin with https:// or http://"),
    ],
)
def test_a_wrong_server_is_refused(load: Load, server: str, message: str) -> None:
    """Without what is secret in it."""
    text = refusal(load, server=server)
    assert text.startswith(message)
    assert "S3CRET" not in text


def test_keys_of_a_cluster(load: Load) -> None:
    """All that it may say of TLS and of answers."""
    access = load(tls_server_name="name", disable_compression=True)
    assert (access.tls_server_name, access.is_compressing, access.verify_ssl) == ("name", False, True)
    assert not load(insecure_skip_tls_verify=True).verify_ssl


def test_an_authority_in_a_file_is_relative_to_the_kubeconfig(tmp_path: Path, load: Load) -> None:
    """Not to where the exporter runs."""
    (tmp_path / "ca.crt").write_text(ROOT.certificate_pem)
    access = load(**{"certificate-authority": "ca.crt"})
    assert access.authority == ROOT.certificate_pem.encode()


@pytest.mark.parametrize(
    ("cluster", "message"),
    [
        ({"certificate-authority": "missing"}, "couldn't read certificate-authority '.*missing': No such file"),
        ({"certificate-authority": "config"}, "certificate-authority 'config': no certificate in it"),
        ({"certificate-authority-data": data("x")}, "certificate-authority-data: no certificate in it"),
        ({"certificate-authority-data": "!"}, "certificate-authority-data is not base64"),
        (
            {"certificate-authority": "config", "certificate-authority-data": data("x")},
            "certificate-authority and certificate-authority-data exclude each other",
        ),
        (
            {"insecure-skip-tls-verify": True, "certificate-authority-data": data(ROOT.certificate_pem)},
            "certificate-authority and insecure-skip-tls-verify exclude each other",
        ),
        ({"proxy-url": "http://u:S3CRET@host:99999"}, "proxy-url is not an address"),
        ({"proxy-url": "ftp://u:S3CRET@host"}, "proxy-url has the unsupported scheme 'ftp'"),
    ],
)
def test_a_wrong_cluster_is_refused(load: Load, cluster: dict[str, Any], message: str) -> None:
    """By the key's name."""
    with pytest.raises(ConfigError, match=message) as caught:
        load(None, SERVER, **cluster)
    assert "S3CRET" not in str(caught.value)


def test_the_kubeconfigs_proxy_comes_before_the_environments(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """And before NO_PROXY."""
    monkeypatch.setenv("HTTPS_PROXY", "http://environment:3128")
    assert load().proxy == "http://environment:3128"
    monkeypatch.setenv("NO_PROXY", "*")
    assert not load().proxy
    assert load(proxy_url="socks5://own").proxy == "socks5h://own"


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({}, Credential()),
        ({"token": "t"}, Credential("Bearer t")),
        ({"token": "t\n"}, Credential("Bearer t")),
        ({"token": None, "tokenFile": ""}, Credential()),
        ({"tokenFile": "token"}, Credential("Bearer of-file")),
        ({"token": "t", "tokenFile": "token"}, Credential("Bearer of-file")),
        ({"token": "t", "tokenFile": "missing"}, Credential("Bearer t")),
        ({"username": "u", "password": "p"}, Credential("Basic dTpw")),
        ({"username": "u"}, Credential("Basic dTo=")),
        ({"token": "t", "exec": EXEC}, Credential("Bearer t")),
        ({"username": "u", "password": "p", "exec": EXEC}, Credential("Basic dTpw")),
    ],
)
def test_a_users_credentials(tmp_path: Path, load: Load, user: dict[str, Any], expected: Credential) -> None:
    """What wins if there are several is as for client-go."""
    (tmp_path / "token").write_text("of-file\n")
    assert load(user).credential == expected


@pytest.mark.parametrize("more", [{}, {"token": ""}, {"token": None}, {"exec": EXEC}])
def test_a_client_certificate(load: Load, more: dict[str, Any]) -> None:
    """An empty token beside it is none."""
    credential = load(CERTIFICATE | more).credential
    assert credential.authorization == ""
    assert credential.certificate == f"{CLIENT.certificate_pem}\n{CLIENT.key_pem}".encode()


def test_a_client_certificate_in_files(tmp_path: Path, load: Load) -> None:
    """Relative to the kubeconfig; with a token both are sent."""
    (tmp_path / "crt").write_text(CLIENT.certificate_pem)
    (tmp_path / "key").write_text(CLIENT.key_pem)
    access = load({"client-certificate": "crt", "client-key": "key", "token": "t"})
    assert access.credential == Credential("Bearer t", access.credential.certificate)
    assert access.credential.certificate


def test_a_user_in_the_servers_address(load: Load) -> None:
    """As Go's HTTP client takes it; a token comes before it."""
    server = "https://u:p@api.example"
    assert load(None, server).credential == Credential("Basic dTpw")
    assert load({"token": "t"}, server).credential == Credential("Bearer t")


def test_impersonation(load: Load) -> None:
    """Sent with every request, also where no credentials are."""
    user = {"as": "a", "as-uid": "1", "as-groups": ["g", "h"], "as-user-extra": {"k": ["v"]}}
    expected = (
        ("Impersonate-User", "a"),
        ("Impersonate-Uid", "1"),
        ("Impersonate-Group", "g"),
        ("Impersonate-Group", "h"),
        ("Impersonate-Extra-k", "v"),
    )
    assert load(user).impersonation == expected
    assert load(user, "http://api.example").impersonation == expected


@pytest.mark.parametrize(
    "user",
    [
        {"token": "t"},
        {"tokenFile": "token"},
        {"username": "u", "password": "p"},
        CERTIFICATE,
        {"exec": EXEC},
    ],
)
def test_without_tls_no_credentials_are_sent(load: Load, user: dict[str, Any]) -> None:
    """As for kubectl, on this machine too; and no plugin is run."""
    access = load(user, "http://127.0.0.1:8080")
    assert access.credential == Credential()
    assert access.has_ignored_credentials


def test_without_credentials_nothing_is_ignored(load: Load) -> None:
    """So nothing has to be said of it."""
    assert not load({}, "http://127.0.0.1:8080").has_ignored_credentials
    assert load({}, "http://u:p@127.0.0.1:8080").has_ignored_credentials


@pytest.mark.parametrize(
    ("user", "message"),
    [
        ({"token": ["S3CRET"]}, "not a kubeconfig: user 'u': Expected `str`, got `array` - at `\\$.token`"),
        ({"token": 12345}, "not a kubeconfig: user 'u': Expected `str`, got `int` - at `\\$.token`"),
        ({"auth-provider": {"name": "gcp"}}, "auth-provider 'gcp' is not supported"),
        ({"token": "S3CRET", "username": "u"}, "token and username exclude each other"),
        ({"tokenFile": "t", "password": "S3CRET"}, "token and username exclude each other"),
        ({"tokenFile": "missing"}, "couldn't read the token file '.*missing'"),
        ({"token": "S3CRET\nS3CRET"}, "the token can't be sent in a header: it has a line break"),
        ({"as-groups": ["g"]}, "as-groups without as"),
        ({"as-uid": "1"}, "as-uid without as"),
        ({"as-user-extra": {"k": ["v"]}}, "as-user-extra without as"),
        ({"as": "a\nb"}, "what the user is to be impersonated as .* can't be sent in a header"),
        ({"client-certificate-data": data("S3CRET")}, "client-certificate without client-key"),
        (CERTIFICATE | {"client-certificate": "x"}, "client-certificate and client-certificate-data exclude each"),
        (CERTIFICATE | {"client-key": "x"}, "client-key and client-key-data exclude each other"),
        (CERTIFICATE | {"client-key-data": "!"}, "client-key-data is not base64"),
        (CERTIFICATE | {"client-key-data": data("S3CRET")}, "no client certificate with its unencrypted key"),
        (CERTIFICATE | {"client-key-data": data(ROOT.key_pem)}, r"no client certificate .*\(key values mismatch\)"),
        ({"client-certificate": "missing", "client-key": "x"}, "couldn't read client-certificate '.*missing'"),
        ({"exec": EXEC | {"command": ""}}, "exec without a command"),
        ({"exec": EXEC | {"apiVersion": "client.authentication.k8s.io/v1alpha1"}}, "exec's apiVersion '.*v1alpha1'"),
        ({"exec": EXEC | {"apiVersion": None}}, "exec's apiVersion '' is not supported"),
        ({"exec": EXEC | {"interactiveMode": "Always"}}, "exec's interactiveMode 'Always' is not supported"),
        ({"exec": EXEC | {"interactiveMode": None}}, "exec's interactiveMode '' is not supported"),
        ({"exec": EXEC | {"env": [{"value": "S3CRET"}]}}, "missing required field `name`"),
    ],
)
def test_a_user_that_cannot_be_honoured_is_refused(load: Load, user: dict[str, Any], message: str) -> None:
    """By the key's name, without its value."""
    with pytest.raises(ConfigError, match=message) as caught:
        load(user)
    assert "S3CRET" not in str(caught.value)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value in a document."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from places(item, (*path, key))


def with_value(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value at one place."""
    if not path:
        return value
    copied = copy.copy(document)
    copied[path[0]] = with_value(document[path[0]], path[1:], value)
    return copied


@pytest.mark.parametrize("value", [None, "", 0, [], {}, ["x"], "x\x00\n", "http://a:S3CRET@[b", "https://ⅷ", "\u2028"])
@pytest.mark.parametrize("user", [CERTIFICATE | {"token": "t", "as": "a", "as-groups": ["g"]}, {"exec": EXEC}])
def test_whatever_stands_at_any_place_is_used_or_refused(tmp_path: Path, user: dict[str, Any], value: Any) -> None:
    """With an error of ours, which becomes a line and an exit code; never with another exception."""
    path = tmp_path / "config"
    kubeconfig(path, SERVER, user, proxy_url="http://u:S3CRET@proxy:3128", tls_server_name="x", extensions=[])
    document = json.loads(path.read_text())
    for place in list(places(document)):
        path.write_text(json.dumps(with_value(document, place, value)))
        with suppress(ConfigError):
            assert "S3CRET" not in ApiTransport(AccessLoader(str(path)), 1).host


def test_an_exec_plugin_is_not_run_when_it_is_loaded(tmp_path: Path, load: Load) -> None:
    """It may hang; its path is relative to the kubeconfig if it is one, and its mode is optional in v1beta1."""
    beta = {"apiVersion": "client.authentication.k8s.io/v1beta1", "command": "./plugin", "args": ["a"], "env": None}
    plugin = load({"exec": beta}).plugin
    assert plugin is not None
    assert (plugin._command, plugin._given.args) == (str(tmp_path / "plugin"), ["a"])
    plain = load({"exec": EXEC}).plugin
    assert plain is not None
    assert plain._command == "plugin"
    assert json.loads(plain._info)["spec"] == {"interactive": False}


def test_an_exec_plugin_may_ask_for_the_cluster(load: Load) -> None:
    """In the shape of client.authentication.k8s.io."""
    plugin = load(
        {"exec": EXEC | {"provideClusterInfo": True}},
        proxy_url="http://proxy:3128",
        tls_server_name="name",
        extensions=[
            {"name": "other", "extension": 1},
            {"name": "client.authentication.k8s.io/exec", "extension": {"audience": "x"}},
        ],
    ).plugin
    assert plugin is not None
    assert json.loads(plugin._info) == {
        "kind": "ExecCredential",
        "apiVersion": "client.authentication.k8s.io/v1",
        "spec": {
            "interactive": False,
            "cluster": {
                "server": SERVER,
                "tls-server-name": "name",
                "certificate-authority-data": data(ROOT.certificate_pem),
                "proxy-url": "http://proxy:3128",
                "config": {"audience": "x"},
            },
        },
    }
