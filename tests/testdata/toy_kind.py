"""All of a kind that does not exist, RayToy: types, metrics, findings, states and details, for tests/test_kinds.py."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, ClassVar

from msgspec import Struct

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.common import field_of
from exporter.diagnosis.finding import Finding, finding
from exporter.diagnosis.kind import DiagnosedKind
from exporter.diagnosis.related import Related
from exporter.diagnosis.states import State
from exporter.families.table import Kind, Row, remember_nothing
from exporter.families.values import info
from exporter.resources.detailed import DetailedMeta
from exporter.resources.meta import ObjectMeta


class RayToy(Struct, frozen=True, gc=False):
    kind: ClassVar[str] = "RayToy"
    metadata: ObjectMeta
    spec: None = None
    status: dict[str, str] | None = None


class DetailedRayToy(RayToy, frozen=True, gc=False):
    metadata: DetailedMeta


def colour(toy: RayToy) -> str:
    return (toy.status or {}).get("colour", "")


def toy_findings(toy: DetailedRayToy, _related: Related, _now: datetime) -> Iterator[Finding]:
    if not colour(toy):
        yield finding(Cause.UNKNOWN, "Toy has no colour.", field_of(toy, "status.colour"))


TOY_TABLES: Kind[RayToy, Any] = Kind(
    plural="raytoys",
    name=RayToy.kind,
    object_type=RayToy,
    remember=remember_nothing,
    is_default=False,
    rows=(
        Row(
            name="kuberay_toy_info",
            text="Colour of the toy, as a label; the value is 1",
            source="status.colour",
            labels=("colour",),
            values=lambda toy, _: info(colour(toy)),
        ),
    ),
)

DIAGNOSED_TOY = DiagnosedKind[DetailedRayToy](
    title="Toys",
    has_status=lambda toy: toy.status is not None,
    state=lambda toy: State("Painted" if colour(toy) else "Plain"),
    details=lambda toy: {"colour": colour(toy)},
    findings=toy_findings,
)
