"""Reloads of the web configuration: what is used before and after a change of its files."""

import logging
import os
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse

from exporter.errors import ConfigError
from exporter.web.auth.web_config_file import WebConfigFile
from tests.support.certificates import Certificates, Pair, issue
from tests.support.processes import get
from tests.support.web_configs import (
    add_pair,
    client_context,
    hashed,
    peer_certificate,
    replace_server,
    server_section,
    write_web_config,
)
from tests.support.web_server import read_answer, request, web_server

APPLICATION = PlainTextResponse("ok\n")


class Files:
    """A web configuration with TLS and one user, its certificates, and their authority."""

    def __init__(self, folder: Path) -> None:
        self.authority: Pair = issue("ca", is_authority=True)
        self.certificates = Certificates(folder)
        self.certificates.authority.write_text(self.authority.certificate_pem)
        add_pair(self.certificates, "server", issue("server", self.authority))
        self.path = folder / "web.yaml"
        self.write()

    def write(self, user: str = "alice") -> None:
        section = server_section(self.certificates)
        write_web_config(self.path, tls_server_config=section, basic_auth_users={user: hashed()})


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def is_current(file: WebConfigFile) -> bool:
    return file.is_current


def errors(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.ERROR]


def test_nothing_is_reloaded_without_a_change(files: Files) -> None:
    """Also if a file is written again with the same content."""
    file = WebConfigFile(files.path)
    before = file.current
    os.utime(files.path, (1, 1))
    assert not file.check()
    assert file.current is before


def test_a_renewed_certificate_is_shown_to_new_connections(files: Files) -> None:
    file = WebConfigFile(files.path)
    context = client_context(files.certificates)
    assert file.current.tls is not None
    with web_server(APPLICATION, tls=file.current.tls) as web:
        old = peer_certificate(web.address, context)
        replace_server(files.certificates, files.authority)
        assert file.check()
        web.tls = file.current.tls
        assert peer_certificate(web.address, context) != old
        assert get(web.address, "/", context).body == b"ok\n"


@pytest.mark.parametrize("was_answered", [False, True])
def test_connections_are_closed_when_tls_is_another(files: Files, was_answered: bool) -> None:
    """A client whose certificate is no longer accepted must not keep its connection, also from its handshake on."""
    file = WebConfigFile(files.path)
    context = client_context(files.certificates)
    with (
        web_server(APPLICATION, tls=file.current.tls) as web,
        context.wrap_socket(web.connect(), server_hostname=web.address[0]) as client,
    ):
        if was_answered:
            client.sendall(request("/"))
            assert read_answer(client).status == 200
        web.renew_connections()
        assert client.recv(1) == b""


def test_a_link_that_kubelet_replaces_is_followed(tmp_path: Path) -> None:
    """A mounted Secret: `web.yaml` → `..data/web.yaml`, and `..data` is replaced at once."""
    versions = [tmp_path / name for name in ("first", "second")]
    for number, folder in enumerate(versions):
        folder.mkdir()
        write_web_config(folder / "web.yaml", basic_auth_users={f"user-{number}": hashed()})
    (tmp_path / "..data").symlink_to("first")
    (tmp_path / "web.yaml").symlink_to("..data/web.yaml")
    file = WebConfigFile(tmp_path / "web.yaml")
    assert list(file.current.users or ()) == ["user-0"]
    (tmp_path / "..new").symlink_to("second")
    (tmp_path / "..new").rename(tmp_path / "..data")
    file.check()
    assert list(file.current.users or ()) == ["user-1"]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file has no settings"),
        (b"basic_auth_users: {alice: SECRET}", "basic_auth_users: the password of user 1 is not"),
        (None, "the file: couldn't read '"),
    ],
    ids=["truncated", "wrong", "removed"],
)
def test_a_broken_file_keeps_the_last_one_and_is_reported_once(
    files: Files, caplog: pytest.LogCaptureFixture, content: bytes | None, reason: str
) -> None:
    """Until it is valid again."""
    file = WebConfigFile(files.path)
    before = file.current
    files.path.write_bytes(content) if content is not None else files.path.unlink()
    for _ in range(3):
        assert not file.check()
    assert file.current is before
    assert not is_current(file)
    (error,) = errors(caplog)
    assert error.startswith(f"couldn't reload the web configuration, keeping the last one: {reason}")
    assert "SECRET" not in error
    files.write("bob")
    assert file.check()
    assert is_current(file)
    assert list(file.current.users or ()) == ["bob"]


def test_a_file_that_becomes_a_pipe_or_a_folder_keeps_the_last_one(files: Files) -> None:
    """Nobody waits for the writer of the pipe, and what is repaired is read again."""
    file = WebConfigFile(files.path)
    for replace in (os.mkfifo, os.mkdir):
        before = file.current
        files.path.unlink()
        replace(files.path)
        assert not file.check()
        assert (file.current, file.is_current) == (before, False)
        files.path.rmdir() if files.path.is_dir() else files.path.unlink()
        files.write("bob")
        file.check()
        assert is_current(file)


def test_a_broken_key_keeps_the_last_certificate(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    """And the log has nothing of the key."""
    file = WebConfigFile(files.path)
    _, key = files.certificates.pair("server")
    other = issue("other").key_pem
    key.write_text(other)
    assert not file.check()
    with web_server(APPLICATION, tls=file.current.tls) as web:
        assert get(web.address, "/", client_context(files.certificates)).body == b"ok\n"
    assert len(errors(caplog)) == 1
    assert all(line not in caplog.text for line in other.splitlines())


def test_a_certificate_that_is_replaced_in_two_steps_is_used_after_the_second(files: Files) -> None:
    file = WebConfigFile(files.path)
    certificate, key = files.certificates.pair("server")
    pair = issue("server-2", files.authority)
    certificate.write_text(pair.certificate_pem)
    assert not file.check()
    assert not is_current(file)
    key.write_text(pair.key_pem)
    assert file.check()
    assert is_current(file)


@pytest.mark.parametrize(
    ("sections", "reason"),
    [
        ({"basic_auth_users": {"a": hashed()}}, "tls_server_config can't be added or removed without a restart"),
        ({"tls_server_config": None}, "basic_auth_users can't be added or removed without a restart"),
    ],
    ids=["TLS", "users"],
)
def test_protection_is_not_removed_by_a_reload(
    files: Files, caplog: pytest.LogCaptureFixture, sections: dict[str, object], reason: str
) -> None:
    """Whoever removes it on purpose can restart; whoever does it by mistake keeps it."""
    file = WebConfigFile(files.path)
    if "tls_server_config" in sections:
        sections = {"tls_server_config": server_section(files.certificates)}
    write_web_config(files.path, **sections)
    assert not file.check()
    assert errors(caplog) == [f"couldn't reload the web configuration, keeping the last one: {reason}"]


def test_the_check_of_client_certificates_is_not_removed_by_a_reload(files: Files) -> None:
    verifying = server_section(
        files.certificates,
        client_ca_file=str(files.certificates.authority),
        client_auth_type="RequireAndVerifyClientCert",
    )
    write_web_config(files.path, tls_server_config=verifying)
    file = WebConfigFile(files.path)
    write_web_config(files.path, tls_server_config=server_section(files.certificates))
    assert not file.check()
    assert file.current.tls is not None
    assert file.current.tls.verifies_clients


def test_a_file_that_is_wrong_at_the_start_is_an_error_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^--web-config-file '.*/none': the file: couldn't read '.*/none': No such"):
        WebConfigFile(tmp_path / "none")
