"""What all kinds have in common: metadata and conditions."""

from collections.abc import Mapping
from inspect import get_annotations
from typing import Annotated, ClassVar, Protocol, get_args

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from exporter.resources.times import Time

Identifier = Annotated[str, Meta(min_length=1)]

Integer = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
"""An integer as Go has it. A larger one makes the object undecodable, not the exposition invalid."""

Shared = Annotated[str, Meta(description="one copy of equal strings is kept")]
"""A string that thousands of objects have, in a field of `SharedStrings`."""

Message = Annotated[str, Meta(description="at most MAX_MESSAGE_LENGTH characters are kept")]
"""A text for people, in a field of `SharedStrings`."""

MAX_MESSAGE_LENGTH = 512
_CUT_MARK = "…"

MAX_SHARED_LENGTH = 64
MAX_SHARED_STRINGS = 4096

_shared: dict[str, str] = {}


class SharedStrings(Struct, frozen=True, gc=False):
    """A struct that keeps one copy of the strings that thousands of objects have: 7 % of the memory of 10,000 objects.

    Only short strings, and a bounded number: anyone who writes an object chooses what is in it, and
    `sys.intern` keeps strings for ever on Python 3.12. Any thread may decode.

    Attributes:
        shared: names of the fields that are `Shared` or a `Message`.
        messages: names of those that are a `Message`.
    """

    shared: ClassVar[tuple[str, ...]] = ()
    messages: ClassVar[tuple[str, ...]] = ()

    def __init_subclass__(cls, **_: object) -> None:
        for name, annotation in get_annotations(cls).items():
            alternatives = (annotation, *get_args(annotation))
            if Message in alternatives:
                cls.messages = (*cls.messages, name)
            if Message in alternatives or Shared in alternatives:
                cls.shared = (*cls.shared, name)

    def __post_init__(self) -> None:
        for name in self.messages:
            if message := getattr(self, name):
                force_setattr(self, name, cut(message))
        share(self, self.shared)


def share(struct: Struct, names: tuple[str, ...]) -> None:
    """Replace the strings in these fields by their one copy, while the struct is decoded."""
    if len(_shared) > MAX_SHARED_STRINGS:
        # Strings that are in use stay with their objects, and are shared again from the next version on.
        _shared.clear()
    for name in names:
        value = getattr(struct, name)
        if value and len(value) <= MAX_SHARED_LENGTH:
            force_setattr(struct, name, _shared.setdefault(value, value))


def cut(message: str) -> str:
    """Return a message with at most MAX_MESSAGE_LENGTH characters: its lines, without white space around them.

    Of a longer one the middle is left out: at its end a log or a traceback has the error.
    """
    text = "\n".join(filter(None, (" ".join(line.split()) for line in message.splitlines())))
    half = MAX_MESSAGE_LENGTH // 2
    return text if len(text) <= MAX_MESSAGE_LENGTH else text[: half - 1] + _CUT_MARK + text[-half:]


class ObjectMeta(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`metadata` of any object; kinds that read more of it have a subclass."""

    name: Identifier
    uid: Identifier
    namespace: Shared = ""
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

    type: Shared
    status: Shared | None = None
    reason: Shared | None = None
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
