"""Only states that are known to be well have no finding: reported kinds of silence, and of wrong causes."""

from typing import Any

from tests.support.fleets import Manifest, ago, diagnosed, event, findings, pod, submitter, waiting
from tests.support.objects import condition, manifest

Objects = list[tuple[str, Manifest]]
Rows = dict[str, Objects]

HEAD_READY = condition("HeadPodReady", "True")
NOT_PROVISIONED = condition("RayClusterProvisioned", "False")
POD_READY = condition("Ready", "True", ago(hours=2))
SCHEDULED = condition("PodScheduled", "True", ago(hours=2))
RUNNING = {"running": {"startedAt": ago(hours=2)}}


def cluster(
    *conditions: Manifest, name: str = "a", spec: Manifest | None = None, meta: Manifest | None = None, **status: Any
) -> tuple[str, Manifest]:
    found = {"conditions": list(conditions)} if conditions else {}
    return "RayCluster", manifest(found | status, name=name, uid=name, **(meta or {})) | {"spec": spec or {}}


def job(state: str, spec: Manifest | None = None, **status: Any) -> tuple[str, Manifest]:
    base = {"jobDeploymentStatus": state, "startTime": ago(hours=3), "rayClusterName": "c"}
    return "RayJob", manifest(base | status, creationTimestamp=ago(hours=3)) | {"spec": spec or {}}


def service(*conditions: Manifest, spec: Manifest | None = None, **status: Any) -> tuple[str, Manifest]:
    found = {"conditions": list(conditions), "numServeEndpoints": 1} if conditions else {}
    return "RayService", manifest(found | status, creationTimestamp=ago(hours=3)) | {"spec": spec or {}}


def runs(name: str, node_type: str = "worker", cluster_name: str = "a", *more: Manifest, **status: Any) -> Any:
    """Return a pod that has been ready for two hours; `more` are further containers."""
    ray = {"name": f"ray-{node_type}", "state": RUNNING, "ready": True}
    base = {"phase": "Running", "conditions": [SCHEDULED, POD_READY], "containerStatuses": [ray, *more]}
    return pod(name, cluster_name, node_type, **base | status)


def ended(name: str, code: int, reason: str = "Error", message: str = "", key: str = "state") -> Manifest:
    end = {"terminated": {"reason": reason, "exitCode": code, "finishedAt": ago(minutes=20), "message": message}}
    return {"name": name, "state": RUNNING, key: end} if key == "lastState" else {"name": name, "state": end}


def unschedulable(message: str, reason: str = "Unschedulable") -> Manifest:
    place = condition("PodScheduled", "False", ago(minutes=9), reason=reason, message=message)
    return {"phase": "Pending", "conditions": [place]}


def about(kind: str, name: str, reason: str, message: str, type_: str = "Warning") -> tuple[str, Manifest]:
    return event(kind, name, reason, ago(minutes=1), message, type_)


READY = cluster(HEAD_READY, name="c", state="ready", lastUpdateTime=ago(hours=2))
WORKING = cluster(HEAD_READY, state="ready", lastUpdateTime=ago(hours=2))
STARTING = cluster(HEAD_READY, NOT_PROVISIONED, desiredWorkerReplicas=1, lastUpdateTime=ago(minutes=2))
GPU = "0/4 nodes are available: 4 Insufficient nvidia.com/gpu."
MULTIKUEUE = {"managedBy": "kueue.x-k8s.io/multikueue"}

OLD_VERSIONS: Rows = {
    "1.0: provisioning, its worker has no node": [
        cluster(availableWorkerReplicas=1, desiredWorkerReplicas=2),
        pod("w", **unschedulable(GPU)),
    ],
    "1.1: provisioning, without pods": [cluster(desiredWorkerReplicas=2, lastUpdateTime=ago(minutes=9))],
    "1.2: provisioned workers, but no state": [
        cluster(desiredWorkerReplicas=1, availableWorkerReplicas=1, lastUpdateTime=ago(minutes=9))
    ],
    "1.2: ready": [cluster(state="ready", desiredWorkerReplicas=1, availableWorkerReplicas=1)],
    "1.0: unhealthy": [cluster(state="unhealthy", reason="head pod is gone")],
    "1.0: failed by a quota": [
        cluster(state="failed", reason="exceeded quota: q, requested: pods=1, used: pods=4, limited: pods=4")
    ],
    "1.0: waiting for the dashboard": [job("WaitForDashboard"), READY],
    "1.0: no answer from the dashboard": [job("FailedToGetJobStatus"), READY],
    "1.0: not submitted": [job("FailedJobDeploy", message="no route"), READY],
    "1.0: no cluster": [job("FailedToGetOrCreateRayCluster", rayClusterName="")],
    "1.2: serving": [service(serviceStatus="Running", activeServiceStatus={"rayClusterName": "c"}), READY],
    "1.1: Serve does not become ready": [service(serviceStatus="WaitForServeDeploymentReady")],
    "1.0: Serve failed": [service(serviceStatus="FailedServeDeploy")],
    "1.0: ingress": [service(serviceStatus="FailedToUpdateIngress")],
}

