"""What pods show: a trouble for each pod, and one finding for all pods with the same trouble."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from msgspec.structs import replace

from exporter.diagnosis.causes import LOGS, PREVIOUS_LOGS, Cause, Severity
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, finding
from exporter.diagnosis.phrases import age_seconds, ago, count, last_line, lasting, quoted, with_detail
from exporter.diagnosis.states import START_SECONDS
from exporter.diagnosis.waiting import PULL_RATE, image, obstacles, pull_error
from exporter.resources.detailed import DetailedCondition, DetailedContainerStatus, DetailedPod, DetailedTerminated
from exporter.resources.event import Event
from exporter.resources.meta import find_condition
from exporter.resources.pod_status import pod_status

RECENT_SECONDS = 3600.0
"""How long a container that was killed and runs again is worth a finding."""

SLOW_START_SECONDS = 300.0
"""From then on, a pod that has not started and shows no cause is a finding: images of Ray have gigabytes."""

HEAD_SECONDS = 120.0
"""How long a head may be unready before that is a finding of its own: a start takes a minute."""

SUBMITTER = "ray-job-submitter"
"""The container of a submitter. With SidecarMode it is in the head's pod, which is unready after that."""

WAITING_REASONS: Mapping[str, Cause] = {
    **dict.fromkeys(("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"), Cause.IMAGE_PULL),
    **dict.fromkeys(("ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"), Cause.IMAGE_PULL),
    **dict.fromkeys(("CreateContainerConfigError", "CreateContainerError", "RunContainerError"), Cause.CONTAINER_CONFIG),
    **dict.fromkeys(("PreCreateHookError", "PreStartHookError", "PostStartHookError"), Cause.CONTAINER_CONFIG),
    **dict.fromkeys(("ContainerCannotRun", "StartError", "CreatePodSandboxError"), Cause.CONTAINER_CONFIG),
    "CrashLoopBackOff": Cause.CRASH_LOOP,
}  # fmt: skip
"""Reasons that are not of an ordinary start."""

ORDINARY_WAITING = ("", "ContainerCreating", "PodInitializing")
NEVER_STARTED = ("StartError", "ContainerCannotRun", "RunContainerError")

POD_REASONS: Mapping[str, Cause] = {
    **dict.fromkeys(("Evicted", "Preempting", "Preempted", "TerminationByKubelet"), Cause.EVICTED),
    **dict.fromkeys(("NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeStatusUnknown"), Cause.NODE_LOST),
    **dict.fromkeys(("UnexpectedAdmissionError", "NodeAffinity", "TopologyAffinityError"), Cause.POD_REJECTED),
    **dict.fromkeys(("PodOSNotSupported", "AppArmor", "SysctlForbidden", "InvalidNodeInfo"), Cause.POD_REJECTED),
}
"""A pod's own `status.reason`; `OutOf…` is POD_REJECTED too, and any other is POD_FAILED."""

EVENT_CAUSES: Mapping[str, Cause] = {
    **dict.fromkeys(("FailedMount", "FailedAttachVolume", "FailedMapVolume", "VolumeResizeFailed"), Cause.POD_SETUP),
    **dict.fromkeys(("FailedCreatePodSandBox", "FailedPodSandBoxStatus", "NetworkNotReady"), Cause.POD_SETUP),
    **dict.fromkeys(("FailedPrepareDynamicResources", "DNSConfigForming"), Cause.POD_SETUP),
    "FailedScheduling": Cause.UNSCHEDULABLE,
    "NodeNotReady": Cause.NODE_LOST,
}
"""Warning Events about a pod; any other is WARNING_EVENT."""

SCALE_UP_REASONS = ("TriggeredScaleUp", "Nominated")
"""Events of cluster-autoscaler and Karpenter: a node for the pod is on its way."""


class Trouble(NamedTuple):
    """What is wrong with one pod.

    Attributes:
        detail: what pods with the same trouble have in common, for the sentence.
    """

    cause: Cause
    detail: str
    pod: DetailedPod
    evidence: tuple[Evidence, ...]
    severity: Severity | None = None
    container: str = ""
    command: str = ""


