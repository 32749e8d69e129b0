"""RayJobs: the status writes of the operator, attempt by attempt.

The plan says how each attempt ends. Everything else (the fields of each write, those that are not cleared, when
`failed` increases) follows recordings of the operator (v1.7.0), or its source if there is no recording of the case.
"""

from __future__ import annotations

from typing import Any, Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay import fleet, rayjob_plan
from exporter.simulator.kuberay.fleet import Tenant
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from exporter.simulator.kuberay.rayjob_status import SimulatedJobStatus
from exporter.simulator.kuberay.simulated_event import NORMAL
from exporter.simulator.kuberay.simulated_object import OPERATOR, SimulatedObject
from exporter.simulator.kuberay.world import Steps, World

PLURAL: Final = "rayjobs"
FINALIZER: Final = "ray.io/rayjob-finalizer"

_PENDING: Final = "Job has not started yet. It may be waiting for the runtime environment to be set up."
_TRACEBACK: Final = (
    "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\n"
    'Traceback (most recent call last):\n  File "train.py", line 41, in <module>\n    main()\n'
    "RuntimeError: loss is NaN at step 1200\n"
)
_KUEUE: Final = "ray.io/rayjob-kueue-controller"
_PREEMPTED: Final = "Preempted to accommodate a workload with higher priority"
_SUBMITTER: Final = (
    "Job submission has failed. Reason: BackoffLimitExceeded. Message: Job has reached the specified backoff limit"
)

# The submitter follows the logs of its Ray job, and ends with it.
_SUBMITTER_EXIT_CODES: Final = {
    rayjob_plan.SUCCEEDED: 0,
    rayjob_plan.STOPPED: 0,
    rayjob_plan.GRACE_PERIOD: 0,
    rayjob_plan.APP_FAILED: 1,
    rayjob_plan.SUBMISSION_FAILED: 1,
}


