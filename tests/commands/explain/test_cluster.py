"""Reading a cluster: paths, selectors, pages, and what may not be read."""

from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.commands.explain.inputs import read_fleet
from exporter.diagnosis.fleet import Fleet
from exporter.errors import ConfigError
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.faults import FaultServer
from tests.support.objects import condition
from tests.support.stores import install
from tests.support.watching import job
from tests.support.workloads import workload


def read(server: FaultServer, namespace: str = "") -> tuple[Fleet, list[str]]:
    """Return the fleet, and the lines on standard error."""
    said: list[str] = []
    transport = ApiTransport(lambda: anonymous(server.url), connections=1)
    return read_fleet(transport, namespace, said.append), said


def jobs(count: int) -> ObjectStore:
    store = ObjectStore()
    for number in range(count):
        store.create("rayjobs", job(f"job-{number:04}"))
    return store


def test_all_pages_are_read() -> None:
    """More objects than one page has."""
    with FaultServer(jobs(1200)) as server:
        fleet, _ = read(server)
    assert len(fleet) == 1200


def test_what_may_not_be_read_is_said_and_left_out() -> None:
    """A refused kind does not end the command, and is not taken for an empty one."""
    with FaultServer(jobs(1)) as server:
        server.answer_next(403, plural="rayclusters", times=None)
        fleet, said = read(server)
    assert len(fleet) == 1
    assert not fleet.known.clusters
    assert any("couldn't read rayclusters, so they are left out: 403" in line for line in said)


def test_one_namespace_is_read_by_its_own_path() -> None:
    """So that a Role in the namespace is sufficient."""
    with FaultServer(jobs(1)) as server:
        read(server, "team-a")
        paths = {request.path for request in server.seen()}
    assert "/apis/ray.io/v1/namespaces/team-a/rayjobs" in paths
    assert "/api/v1/namespaces/team-a/pods" in paths
    assert all("/namespaces/team-a/" in path for path in paths)


def test_pods_and_events_are_selected() -> None:
    """The same as the exporter watches: other pods and Events of the cluster are never read."""
    with FaultServer(jobs(1)) as server:
        read(server)
        queries = [request.query for request in server.seen() if request.path.startswith("/api/v1/")]
    assert {query.get("labelSelector") or query.get("fieldSelector") for query in queries} == {
        "ray.io/node-type in (head,worker)",
        "ray.io/originated-from-crd=RayJob,!ray.io/node-type",
        "involvedObject.apiVersion=ray.io/v1",
        "involvedObject.kind=Pod,type=Warning",
    }


def pod_event(name: str, pod: str, type_: str = "Warning") -> dict[str, Any]:
    about = {"apiVersion": "v1", "kind": "Pod", "namespace": "ns", "name": pod}
    more = {"involvedObject": about, "reason": "FailedMount", "type": type_, "message": 'secret "s" not found'}
    return {"apiVersion": "v1", "kind": "Event", "metadata": {"name": name, "namespace": "ns"}} | more


def test_warning_events_about_pods_of_ray_are_kept() -> None:
    """They say why a pod does not start; those about other pods are of no use."""
    store = ObjectStore()
    store.create("rayclusters", {"metadata": {"name": "c", "namespace": "ns"}, "spec": {}})
    labels = {"ray.io/cluster": "c", "ray.io/node-type": "worker"}
    for name, labels_of_pod in (("c-w", labels), ("web", {})):
        store.create("pods", {"metadata": {"name": name, "namespace": "ns", "labels": labels_of_pod}})
        store.create("events", pod_event(f"{name}.1", name))
    store.create("events", pod_event("c-w.2", "c-w", "Normal"))
    with FaultServer(store) as server:
        fleet, said = read(server)
    cluster = fleet.find("RayCluster", "ns", "c")
    assert cluster is not None
    assert {name: len(events) for name, events in fleet.related(cluster).pod_events.items()} == {"c-w": 1}
    assert said == []


def test_refused_events_are_said_once() -> None:
    """Although two lists are refused."""
    with FaultServer(jobs(1)) as server:
        server.answer_next(403, plural="events", times=None)
        fleet, said = read(server)
    assert not fleet.known.events
    assert len(said) == 1
    assert "couldn't read events, so they are left out: 403" in said[0]


