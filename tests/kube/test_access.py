"""The access to an API server: where its credentials come from, and that no secret is printed."""

from dataclasses import replace
from pathlib import Path

from exporter.kube.access import anonymous
from exporter.kube.credentials import FileCredentials
from exporter.kube.exec_plugin import Plugin, PluginCredentials
from exporter.kube.files import ReadFile

ANONYMOUS = anonymous("http://127.0.0.1:8080")


def test_without_credentials_nothing_is_sent() -> None:
    """`kubectl proxy`, or the simulated cluster."""
    credential = ANONYMOUS.credentials().get()
    assert (credential.authorization, credential.certificate) == ("", b"")


def test_a_token_comes_before_a_password() -> None:
    """A kubeconfig with both is refused; this is the order nevertheless."""
    access = replace(ANONYMOUS, token="t", basic="Basic b", certificate=b"pem")
    credential = access.credentials().get()
    assert (credential.authorization, credential.certificate) == ("Bearer t", b"pem")
    assert replace(access, token="").credentials().get().authorization == "Basic b"


def test_a_plugin_comes_first_and_a_token_file_before_a_token(tmp_path: Path) -> None:
    """Nothing is run or read yet."""
    access = replace(ANONYMOUS, token="t", token_file=tmp_path / "missing")
    assert isinstance(access.credentials(), FileCredentials)
    plugin = Plugin("no-such-command", (), (), "client.authentication.k8s.io/v1", "", "{}")
    assert isinstance(replace(access, plugin=plugin).credentials(), PluginCredentials)


def test_secrets_are_not_printed() -> None:
    """A failed test or a debugger would print the whole access."""
    access = replace(ANONYMOUS, token="S3CRET", basic="S3CRET", certificate=b"S3CRET")
    assert "S3CRET" not in repr(access)


def test_equal_readings_are_equal_whenever_the_files_were_written() -> None:
    """A kubeconfig that was rewritten with the same content leads to no new connection."""
    assert replace(ANONYMOUS, files=(ReadFile(Path("a"), (1, 2, 3)),)) == ANONYMOUS
    assert replace(ANONYMOUS, token="t") != ANONYMOUS
