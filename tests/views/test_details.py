"""Details of each kind, as they are in the JSON."""

import json
from typing import Any

import msgspec
import pytest

from exporter.resources.detailed import DetailedRayCluster
from exporter.views.details import gpus
from tests.support.complete_objects import CLUSTER, CRON_JOB, JOB, SERVICE, labels
from tests.support.fleets import ago, fleet_of
from tests.support.objects import CREATED, condition, manifest

Manifest = dict[str, Any]
JOB_STATUS = {"failed": 0, "succeeded": 0}
CREATION = {"state": "Created", "time": CREATED}
NO_WORKERS = {"desired": 0, "ready": 0, "available": 0, "min": 0}


def step(state: str, time: str) -> Manifest:
    return {"state": state, "time": time}


ROLE = {
    "rayCluster": "a-1",
    "targetCapacity": 100,
    "trafficRoutedPercent": 0,
    "applications": [
        {"name": "z", "status": "RUNNING", "deployments": [{"name": "d", "status": "HEALTHY"}, {"name": "c"}]},
        {"name": "b"},
    ],
}

ROWS: dict[str, tuple[str, Manifest, Manifest]] = {
    "cluster without spec and status": ("RayCluster", manifest(), {}),
    "cluster with an empty status": ("RayCluster", manifest({}), {"workers": NO_WORKERS, "requested": {}}),
    "cluster": (
        "RayCluster",
        CLUSTER,
        {
            "rayVersion": "2.52.0",
            "workers": {"desired": 4, "ready": 1, "available": 2, "min": 3, "max": 9},
            "requested": {"cpu": 1.5, "memoryBytes": 3221225472, "gpu": 2, "tpu": 0},
            "headPod": "a-head",
            "owner": {"kind": "RayJob", "name": "j"},
            "autoscaling": True,
            "provisionedAt": ago(minutes=3),
        },
    ),
    "cluster of KubeRay 1.1, which has no number of ready workers": (
        "RayCluster",
        manifest({"state": "ready", "desiredWorkerReplicas": 2, "availableWorkerReplicas": 2}),
        {"workers": {"desired": 2, "available": 2, "min": 0}, "requested": {}},
    ),
    "largest maximum": (
        "RayCluster",
        manifest({"maxWorkerReplicas": 2147483646}),
        {"workers": NO_WORKERS | {"max": 2147483646}, "requested": {}},
    ),
    "no maximum": (
        "RayCluster",
        manifest({"maxWorkerReplicas": 2147483647}),
        {"workers": NO_WORKERS, "requested": {}},
    ),
    "cluster with half an owner": ("RayCluster", manifest(labels=labels(originated_from_crd="RayJob")), {}),
    "cluster that is not provisioned, without a head": (
        "RayCluster",
        manifest({"conditions": [condition("RayClusterProvisioned", "False")], "head": {"podName": ""}}),
        {"workers": NO_WORKERS, "requested": {}},
    ),
    "job without spec and status": ("RayJob", manifest(), JOB_STATUS | {"timeline": [CREATION]}),
    "job without times": ("RayJob", manifest({}, creationTimestamp=None), JOB_STATUS),
    "empty texts of a job": (
        "RayJob",
        manifest({"jobDeploymentStatus": "", "jobStatus": "", "reason": "", "rayClusterName": "", "jobId": ""}),
        JOB_STATUS | {"timeline": [CREATION]},
    ),
    "failed job": (
        "RayJob",
        JOB,
        {
            "deploymentStatus": "Failed",
            "jobStatus": "FAILED",
            "reason": "AppFailed",
            "rayCluster": "a-x",
            "jobId": "a-1",
            "submissionMode": "K8sJobMode",
            "startTime": ago(minutes=9),
            "endTime": ago(minutes=1),
            "durationSeconds": 480,
            "failed": 2,
            "succeeded": 0,
            "backoffLimit": 0,
            "activeDeadlineSeconds": 600,
            "cronJob": "nightly",
            "queue": "gpus",
            "timeline": [
                CREATION,
                step("Initializing", ago(minutes=9)),
                step("Running", ago(minutes=5)),
                step("Ended", ago(minutes=2)),
                step("Failed", ago(minutes=1)),
            ],
        },
    ),
    "running job": (
        "RayJob",
        manifest({"jobDeploymentStatus": "Running", "startTime": ago(minutes=9), "endTime": ago(minutes=1)}),
        JOB_STATUS
        | {
            "deploymentStatus": "Running",
            "startTime": ago(minutes=9),
            "endTime": ago(minutes=1),
            "timeline": [CREATION, step("Initializing", ago(minutes=9)), step("Running", ago(minutes=1))],
        },
    ),
    "job that ended before its start": (
        "RayJob",
        manifest({"jobDeploymentStatus": "Complete", "startTime": ago(minutes=1), "endTime": ago(minutes=9)}),
        JOB_STATUS
        | {
            "deploymentStatus": "Complete",
            "startTime": ago(minutes=1),
            "endTime": ago(minutes=9),
            "timeline": [CREATION, step("Complete", ago(minutes=9)), step("Initializing", ago(minutes=1))],
        },
    ),
    "steps at one time": (
        "RayJob",
        manifest({"jobDeploymentStatus": "Complete", "startTime": CREATED, "endTime": CREATED}),
        JOB_STATUS
        | {
            "deploymentStatus": "Complete",
            "startTime": CREATED,
            "endTime": CREATED,
            "durationSeconds": 0,
            "timeline": [CREATION, step("Initializing", CREATED), step("Complete", CREATED)],
        },
    ),
    "service without a status": ("RayService", manifest(), {}),
    "service with an empty status": ("RayService", manifest({}), {"serveEndpoints": 0}),
    "service": ("RayService", SERVICE, {"serveEndpoints": 3, "active": ROLE, "pending": ROLE}),
    "service without a pending cluster": (
        "RayService",
        manifest({"pendingServiceStatus": {"rayClusterName": "", "applicationStatuses": {}}}),
        {"serveEndpoints": 0},
    ),
    "service with a pending cluster": (
        "RayService",
        manifest({"pendingServiceStatus": {"rayClusterName": "a-2"}}),
        {"serveEndpoints": 0, "pending": {"rayCluster": "a-2"}},
    ),
    "cron job without spec and status": ("RayCronJob", manifest(), {}),
    "cron job": (
        "RayCronJob",
        CRON_JOB,
        {"schedule": "0 * * * *", "timeZone": "UTC", "lastScheduleTime": ago(hours=1)},
    ),
}


