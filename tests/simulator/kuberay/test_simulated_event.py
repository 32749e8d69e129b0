"""One Event, in both forms."""

import re
from typing import Any

import pytest

from exporter.simulator.kuberay.simulated_event import NORMAL, WARNING, SimulatedEvent
from exporter.simulator.kuberay.simulated_object import SimulatedObject

NOW = 1_800_000_000.25
AT, MICRO_AT = "2027-01-15T08:00:00Z", "2027-01-15T08:00:00.250000Z"


def about() -> SimulatedObject:
    obj = SimulatedObject("rayjobs", "ns", "a", "uid", NOW, {})
    obj.resource_version = "7"
    return obj


def new(number: int = 1, component: str = "", type_: str = NORMAL) -> SimulatedEvent:
    return SimulatedEvent(
        about(), number, NOW, type_=type_, reason="Created", action="Create", message="Created it", component=component
    )


def test_an_event_of_kuberay() -> None:
    """As the API server returns what was written through events.k8s.io/v1; a single one has no series."""
    manifest = new(type_=WARNING).manifest()
    metadata = manifest.pop("metadata")
    assert manifest == {
        "involvedObject": {
            "kind": "RayJob",
            "namespace": "ns",
            "name": "a",
            "uid": "uid",
            "apiVersion": "ray.io/v1",
            "resourceVersion": "7",
        },
        "reason": "Created",
        "message": "Created it",
        "source": {},
        "firstTimestamp": None,
        "lastTimestamp": None,
        "type": "Warning",
        "eventTime": MICRO_AT,
        "action": "Create",
        "reportingComponent": "rayjob-controller",
        "reportingInstance": "rayjob-controller-kuberay-operator-6c9d8f7b54-x7q2m",
    }
    assert (metadata["namespace"], metadata["creationTimestamp"]) == ("ns", AT)
    (managed,) = metadata["managedFields"]
    assert (managed["manager"], managed["apiVersion"]) == ("kuberay-operator", "events.k8s.io/v1")


def test_an_event_of_kueue() -> None:
    """As it was written through core/v1, with a count from the first occurrence on."""
    manifest = new(component="kueue").manifest()
    metadata = manifest.pop("metadata")
    assert manifest == {
        "involvedObject": manifest["involvedObject"],
        "reason": "Created",
        "message": "Created it",
        "source": {"component": "kueue"},
        "firstTimestamp": AT,
        "lastTimestamp": AT,
        "count": 1,
        "type": "Normal",
        "eventTime": None,
        "reportingComponent": "kueue",
        "reportingInstance": "",
    }
    (managed,) = metadata["managedFields"]
    assert (managed["manager"], managed["apiVersion"]) == ("kueue", "v1")
    assert "f:count" in managed["fieldsV1"]


@pytest.mark.parametrize(
    ("component", "count", "fields"),
    [
        ("", 1, {"eventTime": MICRO_AT}),
        (
            "",
            2,
            {"eventTime": MICRO_AT, "series": {"count": 2, "lastObservedTime": "2027-01-15T08:01:00.250000Z"}},
        ),
        ("kueue", 2, {"firstTimestamp": AT, "lastTimestamp": "2027-01-15T08:01:00Z", "count": 2, "eventTime": None}),
    ],
)
def test_later_occurrences(component: str, count: int, fields: dict[str, Any]) -> None:
    """The first time stays."""
    event = new(component=component)
    event.count, event.last_at = count, NOW + 60 * (count - 1)
    manifest = event.manifest()
    assert {name: manifest[name] for name in fields} == fields
    assert ("series" in manifest) is ("series" in fields)


def test_names_differ_by_time_and_number() -> None:
    """Of one object, in the form of client-go: its name and hexadecimal digits."""
    later = SimulatedEvent(about(), 1, NOW + 1e-3, type_=NORMAL, reason="r", action="a", message="m")
    names = [new(1).name, new(2).name, new(999).name, later.name]
    assert len(set(names)) == 4
    assert all(re.fullmatch("a[.][0-9a-f]+", name) for name in names)
    assert new(1).name == new(1001).name == names[0]


def test_a_recreated_event_is_another_object() -> None:
    """Its name and first time stay; uid and creation are new, each time."""
    event = new()
    event.stored = True
    name, uids = event.name, {event.uid}
    for again in (60, 120):
        event.recreate(NOW + again)
        uids.add(event.uid)
    assert (event.name, event.stored, len(uids)) == (name, False, 3)
    manifest = event.manifest()
    assert (manifest["eventTime"], manifest["metadata"]["creationTimestamp"]) == (MICRO_AT, "2027-01-15T08:02:00Z")