SILENCE: Rows = {
    "the Ray job failed": [job("Running", jobStatus="FAILED", message="exit code 3"), READY],
    "the Ray job is pending": [job("Running", jobStatus="PENDING"), READY],
    "the Ray job is pending on a head": [job("Running", jobStatus="PENDING"), READY, runs("h", "head", "c")],
    "the Ray job has no status": [job("Running"), READY],
    "the Ray job succeeded": [job("Running", jobStatus="SUCCEEDED"), READY],
    "the job names no cluster": [job("Running", jobStatus="RUNNING", rayClusterName="")],
    "the Ray job is in a new state": [job("Running", jobStatus="PAUSED"), READY],
    "complete, but the Ray job runs": [job("Complete", jobStatus="RUNNING")],
    "the submitter ended": [
        job("Running", jobStatus="RUNNING"),
        READY,
        submitter("s", phase="Succeeded", containerStatuses=[ended("ray-job-submitter", 0, "Completed")]),
    ],
    "an earlier submitter failed": [
        job("Running", jobStatus="RUNNING"),
        READY,
        submitter("s-1", phase="Failed", containerStatuses=[ended("ray-job-submitter", 1)]),
        submitter("s-2", phase="Running", containerStatuses=[{"name": "ray-job-submitter", "state": RUNNING}]),
    ],
    "the submitter of a failed job has no memory": [
        job("Failed", reason="SubmissionFailed", message="BackoffLimitExceeded", endTime=ago(minutes=20)),
        READY,
        submitter("s", phase="Failed", containerStatuses=[ended("ray-job-submitter", 137, "OOMKilled")]),
    ],
    "the workers of a job that did not start in time": [
        job("Failed", reason="DeadlineExceeded", endTime=ago(minutes=20)),
        cluster(HEAD_READY, NOT_PROVISIONED, name="c", desiredWorkerReplicas=1, lastUpdateTime=ago(minutes=2)),
        pod("w", "c", **unschedulable(GPU)),
    ],
    "Ray does not know the job": [
        job("Failed", reason="AppFailed", message="Submitter completed but Ray job not found in RayCluster."),
        READY,
    ],
    "a submitter without a node": [job("Running"), READY, submitter("s", **unschedulable(GPU))],
    "a job in a new state": [job("Paused"), READY],
    "a cluster in a new state": [cluster(HEAD_READY, state="draining")],
    "a service with a new reason": [service(condition("Ready", "False", ago(minutes=1), reason="Draining"))],
    "an application in a new state": [
        service(
            condition("Ready", "True"),
            activeServiceStatus={"rayClusterName": "c", "applicationStatuses": {"api": {"status": "PAUSED"}}},
        ),
        READY,
    ],
    "the kubelet has no device": [
        WORKING,
        pod("w", phase="Failed", reason="OutOfnvidia.com/gpu", message="Node didn't have enough"),
    ],
    "the kubelet finds no fitting NUMA node": [
        WORKING,
        pod("w", phase="Failed", reason="TopologyAffinityError", message="Resources cannot be allocated"),
    ],
    "the labels of the node changed": [
        WORKING,
        pod("h", node_type="head", phase="Failed", reason="NodeAffinity", message="Pod was rejected"),
    ],
    "the node was shut down": [WORKING, pod("w", phase="Failed", reason="NodeShutdown", message="Pod was terminated")],
    "a pod failed with a reason of another controller": [
        WORKING,
        pod("w", phase="Failed", reason="Migrated", message="moved"),
    ],
    "a pod was preempted": [
        WORKING,
        pod(
            "w",
            phase="Failed",
            conditions=[condition("DisruptionTarget", "True", reason="PreemptionByScheduler", message="x")],
            containerStatuses=[ended("ray-worker", 143)],
        ),
    ],
    "a container is gone with its log": [
        WORKING,
        pod("w", phase="Failed", containerStatuses=[ended("ray-worker", 137, "ContainerStatusUnknown")]),
    ],
    "a pod failed without a reason": [WORKING, pod("w", phase="Failed")],
    "a worker has ended": [
        WORKING,
        pod("w", phase="Succeeded", containerStatuses=[ended("ray-worker", 0, "Completed")]),
    ],
    "the phase of a pod is Unknown": [WORKING, pod("w", phase="Unknown")],
    "the node does not report": [
        WORKING,
        runs("w", conditions=[SCHEDULED, condition("Ready", "Unknown", reason="NodeStatusUnknown")]),
    ],
    "the scheduler failed": [STARTING, pod("w", **unschedulable("no such claim", "SchedulerError"))],
    "the scheduler cannot decide": [STARTING, pod("w", **unschedulable("", "Undetermined"))],
    "a readiness gate": [
        WORKING,
        runs(
            "w",
            conditions=[
                SCHEDULED,
                condition(
                    "Ready",
                    "False",
                    ago(hours=1),
                    reason="ReadinessGatesNotReady",
                    message='the status of pod readiness gate "mesh.io/ready" is not "True", but False',
                ),
            ],
        ),
    ],
    "a container waits for a new reason": [STARTING, pod("w", **waiting("Thawing", "frozen"))],
    "a worker waits for a head that is ready": [
        STARTING,
        runs("h", "head"),
        pod("w", phase="Pending", initContainerStatuses=[{"name": "wait-gcs-ready", "state": RUNNING}]),
    ],
}

