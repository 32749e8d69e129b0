"""Events of the simulated operator: their form, when they are written, when they are deleted."""

import json
from collections import defaultdict
from typing import Any

import pytest

from exporter.simulator.kuberay.event_recorder import IDLE_SECONDS, REFRESH_SECONDS, TTL_SECONDS
from exporter.simulator.kuberay.simulated_event import NORMAL
from exporter.simulator.kuberay.simulated_object import SimulatedObject
from exporter.simulator.kuberay.world import World
from tests.support.events_pods import received
from tests.support.simulation import (
    JSON,
    START,
    RecordingStore,
    advance,
    fleet_writes,
    make_engine,
    no_progress,
    seconds_of,
)


class Recording:
    """A world with one cluster, whose recorder a test uses, and whose housekeeping runs as time passes."""

    def __init__(self, speed: float = 1.0) -> None:
        self.store = RecordingStore()
        self.world = World(self.store, seed=1)
        self.world.now, self.world.speed = START, speed
        self.cluster = self.world.new_object("rayclusters", "ml", "train", {})
        self.world.put(self.cluster)
        self.events = self.world.events
        self._housekeeping = self.events.housekeeping()
        self._due = START + next(self._housekeeping) / speed

    def wait(self, seconds: float) -> None:
        end = self.world.now + seconds
        while self._due <= end:
            self.world.now = self._due
            self._due += next(self._housekeeping) / self.world.speed
        self.world.now = end

    def create_workers(self, times: int = 1) -> None:
        self.events.normal(self.cluster, "CreatedWorkerPod", "Created worker Pod ml/train-worker-a", times=times)

    @property
    def written(self) -> list[tuple[str, int | None]]:
        """Type and count of each write of an Event so far."""
        return [
            (type_, (obj.get("series") or obj).get("count"))
            for type_, kind, obj in self.store.writes
            if kind == "events"
        ]

    @property
    def last(self) -> JSON:
        return [obj for _, kind, obj in self.store.writes if kind == "events"][-1]


def test_later_occurrences_are_written_when_the_series_ends() -> None:
    """The second one at once; the third only 6 to 12 minutes after the last occurrence."""
    recording = Recording()
    recording.create_workers(times=3)
    assert recording.written == [("ADDED", None), ("MODIFIED", 2)]
    recording.wait(IDLE_SECONDS - 1)
    assert len(recording.written) == 2
    recording.wait(IDLE_SECONDS + 1)
    assert recording.written[2:] == [("MODIFIED", 3)]
    assert seconds_of(recording.last["series"]["lastObservedTime"]) == pytest.approx(START, abs=1e-3)


def test_a_running_series_is_written_every_half_an_hour() -> None:
    """As long as it goes on, its count is a lower bound."""
    recording = Recording()
    for _ in range(int(REFRESH_SECONDS / 60) + 2):
        recording.create_workers()
        recording.wait(60)
    assert recording.written == [("ADDED", None), ("MODIFIED", 2), ("MODIFIED", int(REFRESH_SECONDS / 60))]


def test_waits_are_divided_by_the_speed() -> None:
    """At ten times the speed the lag and the time to live are a tenth."""
    recording = Recording(speed=10)
    recording.create_workers(times=3)
    recording.wait(2 * IDLE_SECONDS / 10 + 3)
    assert recording.written[2:] == [("MODIFIED", 3)]
    recording.wait(TTL_SECONDS / 10 + 3)
    assert recording.written[2:] == [("MODIFIED", 3), ("DELETED", 3)]


def test_an_event_after_the_end_of_a_series_is_another_one() -> None:
    """And so is one about a later version of the object, but not one with another message."""
    recording = Recording()
    recording.create_workers()
    recording.events.normal(recording.cluster, "CreatedWorkerPod", "another message")
    assert [type_ for type_, _ in recording.written] == ["ADDED", "MODIFIED"]
    recording.world.put(recording.cluster)
    recording.create_workers()
    recording.wait(2 * IDLE_SECONDS)
    recording.create_workers()
    assert [type_ for type_, _ in recording.written] == ["ADDED", "MODIFIED", "ADDED", "ADDED"]
    assert len({obj["metadata"]["name"] for _, kind, obj in recording.store.writes if kind == "events"}) == 3


def test_an_event_that_somebody_deleted_is_written_again_with_another_uid() -> None:
    """With its name, its old times and the full count; its time to live starts again."""
    recording = Recording()
    recording.create_workers(times=3)
    first = recording.last
    recording.store.delete("events", "ml", first["metadata"]["name"])
    recording.wait(2 * IDLE_SECONDS)
    again = recording.last
    assert recording.written[-1] == ("ADDED", 3)
    assert again["metadata"]["uid"] != first["metadata"]["uid"]
    assert again["metadata"]["creationTimestamp"] > first["metadata"]["creationTimestamp"]
    same = ("eventTime", "message", "involvedObject")
    assert [again[key] for key in same] == [first[key] for key in same]
    assert again["metadata"]["name"] == first["metadata"]["name"]
    recording.wait(TTL_SECONDS - 60)
    assert recording.store.exists("events", "ml", again["metadata"]["name"])
    recording.wait(IDLE_SECONDS + 60)
    assert recording.written[-2:] == [("ADDED", 3), ("DELETED", 3)]


