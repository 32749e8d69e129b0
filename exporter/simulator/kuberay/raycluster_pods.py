"""The pods of one RayCluster, and the Events about them: created, started, restarted, evicted, deleted.

The cluster's status writes decide when something happens; this module decides which pods it happens to. If pods are
not simulated, there are none, and every method does nothing.
"""

from __future__ import annotations

from random import Random
from typing import Final

from exporter.simulator.kuberay import pod_templates
from exporter.simulator.kuberay.identifiers import derived_suffix
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.pod_templates import PodTemplate
from exporter.simulator.kuberay.simulated_object import SimulatedObject
from exporter.simulator.kuberay.simulated_pod import SimulatedPod
from exporter.simulator.kuberay.world import Steps, World

_NO_GPU: Final = (
    "0/24 nodes are available: 24 Insufficient nvidia.com/gpu. no new claims to deallocate, preemption: 0/24 nodes "
    "are available: 24 Preemption is not helpful for scheduling."
)
_LOW_MEMORY: Final = (
    "The node was low on resource: memory. Threshold quantity: 100Mi, available: 61236Ki. Container ray-worker was "
    "using 1893120Ki, request is 1Gi, has larger consumption of memory. "
)
# 128 + SIGKILL, 128 + SIGTERM.
_KILLED: Final = 137
_ENDED_BY_SIGTERM: Final = 143
_BACK_OFF_MAX_SECONDS: Final = 300