TERMINATING = runs("w", reason="NodeLost")
TERMINATING[1]["metadata"]["deletionTimestamp"] = ago(hours=1)
SLOWLY = runs("w")
SLOWLY[1]["metadata"]["deletionTimestamp"] = ago(hours=1)
SILENCE |= {
    "a pod is terminating on a dead node": [WORKING, TERMINATING],
    "a pod has been terminating for an hour": [WORKING, SLOWLY],
}

EVENTS: Rows = {
    "no submitter": [
        job("Initializing"),
        READY,
        about("RayJob", "a", "FailedToCreateRayJobSubmitter", "restartPolicy: Required"),
    ],
    "the submitter's Job cannot create its pod": [
        job("Initializing"),
        READY,
        about("Job", "a", "FailedCreate", "exceeded quota: q, requested: pods=1, used: 4"),
    ],
    "no cleanup of Redis": [
        cluster(meta={"deletionTimestamp": ago(minutes=20), "finalizers": ["ray.io/gcs-ft-redis-cleanup-finalizer"]}),
        about("RayCluster", "a", "FailedToCreateRedisCleanupJob", "no image"),
    ],
    "the pod of the cleanup of Redis": [
        cluster(meta={"deletionTimestamp": ago(minutes=20), "finalizers": ["ray.io/gcs-ft-redis-cleanup-finalizer"]}),
        pod("r", "a", "redis-cleanup", **waiting("ImagePullBackOff", 'image "redis:9": not found')),
    ],
    "Serve does not accept the config": [
        service(condition("Ready", "True", ago(hours=2)), activeServiceStatus={"rayClusterName": "c"}),
        READY,
        about("RayService", "a", "FailedToUpdateServeApplications", "422: bad import_path"),
    ],
    "no gateway": [
        service(condition("Ready", "False", reason="Initializing")),
        about("RayService", "a", "FailedToCreateGateway", "no"),
    ],
    "the Job of the cleanup of Redis cannot create its pod": [
        cluster(meta={"deletionTimestamp": ago(minutes=20), "finalizers": ["ray.io/gcs-ft-redis-cleanup-finalizer"]}),
        about("Job", "a-redis-cleanup", "FailedCreate", "admission webhook denied the request"),
    ],
    "no ServiceAccount of the autoscaler": [
        STARTING,
        about("RayCluster", "a", "AutoscalerServiceAccountNotFound", "not found"),
    ],
    "a rejected change of a ready cluster": [
        WORKING,
        about("RayCluster", "a", "InvalidRayClusterSpec", "negative minReplicas"),
    ],
    "an Event of a newer operator": [WORKING, about("RayCluster", "a", "MTLSFailedToReconcile", "x")],
    "a failure that was mended": [
        WORKING,
        event("RayCluster", "a", "FailedToCreateService", ago(minutes=5), "conflict"),
        about("RayCluster", "a", "CreatedService", "", "Normal"),
    ],
    "a failure before the last change of the status": [
        cluster(HEAD_READY, state="ready", lastUpdateTime=ago(minutes=1)),
        event("RayCluster", "a", "FailedToCreateService", ago(minutes=5), "conflict"),
    ],
    "a volume of a worker": [
        STARTING,
        pod("w", **waiting("ContainerCreating")),
        about("Pod", "w", "FailedMount", 'secret "tls" not found'),
    ],
    "a volume of a pod that runs": [WORKING, runs("w"), about("Pod", "w", "FailedMount", 'configmap "c" not found')],
    "a volume that was mounted since, of a worker that waits": [
        STARTING,
        runs("h", "head"),
        pod("w", phase="Pending", initContainerStatuses=[{"name": "wait-gcs-ready", "state": RUNNING}]),
        about("Pod", "w", "FailedMount", "timed out"),
    ],
    "a volume of a worker, before an Event of every pod of its node": [
        STARTING,
        pod("w", **waiting("ContainerCreating")),
        event("Pod", "w", "FailedMount", ago(minutes=2), 'secret "tls" not found'),
        about("Pod", "w", "DNSConfigForming", "Nameserver limits were exceeded"),
    ],
    "the node of a head that is not ready": [
        WORKING,
        runs("h", "head", conditions=[SCHEDULED, condition("Ready", "False", ago(hours=1))]),
        event("Pod", "h", "NodeNotReady", ago(minutes=58), "Node is not ready"),
    ],
    "the node of a pod that is terminating": [
        WORKING,
        SLOWLY,
        event("Pod", "w", "NodeNotReady", ago(minutes=58), "Node is not ready"),
    ],
    "a gang, by an Event alone": [
        STARTING,
        pod("w", phase="Pending"),
        about("Pod", "w", "Unschedulable", "pod group a is not ready"),
    ],
    "the sandbox of a head": [
        STARTING,
        pod("w", node_type="head", **waiting("ContainerCreating")),
        about("Pod", "w", "FailedCreatePodSandBox", "cni plugin not initialized"),
    ],
    "the sandbox of a submitter": [
        job("Initializing"),
        READY,
        submitter("s", **waiting("ContainerCreating")),
        about("Pod", "s", "FailedAttachVolume", "Multi-Attach error for volume"),
    ],
    "a probe of a pod that is ready": [WORKING, runs("w"), about("Pod", "w", "Unhealthy", "Readiness probe failed")],
    "a probe of a pod that starts": [
        STARTING,
        runs("h", "head", conditions=[SCHEDULED, condition("Ready", "False", ago(minutes=1))]),
        event("Pod", "h", "Unhealthy", ago(seconds=20), "Readiness probe failed: success"),
    ],
    "a mount that has succeeded since": [
        WORKING,
        runs("w"),
        event("Pod", "w", "FailedMount", ago(hours=2, minutes=1), "timeout"),
    ],
}

