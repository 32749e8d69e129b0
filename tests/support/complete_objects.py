"""One object of each kind with all that the details of the API show."""

from typing import Any

from tests.support.fleets import ago
from tests.support.objects import condition, manifest


def labels(**values: str) -> dict[str, str]:
    return {f"ray.io/{name.replace('_', '-')}": value for name, value in values.items()}


CLUSTER = manifest(
    {
        "desiredWorkerReplicas": 4,
        "readyWorkerReplicas": 1,
        "availableWorkerReplicas": 2,
        "minWorkerReplicas": 3,
        "maxWorkerReplicas": 9,
        "desiredCPU": "1500m",
        "desiredMemory": "3Gi",
        "desiredGPU": "2",
        "desiredTPU": "0",
        "head": {"podName": "a-head", "serviceName": "a-svc"},
        "conditions": [condition("RayClusterProvisioned", "True", ago(minutes=3))],
    },
    labels=labels(originated_from_crd="RayJob", originated_from_cr_name="j"),
) | {"spec": {"rayVersion": "2.52.0", "enableInTreeAutoscaling": True}}

JOB = manifest(
    {
        "jobDeploymentStatus": "Failed",
        "jobStatus": "FAILED",
        "reason": "AppFailed",
        "rayClusterName": "a-x",
        "jobId": "a-1",
        "startTime": ago(minutes=9),
        "endTime": ago(minutes=1),
        "rayJobInfo": {"startTime": ago(minutes=5), "endTime": ago(minutes=2)},
        "failed": 2,
    },
    labels=labels(cronjob_name="nightly") | {"kueue.x-k8s.io/queue-name": "gpus"},
) | {"spec": {"submissionMode": "K8sJobMode", "backoffLimit": 0, "activeDeadlineSeconds": 600}}

_ROLE = {
    "rayClusterName": "a-1",
    "targetCapacity": 100,
    "trafficRoutedPercent": 0,
    "applicationStatuses": {
        "z": {"status": "RUNNING", "serveDeploymentStatuses": {"d": {"status": "HEALTHY"}, "c": None}},
        "b": None,
    },
}
SERVICE = manifest({"numServeEndpoints": 3, "activeServiceStatus": _ROLE, "pendingServiceStatus": _ROLE})

CRON_JOB = manifest({"lastScheduleTime": ago(hours=1)}) | {"spec": {"schedule": "0 * * * *", "timeZone": "UTC"}}

COMPLETE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("RayCluster", CLUSTER),
    ("RayJob", JOB),
    ("RayService", SERVICE),
    ("RayCronJob", CRON_JOB),
)
