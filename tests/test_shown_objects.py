"""What the page and its API read, beside the metrics."""

import json
from typing import Any

import msgspec

from exporter.collectors import KINDS
from exporter.collectors.event import EVENTS
from exporter.kube.store import Store, StoreUpdater
from exporter.resources.detailed import MAX_MESSAGE_LENGTH, DetailedPod, DetailedRayJob
from exporter.resources.event import Event
from exporter.shown_objects import DETAILED_TYPES, EventRecorder, EventTable, ShownObjects
from tests.support.fleets import ago, event
from tests.support.objects import manifest


class DroppingHandler:
    """Takes Events as the counting of them does: it forgets the details of each."""

    def on_list(self, present: Any, _undecodable: Any) -> None:
        self.on_change(present, ())

    def on_change(self, changed: Any, _removed: Any) -> None:
        for item in changed:
            item.drop_details()


def decoded(reason: str, message: str = "m") -> Event:
    _, data = event("RayCluster", "a", reason, ago(minutes=1), message)
    return msgspec.json.decode(json.dumps(data), type=Event)


def test_events_keep_their_messages_although_the_exporter_forgets_them() -> None:
    """The table has copies, with messages of a bounded length; deleted Events are removed."""
    table, store = EventTable(), Store[Event]()
    updater = StoreUpdater(store, EventRecorder(table, DroppingHandler()))
    updater.replace([decoded("R1", "x" * 2000)], set())
    updater.put(decoded("R2"))
    assert [kept.reason for kept in table.newest()] == ["R1", "R2"]
    assert [len(kept.message or "") for kept in table.newest()] == [MAX_MESSAGE_LENGTH, 1]
    assert all(held.message is None for held in store)
    updater.remove(table.newest()[0].metadata.uid)
    assert [kept.reason for kept in table.newest()] == ["R2"]


def test_event_table_is_bounded() -> None:
    """The oldest are dropped; a new version of an Event is new."""
    table = EventTable(max_events=2)
    table.put([decoded("R1"), decoded("R2")])
    table.put([decoded("R1")])
    table.put([decoded("R3")])
    assert [kept.reason for kept in table.newest()] == ["R1", "R3"]


def test_fleet_has_the_watched_kinds_only() -> None:
    """What is not watched counts as unknown, not as absent."""
    shown = ShownObjects()
    kinds = {kind.plural: kind for kind in KINDS}
    store = Store[Any]()
    store.by_uid["1"] = msgspec.json.decode(json.dumps(manifest({})), type=DetailedRayJob)
    handler = DroppingHandler()
    assert shown.add(kinds["rayjobs"], [store], handler) is handler
    fleet = shown.fleet()
    assert (fleet.known.jobs, fleet.known.clusters, fleet.known.pods, fleet.known.events) == (True, False, False, False)
    assert fleet.find("RayJob", "ns", "a") is not None


def test_detailed_types_extend_those_of_the_metrics() -> None:
    """Collectors read them like the types without messages."""
    for kind in KINDS:
        if kind is not EVENTS:
            assert issubclass(DETAILED_TYPES[kind.plural], kind.object_type)
    assert ShownObjects().object_type(EVENTS) is Event


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
