"""What all kinds have in common: metadata and conditions."""

import threading
from collections.abc import Callable, Mapping
from hashlib import sha256
from inspect import get_annotations
from types import UnionType
from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeVar, Union, get_args, get_origin

from msgspec import Meta, Struct
from msgspec.structs import force_setattr

from exporter.resources.times import Time

Identifier = Annotated[str, Meta(min_length=1)]

Integer = Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)]
"""An integer as KubeRay and Kubernetes have it: `int32`. A larger one makes the object undecodable."""

MAX_COUNT = 10_000_000

Count = Annotated[int, Meta(ge=-(2**31), le=MAX_COUNT)]
"""How often something has occurred. It is added to counters, in which a mistake would hide all that follows."""

Shared = Annotated[str, Meta(description="one copy of equal strings is kept")]
"""A string that thousands of objects have, in a field of `SharedStrings`."""

Message = Annotated[str, Meta(description="at most MAX_MESSAGE_LENGTH characters are kept")]
"""A text for people, in a field of `SharedStrings`."""

Text = Annotated[str, Meta(description="of a longer one, the beginning and the end are kept")]
"""A message before it is cut as one."""

ReadLabel = Literal[
    "ray.io/cluster",
    "ray.io/node-type",
    "ray.io/group",
    "ray.io/originated-from-crd",
    "ray.io/originated-from-cr-name",
    "ray.io/cronjob-name",
    "kueue.x-k8s.io/queue-name",
]
"""Keys of labels that are read whatever users allow: `pipeline.decoded_type` leaves out all others."""

READ_LABELS: tuple[str, ...] = get_args(ReadLabel)

MAX_MESSAGE_LENGTH = 512
_CUT_MARK = "…"

MAX_STRING_BYTES = 1024
"""Maximum size of any other string in UTF-8. Names of objects have at most 253 bytes."""

MAX_ENTRIES = 256
"""Maximum length of a list, such as the conditions of an object: KubeRay writes at most ten."""

MAX_MAP_SIZE = 128 * 1024
"""Maximum size of a map, such as the labels of an object: the characters of its keys, and for each of them 64 more."""

_ENTRY_SIZE = 64
_SMALL_MAP = 256
_HASH_DIGITS = 16
_SURELY_SHORT = MAX_STRING_BYTES // 4
"""Values of this length are below the maximum, as a character has at most 4 bytes."""

MAX_SHARED_LENGTH = 64
MAX_SHARED_STRINGS = 4096

V = TypeVar("V")


class CutParts(threading.local):
    """What was cut of the objects that a thread has decoded: long strings, and entries of long lists and maps."""

    strings = 0
    entries = 0

    def reset(self) -> None:
        self.strings = self.entries = 0


cut_parts = CutParts()


class SharedStrings(Struct, frozen=True, gc=False):
    """A struct whose strings, lists and maps are cut while it is decoded: anyone who writes an object chooses them.

    It keeps one copy of the strings that thousands of objects have, which is 7 % of the memory of 10,000 objects.
    Only short strings, and a bounded number: `sys.intern` keeps strings for ever on Python 3.12. Any thread may decode.

    Attributes:
        bounds: names of fields, and what cuts or shares their values; of names and uids the API server checks the
            length.
    """

    bounds: ClassVar[tuple[tuple[str, Callable[[Any], Any]], ...]] = ()

    def __init_subclass__(cls, **_: object) -> None:
        bounds = dict(cls.bounds)
        for name, annotation in get_annotations(cls).items():
            origin: Any = get_origin(annotation)
            types = get_args(annotation) if origin in (Union, UnionType) else (annotation,)
            for type_ in (*types, *map(get_origin, types)):
                # A quantity may be a number, and has a maximum length of its own.
                if type_ in _BOUNDS and int not in types and name != "resource_version":
                    bounds[name] = _BOUNDS[type_]
        cls.bounds = tuple(bounds.items())

    def __post_init__(self) -> None:
        for name, bound in self.bounds:
            if (value := getattr(self, name)) and (short := bound(value)) is not value:
                force_setattr(self, name, short)


