"""What all kinds have in common: metadata and conditions."""

import sys
from collections.abc import Mapping
from typing import Annotated, Protocol

from msgspec import Meta, Struct, field
from msgspec.structs import force_setattr

from exporter.resources.times import Time

Identifier = Annotated[str, Meta(min_length=1)]


def share(struct: Struct, *names: str) -> None:
    """Keep one copy of each of these strings, which thousands of objects have."""
    for name in names:
        if value := getattr(struct, name):
            force_setattr(struct, name, sys.intern(value))


class ObjectMeta(Struct, frozen=True, gc=False):
    """`metadata` of any object; kinds that read more of it have a subclass."""

    name: Identifier
    uid: Identifier
    namespace: str = ""
    resource_version: str = field(default="", name="resourceVersion")
    creation_timestamp: Time | None = field(default=None, name="creationTimestamp")
    deletion_timestamp: Time | None = field(default=None, name="deletionTimestamp")
    labels: Mapping[str, str | None] | None = None

    def __post_init__(self) -> None:
        share(self, "namespace")

    def label(self, key: str) -> str:
        """Return a label's value, `""` where it is absent."""
        return (self.labels and self.labels.get(key)) or ""


class Condition(Struct, frozen=True, gc=False):
    """One entry of `status.conditions`.

    `last_transition_time` changes only when `status` flips.
    """

    type: str
    status: str | None = None
    reason: str | None = None
    last_transition_time: Time | None = field(default=None, name="lastTransitionTime")

    def __post_init__(self) -> None:
        share(self, "type", "status", "reason")

    @property
    def is_true(self) -> bool:
        """Unknown, and whatever else the server may hold, is not true."""
        return self.status == "True"


class HasConditions(Protocol):
    """Any status with conditions."""

    @property
    def conditions(self) -> tuple[Condition, ...] | None: ...


def find_condition(status: HasConditions | None, type_: str) -> Condition | None:
    """Return the condition of this type, or None where it, the list or the status is absent."""
    for condition in (status and status.conditions) or ():
        if condition.type == type_:
            return condition
    return None
