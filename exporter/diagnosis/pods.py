"""What pods show: a trouble for each pod, and one finding for all pods with the same trouble."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.containers import SLOW_START_SECONDS, Trouble, container_trouble, has_ended_submitter, trouble
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, finding
from exporter.diagnosis.phrases import age_seconds, ago, count, last_line, lasting, quoted, with_detail
from exporter.diagnosis.states import START_SECONDS
from exporter.diagnosis.waiting import EVENT_CAUSES, HARMLESS_REASONS, POD_REASONS, SCALE_UP_REASONS, obstacles
from exporter.resources.detailed import DetailedCondition, DetailedPod, DetailedPodStatus
from exporter.resources.event import Event
from exporter.resources.meta import find_condition
from exporter.resources.pod_status import pod_status
from exporter.resources.times import latest

HEAD_SECONDS = 120.0
"""How long a head may be unready before that is a finding of its own: a start takes a minute."""

GENERAL = (Cause.UNKNOWN, Cause.NO_HEAD, Cause.STUCK_DELETION)
"""What a pod shows of any trouble: the loss of its node explains it."""

PodEvents = Mapping[str, Sequence[Event]]


def pod_findings(
    pods: Iterable[DetailedPod], events: PodEvents, now: datetime, *, serves: bool = False
) -> Iterator[Finding]:
    """Yield a finding for each trouble that pods have.

    `events` are those of each pod, the newest first. With `serves`, a worker is ready only if Serve runs a replica on
    it: an unready one is no trouble. Neither is a worker that waits for a head which is not ready or does not exist.
    """
    groups: dict[tuple[Cause, str, Severity | None], list[Trouble]] = defaultdict(list)
    pods = tuple(pods)
    doubtful = [pod for pod in pods if pod.metadata.name in events or not runs_well(pod)]
    heads = [pod for pod in pods if pod.metadata.node_type == "head"]
    # Without any head among the pods, an input may have only a part of them.
    waits = () if any(map(_is_ready, heads)) else ("Init:", "not ready") if heads else ("Init:",)
    for pod in sorted(doubtful, key=lambda pod: (pod.metadata.node_type != "head", pod.metadata.name)):
        found = pod_trouble(pod, events.get(pod.metadata.name, ()), now, serves=serves)
        is_worker = pod.metadata.node_type == "worker"
        if found is not None and not (is_worker and found.cause is Cause.UNKNOWN and found.detail.startswith(waits)):
            groups[found.cause, found.detail, found.severity].append(found)
    for (cause, detail, severity), troubles in groups.items():
        evidence = [one for found in troubles for one in found.evidence]
        # The time of an Event is only when it was written: what the pods themselves show has begun otherwise.
        of_pods = [one for one in evidence if not one.field.startswith("Event ")] or evidence
        since = min(filter(None, (one.time for one in of_pods)), default=None)
        who = _subject([found.pod for found in troubles])
        state, colon, words = detail.partition(": ")
        ages = {"age": lasting(now, since), "ago": ago(now, since)}
        sentence = _SENTENCES[cause].format(detail=detail, state=state, words=colon + words, who=who, **ages)
        first = troubles[0]
        yield finding(cause, sentence, *evidence, severity=severity, command=first.command, container=first.container)


def pod_trouble(pod: DetailedPod, events: Sequence[Event], now: datetime, *, serves: bool = False) -> Trouble | None:
    """Return what is wrong with a pod, None if it is known to be well, or starts or ends as usual."""
    found = _trouble(pod, events, now, serves=serves)
    is_unready_by_design = serves and pod.metadata.node_type == "worker"
    warnings = (one for one in events if one.type == "Warning" and not (is_unready_by_design and _is_probe(one)))
    warning = min(warnings, key=lambda event: event.reason in HARMLESS_REASONS, default=None)
    if warning is None or not _is_newer(warning, pod):
        return found
    evidence = _event_evidence(pod, warning)
    cause = EVENT_CAUSES.get(warning.reason or "", Cause.WARNING_EVENT)
    # Kubelet also writes FailedMount if a ConfigMap is deleted later, or for a volume that it has mounted since.
    is_harmless = warning.reason in HARMLESS_REASONS or (cause is Cause.POD_SETUP and _has_started(pod))
    cause = Cause.WARNING_EVENT if is_harmless else cause
    general = GENERAL if cause is Cause.NODE_LOST else (Cause.UNKNOWN,)
    if found is not None and (is_harmless or found.cause not in general):
        is_probe = warning.reason == "Unhealthy" and found.cause is Cause.NO_HEAD
        detail = with_detail("not ready", last_line(warning.message)) if is_probe else found.detail
        return found._replace(detail=detail, evidence=(*found.evidence, evidence))
    text = obstacles(warning.message or "") if cause is Cause.UNSCHEDULABLE else last_line(warning.message)
    # A readiness probe fails at each ordinary start, too.
    is_well = found is None and (_is_ready(pod) or _is_probe(warning))
    severity = Severity.INFO if is_harmless or (is_well and cause is Cause.WARNING_EVENT) else None
    detail = text if cause is Cause.UNSCHEDULABLE else with_detail(warning.reason or "Warning", text)
    return Trouble(cause, detail, pod, (evidence, *(found.evidence if found else ())), severity)


def ready_seconds(pod: DetailedPod, now: datetime) -> float:
    """Return for how many seconds a pod has been ready; 0.0 if it is not."""
    ready = find_condition(pod.status, "Ready")
    is_ready = ready is not None and ready.is_true and pod.metadata.deletion_timestamp is None
    return age_seconds(now, ready.last_transition_time) if ready is not None and is_ready else 0.0


def runs_well(pod: DetailedPod) -> bool:
    """Return whether a pod is ready and none of its containers has ever ended: most pods, which need no more looks."""
    status = pod.status
    if status is None or status.reason or status.phase != "Running" or pod.metadata.deletion_timestamp:
        return False
    for condition in status.conditions or ():
        if condition.status != "True":
            return False
    for one in status.container_statuses or ():
        if one.state is None or one.state.running is None or one.last_state is not None:
            return False
    for one in status.init_container_statuses or ():
        if one.state is not None and one.state.waiting is not None:
            return False
    return _is_ready(pod)


def _trouble(pod: DetailedPod, events: Sequence[Event], now: datetime, *, serves: bool) -> Trouble | None:
    status, deleted = pod.status, pod.metadata.deletion_timestamp
    ready, scheduled = find_condition(status, "Ready"), find_condition(status, "PodScheduled")
    if deleted is not None:
        is_late = age_seconds(now, deleted) > START_SECONDS
        return _stuck(pod, ready is not None and ready.status == "Unknown") if is_late else None
    if status is None:
        return _in_progress(pod, "Pending", pod.metadata.creation_timestamp, SLOW_START_SECONDS, now)
    if status.reason:
        return _of_reason(pod, status.reason, status.message)
    if isinstance(scheduled, DetailedCondition) and not scheduled.is_true:
        return _unscheduled(pod, scheduled, events, now)
    if isinstance(ready, DetailedCondition) and ready.status == "Unknown":
        detail, words = "the node does not report", ready.message or ready.reason
        return trouble(pod, Cause.NODE_LOST, detail, "status.conditions[Ready]", ready.last_transition_time, words)
    disruption = find_condition(status, "DisruptionTarget")
    if isinstance(disruption, DetailedCondition) and disruption.is_true and status.phase == "Failed":
        return _disrupted(pod, disruption)
    containers = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    troubles = filter(None, (container_trouble(pod, one, now) for one in containers))
    return next(troubles, None) or _of_phase(pod, now, serves=serves)


def _stuck(pod: DetailedPod, node_is_lost: bool) -> Trouble:
    node = (pod.spec.node_name if pod.spec else None) or ""
    reason = pod.status.reason if pod.status else None
    cause = Cause.NODE_LOST if node_is_lost or reason == "NodeLost" else Cause.STUCK_DELETION
    detail = f"{f'node {node}' if node else 'its node'} has not ended the pod"
    return trouble(pod, cause, detail, "metadata.deletionTimestamp", pod.metadata.deletion_timestamp, reason)


def _disrupted(pod: DetailedPod, disruption: DetailedCondition) -> Trouble:
    """Return the trouble of a pod that Kubernetes ended: by preemption, an eviction, or the taint of a node."""
    reason, since = disruption.reason or "", disruption.last_transition_time
    cause = Cause.NODE_LOST if reason in ("DeletionByTaintManager", "DeletionByPodGC") else Cause.EVICTED
    detail, field = with_detail(reason, quoted(disruption.message)), "status.conditions[DisruptionTarget]"
    return trouble(pod, cause, detail, field, since, disruption.message or reason)


def _of_reason(pod: DetailedPod, reason: str, message: str | None) -> Trouble:
    default = Cause.POD_REJECTED if reason.startswith("OutOf") else Cause.POD_FAILED
    cause = POD_REASONS.get(reason, default)
    detail = quoted(message) if cause is Cause.EVICTED and message else with_detail(quoted(reason), quoted(message))
    return trouble(pod, cause, detail, "status.reason", None, message or reason)


def _unscheduled(
    pod: DetailedPod, scheduled: DetailedCondition, events: Sequence[Event], now: datetime
) -> Trouble | None:
    reason, message, since = scheduled.reason or "", scheduled.message or "", scheduled.last_transition_time
    if not reason and not message:
        return _in_progress(pod, "Pending", since or pod.metadata.creation_timestamp, SLOW_START_SECONDS, now)
    cause, detail = Cause.UNSCHEDULABLE, obstacles(message)
    if reason == "SchedulingGated":
        cause, detail = Cause.SCHEDULING_GATED, "scheduling gates"
    elif reason not in ("Unschedulable", ""):
        detail = with_detail(reason, quoted(message))
    found = trouble(pod, cause, detail, "status.conditions[PodScheduled]", since, message or reason)
    scale_up = next((event for event in events if event.reason in SCALE_UP_REASONS), None)
    is_recent = scale_up is not None and age_seconds(now, scale_up.last_time) <= START_SECONDS
    if scale_up is None or not is_recent or reason not in ("Unschedulable", ""):
        return found
    evidence = (*found.evidence, _event_evidence(pod, scale_up))
    if not SCALE_UP_REASONS[scale_up.reason or ""]:
        return found if scale_up.type == "Warning" else found._replace(evidence=evidence)
    return found._replace(detail=f"{detail}; a node is being added", evidence=evidence, severity=Severity.INFO)


def _event_evidence(pod: DetailedPod, event: Event) -> Evidence:
    return evidence_of("Pod", pod.metadata, f"Event {event.reason}", event.last_time, event.message)


def _of_phase(pod: DetailedPod, now: datetime, *, serves: bool) -> Trouble | None:
    """Return a trouble of a pod whose containers show none: it is not ready, has not started or has ended."""
    status, created, is_head = pod_status(pod), pod.metadata.creation_timestamp, pod.metadata.node_type == "head"
    ready = find_condition(pod.status, "Ready")
    since = (ready.last_transition_time if ready else None) or created
    match (pod.status.phase if pod.status else None) or "Pending":
        case "Running":
            is_by_design = (serves and not is_head) or (is_head and has_ended_submitter(pod))
            if ready is None or ready.is_true or is_by_design or not pod.metadata.node_type:
                return None
            limit, cause = (HEAD_SECONDS, Cause.NO_HEAD) if is_head else (SLOW_START_SECONDS, Cause.UNKNOWN)
            words = ready.message if isinstance(ready, DetailedCondition) else ""
            own = pod.spec.containers[0].name if pod.spec and pod.spec.containers else f"ray-{pod.metadata.node_type}"
            # That Ray's own container is not ready says nothing more.
            state = with_detail("not ready", "" if f"status: [{own}]" in (words or "") else quoted(words))
            return _in_progress(pod, state, since, limit, now, cause)
        case "Pending":
            limit = START_SECONDS if status.startswith("Init:") else SLOW_START_SECONDS
            return _in_progress(pod, status, created, limit, now)
        case "Succeeded":
            is_ray = pod.metadata.node_type in ("head", "worker")
            return _in_progress(pod, status, since, START_SECONDS, now) if is_ray else None
        case "Failed":
            return trouble(pod, Cause.POD_FAILED, status, "status.phase", since, status)
    return trouble(pod, Cause.UNKNOWN, quoted(status), "status.phase", since, status)


def _in_progress(
    pod: DetailedPod, state: str, since: datetime | None, limit: float, now: datetime, cause: Cause = Cause.UNKNOWN
) -> Trouble | None:
    """Return a trouble if a pod has been in a state of an ordinary start or end for too long."""
    if age_seconds(now, since) <= limit:
        return None
    field = "status.conditions[Ready]" if state.startswith("not ready") else "status.phase"
    return trouble(pod, cause, quoted(state), field, since, state)


def _is_probe(event: Event) -> bool:
    """Return whether an Event says only that a pod was not ready."""
    return event.reason == "Unhealthy" and (event.message or "").startswith("Readiness probe")


def _has_started(pod: DetailedPod) -> bool:
    """Return whether a container runs: the sandbox and the volumes of its pod are there."""
    status = pod.status or DetailedPodStatus()
    containers = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    return any(one.now.running is not None for one in containers)


def _is_newer(event: Event, pod: DetailedPod) -> bool:
    """Return whether an Event is newer than what the pod's conditions show to have succeeded."""
    conditions = (pod.status and pod.status.conditions) or ()
    met = (one for one in conditions if one.is_true and one.type != "DisruptionTarget")
    last = latest(one.last_transition_time for one in met)
    return last is None or event.last_time is None or event.last_time > last


