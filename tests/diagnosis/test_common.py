"""Limits in time of what every kind can have."""

from typing import Any

import pytest

from exporter.diagnosis.common import without_prefix
from exporter.diagnosis.related import Known
from tests.support.fleets import ago, diagnosed, findings
from tests.support.objects import condition, manifest

KINDS = ["RayCluster", "RayJob", "RayService"]


@pytest.mark.parametrize("kind", [*KINDS, "RayCronJob"])
@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [({"seconds": 600}, []), ({"seconds": 601}, ["warning stuck-deletion"]), ({"hours": -1}, [])],
    ids=["ten minutes", "longer", "in the future"],
)
def test_deletion(kind: str, elapsed: dict[str, float], expected: list[str]) -> None:
    """A deletion is found after more than ten minutes."""
    assert findings((kind, manifest(deletionTimestamp=ago(**elapsed)))) == expected


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spec", "created", "expected"),
    [
        ({}, ago(seconds=300), []),
        ({}, ago(seconds=301), ["critical operator-silent"]),
        ({}, None, []),
        ({"managedBy": ""}, ago(hours=1), ["critical operator-silent"]),
        ({"managedBy": "ray.io/kuberay-operator"}, ago(hours=1), ["critical operator-silent"]),
        ({"managedBy": "kueue.x-k8s.io/multikueue"}, ago(seconds=600), ["info managed"]),
        ({"managedBy": "kueue.x-k8s.io/multikueue"}, ago(seconds=601), ["warning not-dispatched"]),
    ],
    ids=["five minutes", "longer", "no creation", "no manager", "the operator", "another", "another for long"],
)
def test_no_status(kind: str, spec: dict[str, Any], created: str | None, expected: list[str]) -> None:
    """The operator has five minutes for the first status, another controller ten."""
    assert findings((kind, manifest(creationTimestamp=created) | {"spec": spec})) == expected


@pytest.mark.parametrize("kind", KINDS)
def test_operator_is_not_blamed_without_events(kind: str) -> None:
    """An Event could say that the spec is invalid; what was not read is said once, with the remedy."""
    (found,) = diagnosed((kind, manifest()), known=Known(pods=False, events=False, remedy="add --collectors"))
    assert found.cause == "unknown"
    assert found.sentence == "No status 14 min after the creation. Pods and Events were not read: add --collectors."


def test_what_was_not_read_is_said_once() -> None:
    """In the first finding that needs it."""
    workers = {"desiredWorkerReplicas": 2, "lastUpdateTime": ago(hours=1), "state": "odd"}
    cluster = ("RayCluster", manifest({"conditions": [condition("HeadPodReady", "True")], **workers}))
    found = diagnosed(cluster, known=Known(events=False))
    assert [one.sentence.count("Events were not read: ") for one in found] == [1]


@pytest.mark.parametrize(
    ("elapsed", "expected"),
    [({"seconds": 600}, ["info suspended"]), ({"seconds": 601}, ["warning suspension-slow"])],
    ids=["ten minutes", "longer"],
)
def test_suspension(elapsed: dict[str, float], expected: list[str]) -> None:
    """A suspension has ten minutes."""
    suspending = condition("RayClusterSuspending", "True", ago(**elapsed))
    assert findings(("RayCluster", manifest({"conditions": [suspending]}))) == expected


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
    assert without_prefix(message) == expected