class RayClusterPods:
    """The pods of a cluster, for the engine's thread.

    With `lacks_gpus` workers are never scheduled.
    """

    def __init__(self, world: World, cluster: SimulatedObject) -> None:
        self.lacks_gpus = False
        self._world = world
        self._cluster = cluster
        self._head: SimulatedPod | None = None
        self._workers: list[SimulatedPod] = []
        self._cleanup: SimulatedPod | None = None
        # For names: that of a deleted pod is not used again.
        self._created = 0
        self._has_service = False

    @property
    def _path(self) -> str:
        return f"{self._cluster.namespace}/{self._cluster.name}"

    def create_head(self, shape: Shape, name: str) -> None:
        """Create the head, and its service before the first one."""
        events, namespace = self._world.events, self._cluster.namespace
        if not self._has_service:
            self._has_service = True
            events.normal(self._cluster, "CreatedService", f"Created service {self._path}-head-svc")
        if self._world.with_pods:
            self._head = self._create(pod_templates.head(self._cluster, shape), name)
            events.normal(self._cluster, "CreatedHeadPod", f"Created head Pod {namespace}/{name}")

    def create_workers(self, shape: Shape) -> None:
        """Create the workers that are missing, in one reconciliation: one Event for all of them."""
        missing = max(0, shape.replicas - len(self._workers)) if self._world.with_pods else 0
        created = []
        for _ in range(missing):
            template = pod_templates.worker(self._cluster, shape, len(self._workers))
            self._created += 1
            name = template.prefix + derived_suffix(self._cluster.uid, self._created)
            created.append(self._create(template, name))
            self._workers.append(created[-1])
        if created:
            message = f"Created worker Pod {self._cluster.namespace}/{created[0].name}"
            self._world.events.normal(self._cluster, "CreatedWorkerPod", message, times=len(created))

    def start(self) -> None:
        """Schedule the pods that are not scheduled, and create their containers."""
        for pod in self._pods():
            if pod.node:
                continue
            if pod.template.needs_gpu and self.lacks_gpus:
                pod.fail_scheduling(self._world.now, _NO_GPU)
                self._world.put(pod)
            else:
                self._start(pod)

    def run(self) -> None:
        """Run the head, and the init containers of workers, which wait for it."""
        now = self._world.now
        for pod in self._pods():
            if pod.main is None or pod.main.is_running:
                continue
            if pod.init is None:
                pod.run(now)
            elif not pod.init.is_running:
                pod.run_init(now)
            self._world.put(pod)

    def head_ready(self) -> None:
        """The head is ready, after a restart if it has crashed; so the workers that waited for it run."""
        now, head = self._world.now, self._head
        if head is not None and head.main is not None:
            if not head.main.is_running:
                if head.phase == "Running":
                    head.restart(now)
                else:
                    head.run(now)
                self._world.put(head)
            head.become_ready(now)
            self._world.put(head)
        for pod in self._workers:
            if pod.main is not None and not pod.main.is_running:
                self._run(pod)

    def workers_ready(self, count: int) -> None:
        """The first `count` workers are ready; the others start."""
        self.start()
        for number, pod in enumerate(self._workers):
            if not pod.node:
                continue
            if pod.main is not None and not pod.main.is_running:
                self._run(pod)
            if number < count and not pod.is_ready:
                pod.become_ready(self._world.now)
                self._world.put(pod)

    def image_missing(self, reason: str) -> None:
        """All pods wait for the image: the head, and the init containers of workers, which have the same image."""
        for pod in self._pods():
            image = pod.template.image
            error = (
                f'rpc error: code = NotFound desc = failed to pull and unpack image "docker.io/{image}": failed to '
                f"resolve image: docker.io/{image}: not found"
            )
            back_off = f'Back-off pulling image "{image}": ErrImagePull: '
            pod.wait(self._world.now, reason, error if reason == "ErrImagePull" else back_off + error)
            self._world.put(pod)

    def head_crashed(self) -> None:
        """The head's container ended again, and waits before it is restarted."""
        self.head_ended(1, "Error")
        head = self._head
        if head is not None and head.main is not None:
            head.back_off(self._world.now, min(10 * 2**head.main.restarts, _BACK_OFF_MAX_SECONDS))
            self._world.put(head)

    def head_ended(self, exit_code: int = _KILLED, reason: str = "OOMKilled") -> None:
        """The head's container ends; kubelet restarts it a second later."""
        if self._head is not None:
            self._head.terminate(self._world.now, exit_code, reason)
            self._world.put(self._head)

    def head_restarted(self) -> None:
        if self._head is not None:
            self._head.restart(self._world.now)
            self._world.put(self._head)

    def restart_worker(self) -> None:
        """The container of the first worker is killed for its memory and restarted at once."""
        if not self._workers or self._workers[0].phase != "Running":
            return
        pod, now = self._workers[0], self._world.now
        pod.terminate(now, _KILLED, "OOMKilled")
        self._world.put(pod)
        pod.restart(now)
        self._world.put(pod)
        pod.become_ready(now)
        self._world.put(pod)

    def evict_worker(self) -> None:
        """Kubelet evicts the newest worker, and the operator deletes it at once."""
        if not self._workers:
            return
        pod = self._workers.pop()
        pod.end(self._world.now, _KILLED, "Error", pod_reason="Evicted", message=_LOW_MEMORY)
        self._world.put(pod)
        message = f"Deleted worker Pod {pod.namespace}/{pod.name}; Pod status: Failed; Pod restart policy: Always"
        self._world.events.normal(self._cluster, "DeletedWorkerPod", message, "Delete")
        self._remove(pod)

    def scale_down(self, replicas: int) -> None:
        """The autoscaler or a user needs fewer workers: the newest are deleted."""
        surplus = self._workers[replicas:]
        if surplus:
            del self._workers[replicas:]
            message = f"Deleted Pod {surplus[0].namespace}/{surplus[0].name}"
            self._world.events.normal(self._cluster, "DeletedWorkerPod", message, "Delete", times=len(surplus))
            self._delete(surplus)

    def suspend(self) -> None:
        message = f"Deleted Pods for RayCluster {self._path} due to suspension"
        self._world.events.normal(self._cluster, "DeletedPod", message, "Delete", times=2)
        self.delete()

    def delete(self) -> None:
        """Delete all pods: their containers end within the grace period, then they are gone."""
        pods = self._pods()
        self._head, self._workers = None, []
        self._delete(pods)

    def clean_redis(self, shape: Shape) -> None:
        """The pods are deleted, and a Job runs that deletes the cluster's data from Redis."""
        self.delete()
        job = f"{self._path}-redis-cleanup"
        message = f"Created Redis cleanup Job {job}"
        self._world.events.normal(self._cluster, "CreatedRedisCleanupJob", message)
        if self._world.with_pods:
            template = pod_templates.redis_cleanup(self._cluster, shape)
            self._cleanup = self._create(template, template.prefix + derived_suffix(self._cluster.uid, "cleanup"))
            self._start(self._cleanup)
            self._run(self._cleanup)

    def redis_cleaned(self) -> None:
        """The Job has ended; it is deleted with its cluster."""
        if self._cleanup is not None:
            self._cleanup.end(self._world.now, 0, "Completed")
            self._world.put(self._cleanup)
            self._remove(self._cleanup)
            self._cleanup = None

    def _pods(self) -> list[SimulatedPod]:
        return [*([self._head] if self._head else []), *self._workers]

    def _create(self, template: PodTemplate, name: str) -> SimulatedPod:
        pod = SimulatedPod(template, self._cluster.namespace, name, self._world.now)
        self._world.put(pod)
        return pod

    def _start(self, pod: SimulatedPod) -> None:
        pod.schedule(self._world.now)
        self._world.put(pod)
        pod.create_containers(self._world.now)
        self._world.put(pod)

    def _run(self, pod: SimulatedPod) -> None:
        if pod.init is not None and not pod.init.is_running and not pod.init.is_completed:
            pod.run_init(self._world.now)
            self._world.put(pod)
        pod.run(self._world.now)
        self._world.put(pod)

    def _delete(self, pods: list[SimulatedPod]) -> None:
        if pods:
            self._world.spawn(delete_pods(self._world, pods), Random(0))

    def _remove(self, pod: SimulatedPod) -> None:
        """Delete a pod that has ended: there is nothing to wait for."""
        pod.mark_deleted(self._world.now, 0)
        self._world.put(pod)
        self._world.remove(pod)


def delete_pods(world: World, pods: list[SimulatedPod]) -> Steps:
    """Delete pods: those with containers end first, the others go at once."""
    running = [pod for pod in pods if pod.main is not None and pod.phase == "Running"]
    for pod in pods:
        if pod not in running:
            world.remove(pod)
    for pod in running:
        pod.mark_deleted(world.now)
        world.put(pod)
    yield 1.2
    for pod in running:
        pod.end(world.now, _ENDED_BY_SIGTERM, "Error")
        world.put(pod)
    yield 0.8
    for pod in running:
        pod.mark_deleted(world.now, 0)
        world.put(pod)
        world.remove(pod)