SCHEDULERS: Rows = {
    "gang of Volcano": [
        STARTING,
        pod("w", **unschedulable("3/3 tasks in gang unschedulable: pod group is not ready, 3 Pending")),
    ],
    "queue of YuniKorn": [
        STARTING,
        pod("w", **unschedulable("Request 'pod w' does not fit in queue 'root.ml' (available map[])")),
    ],
    "coscheduling": [
        STARTING,
        pod("w", **unschedulable("pre-filter pod w cannot find enough sibling pods, current 2, minimum 4")),
    ],
    "cordoned nodes, taints and a volume": [
        STARTING,
        pod(
            "w",
            **unschedulable(
                "0/9 nodes are available: 1 node(s) were unschedulable, 2 node(s) had untolerated taint {g: }, "
                "3 Insufficient cpu, 3 node(s) had volume node affinity conflict. preemption: 0/9 nodes."
            ),
        ),
    ],
    "a phrase of a newer kube-scheduler": [
        STARTING,
        pod("w", **unschedulable("0/3 nodes are available: 3 cannot allocate all claims.")),
    ],
    "a node is being added": [
        STARTING,
        pod("w", **unschedulable(GPU)),
        about("Pod", "w", "TriggeredScaleUp", "group 1->2", "Normal"),
    ],
    "no node is being added after all": [
        STARTING,
        pod("w", **unschedulable(GPU)),
        event("Pod", "w", "TriggeredScaleUp", ago(minutes=8), "group 1->2", "Normal"),
        about("Pod", "w", "FailedScaleUp", "out of resources"),
    ],
    "pulls are limited for a moment": [
        STARTING,
        ("Pod", pod("w", **waiting("ErrImagePull", 'image "x:1": pull QPS exceeded'))[1]),
    ],
}

