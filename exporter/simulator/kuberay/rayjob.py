"""RayJobs: the status writes of the operator, attempt by attempt.

A plan says how each attempt ends; everything else (which fields a write has, what stays stale, when the
counter of failures grows) follows recordings of the operator (v1.7.0) and its source where no recording
has the case.
"""

from __future__ import annotations

from typing import Any, Final

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay import fleet, rayjob_plan
from exporter.simulator.kuberay.fleet import Place
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.rayjob_plan import Plan
from exporter.simulator.kuberay.rayjob_status import JobStatus
from exporter.simulator.kuberay.simulated_object import OPERATOR, Resource
from exporter.simulator.kuberay.world import Stays, World

PLURAL: Final = "rayjobs"
FINALIZER: Final = "ray.io/rayjob-finalizer"

_PENDING: Final = "Job has not started yet. It may be waiting for the runtime environment to be set up."
_TRACEBACK: Final = (
    "Job entrypoint command failed with exit code 1, last available logs (truncated to 20,000 chars):\n"
    'Traceback (most recent call last):\n  File "train.py", line 41, in <module>\n    main()\n'
    "RuntimeError: loss is NaN at step 1200\n"
)
_SUBMITTER: Final = (
    "Job submission has failed. Reason: BackoffLimitExceeded. Message: Job has reached the specified backoff limit"
)


