"""Objects with their findings, as structs that become the JSON of docs/api.md."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Self

from msgspec import Struct
from msgspec.structs import replace

from exporter.diagnosis.causes import Severity
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.phrases import NEVER, one_line
from exporter.diagnosis.related import Related
from exporter.resources.detailed import DetailedContainerStatus, DetailedObject, DetailedPod, DetailedPodStatus
from exporter.resources.event import Event
from exporter.resources.meta import find_condition
from exporter.resources.pod_status import pod_status

MAX_PODS = 100
MAX_EVENTS = 20
MAX_RELATED = 20
MAX_STATUS = 64
"""Anyone may write a pod's status."""


class ObjectView(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One object of a list.

    Attributes:
        details: what `details` has of the kind; the API of another exporter may answer anything.
    """

    kind: str
    namespace: str
    name: str
    uid: str
    state: str
    healthy: bool
    findings: tuple[Finding, ...]
    since: datetime | None = None
    created_at: datetime | None = None
    severity: Severity | None = None
    details: Any = None


class ConditionRow(Struct, frozen=True, omit_defaults=True):
    """One condition."""

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
    def of(cls, pod: DetailedPod) -> Self:
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


class ObjectName(Struct, frozen=True):
    """The object that an Event is about."""

    kind: str
    name: str


class EventRow(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One Event."""

    object: ObjectName
    type: str
    reason: str
    count: int
    message: str = ""
    first_time: datetime | None = None
    last_time: datetime | None = None

    @classmethod
    def of(cls, event: Event) -> Self:
        about = event.involved_object
        return cls(
            object=ObjectName((about and about.kind) or "", (about and about.name) or ""),
            type=event.type or "",
            reason=event.reason or "",
            count=event.occurrences,
            message=one_line(event.message),
            first_time=event.first_time,
            last_time=event.last_time,
        )


class Reference(Struct, frozen=True):
    """Another object."""

    kind: str
    namespace: str
    name: str
    state: str
    healthy: bool


class ObjectPage(Struct, frozen=True, omit_defaults=True):
    """One object with its lists; a list that could not be read is None."""

    object: ObjectView
    conditions: tuple[ConditionRow, ...]
    related: tuple[Reference, ...]
    pods: tuple[PodRow, ...] | None = None
    events: tuple[EventRow, ...] | None = None


def view_of(obj: DetailedObject, fleet: Fleet, now: datetime) -> ObjectView:
    """Return an object with its findings and details."""
    return with_details(brief_view(obj, fleet, now), fleet)


def with_details(view: ObjectView, fleet: Fleet) -> ObjectView:
    """Return a view of an object of this fleet with its details."""
    obj = fleet.find(view.kind, view.namespace, view.name)
    return replace(view, details=fleet.kind(obj).details(obj)) if obj else view


def brief_view(obj: DetailedObject, fleet: Fleet, now: datetime) -> ObjectView:
    """Return an object with its findings: all that is needed to find it among others."""
    meta, kind = obj.metadata, fleet.kind(obj)
    state, findings = kind.state_of(obj), kind.diagnose(obj, fleet.related(obj), now)
    return ObjectView(
        kind=obj.kind,
        namespace=meta.namespace,
        name=meta.name,
        uid=meta.uid,
        state=state.name,
        healthy=not findings,
        since=state.since,
        created_at=meta.creation_timestamp,
        severity=findings[0].severity if findings else None,
        findings=findings,
    )


def worst_first(view: ObjectView) -> tuple[int, float, str, str, str]:
    """Sort key: the worst severity, then the newest, then by name."""
    rank = view.severity.rank if view.severity else len(Severity)
    created = view.created_at.timestamp() if view.created_at else 0.0
    return (rank, -created, view.kind, view.namespace, view.name)


SORTS: dict[str, Callable[[ObjectView], tuple[object, ...]] | None] = {
    "severity": None,  # the order of a snapshot: `worst_first`
    "name": lambda view: (view.name, view.namespace, view.kind),
    "state": lambda view: (view.state, view.name, view.namespace),
    "created": lambda view: (-(view.created_at.timestamp() if view.created_at else 0.0), view.name, view.namespace),
}
"""Keys of the orders that the API and the page have."""


def page_of(obj: DetailedObject, fleet: Fleet, now: datetime) -> ObjectPage:
    """Return an object with its conditions, pods, Events and related objects."""
    related = fleet.related(obj)
    parts = (related, *(of_cluster for _, of_cluster in related.clusters))
    rows = (PodRow.of(pod) for part in parts for pod in part.pods)
    pods = sorted(rows, key=lambda row: (row.ready, row.node_type, row.name))
    others: list[DetailedObject] = [cluster for cluster, _ in related.clusters]
    others += (*related.jobs, *fleet.creators(obj))
    return ObjectPage(
        object=view_of(obj, fleet, now),
        conditions=tuple(
            ConditionRow(one.type, one.status or "", one.reason or "", one.last_transition_time, one_line(one.message))
            for one in getattr(obj.status, "conditions", None) or ()
        ),
        pods=tuple(pods[:MAX_PODS]) if fleet.known.pods else None,
        events=tuple(_events(parts)) if fleet.known.events else None,
        related=tuple(_reference(other, fleet, now) for other in others[:MAX_RELATED]),
    )


def _message(status: DetailedPodStatus, containers: Iterable[DetailedContainerStatus]) -> str:
    """Return the first message of what shows why a pod does not run."""
    scheduled = find_condition(status, "PodScheduled")
    states = [state for one in containers for state in (one.now.waiting, one.now.terminated) if state is not None]
    places = (status, scheduled if scheduled and not scheduled.is_true else None, *states)
    return one_line(next(filter(None, (getattr(place, "message", None) for place in places)), ""))


def _events(parts: Iterable[Related]) -> list[EventRow]:
    rows = (EventRow.of(event) for part in parts for of in (part.events, *part.pod_events.values()) for event in of)
    return sorted(rows, key=lambda row: row.last_time or NEVER, reverse=True)[:MAX_EVENTS]


def _reference(obj: DetailedObject, fleet: Fleet, now: datetime) -> Reference:
    meta, kind = obj.metadata, fleet.kind(obj)
    healthy = not kind.diagnose(obj, fleet.related(obj), now)
    return Reference(obj.kind, meta.namespace, meta.name, kind.state_of(obj).name, healthy)