WITH_PROXY_FIRST = runs(
    "h", "head", containerStatuses=[ended("istio-proxy", 1, key="lastState"), {"name": "ray-head", "state": RUNNING}]
)
WITH_PROXY_FIRST[1]["spec"] = {"containers": [{"name": "istio-proxy"}, {"name": "ray-head"}]}
CONTAINERS: Rows = {
    "a cleanup of Redis that has ended": [
        WORKING,
        pod("r", node_type="redis-cleanup", phase="Succeeded", containerStatuses=[ended("ray-head", 0)]),
    ],
    "the node of a worker is gone": [
        WORKING,
        pod(
            "w",
            phase="Failed",
            conditions=[condition("DisruptionTarget", "True", ago(minutes=9), reason="DeletionByPodGC")],
        ),
    ],
    "the readiness probe of the head fails": [
        WORKING,
        runs("h", "head", conditions=[SCHEDULED, condition("Ready", "False", ago(hours=1))]),
        about("Pod", "h", "Unhealthy", "Readiness probe failed: wget: command not found"),
    ],
    "the head restarted after its liveness probe had failed": [
        WORKING,
        runs("h", "head", conditions=[SCHEDULED], containerStatuses=[ended("ray-head", 137, key="lastState")]),
        event("Pod", "h", "Unhealthy", ago(minutes=40), "Liveness probe failed: command timed out"),
    ],
    "a worker that is not ready beside a head that ends again and again": [
        WORKING,
        pod("h", node_type="head", **waiting("CrashLoopBackOff", lastState=ended("", 1)["state"])),
        runs("w", conditions=[SCHEDULED, condition("Ready", "False", ago(hours=1))]),
    ],
    "a sidecar of the head has ended": [
        WORKING,
        runs(
            "h",
            "head",
            conditions=[SCHEDULED, condition("Ready", "False", ago(hours=1), message="unready status: [mesh]")],
        ),
    ],
    "a head that is not ready since a time that is absent": [
        cluster({"type": "HeadPodReady", "status": "False"}, state="ready")
    ],
    "the proxy of a mesh, which is the first container, restarted": [WORKING, WITH_PROXY_FIRST],
    "the autoscaler restarted": [WORKING, runs("h", "head", "a", ended("autoscaler", 1, key="lastState"))],
    "the proxy of a mesh restarted": [WORKING, runs("h", "head", "a", ended("istio-proxy", 1, key="lastState"))],
    "a worker that ends again and again": [
        WORKING,
        runs("w", containerStatuses=[ended("ray-worker", 1, key="lastState") | {"restartCount": 30}]),
    ],
    "a worker that restarted once": [
        WORKING,
        runs("w", containerStatuses=[ended("ray-worker", 1, key="lastState") | {"restartCount": 1}]),
    ],
    "the head restarted beside a proxy": [
        WORKING,
        runs("h", "head", containerStatuses=[ended("istio-proxy", 0), ended("ray-head", 1, key="lastState")]),
    ],
    "a container that never ran": [
        STARTING,
        pod(
            "w",
            **waiting(
                "CrashLoopBackOff",
                "back-off 5m0s",
                lastState={
                    "terminated": {"reason": "StartError", "exitCode": 128, "message": 'exec: "ray": not found'}
                },
            ),
        ),
    ],
    "a sidecar submitter that failed": [
        job("Initializing"),
        cluster(
            condition("HeadPodReady", "False", message="containers with unready status: [ray-job-submitter]"), name="c"
        ),
        runs("h", "head", "c", ended("ray-job-submitter", 1), conditions=[SCHEDULED, condition("Ready", "False")]),
    ],
    "a sidecar submitter that is done": [
        cluster(condition("HeadPodReady", "False", message="containers with unready status: [ray-job-submitter]")),
        runs(
            "h",
            "head",
            "a",
            ended("ray-job-submitter", 0, "Completed"),
            conditions=[SCHEDULED, condition("Ready", "False")],
        ),
    ],
    "an init container": [
        STARTING,
        pod(
            "w", phase="Pending", initContainerStatuses=[waiting("ErrImagePull", 'image "x:1"')["containerStatuses"][0]]
        ),
    ],
}

