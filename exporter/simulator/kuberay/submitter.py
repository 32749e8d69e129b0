"""The pod that submits a RayJob in K8sJobMode. It belongs to a batch/v1 Job, and is kept as long as that Job."""

from __future__ import annotations

from random import Random

from exporter.simulator.kuberay import pod_templates
from exporter.simulator.kuberay.identifiers import derived_suffix
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster_pods import delete_pods
from exporter.simulator.kuberay.simulated_object import SimulatedObject
from exporter.simulator.kuberay.simulated_pod import SimulatedPod
from exporter.simulator.kuberay.world import World


class Submitter:
    """The submitter of a RayJob's present attempt, if there is one. Every method does nothing otherwise."""

    def __init__(self, world: World, ray_job: SimulatedObject, shape: Shape) -> None:
        self._world = world
        self._ray_job = ray_job
        self._shape = shape
        self._pod: SimulatedPod | None = None
        # For names: each attempt has another pod.
        self._created = 0

    @property
    def _path(self) -> str:
        return f"{self._ray_job.namespace}/{self._ray_job.name}"

    def create(self) -> None:
        world = self._world
        world.events.normal(self._ray_job, "CreatedRayJobSubmitter", f"Created Kubernetes Job {self._path}")
        if not world.with_pods:
            return
        self._created += 1
        template = pod_templates.submitter(self._ray_job, self._shape)
        name = template.prefix + derived_suffix(self._ray_job.uid, "submitter", self._created)
        self._pod = SimulatedPod(template, self._ray_job.namespace, name, world.now)
        world.put(self._pod)
        self._pod.schedule(world.now)
        self._pod.create_containers(world.now)
        world.put(self._pod)

    def run(self) -> None:
        if self._pod is not None:
            self._pod.run(self._world.now)
            self._pod.become_ready(self._world.now)
            self._world.put(self._pod)

    def end(self, exit_code: int) -> None:
        """The submitter ends with its Ray job, or because it could not submit it."""
        if self._pod is not None:
            self._pod.end(self._world.now, exit_code, "Error" if exit_code else "Completed")
            self._world.put(self._pod)

    def delete(self, *, by_operator: bool) -> None:
        """Delete the Job and its pod: by the operator before another attempt, or with the RayJob."""
        if self._created and by_operator:
            message = f"Deleted submitter K8s Job {self._path}"
            self._world.events.normal(self._ray_job, "DeletedRayJobSubmitter", message, "Delete")
        if self._pod is not None:
            self._world.spawn(delete_pods(self._world, [self._pod]), Random(0))
            self._pod = None
