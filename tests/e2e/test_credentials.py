"""Credentials of every kind; tokens are replaced and revoked while the exporter runs, without a restart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.e2e.cluster import RBAC, READER_RULES, Account, Cluster, write_token
from tests.e2e.control_plane import ControlPlane
from tests.e2e.gate import Gate
from tests.e2e.rays import RAYJOB
from tests.e2e.scraping import DEADLINE_SECONDS, is_connected, names, own, scrape, wait_until_connected
from tests.support.processes import Process, serving
from tests.support.watching import wait_until


class Rotation(NamedTuple):
    """An exporter that has read the first of two tokens, and its proxy to the API server."""

    process: Process
    gate: Gate
    token_file: Path
    first: str
    second: str


@pytest.fixture
def rotation(cluster: Cluster, namespace: str, reader: Account, tmp_path: Path) -> Iterator[Rotation]:
    cluster.create(RAYJOB, namespace, "a")
    first, second = reader.token("first"), reader.token("second")
    with Gate(*cluster.api.address) as gate:
        kubeconfig = cluster.write_kubeconfig(tmp_path, first, gate.address)
        with serving(kubeconfig, "--collectors", "rayjobs") as process:
            wait_until_connected(process, "rayjobs")
            yield Rotation(process, gate, tmp_path / "token", first, second)
    log = json.dumps(process.lines)
    assert first not in log
    assert second not in log


def test_a_rotated_token_is_read_again(cluster: Cluster, namespace: str, reader: Account, rotation: Rotation) -> None:
    """The file has a new token and the old one is revoked: the watch continues."""
    process = rotation.process
    write_token(rotation.token_file, rotation.second)
    reader.revoke("first", rotation.first)
    reconnect(rotation)
    wait_until_connected(process, "rayjobs")
    cluster.create(RAYJOB, namespace, "b")
    wait_until(lambda: names(scrape(process).body, RAYJOB.info, namespace) == {"a", "b"}, "shown")
    assert own(process, "lists_total", "rayjobs") == 1
    assert not [line for line in process.lines if "401" in line["msg"]]


def test_a_token_that_is_dead_before_the_next_one_is_there(
    cluster: Cluster, namespace: str, reader: Account, rotation: Rotation
) -> None:
    """One log line; the last state is exported until the file has a new token."""
    process = rotation.process
    reader.revoke("first", rotation.first)
    reconnect(rotation)
    wait_until(lambda: errors(process), "the refusal is told", DEADLINE_SECONDS, 0.1)
    cluster.create(RAYJOB, namespace, "b")
    assert names(scrape(process).body, RAYJOB.info, namespace) == {"a"}
    assert not is_connected(process, "rayjobs")
    assert scrape(process).ready == 200
    write_token(rotation.token_file, rotation.second)
    wait_until(
        lambda: names(scrape(process).body, RAYJOB.info, namespace) == {"a", "b"}, "shown", DEADLINE_SECONDS, 0.1
    )
    wait_until_connected(process, "rayjobs")
    assert errors(process) == ["watch failed, retrying: 401: Unauthorized"]
    assert "watch succeeded again" in process.messages


@pytest.mark.parametrize("source", ["certificate", "plugin with a certificate", "plugin with a token"])
def test_other_credentials_than_a_token_file(
    cluster: Cluster, namespace: str, reader: Account, plane: ControlPlane, tmp_path: Path, source: str
) -> None:
    """A client certificate, and exec plugins that print one or a token: the server knows whose they are."""
    certificate, key = plane.certificates.pair("client")
    cluster.create(RAYJOB, namespace, "a")
    token = reader.token("first")
    if source == "certificate":
        user: dict[str, Any] = {"client-certificate": str(certificate), "client-key": str(key)}
    elif source == "plugin with a certificate":
        user = exec_user(tmp_path, {"clientCertificateData": certificate.read_text(), "clientKeyData": key.read_text()})
    else:
        user = exec_user(tmp_path, {"token": token})
    kubeconfig = cluster.write_kubeconfig(tmp_path, token, user=user)
    # The name in the certificate is the user's.
    subject = {"kind": "User", "apiGroup": RBAC, "name": "client"}
    with (
        cluster.bound(f"{namespace}-client", subject, READER_RULES),
        serving(kubeconfig, "--collectors", "rayjobs") as process,
    ):
        wait_until_connected(process, "rayjobs")
        assert names(scrape(process).body, RAYJOB.info, namespace) == {"a"}
    assert plane.api_server.requests(reader.user if "token" in source else "client")


def exec_user(folder: Path, status: dict[str, str]) -> dict[str, Any]:
    """Return a user whose plugin prints these credentials."""
    version = "client.authentication.k8s.io/v1"
    path = folder / "credential.json"
    path.write_text(json.dumps({"apiVersion": version, "kind": "ExecCredential", "status": status}))
    return {"exec": {"apiVersion": version, "command": "cat", "args": [str(path)], "interactiveMode": "Never"}}


def reconnect(rotation: Rotation) -> None:
    """Close the watch, which a revoked token does not end, and allow new connections again."""
    rotation.gate.close()
    wait_until(lambda: not is_connected(rotation.process, "rayjobs"), "the watch has ended", DEADLINE_SECONDS)
    rotation.gate.open()


def errors(process: Process) -> list[str]:
    return [line["msg"] for line in process.lines if line["level"] == "error"]
