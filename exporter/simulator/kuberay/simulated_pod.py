"""One pod, as the scheduler and kubelet write its status (v1.36).

Each method is one write of one of them; the world stores it. Which pods there are, and when what happens to them, is
decided elsewhere. Conditions keep their time as long as their status stays the same.
"""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import PODS, timestamp
from exporter.simulator.kuberay.identifiers import derived_hash, derived_number, derived_uid
from exporter.simulator.kuberay.pod_templates import PodTemplate
from exporter.simulator.kuberay.simulated_object import JSON

GRACE_SECONDS: Final = 30
_NODES: Final = 24

# In the order in which kubelet writes them.
_CONDITIONS: Final = (
    "DisruptionTarget",
    "PodReadyToStartContainers",
    "Initialized",
    "Ready",
    "ContainersReady",
    "PodScheduled",
)


class SimulatedContainer:
    """The state of one container of a pod, and how its previous run ended."""

    __slots__ = ("last", "name", "restarts", "state")

    def __init__(self, name: str, waiting_for: str) -> None:
        self.name = name
        self.state: JSON = {"waiting": {"reason": waiting_for}}
        self.last: JSON = {}
        self.restarts = 0

    @property
    def is_running(self) -> bool:
        return "running" in self.state

    @property
    def is_completed(self) -> bool:
        return "terminated" in self.state and not self.state["terminated"]["exitCode"]


