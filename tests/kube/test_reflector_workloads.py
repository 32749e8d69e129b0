"""Lists and watches of Workloads: those of other frameworks, the older version of the API, refusals and absence."""

import json
import logging
import random
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.collectors.workload import WORKLOADS
from exporter.kube.backoff import SharedByInformers
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.informer import Informer
from exporter.kube.store import Store
from exporter.kube.sync_state import SyncState
from exporter.pipeline.watched_kind import informer_settings
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.clocks import FakeClock
from tests.support.faults import FaultServer
from tests.support.replaying import config
from tests.support.stores import install
from tests.support.watching import DEADLINE_SECONDS, Counts, View, wait_until
from tests.support.workloads import owned_by, workload

PATHS = [f"/apis/kueue.x-k8s.io/{version}/workloads" for version in ("v1beta2", "v1beta1")]
OTHERS: dict[str, dict[str, Any]] = {
    "a batch job": workload(name="other", uid="2", owner=("Job", "etl"), api_version="batch/v1"),
    "a RayJob of another group": workload(name="other", uid="2", api_version="ray.example.com/v1"),
    "a RayCronJob": workload(name="other", uid="2", owner=("RayCronJob", "a")),
    "no owner": workload(name="other", uid="2", owner=None),
    "no list of owners": {"metadata": {"name": "other", "namespace": "ns", "uid": "2", "ownerReferences": None}},
    "an owner that does not control it": workload(name="other", uid="2", owner=None)
    | {
        "metadata": {
            "name": "other",
            "namespace": "ns",
            "ownerReferences": [owned_by("RayJob", "a")[0] | {"controller": False}],
        }
    },
    "another owner, and a spec that cannot be decoded": workload(
        name="other", uid="2", owner=("Job", "etl"), api_version="batch/v1", spec={"priority": "high"}
    ),
}


class Watched:
    """A server with Workloads, and an informer of them that is not started."""

    def __init__(self, server: FaultServer) -> None:
        self.server, self.store = server, server.store
        self.view, self.counts, self.clock = View(), Counts(), FakeClock()
        url = server.url
        self.informer = Informer(
            ApiTransport(lambda: anonymous(url), connections=2),
            informer_settings(WORKLOADS, "", WORKLOADS.selections[0], config(page_size=2), WORKLOADS.object_type),
            Store[Any](),
            self.view,
            self.counts,
            shared=SharedByInformers(self.clock, random.Random(1)),
        )

    def start(self) -> None:
        self.informer.start()
        self.wait_for_state(SyncState.SYNCED)

    def wait_for_state(self, state: SyncState) -> None:
        wait_until(lambda: self.informer.state().sync is state, state.value)

    def wait_for(self, *names: str) -> None:
        wait_until(lambda: self.view.names == set(names), f"{set(names)}, but {self.view.names}")

    def paths(self, verb: str) -> list[str]:
        return [request.path for request in self.server.seen(verb)]


@pytest.fixture
def own() -> Iterator[Watched]:
    store = ObjectStore()
    install(store, "workloads")
    with FaultServer(store) as server:
        watched = Watched(server)
        try:
            yield watched
        finally:
            watched.informer.stop()
            server.clear_faults()
            if watched.informer.is_alive():
                watched.informer.join(DEADLINE_SECONDS)


@pytest.mark.parametrize("other", OTHERS)
def test_workloads_of_others_are_left_out(own: Watched, other: str, caplog: pytest.LogCaptureFixture) -> None:
    """In a list and in a watch; they are neither held, nor undecodable, nor worth a line in the log."""
    own.store.create("workloads", OTHERS[other])
    own.store.create("workloads", workload(name="mine", uid="1"))
    own.start()
    own.store.update("workloads", OTHERS[other])
    own.store.create("workloads", workload(name="new", uid="3"))
    own.wait_for("mine", "new")
    assert own.counts["decode_failed"] == 0
    assert own.informer.state().objects == 2
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_a_workload_that_gets_its_owner_later_is_held_from_then_on(own: Watched) -> None:
    """As a prebuilt one on a worker of MultiKueue; one that loses its owner is gone."""
    own.store.create("workloads", workload(name="prebuilt", owner=None))
    own.start()
    own.store.update("workloads", workload(name="prebuilt"))
    own.wait_for("prebuilt")
    own.store.update("workloads", workload(name="prebuilt", owner=None))
    own.wait_for()


