"""Kubeconfig files: read, merged, and refused without a word of what is secret in them."""

import os
from pathlib import Path

import pytest

from exporter.errors import ConfigError
from exporter.kube.client import kubeconfig
from exporter.kube.client.kubeconfig import Kubeconfig

ONE = """\
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: 'https://one'}}]
users: [{name: u, user: {token: one}}]
"""
TWO = """\
current-context: y
contexts: [{name: x, context: {cluster: c2}}, {name: y, context: {cluster: c2, user: u2}}]
clusters: [{name: c, cluster: {server: 'https://two', tls-server-name: two}}, {name: c2, cluster: {server: 'https://c2'}}]
users: [{name: u2, user: {token: two}}]
"""


def load(folder: Path, *texts: str) -> Kubeconfig:
    """Write texts to files and read these as one kubeconfig."""
    paths = []
    for number, text in enumerate(texts):
        path = folder / str(number) / "config"
        path.parent.mkdir()
        path.write_text(text)
        paths.append(path)
    return Kubeconfig(paths)


def test_the_first_file_wins(tmp_path: Path) -> None:
    """Entry by entry, as a whole; what only the second has is added."""
    config = load(tmp_path, ONE, TWO)
    name, cluster, user = config.select(None)
    assert (name, cluster.value.server, cluster.value.tls_server_name, user.value.token) == (
        "x",
        "https://one",
        "",
        "one",
    )
    assert cluster.folder == tmp_path / "0"
    name, cluster, user = config.select("y")
    assert (name, cluster.value.server, user.value.token) == ("y", "https://c2", "two")
    assert user.folder == tmp_path / "1"


@pytest.mark.parametrize("empty", ["", "\n", "# a comment\n", "---\n", "{}", "null"])
def test_an_empty_file_is_nothing(tmp_path: Path, empty: str) -> None:
    """As for kubectl."""
    assert load(tmp_path, empty, ONE).select(None)[0] == "x"


def test_a_file_that_is_missing_is_nothing(tmp_path: Path) -> None:
    """Only where several may be named."""
    assert Kubeconfig([tmp_path / "missing"]).is_empty


def test_the_first_current_context_counts(tmp_path: Path) -> None:
    """Though the first file has none."""
    assert load(tmp_path, ONE.replace("current-context: x", "current-context: ''"), TWO).select(None)[0] == "y"


def test_nulls_count_as_absent(tmp_path: Path) -> None:
    """Tools write them."""
    text = ONE.replace("{token: one}", "{token: null, tokenFile: null, exec: null, as-groups: null}")
    _, _, user = load(tmp_path, text, "clusters: null\nusers: null\n").select(None)
    assert user.value == kubeconfig.User()


def test_json_is_read_and_keys_may_be_unknown(tmp_path: Path) -> None:
    """JSON is YAML."""
    assert load(tmp_path, '{"preferences": {}, "current-context": "z", "kind": "Config"}').current_context == "z"


@pytest.mark.parametrize(
    ("text", "context", "message"),
    [
        (ONE, "z", "no context 'z'; there are 'x'"),
        ("{}", "z", "no context 'z'; there are none"),
        (ONE.replace("current-context: x", ""), None, "no current-context; name one with --context"),
        (ONE.replace("user: u}", "user: other}"), None, "no user 'other'; there are 'u'"),
        (ONE.replace("cluster: c,", "cluster: other,"), None, "no cluster 'other'; there are 'c'"),
        (ONE.replace("cluster: c,", ""), None, "context 'x' names no cluster"),
    ],
)
def test_what_a_context_names_has_to_be_there(tmp_path: Path, text: str, context: str | None, message: str) -> None:
    """Or requests would be sent anonymously, or to another cluster."""
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text).select(context)
    assert str(caught.value) == message


def test_a_context_without_a_user_is_anonymous(tmp_path: Path) -> None:
    """As for kubectl."""
    _, _, user = load(tmp_path, ONE.replace(", user: u}", "}")).select(None)
    assert user.value == kubeconfig.User()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("users: [{name: u, user: {token: 'S3CRET}]", "not YAML at line"),
        ("users:\n- name: u\n  user:\n\ttoken: S3CRET", "not YAML at line 4, column 1"),
        ("users: [{name: u, user: {token: *S3CRET}}]", "not YAML at line 1, column 33"),
        ("users: [{name: u, user: {token: !S3CRET x}}]", "not YAML at line 1, column 33"),
        ("users: [{name: u, user: {token: S3CRET\x00}}]", "not YAML"),
        ("users: {S3CRET: 1}", r"not a kubeconfig"),
        ("S3CRET", "not a kubeconfig"),
        ("[1]", "not a kubeconfig"),
    ],
)
def test_what_is_no_kubeconfig_is_refused_without_its_content(tmp_path: Path, text: str, message: str) -> None:
    """PyYAML's own messages quote the line."""
    with pytest.raises(ConfigError, match=f"^kubeconfig '.*config': {message}") as caught:
        load(tmp_path, text)
    assert "S3CRET" not in str(caught.value)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    """In one line."""
    (tmp_path / "config").write_bytes(b"users: \xff\xfe")
    with pytest.raises(ConfigError, match="not YAML"):
        Kubeconfig([tmp_path / "config"])


def test_aliases_that_expand_are_refused(tmp_path: Path) -> None:
    """A few hundred bytes that would be gigabytes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{number}: &a{number} [{', '.join([f'*a{number - 1}'] * 10)}]" for number in range(1, 10)]
    with pytest.raises(ConfigError, match="not YAML"):
        load(tmp_path, "\n".join(lines))


def test_a_pipe_is_no_kubeconfig(tmp_path: Path) -> None:
    """It may have become one after the start: its writer is not waited for."""
    os.mkfifo(tmp_path / "config")
    with pytest.raises(ConfigError, match="it is not a regular file"):
        Kubeconfig([tmp_path / "config"])


def test_a_name_that_is_given_twice_is_refused(tmp_path: Path) -> None:
    """Which of the two is meant is not known."""
    with pytest.raises(ConfigError, match="two entries for user 'u'"):
        load(tmp_path, ONE.replace("users: [", "users: [{name: u}, "))


def test_a_folder_is_no_kubeconfig(tmp_path: Path) -> None:
    """The system's reason is in the message."""
    with pytest.raises(ConfigError, match="^kubeconfig '.*': Is a directory"):
        Kubeconfig([tmp_path])
