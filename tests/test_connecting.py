"""The way to the cluster as a user sees it: exit codes, the log, and what is served while it is not there."""

import json
import socket
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import error_line, run
from tests.support.faults import FaultServer
from tests.support.processes import serving
from tests.support.reaching import authorizations, kubeconfig, tls_server
from tests.support.watching import wait_until


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with tls_server() as server:
        yield server


def plugin(path: Path, script: str) -> dict[str, Any]:
    """Write an exec plugin of /bin/sh; return the user that has it."""
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "interactiveMode": "Never"}}


@pytest.mark.parametrize(
    ("user", "cluster", "variables", "message"),
    [
        ({}, {"proxy-url": "http://corp:S3CRET@127.0.0.1:99999"}, {}, "proxy-url is not an"),
        ({}, {}, {"HTTPS_PROXY": "http://corp:S3CRET@host:x"}, "HTTPS_PROXY is not an address"),
        ({"token": "S3CRET\nS3CRET"}, {}, {}, "the token can't be sent in a header: it has a line break"),
        ({"client-certificate-data": "S3CRET!"}, {}, {}, "client-certificate-data is not base64"),
        ({"auth-provider": {"name": "oidc", "config": {"x": "S3CRET"}}}, {}, {}, "auth-provider 'oidc' is not"),
        ({"token": ["S3CRET"]}, {}, {}, "not a kubeconfig: user 'u': Expected `str`"),
        ({"as-groups": ["S3CRET"]}, {}, {}, "as-groups without as"),
        ({}, {"certificate-authority-data": "S3CRET"}, {}, "certificate-authority-data is not base64"),
    ],
)
def test_what_is_wrong_is_one_line_and_exit_code_2(
    tmp_path: Path, user: dict[str, Any], cluster: dict[str, Any], variables: dict[str, Any], message: str
) -> None:
    """Without a traceback, and without what is secret."""
    path = kubeconfig(tmp_path / "c", "https://api.example.invalid", user, **cluster)
    result = run("--kubeconfig", path, "--metrics-addr", "127.0.0.1:0", **variables)
    assert result.returncode == 2
    line = error_line(result)
    assert message in line
    assert "S3CRET" not in line


def test_a_plugin_that_hangs_keeps_nothing_from_being_served(server: FaultServer, tmp_path: Path) -> None:
    """The port is open, the process is healthy, and it ends when it is asked to, and the plugin with it."""
    path = tmp_path / "plugin"
    user = plugin(path, 'echo $$ > "$0.pid"; exec sleep 600')
    with serving(Path(kubeconfig(tmp_path / "c", server.url, user))) as process:
        wait_until(lambda: path.with_name("plugin.pid").exists(), "the plugin runs")
        assert process.get("/healthz").status == 200
        assert process.get("/readyz").status == 503
        assert process.end(15) == 0
    plugin_process = int(path.with_name("plugin.pid").read_text())
    wait_until(lambda: not Path(f"/proc/{plugin_process}").exists(), "the plugin has ended")
    assert server.requests == []


def test_a_plugin_that_fails_is_in_the_log_until_it_works(server: FaultServer, tmp_path: Path) -> None:
    """Nothing is asked anonymously; what it wrote is there once."""
    path = tmp_path / "plugin"
    user = plugin(path, 'echo "log in first" >&2; exit 1')
    with serving(Path(kubeconfig(tmp_path / "c", server.url, user))) as process:
        wait_until(lambda: any("failed with exit code 1" in message for message in process.messages), "reported")
        credential = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "kind": "ExecCredential",
            "status": {"token": "t"},
        }
        (tmp_path / "text").write_text(json.dumps(credential))
        plugin(path, f"cat '{tmp_path / 'text'}'")
        wait_until(lambda: process.get("/readyz").status == 200, "ready", 40, every_seconds=0.02)
        assert sum("log in first" in message for message in process.messages) == 1
        assert process.end(15) == 0
    assert set(authorizations(server)) == {"Bearer t"}


def test_the_log_names_the_server_without_its_password(tmp_path: Path) -> None:
    """In its first line, and where connecting fails."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    path = kubeconfig(tmp_path / "c", f"https://u:S3CRET@127.0.0.1:{port}")
    with serving(Path(path)) as process:
        wait_until(lambda: any("couldn't connect" in message for message in process.messages), "reported")
        assert process.lines[0]["api_server"] == f"https://127.0.0.1:{port}"
        assert process.end(15) == 0
    assert "S3CRET" not in json.dumps(process.lines)
