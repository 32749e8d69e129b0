"""Where a cluster is looked for; nothing connects here."""

import json
from pathlib import Path

import pytest

from exporter.errors import ConfigError, CredentialsError
from exporter.kube.client.access import Credential
from exporter.kube.client.access_loader import AccessLoader
from tests.support.reaching import ROOT, kubeconfig

SERVER = "https://api.example:6443"

pytestmark = pytest.mark.usefixtures("bare_environment")


def service_account(folder: Path, monkeypatch: pytest.MonkeyPatch, token: str = "pod\n") -> Path:
    path = folder / "serviceaccount"
    path.mkdir()
    (path / "token").write_text(token)
    (path / "ca.crt").write_text(ROOT.certificate_pem)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "2001:db8::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "6443")
    return path


def test_a_pods_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Address from variables, token and CA from files; before $KUBECONFIG."""
    service_account(tmp_path, monkeypatch)
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "config", SERVER, {"token": "kubeconfig"}))
    access = AccessLoader()()
    assert access.host == "https://[2001:db8::1]:6443"
    assert access.credential == Credential("Bearer pod")
    assert access.authority == ROOT.certificate_pem.encode()


def test_a_service_account_that_is_away_is_no_reason_to_look_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kubeconfig may lead to another cluster."""
    path = service_account(tmp_path, monkeypatch)
    monkeypatch.setenv("KUBECONFIG", kubeconfig(tmp_path / "config", SERVER))
    loader = AccessLoader()
    loader()
    (path / "token").unlink()
    with pytest.raises(CredentialsError, match="^couldn't use the pod's service account: "):
        loader()


def test_what_is_asked_for_comes_before_the_service_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kubeconfig or a context."""
    service_account(tmp_path, monkeypatch)
    path = kubeconfig(tmp_path / "config", SERVER, {"token": "kubeconfig"})
    monkeypatch.setenv("KUBECONFIG", path)
    for loader in (AccessLoader(path), AccessLoader(None, "one")):
        assert loader().credential == Credential("Bearer kubeconfig")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("ca.crt", None, "'.*ca.crt': No such file or directory"),
        ("ca.crt", "no certificate", "'.*ca.crt': no certificate in it"),
        ("token", "", "Token file exists but empty"),
        ("token", "S3CRET\nS3CRET", "the token in '.*token' can't be sent in a header"),
    ],
)
def test_a_broken_service_account_is_no_way_to_a_cluster(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: str | None, message: str
) -> None:
    """Exit code 1; nothing of the token is in the message."""
    path = service_account(tmp_path, monkeypatch) / name
    path.unlink()
    if content is not None:
        path.write_text(content)
    with pytest.raises(CredentialsError, match=f"^couldn't use the pod's service account: {message}") as caught:
        AccessLoader()()
    assert "S3CRET" not in str(caught.value)


def test_the_files_of_the_environment_count_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Missing and empty ones are nothing."""
    (tmp_path / "empty").touch()
    path = kubeconfig(tmp_path / "config", SERVER, {"token": "t"})
    monkeypatch.setenv("KUBECONFIG", f"{tmp_path / 'missing'}::{tmp_path / 'empty'}:{path}")
    assert AccessLoader()().credential == Credential("Bearer t")


def test_the_home_folders_kubeconfig_is_the_last(tmp_path: Path) -> None:
    """As for kubectl."""
    (tmp_path / "home" / ".kube").mkdir(parents=True)
    kubeconfig(tmp_path / "home" / ".kube" / "config", SERVER, {"token": "home"})
    assert AccessLoader()().credential == Credential("Bearer home")


@pytest.mark.parametrize("name", ["missing", "empty"])
def test_without_anything_it_says_what_was_looked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Exit code 1."""
    (tmp_path / "empty").touch()
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / name))
    with pytest.raises(CredentialsError, match=f"^no way to a cluster: .*{name}.*; name one with --kubeconfig"):
        AccessLoader()()


def test_a_user_without_a_home_folder_has_no_kubeconfig(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a container: it is an ordinary answer, and not an error of Python's."""
    monkeypatch.setenv("KUBECONFIG", "~no-such-user/config")
    with pytest.raises(CredentialsError, match="^no way to a cluster: "):
        AccessLoader()()
    with pytest.raises(ConfigError, match="^--kubeconfig '~no-such-user/config': no such file"):
        AccessLoader("~no-such-user/config")()


@pytest.mark.parametrize(("name", "message"), [("missing", "no such file"), ("empty", "the file is empty")])
def test_a_kubeconfig_that_was_asked_for_has_to_be_one(tmp_path: Path, name: str, message: str) -> None:
    """Exit code 2."""
    (tmp_path / "empty").touch()
    with pytest.raises(ConfigError, match=f"^--kubeconfig '.*{name}': {message}"):
        AccessLoader(str(tmp_path / name))()


def test_the_context_stays_when_another_becomes_current(tmp_path: Path) -> None:
    """Whoever works with kubectl meanwhile must not lead the exporter to another cluster."""
    path = tmp_path / "config"
    loader = AccessLoader(kubeconfig(path, SERVER, {"token": "t"}))
    first = loader()
    config = json.loads(path.read_text())
    config["contexts"].append({"name": "two", "context": {"cluster": "d"}})
    config["clusters"].append({"name": "d", "cluster": {"server": "https://other"}})
    path.write_text(json.dumps(config | {"current-context": "two"}))
    assert loader().host == first.host
