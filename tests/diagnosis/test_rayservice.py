"""Findings of RayServices and RayCronJobs."""

from typing import Any

import pytest

from exporter.diagnosis.finding import MAX_FINDINGS
from tests.support.fleets import ago, event, findings, pod
from tests.support.objects import condition, manifest

Objects = list[tuple[str, dict[str, Any]]]
READY = condition("Ready", "True", reason="NonZeroServeEndpoints")


def service(*conditions: dict[str, Any], **status: Any) -> tuple[str, dict[str, Any]]:
    return "RayService", manifest({"conditions": list(conditions), "numServeEndpoints": 1, **status})


def role(cluster: str, **applications: dict[str, Any]) -> dict[str, Any]:
    return {"rayClusterName": cluster, "applicationStatuses": applications}


def cluster(name: str, *conditions: dict[str, Any], **status: Any) -> tuple[str, dict[str, Any]]:
    return "RayCluster", manifest({"conditions": list(conditions), **status}, name=name, uid=name)


C = cluster("c", state="ready")


def not_ready(reason: str, **elapsed: float) -> dict[str, Any]:
    return condition("Ready", "False", ago(**elapsed), reason=reason, message=f"because of {reason}.")


QUOTA = condition("ReplicaFailure", "True", reason="FailedCreateWorkerPod", message="exceeded quota: q")
UPGRADING = condition("UpgradeInProgress", "True", ago(minutes=40), reason="BothActivePendingClustersExist")

RESTARTED = {
    "name": "ray-head",
    "state": {"running": {}},
    "lastState": {"terminated": {"reason": "Error", "exitCode": 1, "finishedAt": ago(minutes=9)}},
}
NOT_PROVISIONED = condition("RayClusterProvisioned", "False", reason="RayClusterPodsProvisioning")

# What is found in them, sentences.txt has.
SERVICES: dict[str, Objects] = {
    "active cluster is being deleted": [
        service(READY, activeServiceStatus=role("c")),
        ("RayCluster", manifest({"state": "ready"}, name="c", deletionTimestamp=ago(minutes=3))),
    ],
    "application failed": [
        service(READY, activeServiceStatus=role("c", api={"status": "DEPLOY_FAILED", "message": "No module named x"})),
        C,
    ],
    "deployment unhealthy, with its message": [
        service(
            READY,
            activeServiceStatus=role(
                "c",
                api={
                    "status": "RUNNING",
                    "serveDeploymentStatuses": {"D": {"status": "UNHEALTHY", "message": "replica died"}},
                },
            ),
        ),
        C,
    ],
    "no endpoints": [service(not_ready("ZeroServeEndpoints", minutes=3))],
    "ready without endpoints": [service(READY, numServeEndpoints=0, activeServiceStatus=role("c")), C],
    "application not started, without the time of the status": [
        service(READY, activeServiceStatus=role("c", api={"status": "NOT_STARTED"})),
        C,
    ],
    "timeout": [service(not_ready("InitializingTimeout", minutes=3))],
    "invalid spec": [service(not_ready("ValidationFailed", minutes=3))],
    "not ready for an unknown cause": [service(not_ready("Initializing", minutes=12), pendingServiceStatus=role("c"))],
    "first cluster cannot start": [
        service(not_ready("Initializing", minutes=12), pendingServiceStatus=role("c")),
        cluster("c", QUOTA),
    ],
    "upgrade waits": [
        service(READY, UPGRADING, activeServiceStatus=role("c"), pendingServiceStatus=role("d")),
        cluster("c", state="ready"),
        cluster("d", QUOTA),
    ],
    "upgrade, and the new head restarted": [
        service(READY, UPGRADING, activeServiceStatus=role("c"), pendingServiceStatus=role("d")),
        cluster("c", state="ready"),
        cluster("d", state="ready"),
        pod("h", "d", "head", phase="Running", containerStatuses=[RESTARTED]),
    ],
    "upgrade waits, as an Event alone says": [
        service(READY, UPGRADING, activeServiceStatus=role("c"), pendingServiceStatus=role("d")),
        cluster("c", state="ready"),
        cluster("d", lastUpdateTime=ago(minutes=2)),
        event("RayCluster", "d", "FailedToCreateService", ago(minutes=1), "services d already exists"),
    ],
    "upgrade for long": [service(READY, UPGRADING, activeServiceStatus=role("c"), pendingServiceStatus=role("d")), C],
    "rollback": [service(READY, condition("RollbackInProgress", "True"), activeServiceStatus=role("c")), C],
    "suspended": [service(not_ready("SuspendComplete", minutes=2), condition("Suspended", "True", ago(minutes=2)))],
    "no status": [("RayService", manifest())],
}


