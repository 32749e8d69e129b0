"""What the diagnosis, the page and the API need to know of one kind; `exporter.kinds` declares all of them."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from msgspec import Struct

from exporter.diagnosis.common import manager
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.related import Related
from exporter.diagnosis.states import State
from exporter.resources.detailed import DetailedObject

MULTIKUEUE = "kueue.x-k8s.io/multikueue"

T = TypeVar("T", bound=DetailedObject)


@dataclass(frozen=True)
class DiagnosedKind(Generic[T]):
    """A kind whose objects are diagnosed. All functions are pure.

    Attributes:
        title: its objects, as a heading for people.
        has_status: whether the operator has written a status, in any version of KubeRay that is supported.
        state: the state of an object that is not being deleted, and that KubeRay manages.
        details: what is worth showing of an object, as a struct that becomes JSON.
        findings: the findings of an object, in no order.
        cluster_names: the RayClusters that an object uses, the most important first.
        job_suffix: what follows the object's name in the name of the Job that the operator creates for it; None:
            there is no such Job.
        is_created_for_others: labels name the object that it was created for.
    """

    title: str
    has_status: Callable[[T], bool]
    state: Callable[[T], State]
    details: Callable[[T], Struct]
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


AnyDiagnosedKind = DiagnosedKind[Any]