class SimulatedJob(SimulatedJobStatus):
    """One RayJob; `run` is its whole lifecycle, the other public methods that return Steps are parts of scenarios."""

    def run(self) -> Steps:
        yield from self.start()
        for number, end in enumerate(self.plan.attempts):
            yield from self._attempt(end, first=number == 0)
        yield from self._clean_up()

    def start(self) -> Steps:
        """Created by its user, then changed by the operator for the first time."""
        self.world.put(self.obj)
        yield 0.01
        self.obj.adopt(self.world.now, FINALIZER)
        self.world.put(self.obj)
        yield 0.01

    def start_remote(self) -> Steps:
        """Created by its user, and not changed by this operator."""
        self.world.put(self.obj)
        yield 1.0

    def reach_initializing(self) -> Steps:
        """Up to a job whose cluster has no running head pod yet."""
        yield from self.start()
        self.initialize()
        yield 0.01
        yield from self.create_cluster().create_pods()

    def reach_running(self) -> Steps:
        """Up to a running Ray job."""
        yield from self.start()
        yield from self._submit()

    def delete(self) -> Steps:
        """The job is deleted: the operator removes its finalizer, and garbage collection deletes its cluster."""
        if self.obj.finalizers:
            self.obj.mark_deleted(self.world.now)
            self.world.put(self.obj)
            yield 0.01
        self.world.remove(self.obj)
        yield 0.8
        self.delete_cluster(by_operator=False)
        self.submitter.delete(by_operator=False)

    def _attempt(self, end: str, *, first: bool) -> Steps:
        if end == rayjob_plan.QUEUED:
            yield from self._wait_for_quota()
        elif end == rayjob_plan.PRE_RUNNING_DEADLINE:
            yield from self._exceed_pre_running_deadline()
        else:
            yield from self._submit()
            yield from self._run(first)
            if end == rayjob_plan.PREEMPTED:
                yield from self._preempted()
            else:
                yield from self._finish(end)

    def _submit(self) -> Steps:
        self.initialize()
        yield 0.01
        plan, world = self.plan, self.world
        cluster = self.create_cluster()
        yield from cluster.provision(world.uniform(*plan.head_seconds), world.uniform(*plan.worker_seconds))
        cluster.on_write = None
        interactive = plan.mode == "InteractiveMode"
        status = "Waiting" if interactive else "Running"
        self.write(jobDeploymentStatus=status, dashboardURL=cluster.dashboard)
        if interactive:
            yield from self._wait_for_user()
        if plan.mode == "K8sJobMode":
            self.submitter.create()
            yield 2.0
            self.submitter.run()
        else:
            yield 0.06
        self.write(
            jobStatus="PENDING",
            message=_PENDING,
            rayClusterStatus=cluster.status,
            rayJobInfo={"startTime": timestamp(world.now)},
        )
        yield 3.0
        self.write(jobStatus="RUNNING", message="Job is currently running.")

    def _wait_for_user(self) -> Steps:
        """Waiting, until a user submits a Ray job and writes its id into the spec."""
        yield self.world.uniform(*self.plan.wait_seconds)
        job_id = f"{self.obj.name}-{self.world.random_suffix()}"
        self.obj.patch_spec(self.world.now, jobId=job_id)
        self.world.put(self.obj)
        yield 0.02
        self.write(jobDeploymentStatus="Running", jobId=job_id)

    def _run(self, first: bool) -> Steps:
        if first and self.plan.first_end_at is not None:
            yield self.world.seconds_until(self.plan.first_end_at)
        else:
            yield self.world.uniform(*self.plan.run_seconds)

    def _finish(self, end: str) -> Steps:
        if end in _SUBMITTER_EXIT_CODES:
            self.submitter.end(_SUBMITTER_EXIT_CODES[end])
        if end == rayjob_plan.SUCCEEDED:
            self._end("Complete", jobStatus=end, message="Job finished successfully.", succeeded=1)
        elif end == rayjob_plan.STOPPED:
            self._end("Complete", jobStatus=end, message="Job was intentionally stopped.")
        elif end == rayjob_plan.APP_FAILED:
            yield from self._fail(end, _TRACEBACK, jobStatus="FAILED", rayJobInfo=self.job_info())
        elif end == rayjob_plan.SUBMISSION_FAILED:
            yield from self._fail(end, _SUBMITTER)
        elif end == rayjob_plan.GRACE_PERIOD:
            finished = timestamp(self.world.now - 30).replace("T", " ").rstrip("Z")
            message = f"The RayJob submitter finished at {finished} but the ray job did not reach terminal state"
            yield from self._fail(end, f"{message} within 30s", jobStatus="FAILED")
        elif end == rayjob_plan.STATUS_CHECK:
            yield from self._fail_status_checks()
        else:
            yield from self._exceed_deadline("activeDeadlineSeconds", end)

    def _fail_status_checks(self) -> Steps:
        """The head runs out of memory, and the Ray job is lost with it."""
        if self._cluster is not None:
            yield from self._cluster.run_out_of_memory()
        since = timestamp(self.world.now)
        self.write(jobStatusCheckFailureStartTime=since)
        yield 90.0
        started = since.replace("T", " ").rstrip("Z")
        message = f"Job status checks have been failing since {started}; exceeded timeout of 90s"
        yield from self._fail(rayjob_plan.STATUS_CHECK, message)

    def _exceed_pre_running_deadline(self) -> Steps:
        """The cluster is not ready in time."""
        self.initialize()
        yield 0.01
        yield from self.create_cluster().create_pods()
        yield float(self.obj.spec["preRunningDeadlineSeconds"])
        yield from self._exceed_deadline("preRunningDeadlineSeconds", rayjob_plan.PRE_RUNNING_DEADLINE)

    def _exceed_deadline(self, deadline: str, reason: str) -> Steps:
        seconds, name = self.obj.spec[deadline], deadline[0].upper() + deadline[1:]
        started = self.status["startTime"].replace("T", " ").replace("Z", " +0000 UTC")
        message = f"The RayJob has passed the {deadline}. StartTime: {started}. {name}: {seconds}"
        yield from self._fail(reason, message)

    def _fail(self, reason: str, message: str, **changes: Any) -> Steps:
        """Failed, or Retrying if the backoff limit allows another attempt."""
        failed = self.status["failed"] + 1
        changes |= {"reason": reason, "message": message, "failed": failed}
        final = reason in (rayjob_plan.DEADLINE, rayjob_plan.STATUS_CHECK)
        if final or failed > self.plan.backoff_limit:
            self._end("Failed", **changes)
            return
        self.write(jobDeploymentStatus="Retrying", **changes)
        yield from self._release_cluster()
        self.reset(jobDeploymentStatus=None)
        yield 0.01

    def _end(self, status: str, **changes: Any) -> None:
        if changes.get("jobStatus") in (rayjob_plan.SUCCEEDED, rayjob_plan.STOPPED):
            changes["rayJobInfo"] = self.job_info()
        self.write(jobDeploymentStatus=status, endTime=timestamp(self.world.now), **changes)

    def _preempted(self) -> Steps:
        """Kueue suspends the job, and resumes it later."""
        self._set_suspend(True)
        yield 0.01
        self.write(jobDeploymentStatus="Suspending")
        yield from self._release_cluster()
        self.reset(jobDeploymentStatus="Suspended")
        yield from self._resume()

    def _wait_for_quota(self) -> Steps:
        """Created as suspended: Initializing for a moment, without a cluster."""
        self.initialize()
        yield 0.01
        self.write(jobDeploymentStatus="Suspending")
        yield 0.03
        self.write(jobDeploymentStatus="Suspended", jobId=None, rayClusterName=None)
        yield from self._resume()

    def _resume(self) -> Steps:
        yield self.world.uniform(*self.plan.wait_seconds)
        self._set_suspend(False)
        yield 0.02
        self.write(jobDeploymentStatus=None)
        yield 0.01

    def _set_suspend(self, suspend: bool) -> None:
        self.obj.patch_spec(self.world.now, "kueue", suspend=suspend)
        self.world.put(self.obj)
        reason, message = ("Stopped", _PREEMPTED) if suspend else ("Started", "Admitted by clusterQueue gpu-queue")
        self.world.events.legacy(self.obj, _KUEUE, NORMAL, reason, message)

    def _clean_up(self) -> Steps:
        plan = self.plan
        if plan.deletes_cluster:
            yield 0.05
            self.delete_cluster()
        if plan.ttl_seconds is None:
            yield self.world.uniform(*plan.kept_seconds)
        else:
            yield max(0.02, plan.ttl_seconds)
        yield from self.delete()

    def _release_cluster(self) -> Steps:
        """Delete the cluster of this attempt, and wait for that."""
        yield 0.03
        self.delete_cluster()
        self.submitter.delete(by_operator=True)
        # The operator checks every three seconds.
        yield 3.0


def create(
    world: World,
    tenant: Tenant,
    plan: JobPlan,
    *,
    name: str = "",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owner: SimulatedObject | None = None,
    shape: Shape | None = None,
    **spec: Any,
) -> SimulatedJob:
    """Return a RayJob as its user (or its RayCronJob) creates it; `start` writes it to the store.

    A field of `spec` that is None is left out.
    """
    name = name or world.unique_name(PLURAL, tenant.namespace, fleet.job_name_prefix(world))
    shape = shape or fleet.random_shape(world)
    obj = world.new_object(
        PLURAL,
        tenant.namespace,
        name,
        {
            key: value
            for key, value in {**rayjob_plan.job_spec(world, plan, shape), **spec}.items()
            if value is not None
        },
        labels={**tenant.labels(queued=plan.queued), **(labels or {})},
        annotations=annotations,
        owner=owner,
        manager=tenant.manager if owner is None else OPERATOR,
        spec_fields=world.manifests.job_fields,
    )
    return SimulatedJob(world, obj, plan, shape)
