"""The state of an object in one word, and since when."""

from datetime import datetime
from typing import NamedTuple

from exporter.diagnosis.common import condition
from exporter.resources.detailed import (
    DetailedObject,
    DetailedRayCluster,
    DetailedRayJob,
    DetailedRayService,
)


class State(NamedTuple):
    """A state, and when it was entered; None if the object does not show it."""

    name: str
    since: datetime | None = None


def state_of(obj: DetailedObject) -> State:
    """Return the state of an object, as docs/api.md lists them."""
    if obj.metadata.deletion_timestamp is not None:
        return State("Deleting", obj.metadata.deletion_timestamp)
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
    if status is not None and status.state in _CLUSTER_STATES:
        return State(_CLUSTER_STATES[status.state], times.get(status.state))
    provisioned = condition(status, "RayClusterProvisioned")
    if provisioned is not None and provisioned.is_true:
        return State("NotReady", None)
    return State("Provisioning", cluster.metadata.creation_timestamp)


_CLUSTER_STATES = {"ready": "Ready", "failed": "Failed", "suspended": "Suspended"}


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
    ready, upgrade = condition(service.status, "Ready"), condition(service.status, "UpgradeInProgress")
    if ready is not None and ready.is_true:
        if upgrade is not None and upgrade.is_true:
            return State("Upgrading", upgrade.last_transition_time)
        return State("Ready", ready.last_transition_time)
    if ready is None or ready.reason == "Initializing":
        return State("Initializing", ready.last_transition_time if ready else service.metadata.creation_timestamp)
    return State("NotReady", ready.last_transition_time)


def _suspension(obj: DetailedRayCluster | DetailedRayService, suspended: str, suspending: str) -> State | None:
    for type_, name in ((suspended, "Suspended"), (suspending, "Suspending")):
        found = condition(obj.status, type_)
        if found is not None and found.is_true:
            return State(name, found.last_transition_time)
    return None
