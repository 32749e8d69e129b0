"""Rows of the lists of one object: conditions, pods, Events."""

from collections.abc import Iterable
from datetime import datetime

from msgspec import Struct

from exporter.diagnosis.phrases import one_line
from exporter.resources.detailed import DetailedContainerStatus, DetailedPod, DetailedPodStatus
from exporter.resources.event import Event
from exporter.resources.meta import find_condition
from exporter.resources.pod_status import pod_status

MAX_STATUS = 64
"""Anyone may write a pod's status."""


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
        status: what kubectl prints, as the metric `kuberay_pod_status` has it.
        ready: its condition Ready is true.
        restarts: of all its containers.
        restarted_at: when a container ended that was started again, the last one.
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
    restarted_at: datetime | None = None

    @classmethod
    def of(cls, pod: DetailedPod) -> "PodRow":
        meta, status = pod.metadata, pod.status or DetailedPodStatus()
        containers = (*(status.init_container_statuses or ()), *(status.container_statuses or ()))
        ends = [one.before.terminated for one in containers if one.before.terminated]
        ready = find_condition(status, "Ready")
        return cls(
            name=meta.name,
            node_type=meta.node_type or "submitter",
            group=meta.group,
            status=pod_status(pod)[:MAX_STATUS],
            ready=ready is not None and ready.is_true,
            restarts=sum(container.restart_count or 0 for container in containers),
            node=(pod.spec.node_name or "") if pod.spec else "",
            created_at=meta.creation_timestamp,
            message="" if meta.deletion_timestamp else _message(status, containers),
            restarted_at=max((end.finished_at for end in ends if end.finished_at), default=None),
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
            message=one_line(event.message),
            first_time=event.first_time,
            last_time=event.last_time,
        )


def _message(status: DetailedPodStatus, containers: Iterable[DetailedContainerStatus]) -> str:
    """Return the first message of what shows why a pod does not run."""
    scheduled = find_condition(status, "PodScheduled")
    states = [state for one in containers for state in (one.now.waiting, one.now.terminated) if state is not None]
    places = (status, scheduled if scheduled and not scheduled.is_true else None, *states)
    return one_line(next(filter(None, (getattr(place, "message", None) for place in places)), ""))
