"""What the diagnosis, the page and the API need to know of one kind; `exporter.kinds` declares all of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec.structs import replace

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.common import manager
from exporter.diagnosis.finding import Finding, explains, sorted_findings
from exporter.diagnosis.related import Known, Related
from exporter.diagnosis.states import State
from exporter.diagnosis.workload import with_workload
from exporter.resources.detailed import DetailedObject

MULTIKUEUE = "kueue.x-k8s.io/multikueue"

_NEEDS_MORE = (Cause.UNKNOWN, Cause.NO_HEAD, Cause.WAITING_FOR_WORKERS, Cause.JOB_NOT_STARTED, Cause.OPERATOR_SILENT)
"""Causes that pods or Events would explain."""

T = TypeVar("T", bound=DetailedObject)


@dataclass(frozen=True)
class DiagnosedKind(Generic[T]):
    """A kind whose objects are diagnosed. All functions are pure.

    Attributes:
        title: its objects, as a heading for people.
        has_status: whether the operator has written a status, in any version of KubeRay that is supported.
        state: the state of an object that is not being deleted, and that KubeRay manages.
        details: what is worth showing of an object, by the names of docs/api.md.
        findings: the findings of an object, in no order.
        cluster_names: the RayClusters that an object uses, the most important first.
        job_suffix: what follows the object's name in the name of the Job that the operator creates for it; None:
            there is no such Job.
        is_created_for_others: labels name the object that it was created for.
    """

    title: str
    has_status: Callable[[T], bool]
    state: Callable[[T], State]
    details: Callable[[T], dict[str, Any]]
    findings: Callable[[T, Related, datetime], Iterable[Finding]]
    cluster_names: Callable[[T], Sequence[str]] = lambda _: ()
    job_suffix: str | None = None
    is_created_for_others: bool = False

    def state_of(self, obj: T) -> State:
        """Return the state of an object, as docs/api.md lists them."""
        if obj.metadata.deletion_timestamp is not None:
            return State("Deleting", obj.metadata.deletion_timestamp)
        if (controller := manager(obj)) and not self.has_status(obj) and not getattr(obj.spec, "suspend", None):
            known = controller if controller == MULTIKUEUE else "another controller"
            return State(f"Managed by {known}", obj.metadata.creation_timestamp)
        return self.state(obj)

    def diagnose(self, obj: T, related: Related, now: datetime) -> tuple[Finding, ...]:
        """Return why an object is not healthy, the worst first; nothing if it is known to be well.

        `related` is what belongs to it (`Fleet.related`), and says which kinds could be read. The result
        depends on the arguments only.
        """
        found = with_workload(obj, list(self.findings(obj, related, now)), related, now)
        return _with_unread(sorted_findings(_known_causes(found)), related.known) if found else ()


AnyDiagnosedKind = DiagnosedKind[Any]


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