def _is_ready(pod: DetailedPod) -> bool:
    ready = find_condition(pod.status, "Ready")
    return ready is not None and ready.is_true


def _subject(pods: Sequence[DetailedPod]) -> str:
    roles = {pod.metadata.node_type or "submitter" for pod in pods}
    role = f"{roles.pop()} " if len(roles) == 1 else ""
    return f"{role}pod" if len(pods) == 1 and role in ("head ", "submitter ") else count(len(pods), f"{role}pod")


_SENTENCES = {
    Cause.UNSCHEDULABLE: "Unschedulable{age}: {detail} ({who}).",
    Cause.SCHEDULING_GATED: "Waiting{age} until another controller removes the scheduling gates ({who}).",
    Cause.POD_REJECTED: "Rejected by the kubelet: {detail} ({who}).",
    Cause.IMAGE_PULL: "Image cannot be pulled: {detail} ({who}).",
    Cause.CONTAINER_CONFIG: "Cannot start: {detail} ({who}).",
    Cause.POD_SETUP: "Pod cannot be prepared: {detail} ({who}).",
    Cause.CRASH_LOOP: "Crash loop: {detail} ({who}).",
    Cause.CONTAINER_ENDED: "Not running{age}: {detail} ({who}).",
    Cause.OUT_OF_MEMORY: "Out of memory{ago}: {detail} ({who}).",
    Cause.EVICTED: "Evicted: {detail} ({who}).",
    Cause.NODE_LOST: "Node lost{age}: {detail} ({who}).",
    Cause.POD_FAILED: "Pod failed: {detail} ({who}).",
    Cause.STUCK_DELETION: "Terminating{age}: {detail} ({who}).",
    Cause.NO_HEAD: "Head not ready{age}, although its pod is running{words}.",
    Cause.HEAD_RESTARTED: "Head restarted{ago}: {detail}.",
    Cause.WARNING_EVENT: "Warning Event {detail} ({who}).",
    Cause.UNKNOWN: "No known cause: {state}{age}{words} ({who}).",
}
