"""Objects with their findings and lists."""

import json
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from exporter.diagnosis.causes import Severity
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.views.views import (
    MAX_EVENTS,
    MAX_PODS,
    MAX_RELATED,
    ConditionRow,
    ObjectPage,
    ObjectView,
    page_of,
    view_of,
    worst_first,
)
from tests.support.fleets import NOW, ago, event, fleet_of, pod, submitter
from tests.support.objects import CREATED, condition, manifest

Manifest = dict[str, Any]
READY: Manifest = {"state": "ready", "stateTransitionTimes": {"ready": ago(minutes=3)}}


def page(fleet: Fleet, kind: str, name: str = "a") -> ObjectPage:
    obj = fleet.find(kind, "ns", name)
    assert obj is not None
    return page_of(obj, fleet, NOW)


def labelled(status: Manifest | None, name: str, **labels: str) -> Manifest:
    return manifest(
        status, name=name, labels={f"ray.io/{key.replace('_', '-')}": value for key, value in labels.items()}
    )


def view(
    severity: Severity | None = None,
    created: datetime | None = NOW,
    kind: str = "RayJob",
    namespace: str = "ns",
    name: str = "a",
) -> ObjectView:
    return ObjectView(kind, namespace, name, "1", "Running", severity is None, (), None, created, severity)


def test_healthy_object_as_json() -> None:
    """An object without findings is healthy, and has no severity."""
    fleet = fleet_of(("RayCluster", manifest(READY)))
    (obj,) = fleet
    assert json.loads(msgspec.json.encode(view_of(obj, fleet, NOW))) == {
        "kind": "RayCluster",
        "namespace": "ns",
        "name": "a",
        "uid": "1",
        "state": "Ready",
        "healthy": True,
        "findings": [],
        "since": ago(minutes=3),
        "createdAt": CREATED,
        "details": {"workers": {"desired": 0, "ready": 0, "available": 0, "min": 0}, "requested": {}},
    }


@pytest.mark.parametrize(
    ("kind", "version", "severity"),
    [
        ("RayCluster", manifest(), Severity.CRITICAL),
        ("RayCluster", manifest(deletionTimestamp=ago(hours=1)), Severity.WARNING),
        ("RayCronJob", manifest() | {"spec": {"suspend": True}}, Severity.INFO),
    ],
)
def test_severity_is_that_of_the_worst_finding(kind: str, version: Manifest, severity: Severity) -> None:
    """An object with any finding is not healthy."""
    fleet = fleet_of((kind, version))
    (obj,) = fleet
    found = view_of(obj, fleet, NOW)
    assert (found.severity, found.healthy, len(found.findings)) == (severity, False, 1)


EARLIER = NOW - timedelta(seconds=1)

PAIRS: dict[str, tuple[ObjectView, ObjectView]] = {
    "critical before a newer warning": (view(Severity.CRITICAL, EARLIER), view(Severity.WARNING)),
    "warning before information": (view(Severity.WARNING, EARLIER), view(Severity.INFO)),
    "information before healthy": (view(Severity.INFO, EARLIER), view()),
    "newer first": (view(created=NOW), view(created=EARLIER, name="0")),
    "unknown creation last": (view(created=EARLIER), view(created=None, name="0")),
    "kind": (view(kind="RayCluster", name="b"), view(kind="RayJob", name="a")),
    "namespace": (view(namespace="a", name="b"), view(namespace="b", name="a")),
    "name": (view(name="a"), view(name="b")),
}


@pytest.mark.parametrize(("first", "second"), PAIRS.values(), ids=PAIRS)
def test_worst_first(first: ObjectView, second: ObjectView) -> None:
    """The worst severity, then the newest, then by kind, namespace and name."""
    assert sorted([second, first], key=worst_first) == [first, second]


@pytest.mark.parametrize(
    ("kind", "version", "expected"),
    [
        ("RayCluster", manifest(), ()),
        ("RayCluster", manifest({}), ()),
        (
            "RayService",
            manifest({"conditions": [condition("Z", "True", reason="R", message="m"), {"type": "A"}]}),
            (ConditionRow("Z", "True", "R", NOW - timedelta(minutes=14), "m"), ConditionRow("A", "")),
        ),
        ("RayJob", manifest({"jobDeploymentStatus": "Running"}), ()),
    ],
    ids=["no status", "no conditions", "in their order", "job"],
)
def test_conditions(kind: str, version: Manifest, expected: tuple[ConditionRow, ...]) -> None:
    """Clusters and services have conditions."""
    assert page(fleet_of((kind, version)), kind).conditions == expected


def test_pods_that_are_not_ready_come_first() -> None:
    """Then heads before workers, then by name."""
    ready: Manifest = {"phase": "Running", "conditions": [condition("Ready", "True")]}
    fleet = fleet_of(
        ("RayCluster", manifest(READY)),
        pod("w-3", **ready),
        pod("h-2", node_type="head", **ready),
        pod("w-2"),
        pod("w-1"),
        pod("h-1", node_type="head"),
        pod("other", cluster="b"),
    )
    assert [row.name for row in page(fleet, "RayCluster").pods or ()] == ["h-1", "w-1", "w-2", "h-2", "w-3"]


