"""Figures of a fleet."""

from datetime import timedelta, timezone
from typing import Any

import pytest

from exporter.views.views import view_of
from exporter.web.snapshot import Gpus, Hour, KindSummary, Summary, summarize
from tests.support.fleets import NOW, ago, fleet_of
from tests.support.objects import condition, manifest

Manifest = dict[str, Any]
FAILED = {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "reason": "AppFailed"}
COMPLETE = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED"}


def summary(*objects: tuple[str, Manifest]) -> Summary:
    fleet = fleet_of(*objects)
    return summarize(((obj, view_of(obj, fleet, NOW)) for obj in fleet), NOW)


def jobs(*statuses: Manifest) -> list[tuple[str, Manifest]]:
    return [("RayJob", manifest(status, name=f"j-{number}")) for number, status in enumerate(statuses)]


def clusters(*statuses: Manifest, **metadata: Any) -> list[tuple[str, Manifest]]:
    return [("RayCluster", manifest(one, name=f"c-{number}", **metadata)) for number, one in enumerate(statuses)]


def test_empty_fleet() -> None:
    """No objects are no kinds, no GPUs and no hours."""
    assert summary() == Summary({}, Gpus(0.0, 0.0), ())


def test_kinds() -> None:
    """Each kind that exists has its number of objects, of unhealthy ones, and of each state."""
    found = summary(
        *clusters({"state": "ready"}, {"state": "ready"}),
        *jobs(FAILED | {"endTime": ago(minutes=1)}, COMPLETE | {"endTime": ago(minutes=1)}),
    )
    assert found.kinds == {
        "RayCluster": KindSummary(2, 0, {"Ready": 2}),
        "RayJob": KindSummary(2, 1, {"Failed": 1, "Complete": 1}),
    }


GPUS: dict[str, tuple[list[tuple[str, Manifest]], Gpus]] = {
    "ready and starting": (
        clusters({"state": "ready", "desiredGPU": "2"}, {"desiredGPU": "3"}, {"state": "ready"}),
        Gpus(5.0, 2.0),
    ),
    "failed": (clusters({"state": "failed", "desiredGPU": "2"}), Gpus(2.0, 0.0)),
    "suspended": (
        clusters({"state": "ready", "desiredGPU": "2", "conditions": [condition("RayClusterSuspended", "True")]}),
        Gpus(0.0, 0.0),
    ),
    "being suspended": (
        clusters({"state": "ready", "desiredGPU": "2", "conditions": [condition("RayClusterSuspending", "True")]}),
        Gpus(2.0, 0.0),
    ),
    "being deleted": (
        clusters({"state": "ready", "desiredGPU": "2"}, deletionTimestamp=ago(seconds=1)),
        Gpus(0.0, 0.0),
    ),
}


@pytest.mark.parametrize(("objects", "expected"), GPUS.values(), ids=GPUS)
def test_gpus(objects: list[tuple[str, Manifest]], expected: Gpus) -> None:
    """Clusters that are suspended or deleted request no GPU, and only those of ready ones are ready."""
    assert summary(*objects).gpus == expected


TEN = NOW.replace(minute=0)

HOURS: dict[str, tuple[list[Manifest], list[Hour]]] = {
    "one hour": (
        [COMPLETE | {"endTime": ago(minutes=0)}, COMPLETE | {"endTime": ago(minutes=14)}, FAILED | {"endTime": ago()}],
        [Hour(TEN, 2, 1)],
    ),
    "two hours, the older first": (
        [COMPLETE | {"endTime": ago(minutes=14)}, FAILED | {"endTime": ago(minutes=14, seconds=1)}],
        [Hour(TEN - timedelta(hours=1), 0, 1), Hour(TEN, 1, 0)],
    ),
    "within a day": (
        [COMPLETE | {"endTime": ago(hours=23, minutes=59, seconds=59)}],
        [Hour(TEN - timedelta(hours=24), 1, 0)],
    ),
    "a day ago": ([COMPLETE | {"endTime": ago(hours=24)}], []),
    "in the future": ([COMPLETE | {"endTime": ago(seconds=-1)}], []),
    "not ended": ([{"jobDeploymentStatus": "Running"}], []),
    "retrying after a failed attempt": ([{"jobDeploymentStatus": "Retrying", "endTime": ago(minutes=1)}], []),
    "in another time zone": (
        [COMPLETE | {"endTime": NOW.astimezone(timezone(timedelta(hours=5, minutes=30))).isoformat()}],
        [Hour(TEN, 1, 0)],
    ),
}


@pytest.mark.parametrize(("statuses", "expected"), HOURS.values(), ids=HOURS)
def test_jobs_by_hour(statuses: list[Manifest], expected: list[Hour]) -> None:
    """Jobs of the last 24 hours, by the hour in which they ended."""
    assert list(summary(*jobs(*statuses)).jobs_by_hour) == expected


def test_job_without_a_status_has_not_ended() -> None:
    """It is counted as an object only."""
    found = summary(("RayJob", manifest()))
    assert (found.kinds["RayJob"].states, found.jobs_by_hour) == ({"New": 1}, ())