CONTRADICTIONS: Rows = {
    "the head is ready, the status is old": [
        cluster(condition("HeadPodReady", "False", ago(hours=1), message="not ready")),
        runs("h", "head"),
    ],
    "the head is ready, the status is Unknown": [
        cluster(condition("HeadPodReady", "Unknown", ago(hours=1))),
        runs("h", "head"),
    ],
    "the workers are ready, the status is old": [
        cluster(HEAD_READY, state="ready", desiredWorkerReplicas=1, lastUpdateTime=ago(hours=1)),
        runs("w"),
    ],
    "the head is not ready, the status is old": [
        WORKING,
        runs("h", "head", conditions=[SCHEDULED, condition("Ready", "False", ago(hours=1))]),
    ],
    "the head restarted hours ago, but its job is RUNNING": [
        job("Running", jobStatus="RUNNING", rayJobInfo={"startTime": ago(hours=2, minutes=50)}),
        READY,
        runs("h", "head", "c"),
    ],
    "the submitter beside the head ended, but its job is RUNNING": [
        job("Running", {"submissionMode": "SidecarMode"}, jobStatus="RUNNING"),
        READY,
        runs("h", "head", "c", ended("ray-job-submitter", 0, "Completed")),
    ],
    "the cluster of a running job is gone": [job("Running", jobStatus="RUNNING")],
    "the cluster of a second attempt is gone": [job("Running", jobStatus="RUNNING", failed=1)],
    "the cluster of a service is gone": [
        service(condition("Ready", "True"), activeServiceStatus={"rayClusterName": "c"})
    ],
    "the first cluster of a service is gone": [
        service(
            condition("Ready", "False", ago(hours=1), reason="Initializing"),
            pendingServiceStatus={"rayClusterName": "c"},
            lastUpdateTime=ago(hours=1),
        )
    ],
    "suspending behind a pod that does not end": [
        cluster(condition("RayClusterSuspending", "True", ago(hours=1))),
        SLOWLY,
    ],
    "a service that is suspending behind a cluster that is not deleted": [
        service(condition("Suspending", "True", ago(hours=1)), activeServiceStatus={"rayClusterName": "c"}),
        cluster(name="c", meta={"deletionTimestamp": ago(hours=1), "finalizers": ["f"]}),
    ],
    "running, although its cluster is being deleted": [
        job("Running", jobStatus="RUNNING"),
        cluster(name="c", meta={"deletionTimestamp": ago(minutes=2)}),
    ],
    "running, although it is to be suspended": [job("Running", {"suspend": True}, jobStatus="RUNNING"), READY],
    "suspending behind a cluster that is not deleted": [
        job("Suspending"),
        cluster(name="c", meta={"deletionTimestamp": ago(hours=1), "finalizers": ["f"]}),
    ],
}

OF_SERVE = {"labels": {"ray.io/originated-from-crd": "RayService", "ray.io/originated-from-cr-name": "s"}}
IDLE = runs("w", conditions=[SCHEDULED, condition("Ready", "False", ago(hours=1), reason="ContainersNotReady")])


def test_command_is_about_the_object_of_the_event() -> None:
    """The Events of a Job are not those of its cluster."""
    objects = EVENTS["the Job of the cleanup of Redis cannot create its pod"]
    assert "involvedObject.name=a-redis-cleanup" in diagnosed(*objects)[0].command


def test_cluster_that_was_created_suspended_waits_for_no_pods() -> None:
    """There are none, as long as it has no status."""
    suspended = cluster(spec={"suspend": True}, meta={"labels": {"kueue.x-k8s.io/queue-name": "q"}})
    suspended[1].pop("status")
    assert findings(suspended) == ["info admission-pending"]


def test_log_that_is_gone_is_not_asked_for() -> None:
    """The kubelet does not know the container any more."""
    gone = pod("w", phase="Failed", containerStatuses=[ended("ray-worker", 137, "ContainerStatusUnknown")])
    assert [found.command for found in diagnosed(WORKING, gone)] == ["kubectl -n ns describe pod/w"]


