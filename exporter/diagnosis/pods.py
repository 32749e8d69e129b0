"""What pods show: a trouble for each pod, and one finding for all pods with the same trouble."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, finding
from exporter.diagnosis.phrases import age, age_seconds, names
from exporter.diagnosis.waiting import OOM_KILLED, cause_of_reason, image, obstacles, quoted
from exporter.resources.detailed import DetailedCondition, DetailedContainerStatus, DetailedPod
from exporter.resources.meta import find_condition

RECENT_SECONDS = 3600.0
"""How long a container that was killed and runs again is worth a finding."""

SLOW_START_SECONDS = 300.0
"""From then on, a pod that has not started and shows no cause is a finding: images of Ray have gigabytes."""


class Trouble(NamedTuple):
    """What is wrong with one pod.

    Attributes:
        detail: what pods with the same trouble have in common, for the sentence.
    """

    cause: Cause
    detail: str
    pod: DetailedPod
    evidence: Evidence
    severity: Severity | None = None


def pod_findings(pods: Iterable[DetailedPod], owner: str, now: datetime) -> Iterator[Finding]:
    """Yield a finding for each trouble that pods have; `owner` is what they belong to, such as `RayCluster x`."""
    groups: dict[tuple[Cause, str, Severity | None], list[Trouble]] = defaultdict(list)
    for pod in sorted(pods, key=lambda pod: (pod.metadata.node_type != "head", pod.metadata.name)):
        if trouble := pod_trouble(pod, now):
            groups[trouble.cause, trouble.detail, trouble.severity].append(trouble)
    for (cause, detail, severity), troubles in groups.items():
        sentence = _SENTENCES[cause].format(
            pods=_subject([trouble.pod for trouble in troubles], owner),
            detail=detail,
            age=age(now, min(filter(None, (trouble.evidence.time for trouble in troubles)), default=None)),
        )
        evidence = [trouble.evidence for trouble in troubles]
        yield finding(cause, _capitalized(sentence), *evidence, severity=severity)


def pod_trouble(pod: DetailedPod, now: datetime) -> Trouble | None:
    """Return what is wrong with a pod, None if it runs, ends or starts as usual."""
    status = pod.status
    if status is None or pod.metadata.deletion_timestamp is not None:
        return None
    if status.reason == "Evicted":
        evidence = evidence_of("Pod", pod.metadata, "status.reason", message=status.message)
        return Trouble(Cause.EVICTED, quoted(status.message) or "no reason was given", pod, evidence)
    scheduled = find_condition(status, "PodScheduled")
    if isinstance(scheduled, DetailedCondition) and not scheduled.is_true:
        return _scheduling_trouble(pod, scheduled)
    containers = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    return next(filter(None, (_container_trouble(pod, one, now) for one in containers)), None) or _slow(pod, now)


def _scheduling_trouble(pod: DetailedPod, scheduled: DetailedCondition) -> Trouble | None:
    evidence = evidence_of(
        "Pod", pod.metadata, "status.conditions[PodScheduled]", scheduled.last_transition_time, scheduled.message
    )
    if scheduled.reason == "Unschedulable":
        return Trouble(Cause.UNSCHEDULABLE, obstacles(scheduled.message or ""), pod, evidence)
    return Trouble(Cause.SCHEDULING_GATED, "", pod, evidence) if scheduled.reason == "SchedulingGated" else None


def _container_trouble(pod: DetailedPod, container: DetailedContainerStatus, now: datetime) -> Trouble | None:
    waiting, ended, before = container.now.waiting, container.now.terminated, container.before.terminated
    cause = cause_of_reason(waiting.reason if waiting else None)
    if waiting is not None and cause is not None:
        if cause is Cause.CRASH_LOOP and before is not None and before.reason == OOM_KILLED:
            return _killed(pod, container, before.finished_at)
        field = f"{_field(pod, container)}.state.waiting"
        message = waiting.message or waiting.reason
        evidence = evidence_of("Pod", pod.metadata, field, before.finished_at if before else None, message)
        return Trouble(cause, _detail(cause, container), pod, evidence)
    if ended is not None and ended.reason == OOM_KILLED:
        return _killed(pod, container, ended.finished_at)
    if before is None or age_seconds(now, before.finished_at) > RECENT_SECONDS or not before.finished_at:
        return None
    if before.reason == OOM_KILLED:
        return _killed(pod, container, before.finished_at, Severity.WARNING)
    if pod.metadata.node_type == "head" and container.name not in _init_names(pod):
        field = f"{_field(pod, container)}.lastState.terminated"
        evidence = evidence_of("Pod", pod.metadata, field, before.finished_at, before.message or before.reason)
        return Trouble(Cause.HEAD_RESTARTED, _end(before.exit_code, container), pod, evidence)
    return None


def _killed(
    pod: DetailedPod, container: DetailedContainerStatus, time: datetime | None, severity: Severity | None = None
) -> Trouble:
    evidence = evidence_of("Pod", pod.metadata, _field(pod, container), time, OOM_KILLED)
    detail = f"container {container.name} was killed because it exceeded its memory limit"
    if severity is Severity.WARNING:
        detail += ", and runs again"
    return Trouble(Cause.OUT_OF_MEMORY, detail, pod, evidence, severity)


def _slow(pod: DetailedPod, now: datetime) -> Trouble | None:
    """Return a trouble if a pod has not started for long, unless it waits for the head."""
    status, created = pod.status, pod.metadata.creation_timestamp
    if status is None or status.phase != "Pending" or age_seconds(now, created) < SLOW_START_SECONDS:
        return None
    statuses = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
    if any(container.now.running for container in statuses):
        return None
    reasons = [container.now.waiting.reason for container in statuses if container.now.waiting]
    evidence = evidence_of("Pod", pod.metadata, "status.phase", created, names(filter(None, reasons)))
    return Trouble(Cause.UNKNOWN, next(filter(None, reasons), "Pending"), pod, evidence)


def _detail(cause: Cause, container: DetailedContainerStatus) -> str:
    waiting, before = container.now.waiting, container.before.terminated
    if cause is Cause.IMAGE_PULL:
        return image([(waiting and waiting.message) or ""])
    if cause is Cause.CONTAINER_CONFIG:
        return quoted((waiting and (waiting.message or waiting.reason)) or "")
    return _end(before.exit_code if before else None, container)


def _end(exit_code: int | None, container: DetailedContainerStatus) -> str:
    return f"container {container.name} ended with exit code {exit_code or 0}"


def _field(pod: DetailedPod, container: DetailedContainerStatus) -> str:
    kind = "initContainerStatuses" if container.name in _init_names(pod) else "containerStatuses"
    return f"status.{kind}[{container.name}]"


def _init_names(pod: DetailedPod) -> set[str | None]:
    return {one.name for one in (pod.status.init_container_statuses if pod.status else None) or ()}


def _subject(pods: Sequence[DetailedPod], owner: str) -> str:
    roles = {pod.metadata.node_type or "submitter" for pod in pods}
    role = f"{roles.pop()} " if len(roles) == 1 else ""
    if len(pods) == 1:
        return f"the {role}pod of {owner}" if role != "worker " else f"1 worker pod of {owner}"
    return f"{len(pods)} {role}pods of {owner}"


def _capitalized(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


_SENTENCES = {
    Cause.UNSCHEDULABLE: "{pods} cannot be scheduled for {age}: {detail}.",
    Cause.SCHEDULING_GATED: "{pods} cannot be scheduled for {age} because of scheduling gates.",
    Cause.IMAGE_PULL: "{pods} cannot start: the image{detail} cannot be pulled.",
    Cause.CONTAINER_CONFIG: "{pods} cannot start: {detail}.",
    Cause.CRASH_LOOP: "{pods} restarted several times: {detail}.",
    Cause.OUT_OF_MEMORY: "{pods} ran out of memory: {detail}.",
    Cause.EVICTED: "{pods} failed by eviction: {detail}.",
    Cause.HEAD_RESTARTED: "{pods} restarted {age} ago: {detail}.",
    Cause.UNKNOWN: "{pods} did not start for {age} ({detail}); the cause is unknown.",
}