def test_the_watch_continues_after_versions_of_others(own: Watched) -> None:
    """If it was cut, it does not begin at the last Workload of Ray."""
    own.store.create("workloads", workload(name="mine", uid="1"))
    own.start()
    own.server.cut_after(100_000)
    version = own.store.create("workloads", OTHERS["a batch job"])
    wait_until(lambda: own.informer._reflector.state.version == version, "its version is known")


def test_the_newer_version_of_the_api_is_read(own: Watched) -> None:
    """Also for the watch and the check of the server's version."""
    own.store.create("workloads", workload())
    own.start()
    own.server.wait_for_requests(1, verb="watch")
    assert {*own.paths("list"), *own.paths("watch")} == {PATHS[0]}


def test_the_older_version_is_read_where_the_newer_one_is_not_served(own: Watched) -> None:
    """Kueue before 0.15; a list that is answered 404 is not a failure then."""
    own.server.kueue_versions = ("v1beta1",)
    own.store.create("workloads", workload())
    own.start()
    own.wait_for("rayjob-a")
    own.server.wait_for_requests(1, verb="watch")
    assert own.paths("list") == PATHS
    assert own.paths("watch") == [PATHS[1]]
    assert own.counts["list_failed"] == 0


def test_each_list_begins_with_the_newer_version(own: Watched) -> None:
    """After an upgrade of Kueue, or a return to an older one."""
    own.server.kueue_versions = ("v1beta1",)
    own.store.create("workloads", workload())
    own.start()
    own.server.wait_for_watch("workloads")
    own.server.kueue_versions = ("v1beta2", "v1beta1")
    own.server.answer_next(410, verb="watch")
    own.server.cut_after(0)
    own.store.create("workloads", workload(name="new", uid="2"))
    own.wait_for("rayjob-a", "new")
    assert own.paths("list")[2:] == PATHS[:1] * (len(own.paths("list")) - 2)


def test_kueue_that_is_not_installed_is_complete_without_workloads() -> None:
    """Neither version is served, and discovery says so."""
    with FaultServer(ObjectStore()) as server:
        own = Watched(server)
        own.informer.start()
        own.wait_for_state(SyncState.NOT_INSTALLED)
        assert own.counts["list_failed"] == 0
        install(server.store, "workloads")
        server.store.create("workloads", workload())
        own.wait_for("rayjob-a")
        own.informer.stop()
        own.informer.join(DEADLINE_SECONDS)


def test_a_refusal_is_not_an_absence(own: Watched) -> None:
    """403 of the newer version: the older one is not tried, and the kind is refused."""
    own.server.forbidden.add(("list", "workloads"))
    own.informer.start()
    own.wait_for_state(SyncState.REFUSED)
    assert set(own.paths("list")) == {PATHS[0]}
    assert own.counts["list_failed"] >= 3


def test_a_failed_conversion_is_a_failure(own: Watched) -> None:
    """500 of the conversion webhook: what was held stays, and the failure is counted and named."""
    own.store.create("workloads", workload())
    own.start()
    own.server.wait_for_watch("workloads")
    message = "conversion webhook for kueue.x-k8s.io/v1beta2, Kind=Workload failed: connection refused"
    body = json.dumps({"kind": "Status", "code": 500, "message": message}).encode()
    failing = own.server.answer_next(500, body, verb="list", times=None)
    own.server.answer_next(410, verb="watch")
    own.server.cut_after(0)
    own.store.create("workloads", workload(name="new", uid="2"))
    wait_until(lambda: own.counts["list_failed"] > 2, "lists fail")
    assert "conversion webhook" in own.informer.state().failure
    assert own.view.names == {"rayjob-a"}
    failing.cancel()
    own.wait_for("rayjob-a", "new")
