"""Findings that every kind can have: no status, deletion, suspension, another controller, Warning Events."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.finding import Evidence, Finding, evidence_of, finding
from exporter.diagnosis.phrases import age, age_seconds, duration, last_line, lasting, one_line
from exporter.diagnosis.related import Known, Related
from exporter.diagnosis.waiting import EXCEEDED_QUOTA, exceeded_quota
from exporter.resources.detailed import DetailedCondition, DetailedObject
from exporter.resources.event import Event
from exporter.resources.meta import HasConditions, find_condition
from exporter.resources.times import latest

SILENT_SECONDS = 300.0
"""An operator writes the first status within a second of the creation; a restart of it takes a minute."""

DELETION_SECONDS = 600.0
SUSPENSION_SECONDS = 600.0
DISPATCH_SECONDS = 600.0

_EVENT_CAUSES = {
    "RayClusterNotFound": (Cause.CLUSTER_NOT_FOUND, "RayCluster does not exist"),
    "RayServiceInitializingTimeout": (Cause.INITIALIZING_TIMEOUT, "Not ready in time"),
    "RollbackImpossible": (Cause.ROLLBACK, "Rollback is impossible"),
    "AutoscalerServiceAccountNotFound": (Cause.REPLICA_FAILURE, "ServiceAccount of the autoscaler does not exist"),
}
"""Reasons of Warning Events; any other is a failed operation, or WARNING_EVENT."""

_INVALID_PREFIX = re.compile(r"^(\S+/\S+: )?The \w+ (spec|metadata|status) is invalid( \S+/\S+)?: |^\S+/\S+: ")

QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"


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


def met(status: HasConditions | None, type_: str) -> DetailedCondition | None:
    """Return the condition of this type if it is true."""
    found = condition(status, type_)
    return found if found is not None and found.is_true else None


def deletion(
    obj: DetailedObject, now: datetime, events: Iterable[Finding] = (), parts: Iterable[Finding] = ()
) -> Iterator[Finding]:
    """Yield the findings of Events and, if a deletion takes too long, those of its parts and one of its own."""
    yield from events
    since = obj.metadata.deletion_timestamp
    if age_seconds(now, since) > DELETION_SECONDS:
        yield from parts
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
    text = last_line(without_prefix(message)) or default
    return finding(Cause.INVALID_SPEC, "Spec is invalid", evidence, detail=text)


def suspending(status: HasConditions | None, prefix: str = "") -> DetailedCondition | None:
    """Return the condition of an object that is suspended or being suspended; `prefix` begins the name of its type."""
    return met(status, f"{prefix}Suspended") or met(status, f"{prefix}Suspending")


def started_at(obj: DetailedObject, prefix: str = "") -> datetime | None:
    """Return when an object was created, or resumed last, as far as its conditions show that."""
    suspended = condition(obj.status, f"{prefix}Suspended")
    resumed = suspended.last_transition_time if suspended is not None and not suspended.is_true else None
    return latest((obj.metadata.creation_timestamp, resumed))


def suspended_by_condition(obj: DetailedObject, now: datetime, prefix: str = "", **waits: str) -> Iterator[Finding]:
    """Yield a finding of an object with a condition of a suspension."""
    if found := suspending(obj.status, prefix):
        evidence = field_of(obj, f"status.conditions[{found.type}]", found.last_transition_time)
        yield from suspension(obj, now, evidence, is_finished=found.type.endswith("Suspended"), **waits)


def suspension(
    obj: DetailedObject,
    now: datetime,
    evidence: Evidence | None = None,
    *,
    is_finished: bool,
    waits_for: str = "its pods have not all ended",
) -> Iterator[Finding]:
    """Yield a finding of an object that is suspended, or is being suspended, since the time of the evidence.

    Without evidence, only its spec says so.
    """
    evidence = evidence or field_of(obj, "spec.suspend")
    since = evidence.time
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


def without_prefix(message: str | None) -> str:
    """Return the operator's message about an invalid spec without the beginning that repeats what it is about."""
    return _INVALID_PREFIX.sub("", one_line(message), count=1)


def event_findings(obj: DetailedObject, related: Related, times: Iterable[datetime | None] = ()) -> Iterator[Finding]:
    """Yield a finding for each reason of Warning Events that is newer than the status, and was not mended since.

    `times` are when the status changed, in addition to its conditions and its `lastUpdateTime`.
    """
    if not any(event.type != "Normal" for event in related.events):
        return
    since, seen = _status_time(obj, times), set[str]()
    for event in related.events:
        reason = event.reason or "Warning"
        if event.type == "Normal" or reason in seen:
            continue
        seen.add(reason)
        is_newer = since is None or event.last_time is None or event.last_time >= since
        if is_newer and not _is_mended(event, related) and _is_warning(event):
            yield _of_event(obj, event, reason)


def _is_warning(event: Event) -> bool:
    """Events of old files have no type; then only reasons of a failure count."""
    return event.type == "Warning" or (event.reason or "").startswith(("Invalid", "FailedTo", "RayClusterNotFound"))


def _of_event(obj: DetailedObject, event: Event, reason: str) -> Finding:
    evidence, message = event_of(obj, event), event.message or ""
    if reason.startswith("Invalid"):
        return invalid(message, evidence, reason)
    if EXCEEDED_QUOTA in message:
        return finding(Cause.QUOTA, "Quota exceeded", evidence, detail=exceeded_quota(message))
    is_failure = reason.startswith(("FailedTo", "FailedCreate", "FailedDelete"))
    default = (Cause.OPERATION_FAILED if is_failure else Cause.WARNING_EVENT, reason)
    cause, words = _EVENT_CAUSES.get(reason, default)
    is_news = cause is Cause.WARNING_EVENT and "Fail" not in reason
    severity = Severity.INFO if is_news else None
    return finding(cause, words, evidence, detail=last_line(message), severity=severity)


def _is_mended(event: Event, related: Related) -> bool:
    """Return whether the same has succeeded since: CreatedService after FailedToCreateService."""
    _, _, what = (event.reason or "").partition("FailedTo")
    done = {"Create": "Created", "Update": "Updated", "Delete": "Deleted"}.get(what[:6])
    success = related.event(done + what[6:]) if done else None
    times = (success.last_time if success else None, event.last_time)
    return times[0] is not None and times[1] is not None and times[0] > times[1]


def _status_time(obj: DetailedObject, others: Iterable[datetime | None]) -> datetime | None:
    """Return when the object last showed something new: an Event before that is history."""
    status = obj.status
    times = [getattr(status, "last_update_time", None)]
    times += [one.last_transition_time for one in getattr(status, "conditions", None) or ()]
    times += [*others, obj.metadata.deletion_timestamp]
    return latest(times)
