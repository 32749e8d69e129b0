"""Kueue: a queue with a few GPUs, the Workloads of the objects in it, and scenarios of these objects.

Conditions and messages are those of Kueue 0.19. There is one cluster queue with one flavor. It starts whatever fits;
what has a higher priority stops what has a lower one until it fits.

Not promised: fair sharing, borrowing, and that a replay shares the quota as it would have been shared at the time.
"""

from __future__ import annotations

from hashlib import sha1
from typing import Any, Final

from exporter.simulator.api_conventions import WORKLOADS, timestamp
from exporter.simulator.kuberay import fleet, raycluster, rayjob, rayjob_plan, rayservice
from exporter.simulator.kuberay.rayjob import SimulatedJob
from exporter.simulator.kuberay.simulated_object import JSON, SimulatedObject, owner_reference, with_condition
from exporter.simulator.kuberay.world import FOREVER, Steps, World

QUOTA: Final = 8
"""GPUs of the queue."""
READY_SECONDS: Final = 60.0
"""How long Kueue waits for the pods of a job (waitForPodsReady); its default is half an hour."""

_POLL_SECONDS: Final = 5.0
_GPUS, _FLAVOR, _QUEUE = "nvidia.com/gpu", "a100", "gpu-queue"
_MISSING: Final = (
    "couldn't assign flavors to pod set workers: insufficient {} for " + f"{_GPUS} in flavor {_FLAVOR}, {{}}"
)
_REQUEST: Final = "previously considered podsets requests (0) + current podset request ({}) > maximum capacity ({})"
_PREEMPTED: Final = "Preempted to accommodate a workload with higher priority"
_ADMITTED: Final = ("Admitted", "True", "Admitted", "The workload is admitted")
_LIMIT: Final = "DeactivatedDueToRequeuingLimitExceeded"


class SimulatedWorkload:
    """The Workload of an object that asks for GPUs; one that `must_stop` has to make room for another."""

    plural: Final = WORKLOADS

    def __init__(self, world: World, owner: SimulatedObject, gpus: int, priority: int = 0) -> None:
        self.world, self.owner, self.gpus, self.priority = world, owner, gpus, priority
        self.namespace, self.uid, self.created_at = owner.namespace, world.random_uid(), world.now
        digest = sha1(owner.uid.encode(), usedforsecurity=False).hexdigest()
        self.name = f"{owner.kind.lower()}-{owner.name}-{digest[:5]}"
        self.stored, self.resource_version = False, ""
        self.active, self.must_stop = True, False
        self._conditions: list[JSON] = []
        self._evictions: dict[tuple[str, str], int] = {}
        self._status: JSON = {}
        world.put(self)

    def manifest(self) -> JSON:
        """Return the object as JSON; later manifests share nothing that changes."""
        names = ("reason", "underlyingCause", "count")
        evictions = [dict(zip(names, (*key, count), strict=True)) for key, count in self._evictions.items()]
        metadata: JSON = {"name": self.name, "namespace": self.namespace, "uid": self.uid, "generation": 1}
        metadata |= {"creationTimestamp": timestamp(self.created_at)}
        status = {**self._status, "conditions": self._conditions, "schedulingStats": {"evictions": evictions}}
        return {
            "metadata": metadata | {"ownerReferences": [owner_reference(self.owner)]},
            "spec": {"active": self.active, "priority": self.priority, "queueName": _QUEUE},
            "status": status,
        }

    def write(self, *conditions: tuple[str, str, str, str], **status: Any) -> None:
        """Set conditions and fields of the status; those that are None are removed."""
        for condition in conditions:
            self._conditions = with_condition(self._conditions, self.world.now, *condition)
        self._status = {key: value for key, value in {**self._status, **status}.items() if value is not None}
        self.world.put(self)

    def admit(self) -> bool:
        """Reserve quota and return True; else let others stop, and write how much is missing."""
        holders: list[SimulatedWorkload] = self.world.quota_holders
        missing = self.gpus - QUOTA + sum(one.gpus for one in holders)
        if missing <= 0:
            holders.append(self)
            past = [one for one in self._conditions if one["type"] in ("Evicted", "Preempted")]
            usage = {"flavors": {_GPUS: _FLAVOR}, "name": "workers", "resourceUsage": {_GPUS: str(self.gpus)}}
            self.write(
                ("QuotaReserved", "True", "QuotaReserved", f"Quota reserved in ClusterQueue {_QUEUE}-cq"),
                *[(one["type"], "False", "QuotaReserved", "Previously: " + one["message"]) for one in past],
                admission={"clusterQueue": f"{_QUEUE}-cq", "podSetAssignments": [usage]},
                resourceRequests=None,
                requeueState=None,
            )
            return True
        request = {"name": "workers", "resources": {_GPUS: str(self.gpus)}}
        message = _MISSING.format("unused quota", f"{missing} more needed")
        if self.gpus > QUOTA:
            message = _MISSING.format("quota", _REQUEST.format(self.gpus, QUOTA))
        for one in holders if self.gpus <= QUOTA else ():
            one.must_stop |= one.priority < self.priority
        if message not in [one["message"] for one in self._conditions]:
            self.write(("QuotaReserved", "False", "Pending", message), resourceRequests=[request])
        return False

    def evict(self, reason: str, message: str, cause: str = "") -> None:
        """Begin an eviction; the quota stays reserved until `release`."""
        key = "Deactivated" if reason == _LIMIT else reason, cause
        self._evictions = {**self._evictions, key: self._evictions.get(key, 0) + 1}
        more = [("Preempted", "True", "InClusterQueue", message)] if reason == "Preempted" else []
        self.write(("Evicted", "True", reason, message), *more)

    def release(self, reason: str, message: str, **status: Any) -> None:
        """End an eviction: the pods have stopped."""
        self.world.quota_holders.remove(self)
        self.must_stop = False
        self.write(
            ("QuotaReserved", "False", "Pending", message),
            ("Admitted", "False", "NoReservation", "The workload has no reservation"),
            ("Requeued", str(reason == "Preempted"), reason, message),
            **{"admission": None, **status},
        )


