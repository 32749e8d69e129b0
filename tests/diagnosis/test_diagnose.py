"""The diagnosis of any kind: which findings there are, in which order."""

from typing import Any

import pytest

from exporter.diagnosis.related import Known, Related
from tests.support.fleets import NOW, ago, event, findings, fleet_of, pod, waiting
from tests.support.objects import condition, manifest

Manifest = dict[str, Any]
KINDS = ["RayCluster", "RayJob", "RayService", "RayCronJob"]


@pytest.mark.parametrize("kind", KINDS)
def test_deletion_is_the_only_finding(kind: str) -> None:
    """Of an object that is being deleted nothing else matters."""
    version = manifest(deletionTimestamp=ago(minutes=11), finalizers=["f"]) | {"spec": {"suspend": True}}
    assert findings((kind, version)) == ["warning stuck-deletion"]


@pytest.mark.parametrize("kind", KINDS)
def test_invalid_spec(kind: str) -> None:
    """An Event of each kind shows that the spec is invalid."""
    invalid = event(kind, "a", f"Invalid{kind}Spec", ago(minutes=1), "name is too long")
    found = findings((kind, manifest(creationTimestamp=ago(minutes=1))), invalid)
    assert found == ["warning invalid-spec"]


@pytest.mark.parametrize("kind", KINDS)
def test_new_object_is_healthy(kind: str) -> None:
    """An object that was just created has no finding."""
    assert findings((kind, manifest(creationTimestamp=ago(seconds=1)))) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "version", [manifest({}, creationTimestamp=None), manifest(creationTimestamp=None)], ids=["empty", "absent"]
)
def test_object_without_times(kind: str, version: Manifest) -> None:
    """What has no time is not late."""
    assert findings((kind, version)) == []


def test_worst_finding_is_first() -> None:
    """The order does not depend on the order of the pods."""
    crash = pod("w-2", **waiting("CrashLoopBackOff", lastState={"terminated": {"reason": "Error", "exitCode": 2}}))
    gated = pod("w-1", conditions=[condition("PodScheduled", "False", reason="SchedulingGated")])
    cluster = ("RayCluster", manifest({"state": "ready", "conditions": [condition("HeadPodReady", "True")]}))
    for pods in ([crash, gated], [gated, crash]):
        assert findings(cluster, *pods) == ["warning crash-loop", "info scheduling-gated"]


def test_result_depends_on_the_arguments_only() -> None:
    """The same arguments give equal findings, and nothing is kept between calls."""
    fleet = fleet_of(("RayCluster", manifest()))
    (obj,) = fleet
    kind = fleet.kind(obj)
    first = kind.diagnose(obj, Related(known=Known(pods=False)), NOW)
    assert kind.diagnose(obj, Related(), NOW.replace(minute=1)) == ()
    assert kind.diagnose(obj, Related(known=Known(pods=False)), NOW) == first != ()
