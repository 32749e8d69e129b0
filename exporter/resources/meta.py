"""What all kinds have in common: metadata and conditions."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Protocol

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from exporter.resources.times import Time

Identifier = Annotated[str, Meta(min_length=1)]

Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer as Go has it. A larger one makes the object undecodable, not the exposition invalid."""

MAX_SHARED_LENGTH = 64
MAX_SHARED_STRINGS = 4096

_shared: dict[str, str] = {}


class SharedStrings(Struct, frozen=True, gc=False):
    """A struct that keeps one copy of the strings that thousands of objects have: 7 % of the memory of 10,000 objects.

    Only short strings, and a bounded number: anyone who writes an object chooses what is in it, and
    `sys.intern` keeps strings for ever on Python 3.12. Any thread may decode.

    Attributes:
        shared: names of the fields.
    """

    shared: ClassVar[tuple[str, ...]] = ()

    def __post_init__(self) -> None:
        _share(self, self.shared)


def share(struct: Struct, *names: str) -> None:
    """Replace the strings in these fields by their one copy, while the struct is decoded."""
    _share(struct, names)


def _share(struct: Struct, names: tuple[str, ...]) -> None:
    if len(_shared) > MAX_SHARED_STRINGS:
        # Strings that are in use stay with their objects, and are shared again from the next version on.
        _shared.clear()
    for name in names:
        value = getattr(struct, name)
        if value and len(value) <= MAX_SHARED_LENGTH:
            force_setattr(struct, name, _shared.setdefault(value, value))


class ObjectMeta(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`metadata` of any object; kinds that read more of it have a subclass."""

    shared: ClassVar[tuple[str, ...]] = ("namespace",)

    name: Identifier
    uid: Identifier
    namespace: str = ""
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: Mapping[str, str | None] | None = None

    def label(self, key: str) -> str:
        """Return a label's value, `""` if it is absent."""
        return (self.labels and self.labels.get(key)) or ""


class Condition(SharedStrings, frozen=True, gc=False, rename="camel"):
    """One entry of `status.conditions`.

    `last_transition_time` changes only when `status` flips.
    """

    shared = ("type", "status", "reason")

    type: str
    status: str | None = None
    reason: str | None = None
    last_transition_time: Time | None = None

    @property
    def is_true(self) -> bool:
        """Unknown, and any other value that the server may hold, is not true."""
        return self.status == "True"


class HasConditions(Protocol):
    """Any status with conditions."""

    @property
    def conditions(self) -> tuple[Condition, ...] | None: ...


def find_condition(status: HasConditions | None, type_: str) -> Condition | None:
    """Return the condition of this type, or None if it, the list or the status is absent."""
    for condition in (status and status.conditions) or ():
        if condition.type == type_:
            return condition
    return None
