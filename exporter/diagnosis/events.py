"""What Warning Events about an object show: the operator's last word, if they are newer than the status."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from exporter.diagnosis.causes import Cause, Severity
from exporter.diagnosis.common import event_of, invalid
from exporter.diagnosis.finding import Finding, finding
from exporter.diagnosis.phrases import ended, last_line, with_detail
from exporter.diagnosis.related import Related
from exporter.diagnosis.waiting import EXCEEDED_QUOTA, exceeded_quota
from exporter.resources.detailed import DetailedObject
from exporter.resources.event import Event

_CAUSES = {
    "RayClusterNotFound": (Cause.CLUSTER_NOT_FOUND, "RayCluster does not exist"),
    "RayServiceInitializingTimeout": (Cause.INITIALIZING_TIMEOUT, "Not ready in time"),
    "RollbackImpossible": (Cause.ROLLBACK, "Rollback is impossible"),
    "AutoscalerServiceAccountNotFound": (Cause.REPLICA_FAILURE, "ServiceAccount of the autoscaler does not exist"),
}


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
            yield _finding(obj, event, reason)


def _is_warning(event: Event) -> bool:
    """Events of old files have no type; then only reasons of a failure count."""
    return event.type == "Warning" or (event.reason or "").startswith(("Invalid", "FailedTo", "RayClusterNotFound"))


def _finding(obj: DetailedObject, event: Event, reason: str) -> Finding:
    evidence, message = event_of(obj, event), event.message or ""
    if reason.startswith("Invalid"):
        return invalid(message, evidence, reason)
    if EXCEEDED_QUOTA in message:
        return finding(Cause.QUOTA, ended(f"Quota exceeded: {exceeded_quota(message)}"), evidence)
    is_failure = reason.startswith(("FailedTo", "FailedCreate", "FailedDelete"))
    default = (Cause.OPERATION_FAILED if is_failure else Cause.WARNING_EVENT, reason)
    cause, words = _CAUSES.get(reason, default)
    is_news = cause is Cause.WARNING_EVENT and "Fail" not in reason
    severity = Severity.INFO if is_news else None
    return finding(cause, ended(with_detail(words, last_line(message))), evidence, severity=severity)


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
    return max(filter(None, times), default=None)
