"""The state of an object in one word, since when, and which states are known to be well."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.common import condition, manager
from exporter.diagnosis.phrases import age_seconds
from exporter.resources.detailed import (
    DetailedObject,
    DetailedRayCluster,
    DetailedRayClusterStatus,
    DetailedRayJob,
    DetailedRayService,
    DetailedRayServiceStatuses,
)

MULTIKUEUE = "kueue.x-k8s.io/multikueue"

START_SECONDS = 600.0
"""How long a start may take without a finding of its own: autoscalers need minutes, and images have gigabytes."""

STALE_SECONDS = 300.0
"""How long a status may contradict what is there: the operator waits so long for a submitter, too."""


class Judgement(NamedTuple):
    """What a state means: well without a cause, else a finding with it `after` some seconds."""

    cause: Cause | None = None
    after: float = 0.0


WELL = Judgement()
_UNKNOWN = Judgement(Cause.UNKNOWN)
_STARTING = Judgement(Cause.UNKNOWN, START_SECONDS)

Table = Mapping[str, Judgement]


def _table(well: str, starting: str, /, **bad: Cause | Judgement) -> Table:
    """Return a table of states: those that are well, those of a start with "", and the others with their cause."""
    return {
        **dict.fromkeys(well.split(), WELL),
        **dict.fromkeys(("", *starting.split()), _STARTING),
        **{state: Judgement(cause) if isinstance(cause, Cause) else cause for state, cause in bad.items()},
    }


def _late(cause: Cause) -> Judgement:
    return Judgement(cause, STALE_SECONDS)


# KubeRay 1.0 and 1.1 have `unhealthy`.
CLUSTER_STATES = _table("ready", "", failed=Cause.REPLICA_FAILURE, unhealthy=Cause.REPLICA_FAILURE)
JOB_STATES = _table(
    "Running Complete",
    "Initializing Retrying WaitForDashboard WaitForK8sJob",
    Waiting=Cause.INTERACTIVE,
    ValidationFailed=Cause.INVALID_SPEC,
    # Only KubeRay 1.0 has these, and the two above that wait.
    FailedToGetOrCreateRayCluster=_late(Cause.OPERATION_FAILED),
    FailedJobDeploy=Cause.SUBMISSION_FAILED,
    FailedToGetJobStatus=_late(Cause.HEAD_NOT_ANSWERING),
)
RAY_JOB_STATES: Table = {
    "RUNNING": WELL,
    **dict.fromkeys(("", "PENDING"), Judgement(Cause.JOB_NOT_STARTED, START_SECONDS)),
    **dict.fromkeys(("SUCCEEDED", "STOPPED"), _late(Cause.STALE_STATUS)),
    "FAILED": Judgement(Cause.APPLICATION_FAILED),
}
"""`jobStatus` of a job that is Running."""

RAY_JOB_ENDS = {**_table("SUCCEEDED STOPPED", "", FAILED=Cause.APPLICATION_FAILED), "": WELL}
"""`jobStatus` of a job that is Complete: KubeRay up to 1.1 wrote Complete also for a Ray job that failed."""

SERVICE_STATES = _table(
    "Running",
    "WaitForDashboard WaitForServeDeploymentReady Restarting",
    FailedServeDeploy=Cause.APPLICATION_UNHEALTHY,
    FailedToGetServeDeploymentStatus=_late(Cause.HEAD_NOT_ANSWERING),
    FailedToGetOrCreateRayCluster=Cause.OPERATION_FAILED,
    FailedToUpdateIngress=Cause.OPERATION_FAILED,
    FailedToUpdateServingPodLabel=Cause.OPERATION_FAILED,
    FailedToUpdateService=Cause.OPERATION_FAILED,
)
"""`serviceStatus` of KubeRay before 1.3."""

UNREADY_REASONS = _table(
    "",
    "Initializing SuspendInProgress SuspendComplete",
    ZeroServeEndpoints=Cause.NO_SERVE_ENDPOINTS,
    InitializingTimeout=Cause.INITIALIZING_TIMEOUT,
    ValidationFailed=Cause.INVALID_SPEC,
)
"""Reasons of a service's condition Ready that is not true."""

_BAD = {"DEPLOY_FAILED": Cause.APPLICATION_UNHEALTHY, "UNHEALTHY": Cause.APPLICATION_UNHEALTHY}
APPLICATION_STATES = _table("RUNNING", "NOT_STARTED DEPLOYING DELETING", **_BAD)
DEPLOYMENT_STATES = _table("HEALTHY", "UPDATING UPSCALING DOWNSCALING", **_BAD)