PodEvents = Mapping[str, Sequence[Event]]


def pod_findings(
    pods: Iterable[DetailedPod], events: PodEvents, now: datetime, *, serves: bool = False
) -> Iterator[Finding]:
    """Yield a finding for each trouble that pods have.

    `events` are those of each pod, the newest first. With `serves`, a worker is ready only if Serve runs a replica on
    it: an unready one is no trouble. Neither is a worker that waits for a head which is not ready.
    """
    pods = list(pods)
    waits = any(pod.metadata.node_type == "head" and not _is_ready(pod) for pod in pods)
    groups: dict[tuple[Cause, str, Severity | None], list[Trouble]] = defaultdict(list)
    doubtful = [pod for pod in pods if pod.metadata.name in events or not _runs_well(pod)]
    for pod in sorted(doubtful, key=lambda pod: (pod.metadata.node_type != "head", pod.metadata.name)):
        trouble = pod_trouble(pod, events.get(pod.metadata.name, ()), now, serves=serves)
        if trouble is not None and not (waits and trouble.detail.startswith("Init:")):
            groups[trouble.cause, trouble.detail, trouble.severity].append(trouble)
    for (cause, detail, severity), troubles in groups.items():
        evidence = [one for trouble in troubles for one in trouble.evidence]
        since = min(filter(None, (one.time for one in evidence)), default=None)
        who = _subject([trouble.pod for trouble in troubles])
        sentence = _SENTENCES[cause].format(detail=detail, who=who, age=lasting(now, since), ago=ago(now, since))
        first = troubles[0]
        yield finding(cause, sentence, *evidence, severity=severity, command=first.command, container=first.container)


def pod_trouble(pod: DetailedPod, events: Sequence[Event], now: datetime, *, serves: bool = False) -> Trouble | None:
    """Return what is wrong with a pod, None if it is known to be well, or starts or ends as usual."""
    found = _trouble(pod, events, now, serves=serves)
    warning = next((event for event in events if event.type == "Warning"), None)
    if warning is None or not _is_newer(warning, pod):
        return found
    evidence = evidence_of("Pod", pod.metadata, f"Event {warning.reason}", warning.last_time, warning.message)
    if found is not None and found.cause is not Cause.UNKNOWN:
        return found._replace(evidence=(*found.evidence, evidence))
    cause = EVENT_CAUSES.get(warning.reason or "", Cause.WARNING_EVENT)
    text = obstacles(warning.message or "") if cause is Cause.UNSCHEDULABLE else last_line(warning.message)
    is_well = found is None and _is_ready(pod)
    severity = Severity.INFO if is_well and cause is Cause.WARNING_EVENT else None
    detail = text if cause is Cause.UNSCHEDULABLE else with_detail(warning.reason or "Warning", text)
    return Trouble(cause, detail, pod, (evidence, *(found.evidence if found else ())), severity)


def _runs_well(pod: DetailedPod) -> bool:
    """Return whether a pod is ready and none of its containers has ever ended: most pods, which need no more looks."""
    status = pod.status
    if (
        status is None
        or status.reason
        or status.phase != "Running"
        or pod.metadata.deletion_timestamp
        or not _is_ready(pod)
    ):
        return False
    is_placed = all(one.is_true for one in status.conditions or ())
    containers = status.container_statuses or ()
    return is_placed and all(one.now.running and one.last_state is None for one in containers)


def ready_seconds(pod: DetailedPod, now: datetime) -> float:
    """Return for how many seconds a pod has been ready; 0.0 if it is not."""
    ready = find_condition(pod.status, "Ready")
    is_ready = ready is not None and ready.is_true and pod.metadata.deletion_timestamp is None
    return age_seconds(now, ready.last_transition_time) if ready is not None and is_ready else 0.0


