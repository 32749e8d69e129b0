"""Honest objects: what a cluster has beside the hostile ones, and must still show while it is attacked."""

from tests.attack.simulated import AttackStore

INFO_FAMILIES = {
    "rayclusters": "kuberay_cluster_info",
    "rayjobs": "kuberay_job_info",
    "rayservices": "kuberay_service_info",
    "raycronjobs": "kuberay_cronjob_info",
}
"""The family that has exactly one series for each object of the kind."""

HONEST_NAMESPACE = "honest"

_CONDITION = b'{"type":"%b","status":"True","reason":"Ready","lastTransitionTime":"2026-11-23T10:01:00Z"}'

HONEST = {
    "rayclusters": b'"spec":{"rayVersion":"2.52.0"},"status":{"state":"ready","desiredWorkerReplicas":2,'
    b'"minWorkerReplicas":1,"maxWorkerReplicas":4,"readyWorkerReplicas":2,"availableWorkerReplicas":2,'
    b'"desiredCPU":"8","desiredMemory":"16Gi","conditions":[%b,%b]}'
    % (_CONDITION % b"HeadPodReady", _CONDITION % b"RayClusterProvisioned"),
    "rayjobs": b'"spec":{"entrypoint":"python train.py","backoffLimit":2,"submissionMode":"K8sJobMode"},'
    b'"status":{"jobDeploymentStatus":"Running","jobStatus":"RUNNING","startTime":"2026-11-23T10:00:10Z",'
    b'"rayClusterName":"train-x","jobId":"train-y","failed":0,"succeeded":0}',
    "rayservices": b'"spec":{},"status":{"numServeEndpoints":2,"conditions":[%b],"activeServiceStatus":'
    b'{"rayClusterName":"serve-x","applicationStatuses":{"app":{"status":"RUNNING",'
    b'"serveDeploymentStatuses":{"model":{"status":"HEALTHY"}}}}}}' % (_CONDITION % b"Ready"),
    "raycronjobs": b'"spec":{"schedule":"0 3 * * *","timeZone":"UTC"}',
}


def add_honest(store: AttackStore, plural: str, count: int, prefix: str = "honest") -> None:
    """Add objects of a kind to the honest namespace."""
    for number in range(count):
        store.put(plural, f"{HONEST_NAMESPACE}/{prefix}-{number:05}", HONEST[plural])


def populate(store: AttackStore) -> None:
    """Add ten honest objects of each kind."""
    for plural in HONEST:
        add_honest(store, plural, 10)