def judge(table: Table, state: str | None, since: datetime | None, now: datetime) -> Cause | None:
    """Return the cause that a state shows after this time, None if it is well, or is not yet too long."""
    cause, after = table.get(state or "", _UNKNOWN)
    return cause if not after or age_seconds(now, since) > after else None


class State(NamedTuple):
    """A state, and when it was entered; None if the object does not show it."""

    name: str
    since: datetime | None = None


def has_status(obj: DetailedObject) -> bool:
    """Return whether the operator has written a status, in any version of KubeRay that is supported."""
    status = obj.status
    if isinstance(status, DetailedRayClusterStatus):
        # Its quantities are 0 and its head is empty from the start.
        workers = status.desired_worker_replicas or status.available_worker_replicas or status.ready_worker_replicas
        return bool(status.conditions or status.state or status.last_update_time or workers or status.reason)
    if isinstance(status, DetailedRayServiceStatuses):
        roles = (status.active_service_status, status.pending_service_status)
        has_role = any(role and (role.ray_cluster_name or role.application_statuses) for role in roles)
        return bool(status.conditions or status.service_status or status.last_update_time or has_role)
    if isinstance(obj, DetailedRayJob) and obj.status is not None:
        return bool(obj.status.job_deployment_status or obj.status.start_time or obj.status.job_status)
    return status is not None


def state_of(obj: DetailedObject) -> State:
    """Return the state of an object, as docs/api.md lists them."""
    if obj.metadata.deletion_timestamp is not None:
        return State("Deleting", obj.metadata.deletion_timestamp)
    if (controller := manager(obj)) and not has_status(obj) and not getattr(obj.spec, "suspend", None):
        known = controller if controller == MULTIKUEUE else "another controller"
        return State(f"Managed by {known}", obj.metadata.creation_timestamp)
    if isinstance(obj, DetailedRayCluster):
        return _of_cluster(obj)
    if isinstance(obj, DetailedRayJob):
        return _of_job(obj)
    if isinstance(obj, DetailedRayService):
        return _of_service(obj)
    return State("Suspended" if obj.spec is not None and obj.spec.suspend else "Scheduled")


def _of_cluster(cluster: DetailedRayCluster) -> State:
    status = cluster.status
    if suspension := _suspension(cluster, "RayClusterSuspended", "RayClusterSuspending"):
        return suspension
    times = (status and status.state_transition_times) or {}
    if status is not None and status.state:
        return State(_CLUSTER_NAMES.get(status.state, status.state), times.get(status.state))
    provisioned = condition(status, "RayClusterProvisioned")
    if provisioned is not None and provisioned.is_true:
        return State("NotReady", None)
    return State("Provisioning", cluster.metadata.creation_timestamp)


_CLUSTER_NAMES = {"ready": "Ready", "failed": "Failed", "suspended": "Suspended", "unhealthy": "NotReady"}


def _of_job(job: DetailedRayJob) -> State:
    status = job.status
    name = (status and status.job_deployment_status) or "New"
    if status is None or name == "New":
        return State("New", job.metadata.creation_timestamp if status is None or not status.start_time else None)
    ray_start = status.ray_job_info.start_time if status.ray_job_info else None
    since = {
        "Initializing": status.start_time,
        "Running": ray_start,
        "Complete": status.end_time,
        "Failed": status.end_time,
    }
    return State(name, since.get(name))


def _of_service(service: DetailedRayService) -> State:
    if suspension := _suspension(service, "Suspended", "Suspending"):
        return suspension
    status = service.status
    ready, upgrade = condition(status, "Ready"), condition(status, "UpgradeInProgress")
    if ready is not None and ready.is_true:
        if upgrade is not None and upgrade.is_true:
            return State("Upgrading", upgrade.last_transition_time)
        return State("Ready", ready.last_transition_time)
    if ready is None and status is not None and status.service_status:
        return State(status.service_status)
    if ready is None or ready.reason == "Initializing":
        return State("Initializing", ready.last_transition_time if ready else service.metadata.creation_timestamp)
    return State("NotReady", ready.last_transition_time)


def _suspension(obj: DetailedRayCluster | DetailedRayService, suspended: str, suspending: str) -> State | None:
    for type_, name in ((suspended, "Suspended"), (suspending, "Suspending")):
        found = condition(obj.status, type_)
        if found is not None and found.is_true:
            return State(name, found.last_transition_time)
    return None