def current_submitters(pods: Sequence[DetailedPod]) -> Sequence[DetailedPod]:
    """Return the submitters that count: as long as one has not ended, the others are earlier attempts."""
    alive = [pod for pod in pods if pod.status is None or pod.status.phase not in ("Failed", "Succeeded")]
    return alive or pods


def submitter_end(pods: Iterable[DetailedPod]) -> tuple[DetailedPod, DetailedTerminated] | None:
    """Return the submitter that ended last, and how; None if one of them has not ended."""
    ends = []
    for pod in pods:
        states = [one.now.terminated for one in (pod.status and pod.status.container_statuses) or ()]
        if not states or None in states:
            return None
        ends += [(pod, end) for end in states if end is not None and end.finished_at is not None]
    return max(ends, key=lambda pair: pair[1].finished_at.timestamp() if pair[1].finished_at else 0.0, default=None)


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
        evidence = _evidence(pod, "status.conditions[Ready]", ready.last_transition_time, ready.message or ready.reason)
        return Trouble(Cause.NODE_LOST, "the node does not report", pod, evidence)
    containers = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    troubles = filter(None, (_of_container(pod, one, now) for one in containers))
    return next(troubles, None) or _of_phase(pod, now, serves=serves)


def _stuck(pod: DetailedPod, node_is_lost: bool) -> Trouble:
    node = (pod.spec.node_name if pod.spec else None) or ""
    reason = pod.status.reason if pod.status else None
    cause = Cause.NODE_LOST if node_is_lost or reason == "NodeLost" else Cause.STUCK_DELETION
    detail = f"node {node}" if node else "its node"
    evidence = _evidence(pod, "metadata.deletionTimestamp", pod.metadata.deletion_timestamp, reason)
    return Trouble(cause, f"{detail} has not ended the pod", pod, evidence)


def _of_reason(pod: DetailedPod, reason: str, message: str | None) -> Trouble:
    default = Cause.POD_REJECTED if reason.startswith("OutOf") else Cause.POD_FAILED
    is_said = reason in POD_REASONS and POD_REASONS[reason] is Cause.EVICTED and message
    detail = quoted(message) if is_said else with_detail(quoted(reason), quoted(message))
    return Trouble(
        POD_REASONS.get(reason, default), detail, pod, _evidence(pod, "status.reason", None, message or reason)
    )


def _unscheduled(
    pod: DetailedPod, scheduled: DetailedCondition, events: Sequence[Event], now: datetime
) -> Trouble | None:
    reason, message, since = scheduled.reason or "", scheduled.message or "", scheduled.last_transition_time
    evidence = _evidence(pod, "status.conditions[PodScheduled]", since, message or reason)
    if reason == "SchedulingGated":
        return Trouble(Cause.SCHEDULING_GATED, "scheduling gates", pod, evidence)
    if reason not in ("Unschedulable", ""):
        return Trouble(Cause.UNSCHEDULABLE, with_detail(reason, quoted(message)), pod, evidence)
    if not reason and not message:
        return _in_progress(pod, "Pending", since or pod.metadata.creation_timestamp, SLOW_START_SECONDS, now)
    scale_up = next((event for event in events if event.reason in SCALE_UP_REASONS), None)
    if scale_up is None or age_seconds(now, scale_up.last_time) > START_SECONDS:
        return Trouble(Cause.UNSCHEDULABLE, obstacles(message), pod, evidence)
    more = evidence_of("Pod", pod.metadata, f"Event {scale_up.reason}", scale_up.last_time, scale_up.message)
    detail = f"{obstacles(message)}; a node is being added"
    return Trouble(Cause.UNSCHEDULABLE, detail, pod, (*evidence, more), Severity.INFO)


