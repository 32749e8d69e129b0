"""Why a RayCluster is not healthy."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec.structs import replace

from exporter.diagnosis import common
from exporter.diagnosis.causes import DESCRIBE, Cause
from exporter.diagnosis.containers import RECENT_SECONDS, SUBMITTER
from exporter.diagnosis.finding import Finding, bounded, evidence_of, explains, finding
from exporter.diagnosis.phrases import NEVER, age, age_seconds, continued, count, duration, lasting, quoted
from exporter.diagnosis.pods import HEAD_SECONDS, pod_findings, ready_seconds, runs_well
from exporter.diagnosis.related import ORIGIN_KIND_LABEL, Related
from exporter.diagnosis.states import CLUSTER_STATES, STALE_SECONDS, State, judge, suspension_state
from exporter.diagnosis.waiting import EXCEEDED_QUOTA, WAITING_REASONS, exceeded_quota, image
from exporter.resources.detailed import DetailedPod, DetailedRayCluster, DetailedRayClusterStatus
from exporter.resources.times import latest

WORKERS_SECONDS = 300.0
"""How long workers may be missing: an autoscaler adds nodes in minutes."""

_HOLD_BACK = (Cause.STUCK_DELETION, Cause.NODE_LOST)

REPLACED_HEAD = "DeletedHeadPod"

REPLICA_FAILURE_TYPES = ("ReplicaFailure", "RayClusterReplicaFailure")


def has_status(cluster: DetailedRayCluster) -> bool:
    """Return whether the operator has written a status. Its quantities are 0 and its head is empty from the start."""
    if (status := cluster.status) is None:
        return False
    workers = status.desired_worker_replicas or status.available_worker_replicas or status.ready_worker_replicas
    return bool(status.conditions or status.state or status.last_update_time or workers or status.reason)


_STATE_NAMES = {"ready": "Ready", "failed": "Failed", "suspended": "Suspended", "unhealthy": "NotReady"}


def cluster_state(cluster: DetailedRayCluster) -> State:
    """Return the state of a cluster that KubeRay manages."""
    status = cluster.status
    if suspension := suspension_state(cluster, "RayCluster"):
        return suspension
    times = (status and status.state_transition_times) or {}
    if status is not None and status.state and not _resumes(cluster):
        return State(_STATE_NAMES.get(status.state, status.state), times.get(status.state))
    if common.met(status, "RayClusterProvisioned"):
        return State("NotReady")
    return State("Provisioning", common.started_at(cluster, "RayCluster"))


def _resumes(cluster: DetailedRayCluster) -> bool:
    """Return whether `suspended` is only the last state: the operator keeps it until all pods are ready again."""
    is_suspended = cluster.spec is not None and cluster.spec.is_suspended
    return cluster.status is not None and cluster.status.state == "suspended" and not is_suspended


def cluster_findings(
    cluster: DetailedRayCluster, related: Related, now: datetime, *, serves: bool = False
) -> Iterable[Finding]:
    """Return the findings of a cluster, in no order; with `serves` it belongs to a RayService."""
    key = now, serves or cluster.metadata.label(ORIGIN_KIND_LABEL) == "RayService"
    if key not in related.found:
        # Each of its jobs has them as well.
        related.found[key] = (
            ()
            if _runs_well(cluster, related)
            else bounded(list(_findings(cluster, related, *key)), "of this cluster", common.field_of(cluster, "status"))
        )
    return related.found[key]


_OF_THE_OBJECT = (
    *(Cause.SUSPENDED, Cause.SUSPENSION_SLOW, Cause.ADMISSION_PENDING, Cause.STUCK_DELETION, Cause.INVALID_SPEC),
    *(Cause.OPERATOR_SILENT, Cause.NOT_DISPATCHED),
)
"""Causes whose sentences are about the object that has them, and do not say which one that is."""


def named(item: Finding) -> Finding:
    """Return a finding of a cluster for what uses it: a job is not suspended if its cluster is."""
    about = item.evidence[0]
    if about.kind != DetailedRayCluster.kind or item.cause not in _OF_THE_OBJECT:
        return item
    return replace(item, sentence=f"RayCluster {about.name}: {continued(item.sentence)}")


_WELL_CONDITIONS = {
    *((type_, "True") for type_ in ("HeadPodReady", "RayClusterProvisioned")),
    *((type_, "False") for type_ in ("RayClusterSuspended", "RayClusterSuspending", *REPLICA_FAILURE_TYPES)),
}


def _runs_well(cluster: DetailedRayCluster, related: Related) -> bool:
    """Return whether a cluster shows nothing that could be a finding: most clusters, which need no more looks."""
    status, spec = cluster.status, cluster.spec
    if (
        status is None
        or status.state != "ready"
        or cluster.metadata.deletion_timestamp
        or any(event.type == "Warning" for events in related.pod_events.values() for event in events)
    ):
        return False
    if (status.desired_worker_replicas or 0) > min(
        status.ready_worker_replicas or 0, status.available_worker_replicas or 0
    ):
        return False
    if common.manager(cluster) or (spec is not None and spec.is_suspended):
        return False
    return (
        all((one.type, one.status) in _WELL_CONDITIONS for one in status.conditions or ())
        and not _has_only_workers(related)
        and [pod.metadata.node_type for pod in related.pods].count("head") < 2
        and not any(event.type != "Normal" or event.reason == REPLACED_HEAD for event in related.events)
        and all(map(runs_well, related.pods))
    )


def _heads(related: Related) -> list[DetailedPod]:
    """Return the head pods that neither end nor have ended, the oldest first."""
    heads = [pod for pod in related.pods if pod.metadata.node_type == "head" and not pod.metadata.deletion_timestamp]
    alive = [pod for pod in heads if pod.status is None or pod.status.phase not in ("Failed", "Succeeded")]
    return sorted(alive, key=lambda pod: pod.metadata.creation_timestamp or NEVER)


def _has_only_workers(related: Related) -> bool:
    """Return whether a cluster has pods, but no head among them."""
    roles = {pod.metadata.node_type for pod in related.pods}
    return related.known.is_listed and bool(roles) and "head" not in roles


def _findings(cluster: DetailedRayCluster, related: Related, now: datetime, serves: bool) -> Iterator[Finding]:
    status = cluster.status or DetailedRayClusterStatus()
    events = list(common.event_findings(cluster, related))
    if cluster.metadata.deletion_timestamp is not None:
        yield from common.deletion(cluster, now, events, pod_findings(related.pods, related.pod_events, now))
    elif suspended := list(_suspension(cluster, status, related, now)):
        of_pods = pod_findings(related.pods, related.pod_events, now)
        # A pod that does not end is what a suspension waits for; nothing else of a pod matters.
        yield from (*suspended, *events, *(one for one in of_pods if one.cause in _HOLD_BACK))
    elif not has_status(cluster):
        yield from events or common.no_status(cluster, related.known, now)
    else:
        yield from common.managed(cluster)
        yield from _running(cluster, status, related, events, now, serves=serves)


def _suspension(
    cluster: DetailedRayCluster, status: DetailedRayClusterStatus, related: Related, now: datetime
) -> Iterator[Finding]:
    if by_condition := list(common.suspended_by_condition(cluster, now, "RayCluster")):
        yield from by_condition
    elif status.state == "suspended" and not _resumes(cluster):
        since = (status.state_transition_times or {}).get("suspended")
        yield from common.suspension(cluster, now, common.field_of(cluster, "status.state", since), is_finished=True)
    elif cluster.spec is not None and cluster.spec.is_suspended:
        # Before its first status, it has no pods.
        is_finished = bool(common.manager(cluster)) or not (has_status(cluster) or related.pods)
        yield from common.suspension(cluster, now, is_finished=is_finished)


def _running(
    cluster: DetailedRayCluster,
    status: DetailedRayClusterStatus,
    related: Related,
    events: list[Finding],
    now: datetime,
    *,
    serves: bool,
) -> Iterator[Finding]:
    of_status = list(_replica_failure(cluster, status)) or list(_state(cluster, status, now))
    of_pods = list(pod_findings(related.pods, related.pod_events, now, serves=serves))
    found = [*of_status, *of_pods, *(one for one in events if one.cause not in {item.cause for item in of_status})]
    if not any(item.cause is Cause.HEAD_RESTARTED for item in of_pods):
        found += _replaced_head(cluster, related, now)
    found += _several_heads(related, now)
    if not any(map(explains, found)):
        found += _head(cluster, status, related, now)
    if not any(map(explains, found)):
        found += _workers(cluster, status, related, now, serves=serves)
    yield from found


def _replica_failure(cluster: DetailedRayCluster, status: DetailedRayClusterStatus) -> Iterator[Finding]:
    condition = next(filter(None, (common.condition(status, type_) for type_ in REPLICA_FAILURE_TYPES)), None)
    if condition is None or not condition.is_true:
        return
    reason = condition.reason or ""
    message = (condition.message or "").removeprefix(reason).strip()
    evidence = common.condition_of(cluster, condition)
    which = "head pod" if "Head" in reason else "worker pods" if "Worker" in reason else "pods"
    if EXCEEDED_QUOTA in message:
        yield finding(Cause.QUOTA, f"Quota exceeded: {exceeded_quota(message)}; not created: {which}.", evidence)
    else:
        what = "deleted" if "Delete" in reason else "created"
        text = f"{which.capitalize()} cannot be {what}"
        yield finding(Cause.REPLICA_FAILURE, text, evidence, detail=quoted(message) or reason)


def _state(cluster: DetailedRayCluster, status: DetailedRayClusterStatus, now: datetime) -> Iterator[Finding]:
    """KubeRay before 1.3 has no condition of a failure, but a state and its reason."""
    state, reason = status.state or "", status.reason or ""
    cause = judge(CLUSTER_STATES, state, None, now)
    since = (status.state_transition_times or {}).get(state)
    evidence = common.field_of(cluster, "status.state", since, reason)
    if cause is not None and EXCEEDED_QUOTA in reason:
        yield finding(Cause.QUOTA, "Quota exceeded", evidence, detail=exceeded_quota(reason))
    elif cause is not None:
        text = f"State {quoted(state)}{lasting(now, since)}"
        yield finding(cause, text, evidence, detail=quoted(reason) or "no reason was given")


def _replaced_head(cluster: DetailedRayCluster, related: Related, now: datetime) -> Iterator[Finding]:
    """Yield a finding if the operator replaced the head in the last hour, as it does when the pod has ended."""
    event = related.event(REPLACED_HEAD)
    if event is not None and age_seconds(now, event.last_time) <= RECENT_SECONDS:
        sentence = f"Head pod replaced by the operator {age(now, event.last_time)} ago."
        yield finding(Cause.HEAD_RESTARTED, sentence, common.event_of(cluster, event), command=DESCRIBE)


def _several_heads(related: Related, now: datetime) -> Iterator[Finding]:
    """Yield a finding if there are several heads: the operator deletes none that runs.

    Newer versions of KubeRay do not renew the status of such a cluster.
    """
    heads = _heads(related)
    since = heads[1].metadata.creation_timestamp if len(heads) > 1 else None
    if age_seconds(now, since) > STALE_SECONDS:
        text = f"{len(heads)} head pods for {age(now, since)}: a RayCluster has one, and its status can be out of date."
        evidence = (evidence_of("Pod", pod.metadata, "metadata", pod.metadata.creation_timestamp) for pod in heads)
        yield finding(Cause.STALE_STATUS, text, *evidence, command=DESCRIBE)


def _head(
    cluster: DetailedRayCluster, status: DetailedRayClusterStatus, related: Related, now: datetime
) -> Iterator[Finding]:
    condition = common.condition(status, "HeadPodReady")
    if _has_only_workers(related) and (status.state == "ready" if condition is None else condition.is_true):
        evidence = common.condition_of(cluster, condition) if condition else common.field_of(cluster, "status.state")
        text = f"No head pod: the status shows a ready one, but there is only {count(len(related.pods), 'worker pod')}."
        yield finding(Cause.NO_HEAD, text, evidence)
    if condition is None or condition.is_true or f"status: [{SUBMITTER}]" in (condition.message or ""):
        return
    cause, evidence = WAITING_REASONS.get(condition.reason or ""), common.condition_of(cluster, condition)
    since = latest((condition.last_transition_time, common.started_at(cluster, "RayCluster")))
    head = related.head
    if cause is not None and not related.pods:
        detail = " ".join(filter(None, (condition.reason, image([condition.message or ""]))))
        yield finding(cause, f"Head cannot start: {detail}.", evidence)
    elif head is not None and (seconds := ready_seconds(head, now)):
        if min(seconds, age_seconds(now, since)) > STALE_SECONDS:
            ready = evidence_of("Pod", head.metadata, "status.conditions[Ready]", message="True")
            shown = f"HeadPodReady is {quoted(condition.status) or 'without a status'}"
            text = f"Status is out of date: {shown}, but the head has been ready for {duration(seconds)}."
            yield finding(Cause.STALE_STATUS, text, evidence, ready)
    elif age_seconds(now, since) > HEAD_SECONDS:
        detail = quoted(condition.message) or condition.reason or ""
        text = f"Head not ready{lasting(now, since if condition.last_transition_time else None)}"
        yield finding(Cause.NO_HEAD, text, evidence, detail=detail)


def _workers(
    cluster: DetailedRayCluster, status: DetailedRayClusterStatus, related: Related, now: datetime, *, serves: bool
) -> Iterator[Finding]:
    # KubeRay before 1.3 counts available workers only. Serve's workers are ready only if a replica runs on them.
    use_available = serves or not status.conditions
    field = "availableWorkerReplicas" if use_available else "readyWorkerReplicas"
    ready = (status.available_worker_replicas if use_available else status.ready_worker_replicas) or 0
    desired, since = status.desired_worker_replicas or 0, _unchanged_since(cluster, status)
    if since is None or age_seconds(now, since) <= WORKERS_SECONDS:
        return
    provisioned = common.condition(status, "RayClusterProvisioned")
    evidence, word = common.field_of(cluster, f"status.{field}", since), "running" if use_available else "ready"
    workers = f"{ready} of {count(desired, 'worker')}"
    if desired > ready:
        pods = [pod for pod in related.pods if pod.metadata.node_type == "worker"]
        if sum(ready_seconds(pod, now) > STALE_SECONDS for pod in pods) >= desired:
            text = f"Status is out of date: it shows {workers} {word}, but all worker pods are ready."
            yield finding(Cause.STALE_STATUS, text, evidence)
        else:
            text = f"Workers missing: for {age(now, since)}, only {workers} have been {word}."
            yield finding(Cause.WAITING_FOR_WORKERS, text, evidence)
    elif status.state != "ready" and not serves and (provisioned is None or not provisioned.is_true):
        evidence = common.condition_of(cluster, provisioned) if provisioned else evidence
        # Before KubeRay 1.4, the desired number of a group with several hosts is too low.
        text = f"No known cause: not provisioned for {age(now, since)}, although the status shows {workers} {word}."
        yield finding(Cause.UNKNOWN, text, evidence)


def _unchanged_since(cluster: DetailedRayCluster, status: DetailedRayClusterStatus) -> datetime | None:
    """Return since when the numbers of workers have certainly been what they are."""
    if status.last_update_time is not None:
        return status.last_update_time
    provisioned = common.condition(status, "RayClusterProvisioned")
    is_first = provisioned is not None and not provisioned.is_true
    return common.started_at(cluster, "RayCluster") if is_first and status.state != "ready" else None