HEALTHY: dict[str, Objects] = {
    "ready": [service(READY, activeServiceStatus=role("c", api={"status": "RUNNING"})), C],
    "initializing": [service(not_ready("Initializing", minutes=2), pendingServiceStatus=role("c"))],
    "resumed a minute ago": [
        service(not_ready("Initializing", minutes=12), condition("Suspended", "False", ago(minutes=1)))
    ],
    "its first cluster is a minute old": [
        service(not_ready("Initializing", minutes=12), pendingServiceStatus=role("c")),
        ("RayCluster", manifest({"state": ""}, name="c", creationTimestamp=ago(minutes=1))),
    ],
    "application deploying": [
        service(READY, lastUpdateTime=ago(minutes=2), pendingServiceStatus=role("c", api={"status": "DEPLOYING"})),
        C,
    ],
    "upgrading": [
        service(READY, condition("UpgradeInProgress", "True", ago(minutes=2)), activeServiceStatus=role("c")),
        C,
    ],
    "a worker without a replica": [
        service(READY, activeServiceStatus=role("c")),
        cluster("c", NOT_PROVISIONED, desiredWorkerReplicas=2, availableWorkerReplicas=2, readyWorkerReplicas=1),
        pod("w", "c", phase="Running", conditions=[condition("Ready", "False")]),
        event("Pod", "w", "Unhealthy", ago(minutes=1), "Readiness probe failed: 503"),
    ],
    "applications without a status": [service(READY, activeServiceStatus={"applicationStatuses": {"api": None}})],
}


@pytest.mark.parametrize("objects", HEALTHY.values(), ids=HEALTHY)
def test_healthy_service(objects: Objects) -> None:
    """A service that serves, starts or is upgraded as usual has no finding."""
    assert findings(*objects) == []


def test_findings_of_applications_have_a_maximum() -> None:
    """An object can have more than a thousand of them."""
    failed = {f"failed-{number}": {"status": "DEPLOY_FAILED"} for number in range(99)}
    found = findings(service(READY, activeServiceStatus=role("c", **failed)), C)
    assert found == [*["warning application-unhealthy"] * MAX_FINDINGS, "info unknown"]


def job_of_cron(name: str, state: str, **status: Any) -> tuple[str, dict[str, Any]]:
    created = status.pop("created", ago(minutes=9))
    return "RayJob", manifest(
        {"jobDeploymentStatus": state, **status},
        name=name,
        uid=name,
        creationTimestamp=created,
        labels={"ray.io/cronjob-name": "a"},
    )


def cron_job(spec: dict[str, Any] | None = None, **status: Any) -> tuple[str, dict[str, Any]]:
    return "RayCronJob", manifest(status or None) | {"spec": {"schedule": "* * * * *", **(spec or {})}}


INVALID = event("RayCronJob", "a", "InvalidRayCronJobSpec", ago(minutes=1), "ns/a: invalid cron schedule: 61")

CRON_JOBS: dict[str, Objects] = {
    "suspended": [cron_job({"suspend": True})],
    "invalid schedule": [cron_job(), INVALID],
    "invalid schedule, whose Event is gone": [cron_job({"schedule": "99 3 * * *"})],
    "invalid schedule since its last job": [cron_job({"schedule": "0 3 * * 7"}, lastScheduleTime=ago(days=9))],
    "last job failed for a new reason": [
        cron_job(lastScheduleTime=ago(minutes=9)),
        job_of_cron("j1", "Failed", reason="DriverLost", endTime=ago(minutes=5)),
    ],
    "last job failed": [
        cron_job(lastScheduleTime=ago(minutes=9)),
        job_of_cron("j1", "Failed", reason="AppFailed", endTime=ago(minutes=5)),
        job_of_cron("j0", "Complete", endTime=ago(minutes=25), created=ago(minutes=30)),
    ],
    "corrected since, and the last job succeeded": [
        cron_job(lastScheduleTime=ago(minutes=9)),
        event("RayCronJob", "a", "InvalidRayCronJobSpec", ago(minutes=11)),
        job_of_cron("j1", "Complete", endTime=ago(minutes=5)),
        job_of_cron("j0", "Failed", endTime=ago(minutes=25), created=ago(minutes=30)),
    ],
    "new": [cron_job({"schedule": "0 3 * * *"})],
}
