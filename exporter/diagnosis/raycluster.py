"""Why a RayCluster is not healthy."""

from collections.abc import Iterator
from datetime import datetime

from exporter.diagnosis import common
from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Finding, explains, finding
from exporter.diagnosis.fleet import Related
from exporter.diagnosis.phrases import age, age_seconds, count, ended
from exporter.diagnosis.pods import RECENT_SECONDS, pod_findings
from exporter.diagnosis.waiting import EXCEEDED_QUOTA, cause_of_reason, image, quoted
from exporter.resources.detailed import DetailedCondition, DetailedRayCluster, DetailedRayClusterStatus

HEAD_SECONDS = 120.0
"""How long a head may be unready before that is a finding of its own: a start takes a minute."""

WORKERS_SECONDS = 300.0
"""How long workers may be missing: an autoscaler adds nodes in minutes."""

REPLICA_FAILURE_TYPES = ("ReplicaFailure", "RayClusterReplicaFailure")

SIDECAR_SUBMITTER = "ray-job-submitter"
"""With SidecarMode, this container of the head ends when the job does: the head is not ready from then on."""

INVALID_REASONS = ("InvalidRayClusterSpec", "InvalidRayClusterMetadata", "InvalidRayClusterStatus")


def cluster_findings(cluster: DetailedRayCluster, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield the findings of a cluster, in no order."""
    status = cluster.status
    if cluster.metadata.deletion_timestamp is not None:
        yield from common.deletion(cluster, now)
    elif status is None or not (status.conditions or status.state):
        yield from _without_status(cluster, related, now)
    elif suspended := list(_suspension(cluster, status, now)):
        yield from suspended
    else:
        yield from _running(cluster, status, related, now)


def _without_status(cluster: DetailedRayCluster, related: Related, now: datetime) -> Iterator[Finding]:
    invalid = list(common.invalid(cluster, related.event(*INVALID_REASONS)))
    yield from invalid or common.silence(cluster, now)


def _suspension(cluster: DetailedRayCluster, status: DetailedRayClusterStatus, now: datetime) -> Iterator[Finding]:
    for type_, is_finished in (("RayClusterSuspended", True), ("RayClusterSuspending", False)):
        condition = common.condition(status, type_)
        if condition is not None and condition.is_true:
            since, field = condition.last_transition_time, f"status.conditions[{type_}]"
            yield from common.suspension(cluster, since, field, now, is_finished=is_finished)
            return
    if status.state == "suspended":
        since = (status.state_transition_times or {}).get("suspended")
        yield from common.suspension(cluster, since, "status.state", now, is_finished=True)
    elif cluster.spec is not None and cluster.spec.is_suspended:
        yield from common.suspension(cluster, None, "spec.suspend", now, is_finished=False)


def _running(
    cluster: DetailedRayCluster, status: DetailedRayClusterStatus, related: Related, now: datetime
) -> Iterator[Finding]:
    failure = list(_replica_failure(cluster, status))
    of_pods = list(pod_findings(related.pods, common.subject(cluster), now))
    yield from failure
    yield from of_pods
    if not any(item.cause is Cause.HEAD_RESTARTED for item in of_pods):
        yield from _replaced_head(cluster, related, now)
    explained = any(map(explains, (*failure, *of_pods)))
    head = list(_head(cluster, status, related, now)) if not explained else []
    yield from head
    if not explained and not head:
        yield from _workers(cluster, status, now)


def _replica_failure(cluster: DetailedRayCluster, status: DetailedRayClusterStatus) -> Iterator[Finding]:
    condition = next(filter(None, (common.condition(status, type_) for type_ in REPLICA_FAILURE_TYPES)), None)
    if condition is None or not condition.is_true:
        yield from _failed_state(cluster, status)
        return
    message = (condition.message or "").removeprefix(condition.reason or "").strip()
    cause = Cause.QUOTA if EXCEEDED_QUOTA in message else Cause.REPLICA_FAILURE
    what = "delete" if "Delete" in (condition.reason or "") else "create"
    which = "the head pod" if "Head" in (condition.reason or "") else "pods"
    if "Worker" in (condition.reason or ""):
        which = "worker pods"
    text = f"The operator cannot {what} {which} of {common.subject(cluster)}: {quoted(message) or condition.reason}"
    yield finding(cause, ended(text), common.condition_of(cluster, condition))


def _failed_state(cluster: DetailedRayCluster, status: DetailedRayClusterStatus) -> Iterator[Finding]:
    """KubeRay before 1.3 has no condition of a failure, but a state and its reason."""
    if status.state == "failed":
        reason = status.reason or "no reason was given"
        cause = Cause.QUOTA if EXCEEDED_QUOTA in reason else Cause.REPLICA_FAILURE
        text = f"The operator cannot create what {common.subject(cluster)} needs: {quoted(reason)}"
        yield finding(cause, ended(text), common.field_of(cluster, "status.reason", message=reason))


def _replaced_head(cluster: DetailedRayCluster, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield a finding if the operator replaced the head in the last hour, as it does when the pod has ended."""
    event = related.event("DeletedHeadPod")
    if event is not None and age_seconds(now, event.last_time) <= RECENT_SECONDS:
        sentence = f"The operator replaced the head pod of {common.subject(cluster)} {age(now, event.last_time)} ago."
        yield finding(Cause.HEAD_RESTARTED, sentence, common.event_of(cluster, event))


def _head(
    cluster: DetailedRayCluster, status: DetailedRayClusterStatus, related: Related, now: datetime
) -> Iterator[Finding]:
    condition = common.condition(status, "HeadPodReady")
    if condition is None or condition.is_true or f"status: [{SIDECAR_SUBMITTER}]" in (condition.message or ""):
        return
    cause = cause_of_reason(condition.reason)
    evidence = common.condition_of(cluster, condition)
    if cause is not None and not related.pods:
        sentence = f"The head pod of {common.subject(cluster)} is not ready: {_head_reason(condition, cause)}."
        yield finding(cause, sentence, evidence)
    elif age_seconds(now, condition.last_transition_time) > HEAD_SECONDS:
        since = age(now, condition.last_transition_time)
        text = f"{common.subject(cluster)} has no ready head for {since}: {quoted(condition.message)}"
        yield finding(Cause.NO_HEAD, ended(text.rstrip(": ")), evidence)


def _head_reason(condition: DetailedCondition, cause: Cause) -> str:
    name = image([condition.message or ""]) if cause is Cause.IMAGE_PULL else ""
    return f"{condition.reason}{name}"


def _workers(cluster: DetailedRayCluster, status: DetailedRayClusterStatus, now: datetime) -> Iterator[Finding]:
    desired, ready = status.desired_worker_replicas or 0, status.ready_worker_replicas or 0
    since = _unchanged_since(cluster, status)
    if since is None or age_seconds(now, since) <= WORKERS_SECONDS:
        return
    provisioned = common.condition(status, "RayClusterProvisioned")
    evidence = common.field_of(cluster, "status.readyWorkerReplicas", since)
    if desired > ready:
        sentence = (
            f"{ready} of {count(desired, 'worker')} of {common.subject(cluster)} are ready for {age(now, since)}."
        )
        yield finding(Cause.WAITING_FOR_WORKERS, sentence, evidence)
    elif status.state != "ready" and provisioned is not None and not provisioned.is_true:
        sentence = (
            f"{common.subject(cluster)} has not been provisioned for {age(now, since)}, although all workers are "
            "ready; the cause is unknown."
        )
        yield finding(Cause.UNKNOWN, sentence, common.condition_of(cluster, provisioned))


def _unchanged_since(cluster: DetailedRayCluster, status: DetailedRayClusterStatus) -> datetime | None:
    """Return since when the numbers of workers have certainly been what they are."""
    if status.last_update_time is not None:
        return status.last_update_time
    provisioned = common.condition(status, "RayClusterProvisioned")
    is_first = provisioned is not None and not provisioned.is_true
    return cluster.metadata.creation_timestamp if is_first and status.state != "ready" else None
