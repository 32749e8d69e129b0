"""One custom resource: which write changes which part of its metadata."""

from typing import Any

import pytest

from exporter.simulator.kuberay.simulated_object import (
    SimulatedObject,
    fields_of,
    with_condition,
    without_condition,
)
from tests.support.scenario import NOW


def new(**more: Any) -> SimulatedObject:
    return SimulatedObject("rayjobs", "ns", "a", "uid", NOW, {"suspend": True}, **more)


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
