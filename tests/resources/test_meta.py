"""Metadata and conditions of any kind, and the strings that objects share."""

from typing import Any

import msgspec
import pytest

from exporter.resources import meta
from exporter.resources.event import Event
from exporter.resources.meta import MAX_COUNT, Condition, Integer, ObjectMeta, find_condition
from exporter.resources.pod import Pod
from exporter.resources.raycluster import RayCluster, RayClusterStatus
from exporter.resources.rayjob import RayJob
from tests.support.objects import manifest


def decode_meta(**fields: Any) -> ObjectMeta:
    return msgspec.convert({"name": "a", "uid": "1"} | fields, ObjectMeta)


@pytest.mark.parametrize("fields", [{"name": ""}, {"uid": ""}, {"name": None}, {"labels": {"a": 1}}, {"uid": 7}])
def test_an_object_without_identity_is_refused(fields: dict[str, Any]) -> None:
    """Two of them could not be kept apart."""
    with pytest.raises(msgspec.ValidationError):
        decode_meta(**fields)


def test_what_is_absent_has_a_default() -> None:
    """Cluster-scoped objects have no namespace, objects in files no resource version."""
    bare = decode_meta()
    assert (bare.namespace, bare.resource_version, bare.creation_timestamp, bare.labels) == ("", "", None, None)
    assert bare.label("ray.io/cluster") == ""


@pytest.mark.parametrize(
    ("labels", "value"), [({"ray.io/cluster": "a"}, "a"), ({"ray.io/cluster": None}, ""), ({"x": "y"}, ""), ({}, "")]
)
def test_a_label_is_its_value_or_empty(labels: dict[str, str | None], value: str) -> None:
    """null, as a template may write it, is absent."""
    assert decode_meta(labels=labels).label("ray.io/cluster") == value


@pytest.mark.parametrize("number", [2**31, -(2**31) - 1, 2**63 - 1, 1.5, "1", True])
def test_an_integer_is_an_int32_of_go(number: Any) -> None:
    """Any other makes the object undecodable instead of the exposition wrong."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(number, Integer)
    assert msgspec.convert(2**31 - 1, Integer) == 2**31 - 1


@pytest.mark.parametrize(
    ("type_", "members"),
    [
        (RayJob, {"status": {"failed": MAX_COUNT + 1}}),
        (RayJob, {"status": {"succeeded": MAX_COUNT + 1}}),
        (Event, {"count": MAX_COUNT + 1}),
        (Event, {"series": {"count": MAX_COUNT + 1}}),
        (Pod, {"status": {"containerStatuses": [{"restartCount": MAX_COUNT + 1}]}}),
        (RayCluster, {"status": {"desiredCPU": "1e300"}}),
        (RayCluster, {"status": {"desiredGPU": "-1e10"}}),
        (RayCluster, {"status": {"desiredMemory": "2E"}}),
        (RayCluster, {"status": {"desiredTPU": 10**10}}),
    ],
)
def test_what_cannot_be_true_makes_the_object_undecodable(type_: Any, members: dict[str, Any]) -> None:
    """It would be added to a counter, in which nothing that follows could be seen."""
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(manifest() | members, type_)


def test_equal_strings_of_two_objects_are_one() -> None:
    """Thousands of objects have the same namespace, states and reasons."""
    first, second = (msgspec.json.decode(b'{"name":"a","uid":"1","namespace":"team-x"}', type=ObjectMeta) for _ in "ab")
    assert first.namespace is second.namespace


def test_long_strings_and_too_many_are_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever writes objects chooses their strings: what is shared has a bound."""
    shared: dict[str, str] = {}
    monkeypatch.setattr(meta, "_shared", shared)
    monkeypatch.setattr(meta, "MAX_SHARED_STRINGS", 10)
    decode_meta(namespace="x" * (meta.MAX_SHARED_LENGTH + 1))
    assert shared == {}
    for i in range(100):
        assert decode_meta(namespace=f"ns-{i}").namespace == f"ns-{i}"
        assert len(shared) <= 11


@pytest.mark.parametrize(
    ("status", "is_true"), [("True", True), ("False", False), ("Unknown", False), ("true", False), (None, False)]
)
def test_only_true_is_true(status: str | None, is_true: bool) -> None:
    """As in apimachinery's IsStatusConditionTrue."""
    assert Condition("Ready", status).is_true is is_true


def test_the_first_condition_of_a_type_is_found() -> None:
    """None without conditions, and without a status."""
    first, second = Condition("A", "True"), Condition("A", "False")
    status = RayClusterStatus(conditions=(Condition("B"), first, second))
    assert find_condition(status, "A") is first
    assert find_condition(status, "C") is find_condition(RayClusterStatus(), "A") is find_condition(None, "A") is None