def _of_container(pod: DetailedPod, container: DetailedContainerStatus, now: datetime) -> Trouble | None:
    waiting, end, before = container.now.waiting, container.now.terminated, container.before.terminated
    name, field = container.name or "", _field(pod, container)
    if waiting is not None and (reason := waiting.reason or "") not in ORDINARY_WAITING:
        return _of_waiting(pod, container, reason, now)
    is_init = container.name in _init_names(pod)
    if end is not None and (end.exit_code or end.signal):
        return _of_end(pod, container, end, f"{field}.state.terminated")
    is_ray = not is_init and name == _ray_container(pod)
    if end is not None and is_ray and pod.metadata.node_type and age_seconds(now, end.finished_at) > SLOW_START_SECONDS:
        return _of_end(pod, container, end, f"{field}.state.terminated")
    if before is None or before.finished_at is None or age_seconds(now, before.finished_at) > RECENT_SECONDS:
        return None
    evidence = _evidence(pod, f"{field}.lastState.terminated", before.finished_at, before.message or before.reason)
    if before.reason == "OOMKilled":
        detail = f"container {name} exceeded its memory limit and was killed, and runs again"
        return Trouble(Cause.OUT_OF_MEMORY, detail, pod, evidence, None, name)
    if is_ray and pod.metadata.node_type == "head":
        return Trouble(Cause.HEAD_RESTARTED, _end_words(name, before), pod, evidence, None, name)
    return None


def _of_waiting(pod: DetailedPod, container: DetailedContainerStatus, reason: str, now: datetime) -> Trouble:
    waiting, before, name = container.now.waiting, container.before.terminated, container.name or ""
    message = (waiting.message if waiting else None) or ""
    field, since = f"{_field(pod, container)}.state.waiting", before.finished_at if before else None
    cause = WAITING_REASONS.get(reason, Cause.UNKNOWN)
    if before is not None and (cause is Cause.CRASH_LOOP or before.reason in NEVER_STARTED):
        if before.reason == "OOMKilled" or before.reason in NEVER_STARTED:
            return _of_end(pod, container, before, f"{_field(pod, container)}.state.waiting")
        detail, message = _end_words(name, before), before.message or message
    elif cause is Cause.IMAGE_PULL:
        detail = ", ".join(filter(None, (image([message]), pull_error(message) or reason)))
        is_limited = PULL_RATE in message and age_seconds(now, pod.metadata.creation_timestamp) <= START_SECONDS
        evidence = _evidence(pod, field, since, message or reason)
        return Trouble(cause, detail, pod, evidence, Severity.INFO if is_limited else None, name)
    else:
        detail = with_detail(f"{quoted(reason)} of container {name}", quoted(message))
    return Trouble(cause, detail, pod, _evidence(pod, field, since, message or reason), None, name)


def _of_end(pod: DetailedPod, container: DetailedContainerStatus, end: DetailedTerminated, field: str) -> Trouble:
    name = container.name or ""
    evidence = _evidence(pod, field, end.finished_at, end.message or end.reason)
    if end.reason == "OOMKilled":
        detail = f"container {name} exceeded its memory limit and was killed"
        command = "" if field.endswith("waiting") else LOGS
        return Trouble(Cause.OUT_OF_MEMORY, detail, pod, evidence, None, name, command)
    if end.reason in NEVER_STARTED:
        detail = with_detail(f"{end.reason} of container {name}", last_line(end.message))
        # Its time is that of an end which never was: 1970.
        return Trouble(Cause.CONTAINER_CONFIG, detail, pod, (replace(evidence[0], time=None),), None, name)
    command = PREVIOUS_LOGS if field.endswith("waiting") else LOGS
    return Trouble(Cause.CONTAINER_ENDED, _end_words(name, end), pod, evidence, None, name, command)