@pytest.mark.parametrize(("kind", "version", "expected"), ROWS.values(), ids=ROWS)
def test_details(kind: str, version: Manifest, expected: Manifest) -> None:
    """An object has exactly these details; what is unknown is left out, what is absent in Go is 0."""
    fleet = fleet_of((kind, version))
    (obj,) = fleet
    assert json.loads(msgspec.json.encode(fleet.kind(obj).details(obj))) == expected


@pytest.mark.parametrize(("given", "kept"), [(50, 50), (51, 50)])
def test_applications_and_deployments_are_bounded(given: int, kept: int) -> None:
    """Of many applications, and of many deployments, the first are shown."""
    deployments = {f"d-{number}": {"status": "HEALTHY"} for number in range(given)}
    statuses = {f"a-{number}": {"serveDeploymentStatuses": deployments} for number in range(given)}
    fleet = fleet_of(("RayService", manifest({"activeServiceStatus": {"applicationStatuses": statuses}})))
    (obj,) = fleet
    details = fleet.kind(obj).details(obj)
    applications = details["active"]["applications"]
    assert [one["name"] for one in applications] == [f"a-{number}" for number in range(kept)]
    assert [one["name"] for one in applications[0]["deployments"]] == [f"d-{number}" for number in range(kept)]


@pytest.mark.parametrize(
    ("status", "expected"),
    [(None, 0.0), ({}, 0.0), ({"desiredGPU": "0"}, 0.0), ({"desiredGPU": "8"}, 8.0), ({"desiredGPU": 2}, 2.0)],
)
def test_gpus(status: Manifest | None, expected: float) -> None:
    """A cluster without a number of GPUs has none."""
    (obj,) = fleet_of(("RayCluster", manifest(status)))
    assert isinstance(obj, DetailedRayCluster)
    assert gpus(obj) == expected
