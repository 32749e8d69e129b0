"""Exporters that share the namespaces: together they are one, through changes, lists and faults."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from starlette.testclient import TestClient

from exporter.app import Exporter
from exporter.exposition.text import Format
from exporter.kinds import KINDS
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.shard import Shard
from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay.engine import Engine
from tests.support.bodies import GROWING
from tests.support.events import event
from tests.support.faults import FaultServer
from tests.support.replaying import config
from tests.support.simulation import Clock, advance, no_progress
from tests.support.watching import job, wait_until, warnings_in, watched

SHARDS = [Shard(ordinal, 3) for ordinal in range(3)]
ALL_KINDS = tuple(kind.plural for kind in KINDS if ObjectStore().is_installed(kind.plural))
ERROR_410 = b'{"type":"ERROR","object":{"code":410}}\n'
GROWS = {name.decode() for name in GROWING}
OTHER_LINES = ("#", "kuberay_exporter_", "process_", "python_")

Series = dict[str, str | None]


@contextmanager
def exporters(server: FaultServer, *shards: Shard | None, **settings: Any) -> Iterator[list[Exporter]]:
    """Running exporters, one for each shard, whose watches are all open."""
    transport = ApiTransport(lambda: anonymous(server.url), connections=64)
    running = [Exporter(config(**settings, shard=shard), transport) for shard in shards]
    try:
        for exporter in running:
            exporter.start()
        wait_until(lambda: len(server.open_watches()) == sum(len(one.informers) for one in running), "all watches")
        yield running
    finally:
        for exporter in running:
            exporter.stop()
        server.clear_faults()


def series_of(exporter: Exporter) -> Series:
    """Return the values of the series about objects as they are printed; those that grow by themselves have none."""
    lines = bytes(exporter.exposition.body(Format.TEXT)).decode().splitlines()
    found = [line.rpartition(" ") for line in lines if not line.startswith(OTHER_LINES)]
    assert len({series for series, _, _ in found}) == len(found) > 0
    return {series: None if series.partition("{")[0] in GROWS else value for series, _, value in found}


def union(shards: Sequence[Exporter]) -> Series:
    """Return the series of all, each of which only one may have."""
    found: Series = {}
    for exporter in shards:
        series = series_of(exporter)
        assert not found.keys() & series.keys(), "a series of two shards"
        found |= series
    return found


def test_the_shards_together_have_what_one_exporter_has() -> None:
    """All kinds, also Events and pods: after the first lists, changes, and lists again after 410."""
    clock = Clock()
    store = ObjectStore(clock=clock)
    engine = Engine(store, seed=3, speed=1.0, objects=60, with_pods=True, clock=clock)
    engine.populate(no_progress)
    with (
        FaultServer(store, bookmark_seconds=0.1) as server,
        exporters(server, None, *SHARDS, collectors=ALL_KINDS, page_size=7) as (single, *shards),
    ):
        informers = [informer for exporter in (single, *shards) for informer in exporter.informers]

        def check() -> None:
            # The version of the last write comes in bookmarks, which a watch of Events does not have.
            version = store.create("events", event(f"last-{store.version}", uid=f"last-{store.version}"))
            wait_until(lambda: {one._reflector.state.version for one in informers} == {version}, "the last version")
            assert union(shards) == series_of(single)

        check()
        assert all(any(",namespace=" in series for series in series_of(one)) for one in shards)
        for _ in range(2):
            advance(engine, clock, 60.0)
            check()
        before = {one: one.state().last_sync_time for one in informers if one.settings.plural != "events"}

        def all_have_listed() -> bool:
            # A watch can take the error that another one of its kind should have had.
            server.clear_faults()
            missing = [one for one, time in before.items() if one.state().last_sync_time <= time]
            for informer in missing:
                server.garbage(ERROR_410, plural=informer.settings.plural)
            return not missing

        wait_until(all_have_listed, "lists", 90.0, every_seconds=0.5)
        server.clear_faults()
        check()
        advance(engine, clock, 60.0)
        check()


OWN, OTHER = Shard(0, 2), Shard(1, 2)
"""Of `team-a` and of `default`."""


@pytest.mark.parametrize(
    ("namespace", "of_2", "of_3", "of_1000"),
    [("team-a", 0, 0, 956), ("team-b", 0, 2, 762), ("default", 1, 1, 149), ("", 0, 1, 652)],
)
def test_a_namespace_stays_in_its_shard(namespace: str, of_2: int, of_3: int, of_1000: int) -> None:
    """In every process and version: another hash would move the counters of all namespaces."""
    owners = [[n for n in range(total) if Shard(n, total).owns(namespace)] for total in (2, 3, 1000)]
    assert owners == [[of_2], [of_3], [of_1000]]


def test_namespaces_are_spread() -> None:
    """No shard has twice as many as another one."""
    counts = [sum(shard.owns(f"team-{number}") for number in range(300)) for shard in SHARDS]
    assert max(counts) < 2 * min(counts)


def test_objects_of_other_shards_are_not_decoded(caplog: pytest.LogCaptureFixture) -> None:
    """Neither held nor counted as failures, dropped or cut, in lists and watches; their versions are not lost."""
    broken = {"status": {"startTime": ["wrong"]}}
    with watched(shard=OWN) as own:
        own.store.create("rayjobs", job("own", namespace="team-a"))
        own.store.create("rayjobs", job("other", namespace="default"))
        own.store.create("rayjobs", job("listed", namespace="default", **broken))
        own.start()
        own.wait_for("own")
        own.store.create("rayjobs", job("watched", namespace="default", **broken))
        own.store.update("rayjobs", job("other", {"jobDeploymentStatus": "Running"}, namespace="default"))
        own.store.delete("rayjobs", "default", "other")
        version = own.store.create("rayjobs", job("last", namespace="default"))
        wait_until(lambda: own.reflector.state.version == version, "the version of the last event")
        assert own.view.names == {"own"}
        assert own.informer.state().undecodable == 0
        assert own.counts["decode_failed"] == own.counts["labels_cut"] == own.counts["series_dropped"] == 0
        own.store.delete("rayjobs", "team-a", "own")
        own.wait_for()
    assert not warnings_in(caplog)


def test_an_undecodable_object_counts_in_its_own_shard() -> None:
    with watched(shard=OWN) as own:
        own.store.create("rayjobs", job("broken", namespace="team-a", status={"startTime": ["wrong"]}))
        own.start()
        assert (own.informer.state().undecodable, own.counts["decode_failed"]) == (1, 1)


def test_an_object_that_is_nested_too_deeply_does_not_end_the_watches_of_other_shards() -> None:
    """msgspec refuses it as a whole; its namespace is found all the same."""
    with watched(shard=OWN) as own:
        own.start()
        metadata = b'"metadata":{"namespace":"default","uid":"d","resourceVersion":"%d"}' % own.store.version
        deep = b'{"n":' * 2000 + b"1" + b"}" * 2000
        own.server.garbage(b'{"type":"ADDED","object":{%b,"spec":%b}}\n' % (metadata, deep))
        own.store.create("rayjobs", job("next", namespace="team-a"))
        own.wait_for("next")
        assert own.counts["decode_failed"] == own.counts["watch_failed"] == 0
        assert own.requests("watch") == 1


def test_namespaces_that_are_named_are_shared_before_anything_is_requested() -> None:
    """A shard without any of them is ready and has no objects: it must not watch all namespaces."""
    with FaultServer(ObjectStore()) as server:
        settings = {"namespaces": ("team-a", "default"), "collectors": ("rayjobs",)}
        with exporters(server, OWN, OTHER, Shard(500, 1000), **settings) as (own, other, empty):
            names = [[one.settings.name for one in exporter.informers] for exporter in (own, other, empty)]
            assert names == [["rayjobs in team-a"], ["rayjobs in default"], []]
            web = TestClient(empty.endpoints.application(max_requests=4))
            assert web.get("/readyz").status_code == 200
            assert "kuberay_exporter_total_shards" in web.get("/metrics").text


def test_a_shard_says_which_one_it_is() -> None:
    """In its own metrics, on the page and in the API; one exporter says nothing of it."""
    store = ObjectStore()
    for namespace in ("team-a", "default"):
        store.create("rayjobs", job("a", namespace=namespace))
    with FaultServer(store) as server, exporters(server, OWN, None, collectors=("rayjobs",)) as (own, single):
        shard, all_ = (TestClient(one.endpoints.application(max_requests=4)) for one in (own, single))
        metrics = shard.get("/metrics").text
        assert 'kuberay_exporter_total_shards{shard="0"} 2' in metrics
        assert 'kuberay_exporter_objects{resource="rayjobs",shard="0"} 1' in metrics
        assert 'kuberay_exporter_lists_total{resource="rayjobs",shard="0"} 1' in metrics
        assert "shard" not in all_.get("/metrics").text
        assert "shard 0 of 2 (counted from 0), only its namespaces" in shard.get("/").text
        assert "shard" not in all_.get("/").text
        listing = shard.get("/api/v1/objects").json()
        assert [item["namespace"] for item in listing["items"]] == ["team-a"]
        assert listing["exporter"]["shard"] == {"ordinal": 0, "total": 2}
        missing = shard.get("/api/v1/objects/RayJob/default/a")
        assert (missing.status_code, missing.json()["error"]) == (
            404, "there is no RayJob 'a' in namespace 'default' of shard 0 of 2 (counted from 0)",
        )  # fmt: skip
        assert "shard" not in all_.get("/api/v1/objects").json()["exporter"]