def _of_phase(pod: DetailedPod, now: datetime, *, serves: bool) -> Trouble | None:
    """Return a trouble of a pod whose containers show none: it is not ready, has not started or has ended."""
    status, created, is_head = pod_status(pod), pod.metadata.creation_timestamp, pod.metadata.node_type == "head"
    ready = find_condition(pod.status, "Ready")
    since = (ready.last_transition_time if ready else None) or created
    match (pod.status.phase if pod.status else None) or "Pending":
        case "Running":
            is_by_design = (serves and not is_head) or (is_head and _has_ended_submitter(pod))
            if ready is None or ready.is_true or is_by_design or not pod.metadata.node_type:
                return None
            limit, cause = (HEAD_SECONDS, Cause.NO_HEAD) if is_head else (SLOW_START_SECONDS, Cause.UNKNOWN)
            return _in_progress(pod, "not ready", since, limit, now, cause)
        case "Pending":
            limit = START_SECONDS if status.startswith("Init:") else SLOW_START_SECONDS
            return _in_progress(pod, status, created, limit, now)
        case "Succeeded":
            return _in_progress(pod, status, since, START_SECONDS, now) if pod.metadata.node_type else None
        case "Failed":
            return Trouble(Cause.POD_FAILED, status, pod, _evidence(pod, "status.phase", since, status))
    return Trouble(Cause.UNKNOWN, quoted(status), pod, _evidence(pod, "status.phase", since, status))


def _in_progress(
    pod: DetailedPod, state: str, since: datetime | None, limit: float, now: datetime, cause: Cause = Cause.UNKNOWN
) -> Trouble | None:
    """Return a trouble if a pod has been in a state of an ordinary start or end for too long."""
    if age_seconds(now, since) <= limit:
        return None
    field = "status.conditions[Ready]" if state == "not ready" else "status.phase"
    return Trouble(cause, quoted(state), pod, _evidence(pod, field, since, state))


def _is_newer(event: Event, pod: DetailedPod) -> bool:
    """Return whether an Event is newer than what the pod's conditions show to have succeeded."""
    done = [one.last_transition_time for one in (pod.status and pod.status.conditions) or () if one.is_true]
    last = max(filter(None, done), default=None)
    return last is None or event.last_time is None or event.last_time > last


def _is_ready(pod: DetailedPod) -> bool:
    ready = find_condition(pod.status, "Ready")
    return ready is not None and ready.is_true


def _has_ended_submitter(pod: DetailedPod) -> bool:
    statuses = (pod.status and pod.status.container_statuses) or ()
    return any(one.name == SUBMITTER and one.now.terminated for one in statuses)


def _ray_container(pod: DetailedPod) -> str:
    """Return the name of the container that runs Ray: the first of the spec, or else one that is no known sidecar."""
    if pod.spec is not None and pod.spec.containers:
        return pod.spec.containers[0].name
    names = [one.name or "" for one in (pod.status and pod.status.container_statuses) or ()]
    own = [name for name in names if name.startswith("ray-") and name != SUBMITTER]
    return (own or [name for name in names if name not in _SIDECARS] or [""])[0]


_SIDECARS = (SUBMITTER, "autoscaler", "istio-proxy", "linkerd-proxy", "fluentbit", "fluent-bit")


def _end_words(name: str, end: DetailedTerminated) -> str:
    how = f"signal {end.signal}" if end.signal and not end.exit_code else f"exit code {end.exit_code or 0}"
    return with_detail(f"container {name} ended with {how}", last_line(end.message))


def _evidence(
    pod: DetailedPod, field: str, time: datetime | None = None, message: str | None = None
) -> tuple[Evidence, ...]:
    return (evidence_of("Pod", pod.metadata, field, time, message),)


def _field(pod: DetailedPod, container: DetailedContainerStatus) -> str:
    kind = "initContainerStatuses" if container.name in _init_names(pod) else "containerStatuses"
    return f"status.{kind}[{container.name}]"


def _init_names(pod: DetailedPod) -> set[str | None]:
    return {one.name for one in (pod.status.init_container_statuses if pod.status else None) or ()}


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
    Cause.NO_HEAD: "Head not ready{age}, although its pod is running.",
    Cause.HEAD_RESTARTED: "Head restarted{ago}: {detail}.",
    Cause.WARNING_EVENT: "Warning Event {detail} ({who}).",
    Cause.UNKNOWN: "No known cause: {detail}{age} ({who}).",
}
