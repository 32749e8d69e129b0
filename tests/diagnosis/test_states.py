"""The state of an object, and since when."""

from typing import Any

import pytest

from tests.support.fleets import ago, fleet_of
from tests.support.objects import CREATED, condition, manifest

EARLIER, LATER = ago(minutes=9), ago(minutes=2)
Manifest = dict[str, Any]


def conditions(*found: Manifest, **status: Any) -> Manifest:
    return manifest({"conditions": list(found), **status})


def job(state: str | None, **status: Any) -> Manifest:
    return manifest({"jobDeploymentStatus": state, **status})


DELETED: dict[str, Any] = {"deletionTimestamp": LATER}
TIMES = {"startTime": EARLIER, "endTime": LATER, "rayJobInfo": {"startTime": ago(minutes=5)}}
SUSPENDED = condition("RayClusterSuspended", "True", LATER)
SUSPENDING = condition("RayClusterSuspending", "True", EARLIER)
PROVISIONED = condition("RayClusterProvisioned", "True", EARLIER)

ROWS: dict[str, tuple[str, Manifest, str, str | None]] = {
    "cluster without a status": ("RayCluster", manifest(), "Provisioning", CREATED),
    "cluster without a status or creation": ("RayCluster", manifest(creationTimestamp=None), "Provisioning", None),
    "cluster with an empty status": ("RayCluster", manifest({}), "Provisioning", CREATED),
    "cluster that is not provisioned": (
        "RayCluster",
        conditions(condition("RayClusterProvisioned", "False", LATER)),
        "Provisioning",
        CREATED,
    ),
    "cluster that was ready": ("RayCluster", conditions(PROVISIONED), "NotReady", None),
    "ready cluster": (
        "RayCluster",
        conditions(PROVISIONED, state="ready", stateTransitionTimes={"ready": LATER, "failed": EARLIER}),
        "Ready",
        LATER,
    ),
    "ready cluster without times": ("RayCluster", manifest({"state": "ready"}), "Ready", None),
    "failed cluster": (
        "RayCluster",
        manifest({"state": "failed", "stateTransitionTimes": {"ready": EARLIER}}),
        "Failed",
        None,
    ),
    "suspended cluster of an older operator": (
        "RayCluster",
        manifest({"state": "suspended"}) | {"spec": {"suspend": True}},
        "Suspended",
        None,
    ),
    "resuming cluster of an older operator": ("RayCluster", manifest({"state": "suspended"}), "Provisioning", CREATED),
    "resuming cluster": (
        "RayCluster",
        conditions(condition("RayClusterSuspended", "False", LATER), state="suspended"),
        "Provisioning",
        LATER,
    ),
    "cluster in a state of a newer operator": ("RayCluster", manifest({"state": "new"}), "new", None),
    "unhealthy cluster of KubeRay 1.0": ("RayCluster", manifest({"state": "unhealthy"}), "NotReady", None),
    "cluster of another controller": (
        "RayCluster",
        manifest() | {"spec": {"managedBy": "example.com/own"}},
        "Managed by another controller",
        CREATED,
    ),
    "service of MultiKueue": (
        "RayService",
        manifest() | {"spec": {"managedBy": "kueue.x-k8s.io/multikueue"}},
        "Managed by kueue.x-k8s.io/multikueue",
        CREATED,
    ),
    "service of KubeRay 1.2": ("RayService", manifest({"serviceStatus": "Running"}), "Running", None),
    "service of KubeRay 1.0 that starts": (
        "RayService",
        manifest({"serviceStatus": "WaitForDashboard"}),
        "WaitForDashboard",
        None,
    ),
    "suspended cluster": ("RayCluster", conditions(SUSPENDED, state="ready"), "Suspended", LATER),
    "suspending cluster": ("RayCluster", conditions(SUSPENDING, state="ready"), "Suspending", EARLIER),
    "cluster with both conditions": ("RayCluster", conditions(SUSPENDING, SUSPENDED), "Suspended", LATER),
    "resumed cluster": (
        "RayCluster",
        conditions(condition("RayClusterSuspended", "False", LATER), state="ready"),
        "Ready",
        None,
    ),
    "deleted cluster": ("RayCluster", manifest({"state": "ready"}, **DELETED), "Deleting", LATER),
    "job without a status": ("RayJob", manifest(), "New", CREATED),
    "job with an empty status": ("RayJob", job(""), "New", CREATED),
    "new job that has started": ("RayJob", job("New", startTime=EARLIER), "New", None),
    "initializing job": ("RayJob", job("Initializing", **TIMES), "Initializing", EARLIER),
    "running job": ("RayJob", job("Running", **TIMES), "Running", ago(minutes=5)),
    "running job without times of Ray": ("RayJob", job("Running", startTime=EARLIER), "Running", None),
    "complete job": ("RayJob", job("Complete", **TIMES), "Complete", LATER),
    "failed job": ("RayJob", job("Failed", **TIMES), "Failed", LATER),
    "retrying job": ("RayJob", job("Retrying", **TIMES), "Retrying", None),
    "job in a state of a newer operator": ("RayJob", job("Paused", **TIMES), "Paused", None),
    "deleted job": ("RayJob", manifest(**DELETED), "Deleting", LATER),
    "service without a status": ("RayService", manifest(), "Initializing", CREATED),
    "initializing service": (
        "RayService",
        conditions(condition("Ready", "False", LATER, reason="Initializing")),
        "Initializing",
        LATER,
    ),
    "resumed service": (
        "RayService",
        conditions(condition("Ready", "False", EARLIER, reason="Initializing"), condition("Suspended", "False", LATER)),
        "Initializing",
        LATER,
    ),
    "service without endpoints": (
        "RayService",
        conditions(condition("Ready", "False", LATER, reason="ZeroServeEndpoints")),
        "NotReady",
        LATER,
    ),
    "ready service": (
        "RayService",
        conditions(condition("Ready", "True", EARLIER), condition("UpgradeInProgress", "False", LATER)),
        "Ready",
        EARLIER,
    ),
    "service with an upgrade": (
        "RayService",
        conditions(condition("Ready", "True", EARLIER), condition("UpgradeInProgress", "True", LATER)),
        "Upgrading",
        LATER,
    ),
    "service with an upgrade that is not ready": (
        "RayService",
        conditions(condition("Ready", "False", EARLIER), condition("UpgradeInProgress", "True", LATER)),
        "NotReady",
        EARLIER,
    ),
    "suspended service": (
        "RayService",
        conditions(condition("Ready", "True", EARLIER), condition("Suspended", "True", LATER)),
        "Suspended",
        LATER,
    ),
    "suspending service": ("RayService", conditions(condition("Suspending", "True", LATER)), "Suspending", LATER),
    "deleted service": ("RayService", manifest(**DELETED), "Deleting", LATER),
    "cron job without a spec": ("RayCronJob", manifest(), "Scheduled", None),
    "cron job": ("RayCronJob", manifest() | {"spec": {"suspend": False}}, "Scheduled", None),
    "suspended cron job": ("RayCronJob", manifest() | {"spec": {"suspend": True}}, "Suspended", None),
    "deleted cron job": ("RayCronJob", manifest(**DELETED) | {"spec": {"suspend": True}}, "Deleting", LATER),
}


@pytest.mark.parametrize(("kind", "version", "name", "since"), ROWS.values(), ids=ROWS)
def test_state(kind: str, version: Manifest, name: str, since: str | None) -> None:
    """An object has exactly this state, since the time that it shows."""
    fleet = fleet_of((kind, version))
    (obj,) = fleet
    state = fleet.kind(obj).state_of(obj)
    written = state.since.strftime("%Y-%m-%dT%H:%M:%SZ") if state.since else None
    assert (state.name, written) == (name, since)
