"""Findings that every kind can have: no status, deletion, suspension, another controller."""

import re
from collections.abc import Iterator
from datetime import datetime

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, finding
from exporter.diagnosis.phrases import age, age_seconds, duration, ended, last_line, lasting, one_line, with_detail
from exporter.diagnosis.related import Known
from exporter.resources.detailed import DetailedCondition, DetailedObject
from exporter.resources.event import Event
from exporter.resources.meta import HasConditions, find_condition

SILENT_SECONDS = 300.0
"""An operator writes the first status within a second of the creation; a restart of it takes a minute."""

DELETION_SECONDS = 600.0
SUSPENSION_SECONDS = 600.0
DISPATCH_SECONDS = 600.0

_INVALID_PREFIX = re.compile(r"^(\S+/\S+: )?The \w+ (spec|metadata|status) is invalid( \S+/\S+)?: |^\S+/\S+: ")

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"


def field_of(obj: DetailedObject, field: str, time: datetime | None = None, message: str | None = None) -> Evidence:
    """Return evidence from a field of the object."""
    return evidence_of(obj.kind, obj.metadata, field, time, message)


def condition_of(obj: DetailedObject, condition: DetailedCondition) -> Evidence:
    """Return evidence from a condition of the object."""
    field = f"status.conditions[{condition.type}]"
    return field_of(obj, field, condition.last_transition_time, condition.message or condition.reason)


def event_of(obj: DetailedObject, event: Event) -> Evidence:
    """Return evidence from an Event about the object, or about the Job of its submitter or its cleanup."""
    about, meta = event.involved_object, obj.metadata
    kind, name = (about and about.kind) or obj.kind, (about and about.name) or meta.name
    return Evidence(kind, meta.namespace, name, f"Event {event.reason}", event.last_time, one_line(event.message))


def condition(status: HasConditions | None, type_: str) -> DetailedCondition | None:
    """Return the condition of this type with its message."""
    found = find_condition(status, type_)
    return found if isinstance(found, DetailedCondition) else None


def deletion(obj: DetailedObject, now: datetime) -> Iterator[Finding]:
    """Yield a finding if a deletion takes too long."""
    since = obj.metadata.deletion_timestamp
    if age_seconds(now, since) > DELETION_SECONDS:
        finalizers = ", ".join(obj.metadata.finalizers or ()) or "none"
        sentence = f"Deleting for {age(now, since)}; finalizers: {finalizers}."
        yield finding(Cause.STUCK_DELETION, sentence, field_of(obj, "metadata.deletionTimestamp", since))


def manager(obj: DetailedObject) -> str:
    """Return who manages an object, as far as it is another controller than KubeRay's; else ""."""
    managed_by = getattr(obj.spec, "managed_by", None)
    return "" if managed_by in _OPERATORS else str(managed_by)


_OPERATORS = (None, "", "ray.io/kuberay-operator")


def no_status(obj: DetailedObject, known: Known, now: datetime) -> Iterator[Finding]:
    """Yield a finding of an object without a status, if that has lasted too long or another controller writes it."""
    created = obj.metadata.creation_timestamp
    elapsed, evidence = age_seconds(now, created), field_of(obj, "status", created)
    if not (controller := manager(obj)):
        # An Event would tell a rejected spec from an operator that is not there.
        cause = Cause.OPERATOR_SILENT if known.events else Cause.UNKNOWN
        if elapsed > SILENT_SECONDS:
            yield finding(cause, f"No status {duration(elapsed)} after the creation.", evidence)
    elif elapsed > DISPATCH_SECONDS:
        sentence = f"Not dispatched for {duration(elapsed)}: {controller} manages it, and has not written a status."
        yield finding(Cause.NOT_DISPATCHED, sentence, evidence)
    else:
        yield from managed(obj)


def managed(obj: DetailedObject) -> Iterator[Finding]:
    """Yield a finding of an object that another controller manages."""
    if controller := manager(obj):
        evidence = field_of(obj, "spec.managedBy", message=controller)
        yield finding(Cause.MANAGED, f"Managed by {controller}: its pods run in another cluster.", evidence)


def invalid(message: str | None, evidence: Evidence, default: str = "") -> Finding:
    """Return the finding of a spec that the operator rejected with this message."""
    text = last_line(without_prefix(message or "")) or default
    return finding(Cause.INVALID_SPEC, ended(with_detail("Spec is invalid", text)), evidence)


def suspension(
    obj: DetailedObject,
    since: datetime | None,
    field: str,
    now: datetime,
    *,
    is_finished: bool,
    waits_for: str = "its pods have not all ended",
) -> Iterator[Finding]:
    """Yield a finding of an object that is suspended, or is being suspended."""
    evidence = field_of(obj, field, since)
    if not is_finished:
        is_slow = age_seconds(now, since) > SUSPENSION_SECONDS
        cause = Cause.SUSPENSION_SLOW if is_slow else Cause.SUSPENDED
        sentence = f"Suspending{lasting(now, since)}: {waits_for}."
        yield finding(cause, sentence, evidence)
    elif (queue := obj.metadata.label(QUEUE_LABEL)) or manager(obj):
        sentence = f"Waiting{lasting(now, since)} until Kueue admits it{f' to the queue {queue}' if queue else ''}."
        yield finding(Cause.ADMISSION_PENDING, sentence, evidence)
    else:
        yield finding(Cause.SUSPENDED, f"Suspended{lasting(now, since)}.", evidence)


def without_prefix(message: str) -> str:
    """Return the operator's message about an invalid spec without the beginning that repeats what it is about."""
    return _INVALID_PREFIX.sub("", one_line(message), count=1)
