"""The status of a RayCluster: conditions, head pod and counters, in the form in which Go encodes them."""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import fleet
from exporter.simulator.kuberay.manifests import NO_LIMIT, Shape
from exporter.simulator.kuberay.simulated_object import JSON, with_condition, without_condition
from exporter.simulator.kuberay.world import World

_PROVISIONING: Final = "RayClusterPodsProvisioning"
_ENDPOINTS: Final = {
    "client": "10001",
    "dashboard": "8265",
    "gcs-server": "6379",
    "metrics": "8080",
    "serve": "8000",
}


def empty_status() -> JSON:
    """Return an unset RayClusterStatus as Go encodes it inside RayJobs and RayServices."""
    return {"desiredCPU": "0", "desiredGPU": "0", "desiredMemory": "0", "desiredTPU": "0", "head": {}}


class SimulatedClusterStatus:
    """The parts of one status between two writes; `render` returns the whole.

    A condition that is set gets the present time of the world.
    """

    def __init__(self, world: World, name: str) -> None:
        self.state = ""
        self.ready = 0
        self.observed_generation = 1
        self._world = world
        self._name = name
        self._conditions: list[JSON] = []
        self._head: dict[str, str] = {"serviceName": f"{name}-head-svc"}
        self._transitions: dict[str, str] = {}

    @property
    def has_head(self) -> bool:
        return "podName" in self._head

    @property
    def head_pod_name(self) -> str:
        """The name of the head pod, "" if there is none."""
        return self._head.get("podName", "")

    def set_head_ips(self) -> None:
        self._head |= {"podIP": fleet.random_ip(self._world), "serviceIP": fleet.random_ip(self._world)}

    def clear_head(self) -> None:
        self._head = {"serviceName": self._head["serviceName"]}

    def remove_condition(self, type_: str) -> None:
        self._conditions = without_condition(self._conditions, type_)

    def render(self, shape: Shape) -> JSON:
        """Return the status of a cluster of this size, without empty fields."""
        status: JSON = {
            "availableWorkerReplicas": self.ready,
            "conditions": self._conditions,
            "desiredCPU": shape.desired_cpu,
            "desiredGPU": shape.desired_gpu,
            "desiredMemory": shape.desired_memory,
            "desiredTPU": "0",
            "desiredWorkerReplicas": shape.replicas,
            "endpoints": _ENDPOINTS,
            "head": dict(self._head),
            "lastUpdateTime": timestamp(self._world.now),
            "maxWorkerReplicas": min(shape.max_replicas, NO_LIMIT),
            "minWorkerReplicas": shape.min_replicas,
            "observedGeneration": self.observed_generation,
            "readyWorkerReplicas": self.ready,
            "state": self.state,
            "stateTransitionTimes": dict(self._transitions),
        }
        # Go's omitempty: 0, "" and an empty map are absent.
        return {key: value for key, value in status.items() if value}

    def set_condition(self, type_: str, status: str, reason: str, message: str = "") -> None:
        self._conditions = with_condition(self._conditions, self._world.now, type_, status, reason, message)

    def set_head_pod_not_ready(self, reason: str, message: str = "") -> None:
        self.set_condition("HeadPodReady", "False", reason, message)

    def set_head_pod_name(self) -> None:
        self._head["podName"] = f"{self._name}-head-{self._world.random_suffix()}"

    def set_provisioning(self) -> None:
        message = "RayCluster Pods are being provisioned for first time"
        self.set_condition("RayClusterProvisioned", "False", _PROVISIONING, message)
        if len(self._conditions) < 4:
            self.set_condition("RayClusterSuspended", "False", "RayClusterSuspended")
            self.set_condition("RayClusterSuspending", "False", "RayClusterSuspending")

    def set_provisioned(self) -> None:
        message = "All Ray Pods are ready for the first time"
        self.set_condition("RayClusterProvisioned", "True", "AllPodRunningAndReadyFirstTime", message)
        self.enter_state("ready")

    def set_suspended(self) -> None:
        self.set_condition("RayClusterProvisioned", "False", _PROVISIONING, "RayCluster has been suspended")
        self.set_condition("RayClusterSuspended", "True", "RayClusterSuspended")
        self.set_condition("RayClusterSuspending", "False", "RayClusterSuspending")

    def enter_state(self, state: str) -> None:
        self.state = state
        self._transitions = {**self._transitions, state: timestamp(self._world.now)}
