"""What the containers of a pod show: of Ray, of a submitter, and of sidecars."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from exporter.diagnosis.causes import DESCRIBE, LOGS, PREVIOUS_LOGS, Cause, Severity
from exporter.diagnosis.finding import Evidence, evidence_of
from exporter.diagnosis.phrases import NEVER, age_seconds, last_line, quoted, with_detail
from exporter.diagnosis.states import START_SECONDS
from exporter.diagnosis.waiting import NEVER_STARTED, ORDINARY_WAITING, PULL_RATE, WAITING_REASONS, image, pull_error
from exporter.resources.detailed import DetailedContainerStatus, DetailedPod, DetailedTerminated, DetailedWaiting

RECENT_SECONDS = 3600.0
"""How long a container that was killed and runs again is worth a finding."""

LOOP_RESTARTS = 3
"""From then on, a worker that has ended within RECENT_SECONDS is a finding, although it runs between the ends."""

SLOW_START_SECONDS = 300.0
"""From then on, a pod that has not started and shows no cause is a finding: images of Ray have gigabytes."""

SUBMITTER = "ray-job-submitter"
"""Container of a submitter. With SidecarMode it is in the head's pod, which is unready after that."""

_SIDECARS = (SUBMITTER, "autoscaler", "istio-proxy", "linkerd-proxy", "fluentbit", "fluent-bit")


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


def current_submitters(pods: Sequence[DetailedPod]) -> Sequence[DetailedPod]:
    """Return the submitters that count: as long as one has not ended, the others are earlier attempts."""
    alive = [pod for pod in pods if pod.status is None or pod.status.phase not in ("Failed", "Succeeded")]
    return alive or pods


def ray_started_at(pod: DetailedPod) -> datetime | None:
    """Return when the Ray container was last started, None if it does not run."""
    statuses = (pod.status and pod.status.container_statuses) or ()
    running = [one.now.running for one in statuses if one.name == _ray_container(pod)]
    return running[0].started_at if running and running[0] else None


def submitter_end(pods: Iterable[DetailedPod]) -> tuple[DetailedPod, DetailedTerminated] | None:
    """Return the submitter that ended last, and how; None if one of them has not ended. It can be part of a head."""
    ends = []
    for pod in pods:
        statuses = (pod.status and pod.status.container_statuses) or ()
        states = [one.now.terminated for one in statuses if one.name == SUBMITTER or not pod.metadata.node_type]
        if (not pod.metadata.node_type and not states) or None in states:
            return None
        ends += [(pod, end) for end in states if end is not None and end.finished_at is not None]
    return max(ends, key=lambda pair: pair[1].finished_at or NEVER, default=None)


def trouble(
    pod: DetailedPod,
    cause: Cause,
    detail: str,
    field: str,
    time: datetime | None = None,
    message: str | None = None,
    **more: Any,
) -> Trouble:
    """Return a trouble whose evidence is a field of the pod; `more` are attributes of `Trouble`."""
    return Trouble(cause, detail, pod, (evidence_of("Pod", pod.metadata, field, time, message),), **more)


def container_trouble(pod: DetailedPod, container: DetailedContainerStatus, now: datetime) -> Trouble | None:
    """Return what is wrong with a container, None if it runs, or starts or has ended as usual."""
    waiting, end, before = container.now.waiting, container.now.terminated, container.before.terminated
    name, node_type = container.name or "", pod.metadata.node_type
    is_init = any(one.name == container.name for one in (pod.status and pod.status.init_container_statuses) or ())
    field = f"status.{'initContainerStatuses' if is_init else 'containerStatuses'}[{container.name}]"
    if waiting is not None and (waiting.reason or "") not in ORDINARY_WAITING:
        return _of_waiting(pod, name, waiting, before, field, now)
    is_ray = node_type in ("head", "worker") and not is_init and name == _ray_container(pod)
    is_over = is_ray and end is not None and age_seconds(now, end.finished_at) > SLOW_START_SECONDS
    if end is not None and (end.exit_code or end.signal or is_over):
        return _of_end(pod, name, end, f"{field}.state.terminated")
    if before is None or before.finished_at is None or age_seconds(now, before.finished_at) > RECENT_SECONDS:
        return None
    cause, detail = Cause.HEAD_RESTARTED, _end_words(name, before)
    if before.reason == "OOMKilled":
        cause, detail = (
            Cause.OUT_OF_MEMORY,
            f"container {name} exceeded its memory limit and was killed, and runs again",
        )
    elif is_ray and node_type == "worker" and (container.restart_count or 0) >= LOOP_RESTARTS:
        cause, detail = Cause.CRASH_LOOP, f"{detail}, {container.restart_count} times so far, and runs again"
    elif not is_ray or node_type != "head":
        return None
    words = before.message or before.reason
    return trouble(pod, cause, detail, f"{field}.lastState.terminated", before.finished_at, words, container=name)