class Job(JobStatus):
    """One RayJob; `live` is its whole life, the public methods that return Stays are parts of others."""

    def live(self) -> Stays:
        yield from self.start()
        for number, end in enumerate(self.plan.attempts):
            yield from self._attempt(end, first=number == 0)
        yield from self._aftermath()

    def start(self) -> Stays:
        """Created, and adopted by the operator."""
        self.world.put(self.resource)
        yield 0.01
        self.resource.adopt(self.world.now, FINALIZER)
        self.world.put(self.resource)
        yield 0.01

    def start_elsewhere(self) -> Stays:
        """Created, and not touched by this operator."""
        self.world.put(self.resource)
        yield 1.0

    def reach_initializing(self) -> Stays:
        """Up to a job whose cluster is being made, and never gets a head pod."""
        yield from self.start()
        self.initialize()
        yield 0.01
        yield from self.make_cluster().create_pods()

    def reach_running(self) -> Stays:
        """Up to a Ray job that runs."""
        yield from self.start()
        yield from self._submit()

    def delete(self) -> Stays:
        """The job is deleted; the operator lifts its finalizer, the collector takes its cluster."""
        if self.resource.finalizers:
            self.resource.mark_deleted(self.world.now)
            self.world.put(self.resource)
            yield 0.01
        self.world.remove(self.resource)
        yield 0.8
        self.drop_cluster()

    def _attempt(self, end: str, *, first: bool) -> Stays:
        if end == rayjob_plan.QUEUED:
            yield from self._wait_for_quota()
        elif end == rayjob_plan.PRE_RUNNING_DEADLINE:
            yield from self._miss_start()
        else:
            yield from self._submit()
            yield from self._run(first)
            if end == rayjob_plan.PREEMPTED:
                yield from self._preempted()
            else:
                yield from self._finish(end)

    def _submit(self) -> Stays:
        self.initialize()
        yield 0.01
        plan, world = self.plan, self.world
        cluster = self.make_cluster()
        yield from cluster.provision(world.uniform(*plan.head), world.uniform(*plan.workers))
        cluster.written = None
        interactive = plan.mode == "InteractiveMode"
        status = "Waiting" if interactive else "Running"
        self.write(jobDeploymentStatus=status, dashboardURL=cluster.dashboard)
        if interactive:
            yield from self._interact()
        yield 2.0 if plan.mode == "K8sJobMode" else 0.06
        self.write(
            jobStatus="PENDING",
            message=_PENDING,
            rayClusterStatus=cluster.status,
            rayJobInfo={"startTime": stamp(world.now)},
        )
        yield 3.0
        self.write(jobStatus="RUNNING", message="Job is currently running.")

    def _interact(self) -> Stays:
        """Waiting: a user submits a Ray job by hand and writes its id into the spec."""
        yield self.world.uniform(*self.plan.waits)
        job_id = f"{self.resource.name}-{self.world.suffix()}"
        self.resource.patch_spec(self.world.now, jobId=job_id)
        self.world.put(self.resource)
        yield 0.02
        self.write(jobDeploymentStatus="Running", jobId=job_id)

    def _run(self, first: bool) -> Stays:
        if first and self.plan.ends_at is not None:
            yield self.world.until(self.plan.ends_at)
        else:
            yield self.world.uniform(*self.plan.runs)

    def _finish(self, end: str) -> Stays:
        if end == rayjob_plan.SUCCEEDED:
            self._end("Complete", jobStatus=end, message="Job finished successfully.", succeeded=1)
        elif end == rayjob_plan.STOPPED:
            self._end("Complete", jobStatus=end, message="Job was intentionally stopped.")
        elif end == rayjob_plan.APP_FAILED:
            yield from self._fail(end, _TRACEBACK, jobStatus="FAILED", rayJobInfo=self.job_info())
        elif end == rayjob_plan.SUBMISSION_FAILED:
            yield from self._fail(end, _SUBMITTER)
        elif end == rayjob_plan.GRACE_PERIOD:
            finished = stamp(self.world.now - 30).replace("T", " ").rstrip("Z")
            message = f"The RayJob submitter finished at {finished} but the ray job did not reach terminal state"
            yield from self._fail(end, f"{message} within 30s", jobStatus="FAILED")
        elif end == rayjob_plan.STATUS_CHECK:
            yield from self._lose_dashboard()
        else:
            yield from self._exceed("activeDeadlineSeconds", end)

    def _lose_dashboard(self) -> Stays:
        since = stamp(self.world.now)
        self.write(jobStatusCheckFailureStartTime=since)
        yield 90.0
        started = since.replace("T", " ").rstrip("Z")
        message = f"Job status checks have been failing since {started}; exceeded timeout of 90s"
        yield from self._fail(rayjob_plan.STATUS_CHECK, message)

    def _miss_start(self) -> Stays:
        """The cluster is not ready in time."""
        self.initialize()
        yield 0.01
        yield from self.make_cluster().create_pods()
        yield float(self.resource.spec["preRunningDeadlineSeconds"])
        yield from self._exceed("preRunningDeadlineSeconds", rayjob_plan.PRE_RUNNING_DEADLINE)

    def _exceed(self, deadline: str, reason: str) -> Stays:
        seconds, name = self.resource.spec[deadline], deadline[0].upper() + deadline[1:]
        started = self.status["startTime"].replace("T", " ").replace("Z", " +0000 UTC")
        message = f"The RayJob has passed the {deadline}. StartTime: {started}. {name}: {seconds}"
        yield from self._fail(reason, message)

    def _fail(self, reason: str, message: str, **changes: Any) -> Stays:
        """Failed for good, or Retrying where the backoff limit allows another attempt."""
        failed = self.status["failed"] + 1
        changes |= {"reason": reason, "message": message, "failed": failed}
        final = reason in (rayjob_plan.DEADLINE, rayjob_plan.STATUS_CHECK)
        if final or failed > self.plan.backoff_limit:
            self._end("Failed", **changes)
            return
        self.write(jobDeploymentStatus="Retrying", **changes)
        yield from self._release()
        self.reset(jobDeploymentStatus=None)
        yield 0.01

    def _end(self, status: str, **changes: Any) -> None:
        if changes.get("jobStatus") in (rayjob_plan.SUCCEEDED, rayjob_plan.STOPPED):
            changes["rayJobInfo"] = self.job_info()
        self.write(jobDeploymentStatus=status, endTime=stamp(self.world.now), **changes)

    def _preempted(self) -> Stays:
        """Kueue takes the quota away, and gives it back later."""
        self._suspend(True)
        yield 0.01
        self.write(jobDeploymentStatus="Suspending")
        yield from self._release()
        self.reset(jobDeploymentStatus="Suspended")
        yield from self._resume()

    def _wait_for_quota(self) -> Stays:
        """Suspended from birth: Initializing for a moment, without a cluster."""
        self.initialize()
        yield 0.01
        self.write(jobDeploymentStatus="Suspending")
        yield 0.03
        self.write(jobDeploymentStatus="Suspended", jobId=None, rayClusterName=None)
        yield from self._resume()

    def _resume(self) -> Stays:
        yield self.world.uniform(*self.plan.waits)
        self._suspend(False)
        yield 0.02
        self.write(jobDeploymentStatus=None)
        yield 0.01

    def _suspend(self, suspend: bool) -> None:
        self.resource.patch_spec(self.world.now, "kueue", suspend=suspend)
        self.world.put(self.resource)

    def _aftermath(self) -> Stays:
        plan = self.plan
        if plan.shuts_down:
            yield 0.05
            self.drop_cluster()
        if plan.ttl is None:
            yield self.world.uniform(*plan.lingers)
        else:
            yield max(0.02, plan.ttl)
        yield from self.delete()

    def _release(self) -> Stays:
        """Wait until the old cluster is gone."""
        yield 0.03
        self.drop_cluster()
        # The operator looks again every three seconds.
        yield 3.0


def create(
    world: World,
    place: Place,
    plan: Plan,
    *,
    name: str = "",
    labels: dict[str, str] | None = None,
    annotations: dict[str, str] | None = None,
    owner: Resource | None = None,
    shape: Shape | None = None,
    **spec: Any,
) -> Job:
    """A RayJob as its user (or its RayCronJob) makes it; it enters the store when it starts."""
    name = name or world.name(PLURAL, place.namespace, fleet.job_stem(world))
    shape = shape or fleet.shape(world)
    resource = world.resource(
        PLURAL,
        place.namespace,
        name,
        {**rayjob_plan.job_spec(world, plan, shape), **spec},
        labels={**place.labels(queued=plan.queued), **(labels or {})},
        annotations=annotations,
        owner=owner,
        manager=place.manager if owner is None else OPERATOR,
        spec_fields=world.manifests.job_fields,
    )
    return Job(world, resource, plan, shape)
