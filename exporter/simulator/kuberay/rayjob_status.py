"""The status of a RayJob, and the RayCluster of its current attempt."""

from __future__ import annotations

from typing import Any

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import raycluster
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster import SimulatedCluster
from exporter.simulator.kuberay.raycluster_status import empty_status
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from exporter.simulator.kuberay.simulated_object import JSON, SimulatedObject
from exporter.simulator.kuberay.submitter import Submitter
from exporter.simulator.kuberay.world import World


class SimulatedJobStatus:
    """The parts of a RayJob's status writes; only `write` and its callers write to the store."""

    def __init__(self, world: World, obj: SimulatedObject, plan: JobPlan, shape: Shape) -> None:
        self.world = world
        self.obj = obj
        self.plan = plan
        self._shape = shape
        self._cluster: SimulatedCluster | None = None
        self.submitter = Submitter(world, obj, shape)

    def create_cluster(self) -> SimulatedCluster:
        mode = {"ray.io/job-submission-mode": self.plan.mode}
        name = self.status["rayClusterName"]
        cluster = raycluster.create_owned(self.world, self.obj, name, self._shape, mode)
        cluster.on_write = self._copy_cluster_status
        self._cluster = cluster
        self.world.events.normal(self.obj, "CreatedRayCluster", f"Created RayCluster {self.obj.namespace}/{name}")
        return cluster

    def _copy_cluster_status(self) -> None:
        """While the job is Initializing, each status of its cluster is copied to it, until the cluster is ready."""
        if self._cluster is not None and self._cluster.state != "ready":
            self.write(rayClusterStatus=self._cluster.status)

    def delete_cluster(self, *, by_operator: bool = True) -> None:
        """Delete the cluster: the operator does, or garbage collection with the job."""
        if self._cluster is not None:
            if by_operator:
                message = f"Deleted cluster {self.obj.namespace}/{self._cluster.obj.name}"
                self.world.events.normal(self.obj, "DeletedRayCluster", message, "Delete")
            self._cluster.delete()
            self._cluster = None

    def initialize(self) -> None:
        world, obj = self.world, self.obj
        status = {"failed": 0, "succeeded": 0, "rayClusterStatus": empty_status(), "rayJobInfo": {}}
        changes = {**status, **self.status}
        if self.plan.mode != "InteractiveMode":
            changes["jobId"] = f"{obj.name}-{world.random_suffix()}"
        changes["rayClusterName"] = f"{obj.name}-{world.random_suffix()}"
        changes["startTime"] = timestamp(world.now)
        self.write(**{**changes, "jobDeploymentStatus": "Initializing"})

    def reset(self, **changes: Any) -> None:
        cleared = ("dashboardURL", "jobId", "jobStatus", "message", "rayClusterName", "reason")
        self.write(rayClusterStatus=empty_status(), rayJobInfo={}, **dict.fromkeys(cleared), **changes)

    def job_info(self) -> JSON:
        """Return rayJobInfo with an end time: one second before the write of the operator."""
        started = self.status["rayJobInfo"]["startTime"]
        return {"startTime": started, "endTime": max(started, timestamp(self.world.now - 1))}

    @property
    def status(self) -> JSON:
        return self.obj.status or {}

    def write(self, **changes: Any) -> None:
        """Write the status with these changes; None removes a field."""
        status = {key: value for key, value in {**self.status, **changes}.items() if value is not None}
        self.obj.write_status(self.world.now, status)
        self.world.put(self.obj)