def test_pods_of_a_job_are_its_submitter_and_those_of_its_cluster() -> None:
    """A head comes before the submitter."""
    fleet = fleet_of(
        ("RayJob", manifest({"rayClusterName": "c"})),
        ("RayCluster", manifest(READY, name="c")),
        submitter("s"),
        pod("w", cluster="c"),
        pod("h", cluster="c", node_type="head"),
    )
    assert [row.name for row in page(fleet, "RayJob").pods or ()] == ["h", "s", "w"]


@pytest.mark.parametrize(("given", "kept"), [(0, 0), (100, 100), (101, 100)])
def test_pods_are_bounded(given: int, kept: int) -> None:
    """The first of many pods are shown."""
    fleet = fleet_of(("RayCluster", manifest(READY)), *(pod(f"w-{number:03}") for number in reversed(range(given))))
    assert [row.name for row in page(fleet, "RayCluster").pods or ()] == [f"w-{number:03}" for number in range(kept)]
    assert MAX_PODS == 100


def test_events_of_an_object_and_its_cluster_are_the_newest_first() -> None:
    """At most 20, of both together."""
    fleet = fleet_of(
        ("RayJob", manifest({"rayClusterName": "c"})),
        ("RayCluster", manifest(READY, name="c")),
        *(event("RayJob", "a", f"J{number}", ago(minutes=2 * number)) for number in range(12)),
        *(event("RayCluster", "c", f"C{number}", ago(minutes=2 * number + 1)) for number in range(12)),
    )
    expected = [f"{kind}{number}" for number in range(10) for kind in "JC"]
    assert [row.reason for row in page(fleet, "RayJob").events or ()] == expected
    assert MAX_EVENTS == 20


def test_events_of_pods_are_those_of_an_object() -> None:
    """Of the pods of its cluster, and of its submitter."""
    fleet = fleet_of(
        ("RayJob", manifest({"rayClusterName": "c"})),
        ("RayCluster", manifest(READY, name="c")),
        pod("worker", "c"),
        submitter("submitter"),
        event("Pod", "worker", "FailedMount", ago(minutes=1)),
        event("Pod", "submitter", "BackOff", ago(minutes=2)),
    )
    assert [row.reason for row in page(fleet, "RayJob").events or ()] == ["FailedMount", "BackOff"]


@pytest.mark.parametrize(
    ("known", "pods", "events"),
    [
        (Known(), (), ()),
        (Known(pods=False), None, ()),
        (Known(events=False), (), None),
    ],
)
def test_list_that_could_not_be_read_is_none(known: Known, pods: tuple[()] | None, events: tuple[()] | None) -> None:
    """It is not the same as an empty one."""
    found = page(fleet_of(("RayCluster", manifest(READY)), known=known), "RayCluster")
    assert (found.pods, found.events) == (pods, events)


FAMILY: list[tuple[str, Manifest]] = [
    ("RayCronJob", manifest(name="cron")),
    ("RayJob", labelled({"jobDeploymentStatus": "Running", "rayClusterName": "c"}, "job", cronjob_name="cron")),
    ("RayCluster", labelled(READY, "c", originated_from_crd="RayJob", originated_from_cr_name="job")),
    ("RayService", manifest({"activeServiceStatus": {"rayClusterName": "s-1"}}, name="service")),
    ("RayCluster", labelled(None, "s-1", originated_from_crd="RayService", originated_from_cr_name="gone")),
]


@pytest.mark.parametrize(
    ("kind", "name", "expected"),
    [
        ("RayCronJob", "cron", [("RayJob", "job", "Running", True)]),
        ("RayJob", "job", [("RayCluster", "c", "Ready", True), ("RayCronJob", "cron", "Scheduled", True)]),
        ("RayCluster", "c", [("RayJob", "job", "Running", True)]),
        ("RayService", "service", [("RayCluster", "s-1", "Provisioning", False)]),
        ("RayCluster", "s-1", []),
    ],
)
def test_related_objects(kind: str, name: str, expected: list[tuple[str, str, str, bool]]) -> None:
    """The objects below, then those above, if they exist."""
    found = page(fleet_of(*FAMILY), kind, name).related
    assert [(one.kind, one.name, one.state, one.healthy) for one in found] == expected


def test_related_objects_are_bounded() -> None:
    """Of many jobs of a cron job the newest are shown."""
    jobs = [labelled(None, f"j-{number}", cronjob_name="a") for number in range(25)]
    for number, job in enumerate(jobs):
        job["metadata"]["creationTimestamp"] = ago(seconds=100 - number)
    fleet = fleet_of(("RayCronJob", manifest()), *(("RayJob", job) for job in jobs))
    assert [one.name for one in page(fleet, "RayCronJob").related] == [f"j-{number}" for number in range(24, 4, -1)]
    assert MAX_RELATED == 20
