"""Credentials that do not come from a plugin: token files that are rotated."""

from pathlib import Path

import pytest

from exporter.errors import ConnectError
from exporter.kube.credentials import Credential, FileCredentials


def test_a_token_file_is_read_for_each_request(tmp_path: Path) -> None:
    """Rotated at any time, without a refusal."""
    path = tmp_path / "token"
    credentials = FileCredentials(path, certificate=b"c")
    for token in ("one", "two"):
        path.write_text(f"{token}\n")
        assert credentials.get() == Credential(f"Bearer {token}", b"c")


@pytest.mark.parametrize("token", ["", "of the kubeconfig"])
def test_while_the_file_is_away_or_empty_the_last_token_stays(tmp_path: Path, token: str) -> None:
    """As for client-go; before the first reading, the kubeconfig's."""
    path = tmp_path / "token"
    credentials = FileCredentials(path, token)
    if token:
        assert credentials.get() == Credential("Bearer of the kubeconfig")
    path.write_text("one")
    assert credentials.get() == Credential("Bearer one")
    path.write_text("\n")
    assert credentials.get() == Credential("Bearer one")
    path.unlink()
    assert credentials.get() == Credential("Bearer one")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "couldn't read the token file '.*': No such file or directory"),
        (b"\n", "the token file '.*' is empty"),
        (b"S3CRET\nS3CRET", "the token in '.*' can't be sent in a header: it has a line break in it"),
        (b"S3CRET\xff", "the token in '.*' can't be sent in a header: .* not ASCII"),
    ],
)
def test_a_token_file_without_a_token_is_an_error(tmp_path: Path, content: bytes | None, message: str) -> None:
    """Nothing is sent anonymously, and nothing of the file is in the message."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConnectError, match=f"^{message}") as caught:
        FileCredentials(path).get()
    assert "S3CRET" not in str(caught.value)