class QueuedJob(SimulatedJob):
    """A RayJob that Kueue starts and stops."""

    workload: SimulatedWorkload
    eviction: tuple[str, str, float, JSON] | None = None

    def begin(self, gpus: int, priority: int = 0) -> Steps:
        """Created as suspended, until there is quota."""
        yield from self.start()
        self.workload = SimulatedWorkload(self.world, self.obj, gpus, priority)
        yield from self._wait_for_quota()

    def stop(self, reason: str, message: str, pause: float, cause: str = "", **status: Any) -> Steps:
        """Suspended by Kueue, and queued again after a pause."""
        self.eviction = reason, message, pause, status
        self.workload.evict(reason, message, cause)
        yield from self._preempted()

    def _resume(self) -> Steps:
        if self.eviction is not None:
            reason, message, pause, status = self.eviction
            self.workload.release(reason, message, **status)
            yield pause
            if reason != "Preempted":
                self.workload.write(("Requeued", "True", "BackoffFinished", "The workload backoff was finished"))
        while not self.workload.admit():
            yield _POLL_SECONDS
        self.workload.write(_ADMITTED)
        self._set_suspend(False)
        yield 0.02
        self.write(jobDeploymentStatus=None)
        yield 0.01

    def run_to_its_end(self) -> Steps:
        """Started again as often as it is stopped for another one."""
        yield from self._submit()
        for _ in range(self.world.random.randrange(12, 48)):
            yield _POLL_SECONDS
            if self.workload.must_stop:
                # What it is stopped for comes first.
                yield from self.stop("Preempted", _PREEMPTED, 4 * _POLL_SECONDS)
                yield from self.run_to_its_end()
                return
        yield from self._finish(rayjob_plan.SUCCEEDED)
        self.world.quota_holders.remove(self.workload)
        self.workload.write(("Finished", "True", "Succeeded", "Job finished successfully"))
        yield from self._clean_up()
        self.world.remove(self.workload)


def runs(world: World, gpus: int = QUOTA // 2, priority: int = 0) -> Steps:
    """Waits for its part of the quota; one of a high priority stops others for it."""
    job = _job(world)
    yield from job.begin(gpus, priority)
    yield from job.run_to_its_end()


def never_ready(world: World, limit: int) -> Steps:
    """Its pods are not ready in time: after so many retries, Kueue deactivates it."""
    job = _job(world)
    yield from job.begin(1)
    for retries in range(1, limit + 2):
        job.initialize()
        yield 0.01
        yield from job.create_cluster().create_pods()
        yield READY_SECONDS
        if retries > limit:
            job.workload.active = False
            yield from job.stop(_LIMIT, "The maximum number of retries is exceeded", FOREVER, "RequeuingLimitExceeded")
        backoff = min(60.0 * 2 ** (retries - 1), 3600.0)
        state = {"count": retries, "requeueAt": timestamp(world.now + backoff)}
        message = f"Exceeded the PodsReady timeout {job.obj.namespace}/{job.workload.name}"
        yield from job.stop("PodsReadyTimeout", message, backoff, "WaitForStart", requeueState=state)


def too_large(world: World) -> Steps:
    """Asks for more than all of the quota."""
    cluster = raycluster.create(world, fleet.random_tenant(world), fleet.random_shape(world), queued=True, suspend=True)
    SimulatedWorkload(world, cluster.obj, 2 * QUOTA).admit()
    yield from cluster.start_suspended()
    yield FOREVER


def checked(world: World) -> Steps:
    """Waits for a worker cluster of MultiKueue, runs there for a while, and is sent back."""
    service = rayservice.create(world, fleet.random_tenant(world), managedBy=rayjob_plan.MULTIKUEUE)
    world.put(service.obj)
    workload, message = SimulatedWorkload(world, service.obj, 0), "The worker cluster has evicted the workload"
    check = {"name": "multikueue-prod", "state": "Pending", "message": ""}
    while workload.admit():
        workload.write(admissionChecks=[check], nominatedClusterNames=["gpu-east", "gpu-west"])
        yield world.uniform(20, 60)
        status: JSON = {"admissionChecks": [check | {"state": "Ready"}], "nominatedClusterNames": None}
        workload.write(_ADMITTED, clusterName="gpu-east", **status)
        yield world.uniform(60, 180)
        workload.evict("AdmissionCheck", message)
        workload.release("AdmissionCheck", message, clusterName=None)
        yield world.uniform(2, 10)


def _job(world: World) -> QueuedJob:
    plan = rayjob_plan.JobPlan((rayjob_plan.QUEUED,), queued=True, kept_seconds=(120, 300), deletes_cluster=True)
    job = rayjob.create(world, fleet.random_tenant(world), plan)
    return QueuedJob(world, job.obj, plan, fleet.random_shape(world))
