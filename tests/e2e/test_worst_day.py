"""Backups, kills, certificates, versions and limits of a real API server: `/metrics` is whole all the time."""

import copy
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.api import CONNECTIONS, MERGE_PATCH, Api
from tests.e2e.cluster import Account, Cluster
from tests.e2e.control_plane import ControlPlane
from tests.e2e.gate import Gate
from tests.e2e.rays import API, CRDS, RAYJOB
from tests.e2e.scraping import DEADLINE_SECONDS, names, own, scrape, scraping, wait_until_connected
from tests.e2e.test_definitions import DEFINITION
from tests.support.certificates import issue
from tests.support.processes import Process, serving
from tests.support.watching import wait_until

pytestmark = pytest.mark.own_cluster

FLOW_CONTROL = "/apis/flowcontrol.apiserver.k8s.io/v1"
MANY = [f"many-{i}" for i in range(150)]


def jobs(process: Process, namespace: str) -> set[str]:
    return names(scrape(process).body, RAYJOB.info, namespace)


def wait_until_shown(process: Process, namespace: str, *expected: str) -> None:
    wait_until(lambda: jobs(process, namespace) == set(expected), f"{expected[:3]} shown", DEADLINE_SECONDS, 0.1)


@contextmanager
def always_whole(process: Process, namespace: str, *states: set[str]) -> Iterator[None]:
    """Scrape during the block: each scrape is one of these states."""
    with scraping(process) as scrapes:
        yield
    assert {(s.status, s.ready) for s in scrapes} == {(200, 200)}
    assert all(names(s.body, RAYJOB.info, namespace) in states for s in scrapes)


def reconnect_until_refused(process: Process, gate: Gate, refusal: str) -> None:
    """Close the watch, and allow new connections, until one is refused with these words."""
    for _ in range(20):
        gate.close()
        wait_until(lambda: not own(process, "watch_connected", "rayjobs"), "cut off", DEADLINE_SECONDS)
        gate.open()
        wait_until(lambda: own(process, "watch_connected", "rayjobs") or refusal in str(process.messages), "either", 60)
        if refusal in str(process.messages):
            return
    raise AssertionError(f"never refused: {refusal}")


def test_etcd_restored_from_a_backup(cluster: Cluster, namespace: str, kubeconfig: Path, plane: ControlPlane) -> None:
    """What was written after the backup is gone, what was deleted is there again, in one step."""
    cluster.create(RAYJOB, namespace, "deleted")
    backup = plane.back_up()
    with serving(kubeconfig, "--collectors", "rayjobs") as process:
        wait_until_connected(process, "rayjobs")
        # So many that the history of the restored etcd stays behind, whatever the API server writes at its start.
        cluster.create_many(RAYJOB, namespace, MANY)
        cluster.delete(RAYJOB, namespace, "deleted")
        wait_until_shown(process, namespace, *MANY)
        with always_whole(process, namespace, set(MANY), {"deleted"}):
            plane.restore(backup)
            wait_until_shown(process, namespace, "deleted")
        cluster.create(RAYJOB, namespace, "after")
        wait_until_shown(process, namespace, "deleted", "after")


def test_an_api_server_killed_in_the_middle_of_a_list(
    cluster: Cluster, namespace: str, kubeconfig: Path, reader: Account, plane: ControlPlane
) -> None:
    """Before the first list has ended, nothing is served; then it is whole."""
    cluster.create_many(RAYJOB, namespace, MANY)
    with serving(kubeconfig, "--collectors", "rayjobs", "--kube-page-size", "1") as process:
        wait_until(lambda: len(plane.api_server.requests(reader.user)) > 10, "the list has begun", DEADLINE_SECONDS)
        plane.api_server.kill()
        assert scrape(process).status == 503
        plane.api_server.start()
        wait_until(lambda: scrape(process).status == 200, "served", DEADLINE_SECONDS)
        assert jobs(process, namespace) == set(MANY)