def _of_waiting(
    pod: DetailedPod, name: str, waiting: DetailedWaiting, before: DetailedTerminated | None, field: str, now: datetime
) -> Trouble:
    reason, message, field = waiting.reason or "", waiting.message or "", f"{field}.state.waiting"
    cause, severity = WAITING_REASONS.get(reason, Cause.UNKNOWN), None
    if before is not None and (cause is Cause.CRASH_LOOP or before.reason in NEVER_STARTED):
        if before.reason == "OOMKilled" or before.reason in NEVER_STARTED:
            return _of_end(pod, name, before, field)
        detail, message = _end_words(name, before), before.message or message
    elif cause is Cause.IMAGE_PULL:
        detail = ", ".join(filter(None, (image([message]), pull_error(message) or reason)))
        is_limited = PULL_RATE in message and age_seconds(now, pod.metadata.creation_timestamp) <= START_SECONDS
        severity = Severity.INFO if is_limited else None
    else:
        detail = with_detail(f"{quoted(reason)} of container {name}", quoted(message))
    since = before.finished_at if before else None
    return trouble(pod, cause, detail, field, since, message or reason, container=name, severity=severity)


def _of_end(pod: DetailedPod, name: str, end: DetailedTerminated, field: str) -> Trouble:
    is_waiting, time, command = field.endswith("waiting"), end.finished_at, ""
    if end.reason == "OOMKilled":
        cause, detail = Cause.OUT_OF_MEMORY, f"container {name} exceeded its memory limit and was killed"
        command = "" if is_waiting else LOGS
    elif end.reason in NEVER_STARTED:
        cause, detail = Cause.CONTAINER_CONFIG, with_detail(f"{end.reason} of container {name}", last_line(end.message))
        # Its time is that of an end which never was: 1970.
        time = None
    else:
        cause, detail, command = Cause.CONTAINER_ENDED, _end_words(name, end), PREVIOUS_LOGS if is_waiting else LOGS
        if end.reason == "ContainerStatusUnknown":
            # The container is not there any more, and its log neither.
            command = DESCRIBE
    return trouble(pod, cause, detail, field, time, end.message or end.reason, container=name, command=command)


def has_ended_submitter(pod: DetailedPod) -> bool:
    """Return whether the submitter in a head's pod has ended, so that the pod is not ready."""
    statuses = (pod.status and pod.status.container_statuses) or ()
    return any(one.name == SUBMITTER and one.now.terminated for one in statuses)


def _ray_container(pod: DetailedPod) -> str:
    """Return the name of the container that runs Ray: the first of the spec, or else one that is no known sidecar.

    A mesh puts its proxy first if containers have to wait for it.
    """
    if pod.spec is not None and pod.spec.containers and pod.spec.containers[0].name not in _SIDECARS:
        return pod.spec.containers[0].name
    names = [one.name or "" for one in (pod.status and pod.status.container_statuses) or ()]
    own = [name for name in names if name.startswith("ray-") and name != SUBMITTER]
    return (own or [name for name in names if name not in _SIDECARS] or [""])[0]


def _end_words(name: str, end: DetailedTerminated) -> str:
    how = f"signal {end.signal}" if end.signal and not end.exit_code else f"exit code {end.exit_code or 0}"
    return with_detail(f"container {name} ended with {how}", last_line(end.message))
