"""The status of a RayService: conditions, the active and the pending cluster, Serve applications."""

from __future__ import annotations

from typing import Any, Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import raycluster
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.simulated_object import JSON, SimulatedObject, with_condition, without_condition
from exporter.simulator.kuberay.world import World

# A Serve application and its deployments.
App = tuple[str, tuple[str, ...]]

APPS: Final[tuple[App, ...]] = (
    ("fruit_app", ("FruitMarket", "MangoStand")),
    ("llm", ("Router", "VLLMDeployment")),
    ("summarize", ("Summarizer",)),
    ("vision", ("Ingress", "Detector", "Embedder")),
)


def application(app: App, status: str, deployment: str, message: str = "") -> JSON:
    """Return `applicationStatuses` of one application; all its deployments have the same status."""
    name, deployments = app
    entry: JSON = {
        "status": status,
        "serveDeploymentStatuses": {each: {"status": deployment} for each in deployments},
    }
    return {name: {**entry, "message": message} if message else entry}


class SimulatedServiceStatus:
    """The parts of one status; `write` writes the whole to the store.

    `active` and `pending` are `activeServiceStatus` and `pendingServiceStatus`; they are replaced, never
    changed in place.
    """

    def __init__(self, world: World, obj: SimulatedObject, app: App) -> None:
        self.world = world
        self.obj = obj
        self.active: JSON = {"rayClusterStatus": empty_status()}
        self.pending: JSON = {"rayClusterStatus": empty_status()}
        self.endpoints = 0
        self._conditions: list[JSON] = []
        self._observed_generation = 0
        self.app = app

    def clear_pending(self, message: str) -> None:
        self.pending = {"rayClusterStatus": empty_status()}
        self.set_condition("UpgradeInProgress", "False", "NoPendingCluster", message)

    def set_endpoints(self, endpoints: int) -> None:
        """Set the number of endpoints, and Ready accordingly."""
        self.endpoints = endpoints
        if endpoints:
            self.set_condition("Ready", "True", "NonZeroServeEndpoints", "Number of serve endpoints is greater than 0")
        else:
            self.set_condition("Ready", "False", "ZeroServeEndpoints", "Number of serve endpoints dropped to 0")

    def set_app_status(self, status: str, deployment: str, message: str) -> None:
        """Set the statuses of the active applications."""
        self.active = {**self.active, "applicationStatuses": self.app_statuses(status, deployment, message)}

    def app_statuses(self, status: str, deployment: str, message: str = "") -> JSON:
        return application(self.app, status, deployment, message)

    def set_pending(self, **more: Any) -> None:
        name = self.world.unique_name(raycluster.PLURAL, self.obj.namespace, self.obj.name)
        self.pending = {"rayClusterName": name, "rayClusterStatus": empty_status(), **more}

    def observe_generation(self) -> None:
        self._observed_generation = self.obj.generation

    def set_condition(self, type_: str, status: str, reason: str, message: str) -> None:
        generation = self._observed_generation
        self._conditions = with_condition(
            self._conditions, self.world.now, type_, status, reason, message, observedGeneration=generation
        )

    def remove_condition(self, type_: str) -> None:
        self._conditions = without_condition(self._conditions, type_)

    def write(self) -> None:
        status: JSON = {
            "activeServiceStatus": self.active,
            "conditions": self._conditions,
            "lastUpdateTime": timestamp(self.world.now),
            "numServeEndpoints": self.endpoints,
            "observedGeneration": self._observed_generation,
            "pendingServiceStatus": self.pending,
            "serviceStatus": "Running" if self._is_ready else "",
        }
        self.obj.write_status(self.world.now, {key: value for key, value in status.items() if value})
        self.world.put(self.obj)

    @property
    def _is_ready(self) -> bool:
        return any(item["type"] == "Ready" and item["status"] == "True" for item in self._conditions)

    def refresh_condition(self, type_: str) -> None:
        """Set a condition again as it is: only its observedGeneration changes."""
        for item in self._conditions:
            if item["type"] == type_:
                self.set_condition(type_, item["status"], item["reason"], item["message"])

    def set_not_ready(self, reason: str, message: str) -> None:
        self.set_condition("Ready", "False", reason, message)
        self.set_condition("UpgradeInProgress", "False", reason, "No upgrade in progress.")