SERVE: Rows = {
    "a worker without a replica": [
        cluster(
            HEAD_READY,
            meta=OF_SERVE,
            state="ready",
            desiredWorkerReplicas=1,
            availableWorkerReplicas=1,
            lastUpdateTime=ago(hours=1),
        ),
        IDLE,
    ],
    "a worker without a replica, of a service": [
        service(condition("Ready", "True"), activeServiceStatus={"rayClusterName": "a"}),
        cluster(
            HEAD_READY, state="ready", desiredWorkerReplicas=1, availableWorkerReplicas=1, lastUpdateTime=ago(hours=1)
        ),
        IDLE,
    ],
    "the new cluster of an upgrade does not exist": [
        service(
            condition("Ready", "True"),
            activeServiceStatus={"rayClusterName": "c"},
            pendingServiceStatus={"rayClusterName": "d"},
            lastUpdateTime=ago(hours=1),
        ),
        READY,
    ],
    "an upgrade whose progress is not known": [
        service(
            condition("Ready", "True"),
            condition("UpgradeInProgress", "Unknown", reason="NoActiveCluster", message="no active cluster"),
            activeServiceStatus={"rayClusterName": "c"},
        ),
        READY,
    ],
    "initializing since a time that is absent": [
        service({"type": "Ready", "status": "False", "reason": "Initializing"})
    ],
    "a worker that is not there": [
        cluster(HEAD_READY, meta=OF_SERVE, state="ready", desiredWorkerReplicas=2, lastUpdateTime=ago(hours=1)),
        IDLE,
    ],
    "the same worker of a cluster of its own": [WORKING, IDLE],
}

MANAGED: Rows = {
    "a new service": [("RayService", manifest(creationTimestamp=ago(minutes=1)) | {"spec": MULTIKUEUE})],
    "a service that is not dispatched": [("RayService", manifest() | {"spec": MULTIKUEUE})],
    "a job that is not dispatched": [("RayJob", manifest() | {"spec": MULTIKUEUE})],
    "a cluster of another controller": [("RayCluster", manifest() | {"spec": {"managedBy": "example.com/own"}})],
    "a job that runs elsewhere": [job("Running", MULTIKUEUE, jobStatus="RUNNING")],
    "a job that failed elsewhere": [job("Running", MULTIKUEUE, jobStatus="FAILED", message="exit code 3")],
    "a job that waits for its queue": [
        ("RayJob", manifest(labels={"kueue.x-k8s.io/queue-name": "q"}) | {"spec": MULTIKUEUE | {"suspend": True}})
    ],
}


def cron(last: str | None, schedule: str = "0 * * * *", zone: str = "", **meta: Any) -> Objects:
    status = {"lastScheduleTime": last} if last else None
    spec = {"schedule": schedule, "timeZone": zone}
    return [("RayCronJob", manifest(status, creationTimestamp=ago(days=20), **meta) | {"spec": spec})]


CRON_JOBS: Rows = {
    "12 days late": cron(ago(days=12), "0 3 * * *"),
    "never scheduled": cron(None, "@daily"),
    "late in its time zone": cron(ago(days=1), "30 18 * * MON-FRI", "Asia/Tokyo"),
    "of every minute, never scheduled": cron(None, "* * * * *"),
    "of every five minutes, an hour late": cron(ago(hours=1), "*/5 * * * *"),
    "an unknown time zone": cron(None, "0 3 * * *", "Mars/Base"),
    "on time": cron(ago(minutes=14)),
    "due a minute ago": cron(ago(hours=1), "13 10 * * *"),
    "missed on Sunday": cron(ago(days=7), "0 3 * * SUN"),
    "not due before tomorrow": cron(ago(days=6, hours=7), "0 3 * * TUE"),
    "the last job was rejected": [
        *cron(ago(minutes=14)),
        ("RayJob", manifest({"jobDeploymentStatus": "ValidationFailed"}, labels={"ray.io/cronjob-name": "a"})),
    ],
}

TABLES = {
    "old version": OLD_VERSIONS,
    "silence": SILENCE,
    "event": EVENTS,
    "scheduler": SCHEDULERS,
    "container": CONTAINERS,
    "contradiction": CONTRADICTIONS,
    "serve": SERVE,
    "managed": MANAGED,
    "cron job": CRON_JOBS,
}
# What is found in them, sentences.txt has.
SCENES: Rows = {f"{table}: {name}": row for table, rows in TABLES.items() for name, row in rows.items()}
