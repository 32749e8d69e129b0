"""The plan of a simulated RayJob: how its attempts end and how long they take, and the spec that fits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from exporter.simulator.kuberay import manifests
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.simulated_object import JSON
from exporter.simulator.kuberay.world import World

MULTIKUEUE: Final = "kueue.x-k8s.io/multikueue"

# How an attempt ends: a status of the Ray job, or a reason of the operator.
SUCCEEDED: Final = "SUCCEEDED"
STOPPED: Final = "STOPPED"
APP_FAILED: Final = "AppFailed"
SUBMISSION_FAILED: Final = "SubmissionFailed"
DEADLINE: Final = "DeadlineExceeded"
PRE_RUNNING_DEADLINE: Final = "PreRunningDeadlineExceeded"
GRACE_PERIOD: Final = "JobDeploymentStatusTransitionGracePeriodExceeded"
STATUS_CHECK: Final = "JobStatusCheckTimeoutExceeded"
# The attempt is suspended while it runs, or before it begins; another one follows.
PREEMPTED: Final = "Preempted"
QUEUED: Final = "Queued"

FAILURES: Final = (APP_FAILED, SUBMISSION_FAILED, DEADLINE, PRE_RUNNING_DEADLINE, GRACE_PERIOD, STATUS_CHECK)


@dataclass(frozen=True)
class JobPlan:
    """The attempts of a job and their durations, as bounds; a negative backoff limit means that the spec has none."""

    attempts: tuple[str, ...] = (SUCCEEDED,)
    mode: str = "K8sJobMode"
    run_seconds: tuple[float, float] = (60.0, 300.0)
    head_seconds: tuple[float, float] = (4.0, 20.0)
    worker_seconds: tuple[float, float] = (4.0, 25.0)
    wait_seconds: tuple[float, float] = (60.0, 240.0)
    backoff_limit: int = 0
    queued: bool = False
    # The first attempt ends at this time instead of after `run_seconds`.
    first_end_at: float | None = None
    # ttlSecondsAfterFinished; None: a user deletes the job `kept_seconds` after its end.
    ttl_seconds: int | None = None
    # activeDeadlineSeconds of a job that does not exceed it; one that does gets a short deadline.
    deadline_seconds: int | None = None
    kept_seconds: tuple[float, float] = (240.0, 900.0)
    # shutdownAfterJobFinishes: the cluster is deleted when the job ends.
    deletes_cluster: bool = False


def job_spec(world: World, plan: JobPlan, shape: Shape) -> JSON:
    """Return the spec of a job that can follow the plan; absent fields are absent."""
    spec: JSON = {
        "entrypoint": "python /home/ray/samples/train.py",
        "rayClusterSpec": world.manifests.cluster_spec(shape, filled=True),
        "runtimeEnvYAML": manifests.runtime_env(),
        "submissionMode": plan.mode,
        "ttlSecondsAfterFinished": plan.ttl_seconds or 0,
    }
    if plan.backoff_limit >= 0:
        spec["backoffLimit"] = plan.backoff_limit
    if plan.ttl_seconds is not None or plan.deletes_cluster or plan.queued:
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
