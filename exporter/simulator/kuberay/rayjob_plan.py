"""What a RayJob is meant to go through, and the spec that goes with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.simulator.kuberay import manifests
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.simulated_object import JSON
from exporter.simulator.kuberay.world import World

MULTIKUEUE: Final = "kueue.x-k8s.io/multikueue"

# How an attempt can end: as a Ray job, or with one of the operator's reasons.
SUCCEEDED: Final = "SUCCEEDED"
STOPPED: Final = "STOPPED"
APP_FAILED: Final = "AppFailed"
SUBMISSION_FAILED: Final = "SubmissionFailed"
DEADLINE: Final = "DeadlineExceeded"
PRE_RUNNING_DEADLINE: Final = "PreRunningDeadlineExceeded"
GRACE_PERIOD: Final = "JobDeploymentStatusTransitionGracePeriodExceeded"
STATUS_CHECK: Final = "JobStatusCheckTimeoutExceeded"
# Not ends, but an attempt is over all the same: suspended while it ran, or before it could.
PREEMPTED: Final = "Preempted"
QUEUED: Final = "Queued"

FAILURES: Final = (APP_FAILED, SUBMISSION_FAILED, DEADLINE, PRE_RUNNING_DEADLINE, GRACE_PERIOD, STATUS_CHECK)


@dataclass(frozen=True)
class Plan:
    """What becomes of a job. Pairs of seconds are bounds; a negative backoff limit is an absent one."""

    attempts: tuple[str, ...] = (SUCCEEDED,)
    mode: str = "K8sJobMode"
    runs: tuple[float, float] = (60.0, 300.0)
    head: tuple[float, float] = (4.0, 20.0)
    workers: tuple[float, float] = (4.0, 25.0)
    waits: tuple[float, float] = (60.0, 240.0)
    backoff_limit: int = 0
    queued: bool = False
    # The first attempt ends at this time instead of after `runs`.
    ends_at: float | None = None
    # Seconds after its end at which the job deletes itself; None: somebody does, after `lingers`.
    ttl: int | None = None
    # A limit that is far away; attempts that end by their deadline bring a near one.
    deadline_seconds: int | None = None
    lingers: tuple[float, float] = (240.0, 900.0)
    # The cluster goes when the job ends, the job stays.
    shuts_down: bool = False


def job_spec(world: World, plan: Plan, shape: Shape) -> JSON:
    spec: JSON = {
        "entrypoint": "python /home/ray/samples/train.py",
        "rayClusterSpec": world.manifests.cluster_spec(shape, filled=True),
        "runtimeEnvYAML": manifests.runtime_env(),
        "submissionMode": plan.mode,
        "ttlSecondsAfterFinished": plan.ttl or 0,
    }
    if plan.backoff_limit >= 0:
        spec["backoffLimit"] = plan.backoff_limit
    if plan.ttl is not None or plan.shuts_down or plan.queued:
        spec["shutdownAfterJobFinishes"] = True
    if DEADLINE in plan.attempts:
        spec["activeDeadlineSeconds"] = 120
    elif plan.deadline_seconds is not None:
        spec["activeDeadlineSeconds"] = plan.deadline_seconds
    if PRE_RUNNING_DEADLINE in plan.attempts:
        spec["preRunningDeadlineSeconds"] = 60
    if plan.attempts[:1] == (QUEUED,):
        spec["suspend"] = True
    return spec
