"""The status of a RayJob, and the RayCluster of its current attempt."""

from __future__ import annotations

from typing import Any

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay import raycluster
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster import Cluster
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.rayjob_plan import Plan
from exporter.simulator.kuberay.simulated_object import JSON, Resource
from exporter.simulator.kuberay.world import World


class JobStatus:
    """What the writes of a RayJob have in common; none but `write` and what calls it touches the store."""

    def __init__(self, world: World, resource: Resource, plan: Plan, shape: Shape) -> None:
        self.world = world
        self.resource = resource
        self.plan = plan
        self._shape = shape
        self._cluster: Cluster | None = None

    def make_cluster(self) -> Cluster:
        mode = {"ray.io/job-submission-mode": self.plan.mode}
        name = self.status["rayClusterName"]
        cluster = raycluster.create_owned(self.world, self.resource, name, self._shape, mode)
        cluster.written = self._mirror
        self._cluster = cluster
        return cluster

    def _mirror(self) -> None:
        """While Initializing, each write of the cluster shows in the job, until it is ready."""
        if self._cluster is not None and self._cluster.state != "ready":
            self.write(rayClusterStatus=self._cluster.status)

    def drop_cluster(self) -> None:
        if self._cluster is not None:
            self._cluster.delete()
            self._cluster = None

    def initialize(self) -> None:
        world, resource = self.world, self.resource
        status = {"failed": 0, "succeeded": 0, "rayClusterStatus": empty_status(), "rayJobInfo": {}}
        changes = {**status, **self.status}
        if self.plan.mode != "InteractiveMode":
            changes["jobId"] = f"{resource.name}-{world.suffix()}"
        changes["rayClusterName"] = f"{resource.name}-{world.suffix()}"
        changes["startTime"] = stamp(world.now)
        self.write(**{**changes, "jobDeploymentStatus": "Initializing"})

    def reset(self, **changes: Any) -> None:
        gone = ("dashboardURL", "jobId", "jobStatus", "message", "rayClusterName", "reason")
        self.write(rayClusterStatus=empty_status(), rayJobInfo={}, **dict.fromkeys(gone), **changes)

    def job_info(self) -> JSON:
        """The Ray job ended a moment before the operator noticed."""
        started = self.status["rayJobInfo"]["startTime"]
        return {"startTime": started, "endTime": max(started, stamp(self.world.now - 1))}

    @property
    def status(self) -> JSON:
        return self.resource.status or {}

    def write(self, **changes: Any) -> None:
        """Write the status with these changes; None takes a field away."""
        status = {key: value for key, value in {**self.status, **changes}.items() if value is not None}
        self.resource.write_status(self.world.now, status)
        self.world.put(self.resource)
