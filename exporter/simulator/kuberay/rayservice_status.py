"""The status of a RayService: conditions, the active and the pending cluster, Serve applications."""

from __future__ import annotations

from typing import Any, Final

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay import raycluster
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.simulated_object import JSON, Resource, with_condition, without_condition
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
    """`applicationStatuses` of one application, all its deployments in the same status."""
    name, deployments = app
    entry: JSON = {
        "status": status,
        "serveDeploymentStatuses": {each: {"status": deployment} for each in deployments},
    }
    return {name: {**entry, "message": message} if message else entry}


class ServiceStatus:
    """The parts of one status; `write` puts them together and into the store.

    `active` and `pending` are `activeServiceStatus` and `pendingServiceStatus`; they are replaced, never
    changed in place.
    """

    def __init__(self, world: World, resource: Resource, app: App) -> None:
        self.world = world
        self.resource = resource
        self.active: JSON = {"rayClusterStatus": empty_status()}
        self.pending: JSON = {"rayClusterStatus": empty_status()}
        self.endpoints = 0
        self._conditions: list[JSON] = []
        self._observed_generation = 0
        self.app = app

    def no_pending(self, message: str) -> None:
        self.pending = {"rayClusterStatus": empty_status()}
        self.set("UpgradeInProgress", "False", "NoPendingCluster", message)

    def serve(self, endpoints: int) -> None:
        """Endpoints come or go, and with them readiness."""
        self.endpoints = endpoints
        if endpoints:
            self.set("Ready", "True", "NonZeroServeEndpoints", "Number of serve endpoints is greater than 0")
        else:
            self.set("Ready", "False", "ZeroServeEndpoints", "Number of serve endpoints dropped to 0")

    def suffer(self, status: str, deployment: str, message: str) -> None:
        """The active applications are no longer well."""
        self.active = {**self.active, "applicationStatuses": self.apps(status, deployment, message)}

    def apps(self, status: str, deployment: str, message: str = "") -> JSON:
        return application(self.app, status, deployment, message)

    def prepare(self, **more: Any) -> None:
        name = self.world.name(raycluster.PLURAL, self.resource.namespace, self.resource.name)
        self.pending = {"rayClusterName": name, "rayClusterStatus": empty_status(), **more}

    def observe(self) -> None:
        self._observed_generation = self.resource.generation

    def set(self, type_: str, status: str, reason: str, message: str) -> None:
        generation = self._observed_generation
        self._conditions = with_condition(
            self._conditions, self.world.now, type_, status, reason, message, observedGeneration=generation
        )

    def unset(self, type_: str) -> None:
        self._conditions = without_condition(self._conditions, type_)

    def write(self) -> None:
        status: JSON = {
            "activeServiceStatus": self.active,
            "conditions": self._conditions,
            "lastUpdateTime": stamp(self.world.now),
            "numServeEndpoints": self.endpoints,
            "observedGeneration": self._observed_generation,
            "pendingServiceStatus": self.pending,
            "serviceStatus": "Running" if self._is_ready else "",
        }
        self.resource.write_status(self.world.now, {key: value for key, value in status.items() if value})
        self.world.put(self.resource)

    @property
    def _is_ready(self) -> bool:
        return any(item["type"] == "Ready" and item["status"] == "True" for item in self._conditions)

    def refresh(self, type_: str) -> None:
        """Set a condition again as it is: only its observedGeneration follows."""
        for item in self._conditions:
            if item["type"] == type_:
                self.set(type_, item["status"], item["reason"], item["message"])

    def halt(self, reason: str, message: str) -> None:
        self.set("Ready", "False", reason, message)
        self.set("UpgradeInProgress", "False", reason, "No upgrade in progress.")
