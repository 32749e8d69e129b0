"""Tokens are replaced and revoked while the exporter runs; it reads the file again, without a restart."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.cluster import Account, Cluster, write_token
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


def reconnect(rotation: Rotation) -> None:
    """Close the watch, which a revoked token does not end, and allow new connections again."""
    rotation.gate.close()
    wait_until(lambda: not is_connected(rotation.process, "rayjobs"), "the watch has ended", DEADLINE_SECONDS)
    rotation.gate.open()


def errors(process: Process) -> list[str]:
    return [line["msg"] for line in process.lines if line["level"] == "error"]
