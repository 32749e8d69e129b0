"""Findings that every kind can have: no status, deletion, suspension."""

import re
from collections.abc import Iterator
from datetime import datetime

from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, finding
from exporter.diagnosis.fleet import kind_of
from exporter.diagnosis.phrases import age, age_seconds, ended
from exporter.diagnosis.waiting import quoted
from exporter.resources.detailed import (
    DetailedCondition,
    DetailedObject,
    DetailedRayCluster,
    DetailedRayJob,
    DetailedRayService,
)
from exporter.resources.event import Event
from exporter.resources.meta import HasConditions, find_condition

SILENT_SECONDS = 300.0
"""An operator writes the first status within a second of the creation; a restart of it takes a minute."""

DELETION_SECONDS = 600.0
SUSPENSION_SECONDS = 600.0

_INVALID_PREFIX = re.compile(r"^(\S+/\S+: )?The \w+ (spec|metadata|status) is invalid( \S+/\S+)?: |^\S+/\S+: ")

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
MULTIKUEUE = "kueue.x-k8s.io/multikueue"


def subject(obj: DetailedObject) -> str:
    """Return `RayCluster x`."""
    return f"{kind_of(obj)} {obj.metadata.name}"


def field_of(obj: DetailedObject, field: str, time: datetime | None = None, message: str | None = None) -> Evidence:
    """Return evidence from a field of the object."""
    return evidence_of(kind_of(obj), obj.metadata, field, time, message)


def condition_of(obj: DetailedObject, condition: DetailedCondition) -> Evidence:
    """Return evidence from a condition of the object."""
    field = f"status.conditions[{condition.type}]"
    return field_of(obj, field, condition.last_transition_time, condition.message or condition.reason)


def event_of(obj: DetailedObject, event: Event) -> Evidence:
    """Return evidence from an Event about the object."""
    return evidence_of(kind_of(obj), obj.metadata, f"Event {event.reason}", event.last_time, event.message)


def condition(status: HasConditions | None, type_: str) -> DetailedCondition | None:
    """Return the condition of this type with its message."""
    found = find_condition(status, type_)
    return found if isinstance(found, DetailedCondition) else None


def deletion(obj: DetailedObject, now: datetime) -> Iterator[Finding]:
    """Yield a finding if a deletion takes too long."""
    since = obj.metadata.deletion_timestamp
    if age_seconds(now, since) > DELETION_SECONDS:
        finalizers = obj.metadata.finalizers or ()
        held = f"finalizers: {', '.join(finalizers)}" if finalizers else "it has no finalizers"
        sentence = f"{subject(obj)} is being deleted for {age(now, since)}; {held}."
        yield finding(Cause.STUCK_DELETION, sentence, field_of(obj, "metadata.deletionTimestamp", since))


def silence(obj: DetailedRayCluster | DetailedRayJob | DetailedRayService, now: datetime) -> Iterator[Finding]:
    """Yield a finding if the operator has not written a status for too long; for objects without one."""
    created = obj.metadata.creation_timestamp
    if obj.spec is not None and obj.spec.managed_by not in (None, "", "ray.io/kuberay-operator"):
        return
    if age_seconds(now, created) > SILENT_SECONDS:
        sentence = f"{subject(obj)} has no status {age(now, created)} after its creation."
        yield finding(Cause.OPERATOR_SILENT, sentence, field_of(obj, "status", created))


def invalid(obj: DetailedObject, event: Event | None) -> Iterator[Finding]:
    """Yield a finding if an Event says that the spec of an object without a status is invalid."""
    if event is not None:
        reason = quoted(without_prefix(event.message or "")) or event.reason
        sentence = ended(f"The spec of {subject(obj)} is invalid: {reason}")
        yield finding(Cause.INVALID_SPEC, sentence, event_of(obj, event))


def suspension(
    obj: DetailedObject, since: datetime | None, field: str, now: datetime, *, is_finished: bool
) -> Iterator[Finding]:
    """Yield a finding of an object that is suspended, or is being suspended."""
    evidence = field_of(obj, field, since)
    if not is_finished:
        if age_seconds(now, since) > SUSPENSION_SECONDS:
            sentence = f"{subject(obj)} is being suspended for {age(now, since)}."
            yield finding(Cause.SUSPENSION_SLOW, sentence, evidence)
        else:
            yield finding(Cause.SUSPENDED, f"{subject(obj)} is being suspended.", evidence, severity=Severity.INFO)
        return
    since_text = f" for {age(now, since)}" if since else ""
    if queue := obj.metadata.label(QUEUE_LABEL):
        sentence = f"{subject(obj)} waits{since_text} until queue {queue} admits it."
        yield finding(Cause.ADMISSION_PENDING, sentence, evidence)
    else:
        yield finding(Cause.SUSPENDED, f"{subject(obj)} is suspended{since_text}.", evidence)


def without_prefix(message: str) -> str:
    """Return the operator's message about an invalid spec without the beginning that repeats what it is about."""
    return _INVALID_PREFIX.sub("", " ".join(message.split()), count=1)
