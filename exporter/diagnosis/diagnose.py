"""The one function of this part."""

from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.finding import Finding, explains, sorted_findings
from exporter.diagnosis.kind import AnyDiagnosedKind
from exporter.diagnosis.related import Known, Related
from exporter.resources.detailed import DetailedObject

_NEEDS_MORE = (Cause.UNKNOWN, Cause.NO_HEAD, Cause.WAITING_FOR_WORKERS, Cause.JOB_NOT_STARTED, Cause.OPERATOR_SILENT)
"""Causes that pods or Events would explain."""


def diagnose(kind: AnyDiagnosedKind, obj: DetailedObject, related: Related, now: datetime) -> tuple[Finding, ...]:
    """Return why an object is not healthy, the worst first; nothing if it is known to be well.

    `related` is what belongs to it (`Fleet.related`), and says which kinds could be read. The result
    depends on the arguments only.
    """
    found = sorted_findings(_known_causes(list(kind.findings(obj, related, now))))
    return _with_unread(found, related.known)


def _known_causes(found: Sequence[Finding]) -> Sequence[Finding]:
    """Drop unknown causes beside a failure that the operator recorded, and what a status says as well as an Event."""
    recorded = any(explains(item) and _is_event(item) for item in found)
    dropped = {item.cause for item in found if not _is_event(item)}
    return [
        item
        for item in found
        if not (item.cause in dropped if _is_event(item) else recorded and item.cause is Cause.UNKNOWN)
    ]


def _is_event(item: Finding) -> bool:
    return item.evidence[0].field.startswith("Event ") and item.evidence[0].kind != "Pod"


def _with_unread(found: tuple[Finding, ...], known: Known) -> tuple[Finding, ...]:
    """Say once, in the first finding that needs them, that pods or Events were not read."""
    unread = " and ".join(name for name, is_known in (("pods", known.pods), ("Events", known.events)) if not is_known)
    first = next((index for index, item in enumerate(found) if item.cause in _NEEDS_MORE), None)
    if not unread or first is None:
        return found
    item = found[first]
    sentence = f"{item.sentence} {unread[:1].upper()}{unread[1:]} were not read: {known.remedy}."
    return (*found[:first], replace(item, sentence=sentence), *found[first + 1 :])
