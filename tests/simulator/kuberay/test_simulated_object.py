"""One custom resource: which write changes which part of its metadata."""

from collections.abc import Callable
from typing import Any

import pytest

from exporter.simulator.kuberay.simulated_object import (
    OPERATOR,
    SimulatedObject,
    fields_of,
    with_condition,
    without_condition,
)
from tests.support.scenario import NOW


def new(**more: Any) -> SimulatedObject:
    return SimulatedObject("rayjobs", "ns", "a", "uid", NOW, {"suspend": True}, **more)


def test_a_condition_keeps_its_time_while_its_status_stays() -> None:
    """As apimachinery's SetStatusCondition; the argument is not changed."""
    first = with_condition([], NOW, "A", "True", "Reason")
    again = with_condition(first, NOW + 60, "A", "True", "Other")
    changed = with_condition(again, NOW + 60, "A", "False", "Other")
    assert (first[0]["reason"], again[0]["reason"]) == ("Reason", "Other")
    assert first[0]["lastTransitionTime"] == again[0]["lastTransitionTime"] < changed[0]["lastTransitionTime"]


def test_conditions_keep_their_order() -> None:
    """A new one is the last; one that is removed leaves the others."""
    conditions = with_condition(with_condition([], NOW, "A", "True", "R"), NOW, "B", "True", "R")
    assert [one["type"] for one in with_condition(conditions, NOW, "A", "False", "R")] == ["A", "B"]
    assert [one["type"] for one in without_condition(conditions, "A")] == ["B"]


@pytest.mark.parametrize(
    ("value", "fields"),
    [
        (7, {}),
        ({}, {}),
        ({"a": {"b": 1}}, {".": {}, "f:a": {".": {}, "f:b": {}}}),
        ([{"type": "A", "x": 1}], {".": {}, 'k:{"type":"A"}': {".": {}, "f:type": {}, "f:x": {}}}),
    ],
)
def test_managed_fields_have_the_structure_of_the_value(value: Any, fields: dict[str, Any]) -> None:
    """Leaves are empty, and conditions are keyed by their type."""
    assert fields_of(value) == fields


def test_the_generation_increases_with_the_spec_and_not_with_the_status() -> None:
    """A finalizer and a deletion count as well, as in the recordings."""
    obj = new()
    writes: list[Callable[[], None]] = [
        lambda: obj.adopt(NOW, "f"),
        lambda: obj.write_status(NOW, {"a": 1}),
        lambda: obj.patch_spec(NOW, suspend=False),
        lambda: obj.mark_deleted(NOW),
    ]
    generations = [obj.generation]
    for write in writes:
        write()
        generations.append(obj.generation)
    assert generations == [1, 2, 2, 3, 4]


def test_each_writer_has_an_entry_with_its_time() -> None:
    """The status of the operator in one of its own, later than that of the user."""
    obj = new(manager="kubectl")
    obj.adopt(NOW + 1, "finalizer")
    obj.write_status(NOW + 2, {"jobStatus": "RUNNING"})
    entries = obj.manifest()["metadata"]["managedFields"]
    assert [(entry["manager"], entry.get("subresource")) for entry in entries] == [
        ("kubectl", None),
        (OPERATOR, None),
        (OPERATOR, "status"),
    ]
    assert [entry["time"][-3:] for entry in entries] == ["00Z", "01Z", "02Z"]


def test_a_manifest_stays_as_it_was() -> None:
    """Spec and status are replaced, never changed in place."""
    obj = new()
    obj.write_status(NOW, {"jobStatus": "RUNNING"})
    before = obj.manifest()
    obj.patch_spec(NOW, suspend=False)
    obj.write_status(NOW, {"jobStatus": "FAILED"})
    assert (before["spec"], before["status"]) == ({"suspend": True}, {"jobStatus": "RUNNING"})


def test_what_an_object_does_not_have_is_absent() -> None:
    """Neither a status nor labels, finalizers, owners or a deletion."""
    manifest = new().manifest()
    assert manifest.keys() == {"apiVersion", "kind", "metadata", "spec"}
    assert not {"labels", "finalizers", "ownerReferences", "deletionTimestamp"} & manifest["metadata"].keys()
    owned = new(owner=new()).manifest()["metadata"]
    assert [(owner["kind"], owner["name"]) for owner in owned["ownerReferences"]] == [("RayJob", "a")]
