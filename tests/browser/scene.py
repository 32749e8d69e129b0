"""Objects of every kind for the page, and some whose texts try to become markup."""

from typing import Any

from tests.support.objects_api import MadeUpApi, Object, ago, finding, made

LINKS = {
    "grafana": "https://grafana.example.com/d/kuberay?var-namespace={namespace}&var-cluster={cluster}",
    "dashboard": "https://ray.example.com/{namespace}/{cluster}",
    "runbook": "https://example.com/runbooks",
}

EVIDENCE: Object = {
    "kind": "Pod",
    "namespace": "ml",
    "name": "train-llm-x7k2p-gpu-worker-abcde",
    "field": "status.conditions[PodScheduled]",
    "time": ago(minutes=13),
    "message": "0/6 nodes are available: 6 Insufficient nvidia.com/gpu.",
}

STUCK = finding(
    "RayCluster train-llm-x7k2p waits for 4 of 8 workers: 4 pods cannot be scheduled, insufficient nvidia.com/gpu.",
    evidence=[EVIDENCE],
    advice="Add nodes with this resource, request less, or wait until other pods end.",
    runbook="rayclusterprovisioningstuck",
)

PROVISIONING: Object = {
    "rayVersion": "2.49.0",
    "workers": {"desired": 8, "ready": 4, "available": 4, "min": 1, "max": 10},
    "requested": {"cpu": 128, "memoryBytes": 2**39, "gpu": 8},
    "headPod": "train-llm-x7k2p-head-abcde",
    "owner": {"kind": "RayJob", "name": "train-llm"},
    "autoscaling": True,
}


def scene() -> MadeUpApi:
    """Return seven objects that are worth a look, and 40 ordinary jobs."""
    job: Object = {"deploymentStatus": "Initializing", "rayCluster": "train-llm-x7k2p", "failed": 0, "backoffLimit": 2}
    stages = _stages(New=15, Initializing=14)
    objects = [
        made(
            "RayJob", "train-llm", "Initializing", STUCK, finding("Its deadline is near.", "warning"), **job, **stages
        ),
        made("RayCluster", "train-llm-x7k2p", "Provisioning", STUCK, **PROVISIONING),
        made("RayService", "chat", "Upgrading", finding("The upgrade waits.", "warning"), **_upgrade()),
        made("RayCluster", "notebook", "Suspended", finding("It is suspended.", "info"), workers={"desired": 0}),
        made("RayCronJob", "nightly", "Scheduled", schedule="0 3 * * *", timeZone="UTC", lastScheduleTime=ago(hours=7)),
        made("RayCluster", "gpu", "Ready", workers={"desired": 16, "ready": 16}, requested={"gpu": 16}),
        *[_ordinary(index) for index in range(40)],
    ]
    api = MadeUpApi(objects, LINKS)
    api.extras["train-llm"] = _extras("train-llm-x7k2p", "0/6 nodes are available.")
    return api


def _stages(end: float | None = None, **minutes_ago: float) -> Object:
    end_time = {} if end is None else {"endTime": ago(minutes=end)}
    return {"timeline": [{"state": state, "time": ago(minutes=time)} for state, time in minutes_ago.items()]} | end_time


def _upgrade() -> Object:
    applications = [{"name": "llm", "status": "RUNNING", "deployments": [{"name": "Router", "status": "HEALTHY"}]}]
    active = {"rayCluster": "chat-a", "targetCapacity": 100, "trafficRoutedPercent": 60, "applications": applications}
    pending = {"rayCluster": "chat-b", "targetCapacity": 60, "trafficRoutedPercent": 40, "applications": []}
    return {"serveEndpoints": 12, "active": active, "pending": pending}


def _ordinary(index: int) -> Object:
    details: Object = {"failed": 0, "backoffLimit": 2, "startTime": ago(minutes=10 + index)}
    if index % 2:
        stages = _stages(end=2, Initializing=14 + index, Running=10 + index, Complete=2)
        return made(
            "RayJob",
            f"eval-{index:03}",
            "Complete",
            deploymentStatus="Complete",
            durationSeconds=60 * index + 480,
            **details,
            **stages,
        )
    stages = _stages(Initializing=14 + index, Running=10 + index)
    return made("RayJob", f"eval-{index:03}", "Running", deploymentStatus="Running", **details, **stages)


def _extras(cluster: str, message: str) -> Object:
    pod: Object = {"nodeType": "worker", "group": "gpu", "createdAt": ago(minutes=13), "restarts": 0}
    waiting = pod | {"status": "Pending", "ready": False, "message": message}
    running = pod | {"status": "Running", "ready": True, "node": "gpu-1"}
    event = {"type": "Warning", "reason": "FailedToCreateWorkerPod", "count": 14, "lastTime": ago(minutes=9)}
    condition = {"type": "HeadPodReady", "status": "False", "reason": "ContainersNotReady", "time": ago(minutes=13)}
    pods = [(waiting if index < 4 else running) | {"name": f"{cluster}-worker-{index}"} for index in range(12)]
    related = {"kind": "RayCluster", "namespace": "ml", "name": cluster, "state": "Provisioning", "healthy": False}
    return {
        "conditions": [condition | {"message": message}],
        "pods": pods,
        "events": [event | {"object": {"kind": "RayCluster", "name": cluster}, "message": message}],
        "related": [related],
    }


HOSTILE = [
    "<img src=x onerror=\"document.title='run'\">",
    "</script><script>document.title='run'</script>",
    '"><svg onload="document.title=\'run\'">',
    "' autofocus onfocus='document.title=1",
    "</textarea></title></style><iframe srcdoc=\"<script>parent.document.title='run'</script>\">",
    "javascript:document.title='run'",
    "${document.title='run'} $rows {{7*7}} %3Cb%3E &lt;b&gt;",
    "\u202eevil\u0000\ud7ff\uffff\U0001f600",
]


def hostile() -> MadeUpApi:
    """Return objects with these texts in every field that can be any text."""
    api = MadeUpApi([], LINKS)
    for text in HOSTILE:
        evil = finding(text, evidence=[dict.fromkeys(EVIDENCE, text) | {"time": ago()}], advice=text, runbook=text)
        details: dict[str, Any] = {"dashboardUrl": text, "rayCluster": text, "reason": text, "queue": {text: text}}
        stages = {"timeline": [{"state": text, "time": ago(minutes=2)}, {"state": text, "time": text}]}
        api.objects.append(made("RayJob", text, text, evil, evil, namespace=text, **details, **stages))
        api.extras[text] = _extras(text, text)
    return api
