"""What is the same in all versions of a pod: labels, owner, containers.

They are as KubeRay v1.7.0 and the API server write them. Commands are shortened: an exporter never decodes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.simulator.api_conventions import API_VERSION
from exporter.simulator.kuberay.identifiers import derived_uid
from exporter.simulator.kuberay.manifests import Shape, image, resources
from exporter.simulator.kuberay.simulated_object import JSON, OPERATOR, SimulatedObject

HEAD: Final = "head"
WORKER: Final = "worker"
REDIS_CLEANUP: Final = "redis-cleanup"
INIT_CONTAINER: Final = "wait-gcs-ready"
SUBMITTER_CONTAINER: Final = "ray-job-submitter"
HEAD_GROUP: Final = "headgroup"

_INIT_RESOURCES: Final = {name: {"cpu": "200m", "memory": "256Mi"} for name in ("limits", "requests")}
_SUBMITTER_RESOURCES: Final = {
    "limits": {"cpu": "1", "memory": "1Gi"},
    "requests": {"cpu": "500m", "memory": "200Mi"},
}
_MAIN_ONLY: Final = {
    "ports": [{"name": "metrics", "containerPort": 8080, "protocol": "TCP"}],
    "volumeMounts": [{"name": "shared-mem", "mountPath": "/dev/shm"}],  # noqa: S108 - what KubeRay mounts
}
_UNTIL: Final = {"operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
_TOLERATIONS: Final = [{"key": f"node.kubernetes.io/{key}", **_UNTIL} for key in ("not-ready", "unreachable")]


@dataclass(frozen=True)
class PodTemplate:
    """The constant part of a pod; `init_container` is the name of its init container, if it has one."""

    prefix: str
    labels: dict[str, str]
    owner: JSON
    container: str
    image: str
    resources: JSON
    init_container: str = ""
    restart_policy: str = "Always"
    finalizers: tuple[str, ...] = ()
    needs_gpu: bool = False

    @property
    def qos(self) -> str:
        return "Guaranteed" if self.resources["limits"] == self.resources["requests"] else "Burstable"

    def spec(self, node: str) -> JSON:
        spec: JSON = {"volumes": [{"name": "shared-mem", "emptyDir": {"medium": "Memory", "sizeLimit": "2Gi"}}]}
        if self.init_container:
            spec["initContainers"] = [_container(self.init_container, self.image, _INIT_RESOURCES)]
        spec["containers"] = [{**_container(self.container, self.image, self.resources), **_MAIN_ONLY}]
        spec |= {
            "restartPolicy": self.restart_policy,
            "terminationGracePeriodSeconds": 30,
            "dnsPolicy": "ClusterFirst",
            **({"nodeName": node} if node else {}),
            "securityContext": {},
            "schedulerName": "default-scheduler",
            "tolerations": _TOLERATIONS,
            "priority": 0,
            "enableServiceLinks": True,
            "preemptionPolicy": "PreemptLowerPriority",
        }
        return spec


def head(cluster: SimulatedObject, shape: Shape) -> PodTemplate:
    """Return the template of a head pod; its image has no GPU suffix."""
    return PodTemplate(
        prefix=f"{cluster.name}-head-",
        labels=_node_labels(cluster, HEAD, HEAD_GROUP),
        owner=_owner(cluster),
        container="ray-head",
        image=image(shape, with_gpu=False),
        resources=resources(shape.head_milli, shape.head_memory, 0),
    )


def worker(cluster: SimulatedObject, shape: Shape, index: int) -> PodTemplate:
    """Return the template of a worker; `index` is that of its replica in the group."""
    group = shape.group
    return PodTemplate(
        prefix=f"{cluster.name}-{group}-worker-",
        labels={**_node_labels(cluster, WORKER, group), "ray.io/worker-group-replica-index": str(index)},
        owner=_owner(cluster),
        container="ray-worker",
        image=image(shape, with_gpu=bool(shape.gpus)),
        resources=resources(shape.worker_milli, shape.worker_memory, shape.gpus),
        init_container=INIT_CONTAINER,
        needs_gpu=bool(shape.gpus),
    )


def redis_cleanup(cluster: SimulatedObject, shape: Shape) -> PodTemplate:
    """Return the template of the pod that deletes a cluster's data from Redis: of a Job, with the labels of a head."""
    job = f"{cluster.name}-redis-cleanup"
    return PodTemplate(
        prefix=f"{job}-",
        labels={**_node_labels(cluster, REDIS_CLEANUP, HEAD_GROUP), **_job_labels(job, cluster)},
        owner=_job_owner(job, cluster),
        container="ray-head",
        image=image(shape, with_gpu=False),
        resources=_INIT_RESOURCES,
        restart_policy="Never",
        finalizers=("batch.kubernetes.io/job-tracking",),
    )


def submitter(ray_job: SimulatedObject, shape: Shape) -> PodTemplate:
    """Return the template of a submitter: it has no node type and does not name its cluster."""
    origin = {
        "app.kubernetes.io/created-by": OPERATOR,
        "ray.io/originated-from-cr-name": ray_job.name,
        "ray.io/originated-from-crd": ray_job.kind,
    }
    return PodTemplate(
        prefix=f"{ray_job.name}-",
        labels={**origin, **_job_labels(ray_job.name, ray_job)},
        owner=_job_owner(ray_job.name, ray_job),
        container=SUBMITTER_CONTAINER,
        image=image(shape, with_gpu=False),
        resources=_SUBMITTER_RESOURCES,
        restart_policy="Never",
        finalizers=("batch.kubernetes.io/job-tracking",),
    )


def _node_labels(cluster: SimulatedObject, node_type: str, group: str) -> dict[str, str]:
    return {
        "app.kubernetes.io/created-by": OPERATOR,
        "app.kubernetes.io/name": "kuberay",
        "ray.io/cluster": cluster.name,
        "ray.io/group": group,
        "ray.io/identifier": f"{cluster.name}-{WORKER if node_type == WORKER else HEAD}",
        "ray.io/is-ray-node": "yes",
        "ray.io/node-type": node_type,
    }


def _job_labels(job: str, parent: SimulatedObject) -> dict[str, str]:
    uid = derived_uid(parent.uid, job)
    labels = {"controller-uid": uid, "job-name": job}
    return {**labels, **{f"batch.kubernetes.io/{key}": value for key, value in labels.items()}}


def _owner(cluster: SimulatedObject) -> JSON:
    return _reference(API_VERSION, cluster.kind, cluster.name, cluster.uid)


def _job_owner(job: str, parent: SimulatedObject) -> JSON:
    return _reference("batch/v1", "Job", job, derived_uid(parent.uid, job))


def _reference(api_version: str, kind: str, name: str, uid: str) -> JSON:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": name,
        "uid": uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }


def _container(name: str, image_: str, resources_: JSON) -> JSON:
    return {
        "name": name,
        "image": image_,
        "command": ["/bin/bash", "-c", "--"],
        "args": ["ulimit -n ${RAY_START_ULIMIT_OPEN_FILES:-65536}; ray start --block --metrics-export-port=8080"],
        "env": [
            {"name": "RAY_PORT", "value": "6379"},
            {"name": "RAY_USAGE_STATS_KUBERAY_IN_USE", "value": "1"},
            {"name": "RAY_DASHBOARD_ENABLE_K8S_DISK_USAGE", "value": "1"},
        ],
        "resources": resources_,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "File",
        "imagePullPolicy": "IfNotPresent",
    }
