"""Findings that every kind can have."""

from collections.abc import Iterable
from typing import Any

import pytest

from exporter.diagnosis import common
from exporter.diagnosis.finding import Evidence, Finding
from exporter.resources.detailed import (
    DetailedCondition,
    DetailedObject,
    DetailedRayCluster,
    DetailedRayClusterStatus,
    DetailedRayCronJob,
)
from exporter.resources.event import Event
from exporter.resources.meta import ObjectMeta
from tests.support.fleets import NOW, ago, fleet_of
from tests.support.objects import manifest

Row = tuple[str, str, str]


def object_of(kind: str = "RayCluster", spec: dict[str, Any] | None = None, **metadata: Any) -> DetailedObject:
    (obj,) = fleet_of((kind, manifest(**metadata) | {"spec": spec or {}}))
    return obj


def rows(findings: Iterable[Finding]) -> list[Row]:
    return [(found.severity.value, found.cause.value, found.sentence) for found in findings]


@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, []),
        ({"deletionTimestamp": ago(seconds=600)}, []),
        (
            {"deletionTimestamp": ago(seconds=601)},
            ["RayCluster a is being deleted for 10 min; it has no finalizers."],
        ),
        (
            {"deletionTimestamp": ago(hours=2), "finalizers": ["ray.io/gcs", "b"]},
            ["RayCluster a is being deleted for 2 h; finalizers: ray.io/gcs, b."],
        ),
        ({"deletionTimestamp": ago(hours=-1)}, []),
    ],
    ids=["not deleted", "ten minutes", "longer", "finalizers", "in the future"],
)
def test_deletion(metadata: dict[str, Any], expected: list[str]) -> None:
    """A deletion is found after more than ten minutes."""
    found = rows(common.deletion(object_of(**metadata), NOW))
    assert found == [("warning", "stuck-deletion", sentence) for sentence in expected]


@pytest.mark.parametrize(
    ("spec", "created", "expected"),
    [
        ({}, ago(seconds=300), []),
        ({}, ago(seconds=301), ["RayCluster a has no status 5 min after its creation."]),
        ({}, None, []),
        ({"managedBy": ""}, ago(hours=1), ["RayCluster a has no status 1 h after its creation."]),
        (
            {"managedBy": "ray.io/kuberay-operator"},
            ago(hours=1),
            ["RayCluster a has no status 1 h after its creation."],
        ),
        ({"managedBy": "kueue.x-k8s.io/multikueue"}, ago(hours=1), []),
    ],
    ids=["five minutes", "longer", "no creation", "no manager", "the operator", "another controller"],
)
def test_silence(spec: dict[str, Any], created: str | None, expected: list[str]) -> None:
    """The operator has five minutes for the first status of an object that it manages."""
    obj = object_of(spec=spec, creationTimestamp=created)
    assert not isinstance(obj, DetailedRayCronJob)
    found = rows(common.silence(obj, NOW))
    assert found == [("critical", "operator-silent", sentence) for sentence in expected]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("groupName is empty", "The spec of RayJob a is invalid: groupName is empty."),
        (None, "The spec of RayJob a is invalid: InvalidRayJobSpec."),
        ("The RayJob spec is invalid ns/a: no entrypoint.", "The spec of RayJob a is invalid: no entrypoint."),
        ("x" * 200, f"The spec of RayJob a is invalid: {'x' * 159}…"),
    ],
    ids=["message", "no message", "prefix", "long"],
)
def test_invalid(message: str | None, expected: str) -> None:
    """The sentence has the Event's message, or its reason, and ends with one full stop or the mark of a cut."""
    event = Event(metadata=ObjectMeta(name="e", uid="2"), reason="InvalidRayJobSpec", message=message)
    assert rows(common.invalid(object_of("RayJob"), event)) == [("critical", "invalid-spec", expected)]


def test_no_event_is_no_finding() -> None:
    """Without such an Event the spec is not known to be invalid."""
    assert list(common.invalid(object_of("RayJob"), None)) == []


QUEUED = {"labels": {"kueue.x-k8s.io/queue-name": "gpus"}}