def test_each_write_starts_the_time_to_live_again() -> None:
    """An Event is deleted an hour after its last write, not after its first one."""
    recording = Recording()
    recording.create_workers()
    recording.wait(TTL_SECONDS - 60)
    assert recording.written == [("ADDED", None)]
    recording.wait(120)
    assert recording.written == [("ADDED", None), ("DELETED", None)]

    recording = Recording()
    recording.create_workers(times=3)
    recording.wait(TTL_SECONDS + 60)
    assert recording.written[-1] == ("MODIFIED", 3)
    recording.wait(2 * IDLE_SECONDS)
    assert recording.written[-1] == ("DELETED", 3)


def test_the_older_form_grows_at_once() -> None:
    """Each occurrence is a write, and the last time has whole seconds."""
    recording = Recording()
    for _ in range(3):
        recording.events.legacy(recording.cluster, "kueue", NORMAL, "Suspended", "no quota")
        recording.wait(9)
    assert recording.written == [("ADDED", 1), ("MODIFIED", 2), ("MODIFIED", 3)]
    assert recording.last["eventTime"] is None
    assert seconds_of(recording.last["lastTimestamp"]) == int(START + 18)


def paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict) and value:
        return set[str]().union(*(paths(item, f"{path}.{key}") for key, item in value.items()))
    if isinstance(value, list) and value:
        return set[str]().union(*(paths(item, f"{path}[]") for item in value))
    return {f"{path}={type(value).__name__}"}


def form(obj: JSON) -> tuple[bool, bool]:
    return obj["eventTime"] is None, "series" in obj


@pytest.fixture(scope="module")
def written() -> list[JSON]:
    return [obj for _, kind, obj in fleet_writes() if kind == "events"]


def test_events_have_the_recorded_fields(written: list[JSON]) -> None:
    """In all three forms: recorded through core/v1, and through events.k8s.io/v1 with and without a series."""
    theirs: dict[tuple[bool, bool], set[frozenset[str]]] = defaultdict(set)
    for _, _, obj in received("events"):
        theirs[form(obj)].add(frozenset(paths(obj) - {".kind=str", ".apiVersion=str", ".metadata.resourceVersion=str"}))
    ours: dict[tuple[bool, bool], set[frozenset[str]]] = defaultdict(set)
    for obj in written:
        ours[form(obj)].add(frozenset(paths(obj)))
    assert set(ours) == set(theirs) == {(False, False), (False, True), (True, False)}
    for key, shapes in ours.items():
        assert len(shapes) == 1
        ours_owned, theirs_owned = (
            {path for path in next(iter(each)) if "fieldsV1" not in path} for each in (shapes, theirs[key])
        )
        assert ours_owned == theirs_owned


def test_reasons_have_the_recorded_type_action_and_component(written: list[JSON]) -> None:
    """Whatever reason the recordings have, too."""
    facts = ("type", "action", "reportingComponent")
    theirs = defaultdict(set)
    for _, _, obj in received("events"):
        theirs[obj["involvedObject"]["kind"], obj["reason"]].add(tuple(obj.get(fact) for fact in facts))
    ours = {
        (obj["involvedObject"]["kind"], obj["reason"], tuple(obj.get(fact) for fact in facts))
        for obj in written
        if obj["eventTime"]
    }
    known = {(kind, reason): fact for kind, reason, fact in ours if (kind, reason) in theirs}
    assert len(known) > 15
    assert [key for key, fact in known.items() if fact not in theirs[key]] == []


def test_there_are_warnings_for_the_usual_alerts(written: list[JSON]) -> None:
    """In two minutes at ten times the speed."""
    assert {obj["reason"] for obj in written if obj["type"] == "Warning"} >= {
        "FailedToCreateHeadPod",
        "FailedToCreateWorkerPod",
        "InvalidRayClusterSpec",
        "RayClusterNotFound",
        "RayServiceInitializingTimeout",
    }


def test_the_first_population_has_events_of_the_last_hour() -> None:
    """None is older than its time to live, none is from the future, and series are in it."""
    engine, store, clock = make_engine(with_pods=True, objects=120)
    engine.populate(no_progress)
    events = [obj for (kind, _, _), obj in store.live.items() if kind == "events"]
    assert len(events) > 100
    for obj in events:
        last = obj.get("series", {}).get("lastObservedTime") or obj["lastTimestamp"] or obj["eventTime"]
        assert clock.now - TTL_SECONDS - 2 * IDLE_SECONDS < seconds_of(last) <= clock.now
    assert any("series" in obj for obj in events)
    # A series that ended before has its full count.
    counts = {obj["series"]["count"] for obj in events if "series" in obj}
    assert max(counts) > 2


def test_custom_resources_are_the_same_without_pods_and_events() -> None:
    """Both are additions: no other write changes, and there are none if they are not wanted."""

    def writes(*, with_pods: bool) -> list[str]:
        engine, store, clock = make_engine(with_pods=with_pods)
        engine.populate(no_progress)
        advance(engine, clock, 120)
        if not with_pods:
            assert not [kind for _, kind, _ in store.writes if kind in ("events", "pods")]
        return [json.dumps(write) for write in store.writes if write[1] not in ("events", "pods")]

    assert writes(with_pods=True) == writes(with_pods=False)


def test_events_name_the_object_and_its_version() -> None:
    """What an exporter joins with: uid, kind, namespace and name."""
    recording = Recording()
    recording.create_workers()
    cluster: SimulatedObject = recording.cluster
    assert recording.last["involvedObject"] == {
        "kind": "RayCluster",
        "namespace": "ml",
        "name": "train",
        "uid": cluster.uid,
        "apiVersion": "ray.io/v1",
        "resourceVersion": cluster.resource_version,
    }