class _SharedStrings(dict[str, str]):
    """The one copy of each string; a long one is cut instead."""

    def __missing__(self, value: str) -> str:
        if len(value) > MAX_SHARED_LENGTH:
            return bounded_string(value)
        if len(self) > MAX_SHARED_STRINGS:
            # Strings that are in use stay with their objects, and are shared again from the next version on.
            self.clear()
        return self.setdefault(value, value)


_shared = _SharedStrings()


def cut(message: str) -> str:
    """Return a message with at most MAX_MESSAGE_LENGTH characters: its lines, without white space around them.

    Of a longer one the middle is left out: at its end a log or a traceback has the error.
    """
    text = "\n".join(filter(None, (" ".join(line.split()) for line in message.splitlines())))
    half = MAX_MESSAGE_LENGTH // 2
    return text if len(text) <= MAX_MESSAGE_LENGTH else text[: half - 1] + _CUT_MARK + text[-half:]


def cut_string(value: str) -> str:
    """Return a string of at most MAX_STRING_BYTES; a hash of the whole keeps two that begin alike apart."""
    if len(value) <= _SURELY_SHORT or len(encoded := value.encode("utf-8", "replace")) <= MAX_STRING_BYTES:
        return value
    end = f"{_CUT_MARK}{sha256(encoded).hexdigest()[:_HASH_DIGITS]}"
    return encoded[: MAX_STRING_BYTES - len(end.encode())].decode("utf-8", "ignore") + end


def cut_map(entries: Mapping[str, V], size: int = MAX_MAP_SIZE) -> tuple[Mapping[str, V], int]:
    """Return the entries that have this size together, the first in the order of their keys, and the size left."""
    left = size - sum(map(len, entries)) - _ENTRY_SIZE * len(entries)
    if left >= 0 and max(map(len, entries), default=0) <= _SURELY_SHORT:
        return entries, left
    kept: dict[str, V] = {}
    for key in sorted(entries):
        short = bounded_string(key)
        size -= len(short) + _ENTRY_SIZE
        if size < 0:
            cut_parts.entries += len(entries) - len(kept)
            return kept, 0
        kept[short] = entries[key]
    return kept, size


def bounded_string(value: str) -> str:
    """Return a string as `cut_string`, and count it if it was cut."""
    if len(value) <= _SURELY_SHORT:
        return value
    short = cut_string(value)
    cut_parts.strings += short is not value
    return short


def _bounded_text(value: str) -> str:
    return value if len(value) <= 2 * MAX_STRING_BYTES else value[:MAX_STRING_BYTES] + value[-MAX_STRING_BYTES:]


def _bounded_list(entries: tuple[V, ...]) -> tuple[V, ...]:
    if len(entries) <= MAX_ENTRIES:
        return entries
    cut_parts.entries += len(entries) - MAX_ENTRIES
    return entries[:MAX_ENTRIES]


def _bounded_map(entries: Mapping[str, V]) -> Mapping[str, V]:
    # Nearly all: the size does not have to be added up.
    if len(entries) <= _SMALL_MAP and max(map(len, entries)) <= _SURELY_SHORT:
        return entries
    return cut_map(entries)[0]


_BOUNDS: Mapping[Any, Callable[[Any], Any]] = {
    Shared: _shared.__getitem__,
    Message: lambda message: _shared[cut(message)],
    Text: _bounded_text,
    str: bounded_string,
    tuple: _bounded_list,
    Mapping: _bounded_map,
}
"""By the type of a field."""


class ObjectMeta(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`metadata` of any object; kinds that read more of it have a subclass."""

    name: Identifier
    uid: Identifier
    namespace: Shared = ""
    resource_version: str = ""
    creation_timestamp: Time | None = None
    deletion_timestamp: Time | None = None
    labels: Mapping[str, str | None] | None = None

    def label(self, key: ReadLabel) -> str:
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
