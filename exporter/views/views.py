"""Objects with their findings, as structs that become the JSON of docs/api.md."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from msgspec import Struct

from exporter.diagnosis.causes import Severity
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.phrases import NEVER, one_line
from exporter.diagnosis.related import Related
from exporter.resources.detailed import DetailedObject, DetailedPod
from exporter.views.rows import ConditionRow, EventRow, PodRow

MAX_PODS = 100
MAX_EVENTS = 20
MAX_RELATED = 20


class ObjectView(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One object of a list.

    Attributes:
        details: a struct of `details`, of the kind; decoded from JSON it is a dict.
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
        details=kind.details(obj),
    )


def worst_first(view: ObjectView) -> tuple[int, float, str, str, str]:
    """Sort key: the worst severity, then the newest, then by name."""
    rank = view.severity.rank if view.severity else len(Severity)
    created = view.created_at.timestamp() if view.created_at else 0.0
    return (rank, -created, view.kind, view.namespace, view.name)


def page_of(obj: DetailedObject, fleet: Fleet, now: datetime) -> ObjectPage:
    """Return an object with its conditions, pods, Events and related objects."""
    related = fleet.related(obj)
    pods = sorted((PodRow.of(pod) for pod in _pods(related)), key=lambda row: (row.ready, row.node_type, row.name))
    return ObjectPage(
        object=view_of(obj, fleet, now),
        conditions=tuple(_conditions(obj)),
        pods=tuple(pods[:MAX_PODS]) if fleet.known.pods else None,
        events=tuple(_events(related)) if fleet.known.events else None,
        related=tuple(_reference(other, fleet, now) for other in _others(obj, fleet, related)[:MAX_RELATED]),
    )


def _pods(related: Related) -> list[DetailedPod]:
    return [*related.pods, *(pod for _, of_cluster in related.clusters for pod in of_cluster.pods)]


def _conditions(obj: DetailedObject) -> Iterable[ConditionRow]:
    for one in getattr(obj.status, "conditions", None) or ():
        yield ConditionRow(
            one.type, one.status or "", one.reason or "", one.last_transition_time, one_line(one.message)
        )


def _events(related: Related) -> list[EventRow]:
    parts = (related, *(of_cluster for _, of_cluster in related.clusters))
    events = [event for part in parts for found in (part.events, *part.pod_events.values()) for event in found]
    rows = [EventRow.of(event) for event in events]
    return sorted(rows, key=lambda row: row.last_time or NEVER, reverse=True)[:MAX_EVENTS]


def _others(obj: DetailedObject, fleet: Fleet, related: Related) -> list[DetailedObject]:
    """Return the objects above and below."""
    return [*(cluster for cluster, _ in related.clusters), *related.jobs, *fleet.creators(obj)]


def _reference(obj: DetailedObject, fleet: Fleet, now: datetime) -> Reference:
    meta, kind = obj.metadata, fleet.kind(obj)
    healthy = not kind.diagnose(obj, fleet.related(obj), now)
    return Reference(obj.kind, meta.namespace, meta.name, kind.state_of(obj).name, healthy)