SUSPENSIONS: dict[str, tuple[dict[str, Any], float | None, bool, Row]] = {
    "since an unknown time": ({}, None, True, ("info", "suspended", "RayCluster a is suspended.")),
    "suspended": ({}, 4000, True, ("info", "suspended", "RayCluster a is suspended for 1 h 6 min.")),
    "queue": (
        QUEUED,
        60,
        True,
        ("info", "admission-pending", "RayCluster a waits for 1 min until queue gpus admits it."),
    ),
    "queue since an unknown time": (
        QUEUED,
        None,
        True,
        ("info", "admission-pending", "RayCluster a waits until queue gpus admits it."),
    ),
    "being suspended": ({}, 600, False, ("info", "suspended", "RayCluster a is being suspended.")),
    "being suspended since an unknown time": (
        {},
        None,
        False,
        ("info", "suspended", "RayCluster a is being suspended."),
    ),
    "slowly": ({}, 601, False, ("warning", "suspension-slow", "RayCluster a is being suspended for 10 min.")),
    "slowly, with a queue": (
        QUEUED,
        601,
        False,
        ("warning", "suspension-slow", "RayCluster a is being suspended for 10 min."),
    ),
}


@pytest.mark.parametrize(("metadata", "seconds", "is_finished", "expected"), SUSPENSIONS.values(), ids=SUSPENSIONS)
def test_suspension(metadata: dict[str, Any], seconds: float | None, is_finished: bool, expected: Row) -> None:
    """A suspension has ten minutes; after it Kueue's queue is named."""
    deleted = object_of(deletionTimestamp=ago(seconds=seconds)) if seconds is not None else None
    since = deleted.metadata.deletion_timestamp if deleted else None
    found = list(common.suspension(object_of(**metadata), since, "spec.suspend", NOW, is_finished=is_finished))
    assert rows(found) == [expected]
    assert found[0].evidence == (Evidence("RayCluster", "ns", "a", "spec.suspend", since),)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", ""),
        ("groupName is empty", "groupName is empty"),
        ("ns/a: groupName is empty", "groupName is empty"),
        ("The RayCluster spec is invalid ns/a: groupName: is empty", "groupName: is empty"),
        ("The RayJob metadata is invalid: name is too long", "name is too long"),
        ("ns/a: The RayService status is invalid ns/a: why", "why"),
        ("The RayCluster spec is\n invalid ns/a:  two\n lines", "two lines"),
        ("why: The RayJob spec is invalid: x", "why: The RayJob spec is invalid: x"),
    ],
)
def test_without_prefix(message: str, expected: str) -> None:
    """Only the beginning that repeats what the message is about is removed."""
    assert common.without_prefix(message) == expected


@pytest.mark.parametrize(
    ("message", "reason", "expected"),
    [("text", "Reason", "text"), (None, "Reason", "Reason"), ("", "Reason", "Reason"), (None, None, "")],
)
def test_evidence_of_a_condition(message: str | None, reason: str | None, expected: str) -> None:
    """A condition without a message has its reason as evidence."""
    condition = DetailedCondition(type="Ready", reason=reason, last_transition_time=NOW, message=message)
    assert common.condition_of(object_of("RayService"), condition) == Evidence(
        "RayService", "ns", "a", "status.conditions[Ready]", NOW, expected
    )


def test_evidence_of_an_event() -> None:
    """An Event is named by its reason, and has the time of its last occurrence."""
    meta = ObjectMeta(name="e", uid="2", namespace="other")
    event = Event(metadata=meta, reason="FailedToCreateHeadPod", message="text", last_timestamp=NOW)
    assert common.event_of(object_of(), event) == Evidence(
        "RayCluster", "ns", "a", "Event FailedToCreateHeadPod", NOW, "text"
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (None, None),
        (DetailedRayClusterStatus(), None),
        (DetailedRayClusterStatus(conditions=(DetailedCondition("Other", "True"),)), None),
        (DetailedRayClusterStatus(conditions=(DetailedCondition("Other"), DetailedCondition("Ready"))), "Ready"),
    ],
    ids=["no status", "no conditions", "another one", "found"],
)
def test_condition(status: DetailedRayClusterStatus | None, expected: str | None) -> None:
    """A condition is found by its type."""
    found = common.condition(status, "Ready")
    assert (found.type if found else None) == expected


@pytest.mark.parametrize("kind", ["RayCluster", "RayJob", "RayService", "RayCronJob"])
def test_subject(kind: str) -> None:
    """The subject of a sentence is kind and name."""
    assert common.subject(object_of(kind, name="x")) == f"{kind} x"


def test_subject_has_no_namespace() -> None:
    """Evidence has the namespace, which a sentence leaves out."""
    obj = object_of(name="x", namespace="other")
    assert isinstance(obj, DetailedRayCluster)
    assert (common.subject(obj), common.field_of(obj, "status").namespace) == ("RayCluster x", "other")
