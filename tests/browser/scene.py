"""Objects of every kind for the page, and some whose texts try to become markup."""

from typing import Any

from tests.support.shown_fleet import Item, ShownFleet, ago, item, job

CLUSTER = "train-llm-x7k2p"
UNSCHEDULABLE = "0/6 nodes are available: 6 Insufficient nvidia.com/gpu."


def scene(**settings: Any) -> ShownFleet:
    """Return six objects that are worth a look, and 40 ordinary jobs."""
    return ShownFleet(*_stuck_job(), *_others(), *(ordinary(index) for index in range(40)), **settings)


def ordinary(index: int, state: str = "") -> Item:
    return job(f"eval-{index:03}", state or ("Complete" if index % 2 else "Running"))


def _stuck_job() -> list[Item]:
    status = {"desiredWorkerReplicas": 8, "readyWorkerReplicas": 4, "desiredGPU": "8", "desiredMemory": "512Gi"}
    not_ready = condition("HeadPodReady", "False", "ContainersNotReady", UNSCHEDULABLE)
    owner = {"ray.io/originated-from-crd": "RayJob", "ray.io/originated-from-cr-name": "train-llm"}
    pods = [_pod(f"{CLUSTER}-worker-{index}", is_ready=index >= 4) for index in range(12)]
    return [
        item(
            "RayJob",
            "train-llm",
            {"jobDeploymentStatus": "Initializing", "rayClusterName": CLUSTER, "startTime": ago(minutes=14)},
            labels={"team": "nlp"},
        ),
        item("RayCluster", CLUSTER, status | {"conditions": [not_ready]}, labels=owner),
        _pod(f"{CLUSTER}-head", node_type="head"),
        *pods,
        event("RayCluster", CLUSTER, "FailedToCreateWorkerPod", UNSCHEDULABLE),
    ]


def _others() -> list[Item]:
    roles = {"activeServiceStatus": _role("gpu", 60), "pendingServiceStatus": _role("chat-b", 40)}
    ready = [condition("Ready", "True", "NonZeroServeEndpoints"), condition("UpgradeInProgress", "True", "Pending")]
    status = {"desiredWorkerReplicas": 16, "readyWorkerReplicas": 16, "desiredGPU": "16", "state": "ready"}
    return [
        item("RayService", "chat", {"numServeEndpoints": 12, "conditions": ready} | roles),
        item("RayCluster", "chat-b", status, labels={"ray.io/originated-from-crd": "RayService"}),
        item("RayCluster", "notebook", {"state": "suspended"}, {"suspend": True}),
        item("RayCluster", "gpu", status),
        item("RayCronJob", "nightly", {"lastScheduleTime": ago(hours=7)}, {"schedule": "0 3 1 1 *", "timeZone": "UTC"}),
    ]


def _role(cluster: str, share: int) -> dict[str, Any]:
    applications = {"llm": {"status": "RUNNING", "serveDeploymentStatuses": {"Router": {"status": "HEALTHY"}}}}
    return {"rayClusterName": cluster, "trafficRoutedPercent": share, "applicationStatuses": applications}


def condition(type_: str, status: str, reason: str, message: str = "") -> dict[str, Any]:
    return {
        "type": type_,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": ago(minutes=13),
    }


def _pod(name: str, *, node_type: str = "worker", is_ready: bool = True) -> Item:
    labels = {"ray.io/cluster": CLUSTER, "ray.io/node-type": node_type, "ray.io/group": "gpu"}
    ready = condition("Ready", "True", "")
    waits = condition("PodScheduled", "False", "Unschedulable", UNSCHEDULABLE)
    status = {"phase": "Running", "conditions": [ready]} if is_ready else {"phase": "Pending", "conditions": [waits]}
    return item("Pod", name, status, {"nodeName": "gpu-1"} if is_ready else {}, labels=labels)


def event(kind: str, name: str, reason: str, message: str, namespace: str = "ml") -> Item:
    metadata = {"name": f"{name}.1", "namespace": namespace, "uid": f"event-{name}"}
    about = {"kind": kind, "name": name, "namespace": namespace}
    return "Event", {
        "metadata": metadata,
        "involvedObject": about,
        "type": "Warning",
        "reason": reason,
        "message": message,
        "count": 14,
        "lastTimestamp": ago(minutes=9),
    }


HOSTILE = [
    "<img src=x onerror=\"document.title='run'\">",
    "</script><script>document.title='run'</script>",
    '"><svg onload="document.title=\'run\'">',
    "' autofocus onfocus='document.title=1",
    "</textarea></title></style><iframe srcdoc=\"<script>parent.document.title='run'</script>\">",
    "javascript:document.title='run'",
    "${document.title='run'} $rows {{7*7}} {% raw %} %3Cb%3E &lt;b&gt;",
    "\u202eevil\u0000\ud7ff\uffff\U0001f600",
]


def hostile(*texts: str) -> ShownFleet:
    """Return objects with each of these texts in every field that can be any text."""
    items: list[Item] = []
    for text in texts:
        meta: dict[str, Any] = {"namespace": text, "labels": {"team": text, text: text}}
        applications = {text: {"status": text, "message": text, "serveDeploymentStatuses": {text: {"status": text}}}}
        role = {"rayClusterName": text, "applicationStatuses": applications}
        bad = condition(text, "False", text, text)
        failed = {"jobDeploymentStatus": "Failed", "reason": text, "message": text, "jobId": text, "jobStatus": text}
        cluster = {"state": text, "reason": text, "conditions": [bad], "head": {"podName": text}}
        pod = {"ray.io/cluster": text, "ray.io/node-type": text, "ray.io/group": text}
        waiting = {"name": text, "state": {"waiting": {"reason": text, "message": text}}}
        items += [
            item(
                "RayJob", text, failed | {"rayClusterName": text}, {"managedBy": text, "submissionMode": text}, **meta
            ),
            item("RayCluster", text, cluster, {"rayVersion": text, "managedBy": text}, **meta),
            item("RayService", text, {"serviceStatus": text, "activeServiceStatus": role, "conditions": [bad]}, **meta),
            item("RayCronJob", text, {}, {"schedule": text, "timeZone": text}, **meta),
            item(
                "Pod",
                text,
                {"phase": text, "message": text, "containerStatuses": [waiting]},
                namespace=text,
                labels=pod,
            ),
            *(event(kind, text, text, text, text) for kind in ("RayJob", "RayCluster", "RayService", "RayCronJob")),
        ]
    return ShownFleet(*items, cluster_name=texts[0])
