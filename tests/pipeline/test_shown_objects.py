"""What the page and its API read, beside the metrics."""

import json
from typing import Any
from unittest.mock import Mock

import msgspec
import pytest
from starlette.testclient import TestClient

from exporter.app import Exporter
from exporter.collectors.event import EVENTS
from exporter.kinds import KINDS
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.store import Store, StoreUpdater
from exporter.pipeline.decoded_type import DETAILED_TYPES
from exporter.pipeline.shown_objects import EventTable, EventTableHandler, ShownObjects
from exporter.resources.detailed import DetailedPod, DetailedRayJob
from exporter.resources.event import Event
from exporter.resources.meta import MAX_MESSAGE_LENGTH
from exporter.resources.rayjob import RayJob
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.faults import FaultServer
from tests.support.fleets import ago, event
from tests.support.metrics_stores import fail
from tests.support.objects import manifest
from tests.support.replaying import config
from tests.support.watching import View, job, wait_until

LABELS = {"ray.io/cronjob-name": "nightly", "team": "nlp", "app.kubernetes.io/managed-by": "Helm"}


def decoded(reason: str, message: str = "m") -> Event:
    _, data = event("RayCluster", "a", reason, ago(minutes=1), message)
    return msgspec.json.decode(json.dumps(data), type=Event)


def test_events_keep_their_messages_although_the_exporter_forgets_them() -> None:
    """The table has copies, with messages of a bounded length; deleted Events are removed."""
    table, store = EventTable(), Store[Event](Event.without_details)
    updater = StoreUpdater(store, EventTableHandler(table, View(), fail))
    updater.replace([decoded("R1", "x" * 2000)], set())
    updater.put(decoded("R2"))
    assert [kept.reason for kept in table.newest()] == ["R1", "R2"]
    assert [len(kept.message or "") for kept in table.newest()] == [MAX_MESSAGE_LENGTH, 1]
    assert all(held.message is None for held in store)
    updater.remove(table.newest()[0].metadata.uid)
    assert [kept.reason for kept in table.newest()] == ["R2"]


def test_event_table_is_bounded() -> None:
    """The oldest are dropped, and counted; a new version of an Event is new."""
    table, dropped = EventTable(max_events=2), Mock()
    table.put([decoded("R1"), decoded("R2")], dropped)
    table.put([decoded("R1")], dropped)
    dropped.assert_not_called()
    table.put([decoded("R3")], dropped)
    assert [kept.reason for kept in table.newest()] == ["R1", "R3"]
    dropped.assert_called_once_with()


def test_fleet_has_the_objects_of_the_stores() -> None:
    """With the handler that the informers write to unchanged for all kinds but Events."""
    shown = ShownObjects()
    kinds = {kind.plural: kind for kind in KINDS}
    store = Store[Any]()
    store.by_uid["1"] = msgspec.json.decode(json.dumps(manifest({})), type=DetailedRayJob)
    handler = View()
    assert shown.add(kinds["rayjobs"], [store], handler, fail) is handler
    assert shown.fleet().find("RayJob", "ns", "a") is not None


def test_only_listed_kinds_are_known() -> None:
    """A kind that is not watched, or may not be listed, counts as unknown: its objects may exist."""
    store = ObjectStore()
    store.create("rayjobs", job("a"))
    with FaultServer(store) as server:
        server.answer_next(403, plural="rayclusters", times=None)
        settings = config(collectors=("rayclusters", "rayjobs"))
        exporter = Exporter(settings, ApiTransport(lambda: anonymous(server.url), connections=4))
        exporter.start()
        try:
            with TestClient(exporter.endpoints.application(max_requests=40)) as client:
                wait_until(lambda: client.get("/api/v1/objects").status_code == 200, "the API answers")
                assert client.get("/api/v1/objects").json()["exporter"]["pods"] is False
                assert exporter.shown is not None
                known = exporter.shown.fleet().known
                assert (known.clusters, known.events) == (False, False)
        finally:
            exporter.stop()


def test_without_the_page_no_message_is_held() -> None:
    """The types are those of the metrics, and there is no API."""
    settings = config(collectors=("rayjobs",), has_web_ui=False)
    exporter = Exporter(settings, ApiTransport(lambda: anonymous("http://127.0.0.1:1"), connections=1))
    assert exporter.shown is None
    (informer,) = exporter.informers
    assert issubclass(informer.settings.object_type, RayJob)
    assert not issubclass(informer.settings.object_type, DetailedRayJob)


@pytest.mark.parametrize(
    ("allowed", "kept"),
    [((), {"ray.io/cronjob-name"}), (("team",), {"ray.io/cronjob-name", "team"}), (("*",), {*LABELS})],
)
def test_only_labels_that_are_read_or_allowed_are_held(allowed: tuple[str, ...], kept: set[str]) -> None:
    """A dict of all is a fifth of a typed object."""
    settings = config(collectors=("rayjobs",), user_labels=lambda _: allowed)
    exporter = Exporter(settings, ApiTransport(lambda: anonymous("http://127.0.0.1:1"), connections=1))
    (informer,) = exporter.informers
    obj = msgspec.json.decode(json.dumps(manifest({}, labels=LABELS)), type=informer.settings.object_type)
    assert obj.metadata.labels == {key: LABELS[key] for key in kept}


def test_detailed_types_extend_those_of_the_metrics() -> None:
    """Collectors read them like the types without messages."""
    for kind in KINDS:
        if kind is not EVENTS:
            assert issubclass(DETAILED_TYPES[kind.plural], kind.object_type)


def test_messages_of_one_object_are_bounded() -> None:
    """A pod with many containers and long messages keeps at most MAX_MESSAGE_LENGTH of each."""
    state = {"waiting": {"reason": "ErrImagePull", "message": "y" * 5000}}
    pod = {
        "metadata": {"name": "p", "namespace": "ns", "uid": "1"},
        "status": {"containerStatuses": [{"name": "c", "state": state, "lastState": {}}]},
    }
    kept = msgspec.json.decode(json.dumps(pod), type=DetailedPod)
    assert kept.status is not None
    (container,) = kept.status.container_statuses or ()
    assert container.now.waiting is not None
    assert len(container.now.waiting.message or "") == MAX_MESSAGE_LENGTH
    assert container.last_state is None