def test_certificates_are_rotated(
    cluster: Cluster, namespace: str, reader: Account, plane: ControlPlane, tmp_path: Path
) -> None:
    """The API server has a certificate of a new CA; the exporter trusts it when its file has that CA."""
    cluster.create(RAYJOB, namespace, "a")
    olds = (*plane.certificates.pair("server"), plane.certificates.authority)
    certificate, key, authority = (Path(shutil.copy(old, tmp_path)) for old in olds)
    flags = (f"--tls-cert-file={certificate}", f"--tls-private-key-file={key}")
    with plane.another_api_server(*flags) as server, Gate(*server.api.address) as gate:
        kubeconfig = cluster.write_kubeconfig(tmp_path, reader.token("first"), gate.address)
        kubeconfig.write_text(kubeconfig.read_text().replace(str(plane.certificates.authority), str(authority)))
        with serving(kubeconfig, "--collectors", "rayjobs") as process:
            wait_until_connected(process, "rayjobs")
            with always_whole(process, namespace, {"a"}, {"a", "b"}):
                new_authority = issue("ca", is_authority=True)
                pair = issue("server", new_authority)
                key.write_text(pair.key_pem)
                certificate.write_text(pair.certificate_pem)
                reconnect_until_refused(process, gate, "certificate verify failed")
                authority.write_text(new_authority.certificate_pem)
                wait_until_connected(process, "rayjobs")
                cluster.create(RAYJOB, namespace, "b")
                wait_until_shown(process, namespace, "a", "b")
            assert own(process, "lists_total", "rayjobs") == 1


def test_the_stored_version_of_a_definition_is_switched(cluster: Cluster, namespace: str, kubeconfig: Path) -> None:
    """Another version is added and stored: the API server ends the watches, and nothing is lost."""
    cluster.create(RAYJOB, namespace, "a")
    path = f"{CRDS}/{DEFINITION['metadata']['name']}"
    (version,) = DEFINITION["spec"]["versions"]
    stored = copy.deepcopy(version) | {"name": "v2"}
    try:
        with serving(kubeconfig, "--collectors", "rayjobs") as process:
            wait_until_connected(process, "rayjobs")
            with always_whole(process, namespace, {"a"}, {"a", "b"}):
                versions = [version | {"storage": False}, stored]
                cluster.api.call("PATCH", path, {"spec": {"versions": versions}}, content_type=MERGE_PATCH)
                watches = own(process, "watches_total", "rayjobs")
                wait_until(lambda: own(process, "watches_total", "rayjobs") > watches, "again", DEADLINE_SECONDS)
                cluster.create(RAYJOB, namespace, "b")
                wait_until_shown(process, namespace, "a", "b")
            assert own(process, "list_failures_total", "rayjobs") == 0
    finally:
        # A version that was stored cannot just be removed.
        cluster.uninstall(DEFINITION)
        cluster.install(DEFINITION)


@contextmanager
def no_seat_for(api: Api) -> Iterator[None]:
    """Priority and fairness gives a user no seat. A request that is alone gets one, so others list all the time."""
    is_over = threading.Event()

    def lists() -> None:
        while not is_over.is_set():
            api.once("GET", f"{API}/rayjobs")

    with ThreadPoolExecutor(CONNECTIONS) as pool:
        try:
            for _ in range(CONNECTIONS):
                pool.submit(lists)
            yield
        finally:
            is_over.set()


def test_priority_and_fairness_refuses_the_exporter(
    cluster: Cluster, namespace: str, reader: Account, tmp_path: Path
) -> None:
    """429 to most of its requests: the last state stays, and no list follows when it may watch again."""
    cluster.create_many(RAYJOB, namespace, MANY)
    limited = {"nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}
    everything = {name: ["*"] for name in ("verbs", "apiGroups", "resources", "namespaces")} | {"clusterScope": True}
    rule = {"subjects": [{"kind": "User", "user": {"name": reader.user}}], "resourceRules": [everything]}
    schema = {"priorityLevelConfiguration": {"name": namespace}, "matchingPrecedence": 2, "rules": [rule]}
    level = {"type": "Limited", "limited": limited}
    token = reader.token("first")
    with Gate(*cluster.api.address) as gate:
        kubeconfig = cluster.write_kubeconfig(tmp_path, token, gate.address)
        with serving(kubeconfig, "--collectors", "rayjobs") as process:
            wait_until_connected(process, "rayjobs")
            with always_whole(process, namespace, set(MANY), {*MANY, "b"}):
                for plural, spec in (("prioritylevelconfigurations", level), ("flowschemas", schema)):
                    body = {"metadata": {"name": namespace}, "spec": spec}
                    cluster.api.call("POST", f"{FLOW_CONTROL}/{plural}", body)
                with no_seat_for(cluster.api.as_holder_of(token)):
                    reconnect_until_refused(process, gate, "429: ")
                for plural in ("flowschemas", "prioritylevelconfigurations"):
                    cluster.api.call("DELETE", f"{FLOW_CONTROL}/{plural}/{namespace}")
                cluster.create(RAYJOB, namespace, "b")
                wait_until_shown(process, namespace, *MANY, "b")
            assert own(process, "lists_total", "rayjobs") == 1
