"""The state of an object in one word, since when, and which states are known to be well."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.common import suspending
from exporter.diagnosis.phrases import age_seconds
from exporter.resources.detailed import DetailedObject

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


# KubeRay 1.0 and 1.1 have `unhealthy`. A cluster that resumes is still `suspended`.
CLUSTER_STATES = _table("ready", "suspended", failed=Cause.REPLICA_FAILURE, unhealthy=Cause.REPLICA_FAILURE)
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


def suspension_state(obj: DetailedObject, prefix: str = "") -> State | None:
    """Return the state of an object with a condition of a suspension, None without."""
    found = suspending(obj.status, prefix)
    return State(found.type.removeprefix(prefix), found.last_transition_time) if found else None
