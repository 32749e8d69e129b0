"""What of a kind's objects is decoded: the fields that its type has, of labels and pod templates only what is read.

Pod templates take a quarter of the time to decode, and a dict of all labels a fifth of the memory of an object.
"""

from collections.abc import Collection
from typing import Any, TypedDict, cast

from msgspec import defstruct
from msgspec.structs import fields

from exporter.collectors.event import EVENTS
from exporter.families.object_families import ANY_LABEL
from exporter.families.table import AnyKind
from exporter.kinds import DECLARATIONS
from exporter.resources.meta import READ_LABELS
from exporter.resources.raycluster import RayCluster, RayClusterSpec

DETAILED_TYPES: dict[str, type[Any]] = {
    kind.tables.plural: kind.detailed_type for kind in DECLARATIONS if kind.tables is not EVENTS
}
"""By plural. Events are counted first, and only the newest are kept with their messages, in a table of their own."""


def decoded_type(kind: AnyKind, reads: Collection[str], labels: Collection[str], *, has_messages: bool) -> type[Any]:
    """Return the type to decode a kind's objects as.

    `reads` are the fields that its metrics follow from, `labels` the keys of the labels that users allow, `*` for all.
    """
    type_ = DETAILED_TYPES.get(kind.plural, kind.object_type) if has_messages else kind.object_type
    replaced: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    if ANY_LABEL not in labels:
        replaced.append(("metadata", _with_labels(type_, {*READ_LABELS, *labels})))
    if issubclass(type_, RayCluster) and "spec.headGroupSpec" not in reads:
        replaced.append(("spec", RayClusterSpec | None, None))
    return defstruct(type_.__name__, replaced, bases=(type_,), frozen=True, gc=False)


def _with_labels(type_: type[Any], keys: Collection[str]) -> type[Any]:
    """Return the type of the metadata with a dict of only these labels."""
    meta = cast("type[Any]", next(field.type for field in fields(type_) if field.name == "metadata"))
    labels = TypedDict("Labels", dict.fromkeys(keys, str | None), total=False)  # type: ignore[misc]
    return defstruct(meta.__name__, [("labels", labels | None, None)], bases=(meta,), frozen=True, gc=False)