class SimulatedPod:
    """A pod. Not thread-safe: the engine's thread is the only one to call. `stored` is set by the world."""

    plural: Final = PODS

    __slots__ = (
        "_conditions",
        "_deleted_at",
        "_grace_seconds",
        "_message",
        "_reason",
        "_started_at",
        "created_at",
        "init",
        "is_ready",
        "main",
        "name",
        "namespace",
        "node",
        "phase",
        "resource_version",
        "stored",
        "template",
        "uid",
    )

    def __init__(self, template: PodTemplate, namespace: str, name: str, now: float) -> None:
        self.template = template
        self.namespace = namespace
        self.name = name
        self.uid = derived_uid(template.owner["uid"], name)
        self.created_at = now
        self.phase = "Pending"
        self.node = ""
        self.main: SimulatedContainer | None = None
        self.init: SimulatedContainer | None = None
        self.is_ready = False
        self.stored = False
        self.resource_version = ""
        self._reason = self._message = ""
        self._started_at: float | None = None
        self._deleted_at: float | None = None
        self._grace_seconds = GRACE_SECONDS
        self._conditions: dict[str, tuple[str, float, str, str]] = {}

    # The scheduler.

    def schedule(self, now: float) -> None:
        prefix = "gpu-node" if self.template.needs_gpu else "node"
        self.node = f"{prefix}-{derived_number(_NODES, self.uid)}"
        self._set(now, "PodScheduled", "True")

    def fail_scheduling(self, now: float, message: str) -> None:
        self._set(now, "PodScheduled", "False", "Unschedulable", message)

    # Kubelet.

    def create_containers(self, now: float) -> None:
        """The pod is on its node: ContainerCreating, or PodInitializing with an init container."""
        self._started_at = now
        init = self.template.init_container
        if init:
            self.init = SimulatedContainer(init, "PodInitializing")
        self.main = SimulatedContainer(self.template.container, "PodInitializing" if init else "ContainerCreating")
        self._set(now, "PodReadyToStartContainers", "False")
        if init:
            message = f"containers with incomplete status: [{init}]"
            self._set(now, "Initialized", "False", "ContainersNotInitialized", message)
        else:
            self._set(now, "Initialized", "True")
        self._set_ready(now, is_ready=False)

    def run_init(self, now: float) -> None:
        self._set(now, "PodReadyToStartContainers", "True")
        if self.init is not None:
            self.init.state = _running(now)

    def run(self, now: float) -> None:
        """The init container has ended, and the main one runs."""
        self._set(now, "PodReadyToStartContainers", "True")
        if self.init is not None and self.init.is_running:
            self.init.state = self._terminated(self.init, now, 0, "Completed")
        self._set(now, "Initialized", "True")
        self.phase = "Running"
        if self.main is not None:
            self.main.state = _running(now)

    def become_ready(self, now: float) -> None:
        self._set_ready(now, is_ready=True)

    def wait(self, now: float, reason: str, message: str) -> None:
        """The first container that has not run yet waits, for example for its image."""
        self._set(now, "PodReadyToStartContainers", "True")
        container = self.init if self.init is not None and not self.init.is_completed else self.main
        if container is not None:
            container.state = {"waiting": {"reason": reason, "message": message}}

    def terminate(self, now: float, exit_code: int, reason: str) -> None:
        """The main container ends; the pod stays."""
        if self.main is not None:
            self.main.state = self._terminated(self.main, now, exit_code, reason)
            self._set_ready(now, is_ready=False)

    def back_off(self, now: float, seconds: int) -> None:
        """The main container ended again: it waits before it is restarted."""
        if self.main is None:
            return
        pod = f"{self.name}_{self.namespace}({self.uid})"
        delay = f"{seconds // 60}m{seconds % 60}s" if seconds >= 60 else f"{seconds}s"
        message = f"back-off {delay} restarting failed container={self.main.name} pod={pod}"
        if "terminated" in self.main.state:
            self.main.last = self.main.state
        self.main.state = {"waiting": {"reason": "CrashLoopBackOff", "message": message}}
        self._set_ready(now, is_ready=False)

    def restart(self, now: float) -> None:
        """The main container runs again."""
        if self.main is None:
            return
        if "terminated" in self.main.state:
            self.main.last = self.main.state
        self.main.restarts += 1
        self.main.state = _running(now)

    def end(self, now: float, exit_code: int, reason: str, *, pod_reason: str = "", message: str = "") -> None:
        """The pod ends with its main container, Succeeded or Failed; `pod_reason` is Evicted, for example."""
        self.phase = "Failed" if exit_code else "Succeeded"
        self._reason, self._message = pod_reason, message
        if self.main is not None:
            self.main.state = self._terminated(self.main, now, exit_code, reason)
        reason = f"Pod{'Failed' if exit_code else 'Completed'}"
        self._set(now, "PodReadyToStartContainers", "False")
        if pod_reason == "Evicted":
            self._set(now, "DisruptionTarget", "True", "TerminationByKubelet", message)
        if not exit_code:
            self._set(now, "Initialized", "True", "PodCompleted")
        self._set(now, "Ready", "False", reason)
        self._set(now, "ContainersReady", "False", reason)
        self.is_ready = False

    def mark_deleted(self, now: float, grace_seconds: int = GRACE_SECONDS) -> None:
        self._deleted_at = now
        self._grace_seconds = grace_seconds

    def manifest(self) -> JSON:
        """Return the pod as JSON. Later manifests may share its parts: the caller must not change it."""
        return {"metadata": self._metadata(), "spec": self.template.spec(self.node), "status": self._status()}

    def _set(self, now: float, type_: str, status: str, reason: str = "", message: str = "") -> None:
        former = self._conditions.get(type_)
        since = former[1] if former is not None and former[0] == status else now
        self._conditions[type_] = (status, since, reason, message)

    def _set_ready(self, now: float, *, is_ready: bool) -> None:
        self.is_ready = is_ready
        for type_ in ("Ready", "ContainersReady"):
            if is_ready:
                self._set(now, type_, "True")
            else:
                message = f"containers with unready status: [{self.template.container}]"
                self._set(now, type_, "False", "ContainersNotReady", message)

    def _terminated(self, container: SimulatedContainer, now: float, exit_code: int, reason: str) -> JSON:
        running = container.state.get("running", {"startedAt": timestamp(now)})
        ended = {"exitCode": exit_code, "reason": reason, **running, "finishedAt": timestamp(now)}
        return {"terminated": {**ended, "containerID": self._container_id(container)}}

    def _container_id(self, container: SimulatedContainer) -> str:
        return f"containerd://{derived_hash(self.uid, container.name, container.restarts)}"

    def _metadata(self) -> JSON:
        template = self.template
        metadata: JSON = {
            "name": self.name,
            "generateName": template.prefix,
            "namespace": self.namespace,
            "uid": self.uid,
            "generation": 1 if self._deleted_at is None else 2,
            "creationTimestamp": timestamp(self.created_at),
            "labels": template.labels,
            "ownerReferences": [template.owner],
        }
        if template.finalizers and self.phase not in ("Succeeded", "Failed"):
            metadata["finalizers"] = list(template.finalizers)
        if self._deleted_at is not None:
            metadata["deletionTimestamp"] = timestamp(self._deleted_at + self._grace_seconds)
            metadata["deletionGracePeriodSeconds"] = self._grace_seconds
        return metadata

    def _status(self) -> JSON:
        status: JSON = {}
        if self._started_at is not None:
            status["observedGeneration"] = 1
        status["phase"] = self.phase
        if self._conditions:
            status["conditions"] = [self._condition(type_) for type_ in _CONDITIONS if type_ in self._conditions]
        if self._message:
            status["message"] = self._message
        if self._reason:
            status["reason"] = self._reason
        if self._started_at is not None:
            status |= self._addresses()
            status["startTime"] = timestamp(self._started_at)
        for key, container in (("initContainerStatuses", self.init), ("containerStatuses", self.main)):
            if container is not None:
                status[key] = [self._container_status(container)]
        status["qosClass"] = self.template.qos
        return status

    def _condition(self, type_: str) -> JSON:
        status, since, reason, message = self._conditions[type_]
        condition: JSON = {"type": type_, "observedGeneration": 1, "status": status, "lastProbeTime": None}
        condition["lastTransitionTime"] = timestamp(since)
        if reason:
            condition["reason"] = reason
        if message:
            condition["message"] = message
        return condition

    def _addresses(self) -> JSON:
        host, number = f"192.168.10.{derived_number(250, self.node)}", derived_number(250, self.uid)
        addresses: JSON = {"hostIP": host, "hostIPs": [{"ip": host}]}
        if self._conditions["PodReadyToStartContainers"][0] == "True":
            ip = f"10.0.{derived_number(250, self.node)}.{number}"
            addresses |= {"podIP": ip, "podIPs": [{"ip": ip}]}
        return addresses

    def _container_status(self, container: SimulatedContainer) -> JSON:
        is_init = container is self.init
        has_run = "waiting" not in container.state or bool(container.restarts)
        image = self.template.image
        return {
            "name": container.name,
            "state": container.state,
            "lastState": container.last,
            "ready": container.is_completed if is_init else self.is_ready,
            "restartCount": container.restarts,
            "image": f"docker.io/{image}" if has_run else image,
            "imageID": f"docker.io/{image}@sha256:{derived_hash(image)}" if has_run else "",
            **({"containerID": self._container_id(container)} if has_run else {}),
            "started": container.is_running,
        }


def _running(now: float) -> JSON:
    return {"running": {"startedAt": timestamp(now)}}