def test_nothing_readable_is_an_error() -> None:
    """With the hint to name a namespace."""
    with FaultServer(jobs(1)) as server:
        server.answer_next(403, times=None)
        with pytest.raises(ConfigError, match="couldn't read any kind of ray.io: 403.*name it with -n"):
            read(server)


def queued_job(server: FaultServer, queue: str | None = "research") -> None:
    """Create a job in a queue, without its label if it is None."""
    one = job("queued", {"jobDeploymentStatus": "Suspended"})
    one["metadata"] |= {"uid": "owner", "labels": {"kueue.x-k8s.io/queue-name": queue} if queue else {}}
    server.store.create("rayjobs", one)


def sentences(fleet: Fleet) -> list[str]:
    obj = fleet.find("RayJob", "ns", "queued")
    assert obj is not None
    return [item.sentence for item in fleet.kind(obj).diagnose(obj, fleet.related(obj), datetime.now(UTC))]


@pytest.mark.parametrize("versions", [("v1beta2", "v1beta1"), ("v1beta1",)], ids="+".join)
def test_workloads_are_read_if_an_object_has_a_queue(versions: tuple[str, ...]) -> None:
    """In the newest version that the server has; those of other frameworks are left out, whatever is in them."""
    with FaultServer(ObjectStore()) as server:
        server.kueue_versions = versions
        install(server.store, "workloads")
        queued_job(server)
        message = "LocalQueue research doesn't exist"
        no_quota = condition("QuotaReserved", "False", reason="Inadmissible", message=message)
        server.store.create("workloads", workload(no_quota))
        for number, spec in enumerate(({}, {"priority": "high"})):
            other = workload(name=f"other{number}", owner=("Job", "a"), api_version="batch/v1", spec=spec)
            server.store.create("workloads", other)
        fleet, said = read(server)
    assert said == []
    assert sentences(fleet) == [f"Not admissible in local queue research: {message}."]


def test_workloads_are_read_if_an_object_without_a_label_is_suspended() -> None:
    """Kueue queues these, too, with `manageJobsWithoutQueueName`."""
    with FaultServer(ObjectStore()) as server:
        install(server.store, "workloads")
        queued_job(server, queue=None)
        no_quota = condition("QuotaReserved", "False", reason="Inadmissible", message="LocalQueue a doesn't exist")
        server.store.create("workloads", workload(no_quota, spec={"queueName": "a"}))
        fleet, said = read(server)
    assert said == []
    assert sentences(fleet) == ["Not admissible in local queue a: LocalQueue a doesn't exist."]


@pytest.mark.parametrize("is_installed", [True, False], ids=["refused", "absent"])
def test_nothing_is_said_of_kueue_if_no_object_names_it(is_installed: bool) -> None:
    """A user can suspend objects without Kueue."""
    with FaultServer(ObjectStore()) as server:
        queued_job(server, queue=None)
        if is_installed:
            install(server.store, "workloads")
            server.forbidden.add(("list", "workloads"))
        fleet, said = read(server)
    assert said == []
    assert not fleet.known.workloads


def test_workloads_are_not_asked_for_without_a_queue() -> None:
    """Most clusters have no Kueue, and nothing is said of it there."""
    with FaultServer(jobs(1)) as server:
        fleet, said = read(server)
        assert not [request for request in server.seen() if "kueue" in request.path]
    assert said == []
    assert not fleet.known.workloads


@pytest.mark.parametrize("is_installed", [True, False], ids=["refused", "absent"])
def test_workloads_that_cannot_be_read_are_said_once(is_installed: bool) -> None:
    """The rest is explained as without them."""
    with FaultServer(ObjectStore()) as server:
        queued_job(server)
        if is_installed:
            install(server.store, "workloads")
            server.forbidden.add(("list", "workloads"))
        fleet, said = read(server)
    assert len(said) == 1
    assert "couldn't read workloads, so they are left out" in said[0]
    assert ("403" if is_installed else "not installed") in said[0]
    assert sentences(fleet) == ["Waiting until Kueue admits it to the queue research."]
