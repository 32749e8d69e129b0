"""Rows of the lists of one object: conditions, pods, Events."""

from datetime import datetime

from msgspec import Struct

from exporter.resources.detailed import DetailedContainerStatus, DetailedPod, DetailedPodStatus
from exporter.resources.event import Event
from exporter.resources.meta import find_condition


class ConditionRow(Struct, frozen=True, omit_defaults=True):
    """One condition, as the API shows it."""

    type: str
    status: str
    reason: str = ""
    time: datetime | None = None
    message: str = ""


class PodRow(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One pod.

    Attributes:
        status: nearly what kubectl prints: the reason of the first container that has one, or the phase.
        ready: its condition Ready is true.
        restarts: of all its containers.
    """

    name: str
    node_type: str
    group: str
    status: str
    ready: bool
    restarts: int
    node: str = ""
    created_at: datetime | None = None
    message: str = ""

    @classmethod
    def of(cls, pod: DetailedPod) -> "PodRow":
        meta, status = pod.metadata, pod.status or DetailedPodStatus()
        containers = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
        ready = find_condition(status, "Ready")
        name, message = _status(pod, status, containers)
        return cls(
            name=meta.name,
            node_type=meta.node_type or "submitter",
            group=meta.group,
            status=name,
            ready=ready is not None and ready.is_true,
            restarts=sum(container.restart_count or 0 for container in containers),
            node=(pod.spec.node_name or "") if pod.spec else "",
            created_at=meta.creation_timestamp,
            message=message,
        )


class EventObject(Struct, frozen=True):
    """The object that an Event is about."""

    kind: str
    name: str


class EventRow(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One Event, as the API shows it."""

    object: EventObject
    type: str
    reason: str
    count: int
    message: str = ""
    first_time: datetime | None = None
    last_time: datetime | None = None

    @classmethod
    def of(cls, event: Event) -> "EventRow":
        about = event.involved_object
        return cls(
            object=EventObject((about and about.kind) or "", (about and about.name) or ""),
            type=event.type or "",
            reason=event.reason or "",
            count=event.occurrences,
            message=event.message or "",
            first_time=event.first_time,
            last_time=event.last_time,
        )


def _status(
    pod: DetailedPod, status: DetailedPodStatus, containers: tuple[DetailedContainerStatus, ...]
) -> tuple[str, str]:
    """Return a pod's status in one word, and the message that belongs to it."""
    if pod.metadata.deletion_timestamp is not None:
        return "Terminating", ""
    if status.reason:
        return status.reason, status.message or ""
    scheduled = find_condition(status, "PodScheduled")
    if scheduled is not None and not scheduled.is_true and scheduled.reason:
        return scheduled.reason, getattr(scheduled, "message", None) or ""
    for container in containers:
        waiting, terminated = container.now.waiting, container.now.terminated
        if waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
            return waiting.reason, waiting.message or ""
        if terminated is not None and terminated.exit_code:
            return terminated.reason or "Error", terminated.message or ""
    return status.phase or "Pending", ""
