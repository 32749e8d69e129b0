"""The fields that the tables of a kind read, and in which of them two versions of an object differ.

Most writes change one or two fields of a status. What follows from the others is not derived again.
"""

import re
from collections.abc import Callable, Iterable
from operator import attrgetter
from typing import Any, NamedTuple, get_args

from msgspec import Struct
from msgspec.structs import fields

from exporter.families.table import CustomResource

SECTIONS = ("metadata", "spec", "status")

_FIELD = re.compile(rf"(?<![\w.])({'|'.join(SECTIONS)})(?:\.(\w+)|(?=,|$))")
_EITHER = re.compile(r"(\w+)\.\{(\w+),(\w+)\}(\w+)")


def fields_of(*sources: str) -> frozenset[str]:
    """Return the fields that the sources of rows name, as `status.state`; `status` alone is a whole section."""
    text = _EITHER.sub(r"\1.\2\4, \1.\3\4", ", ".join(sources))
    return frozenset(f"{section}.{name}" if name else section for section, name in _FIELD.findall(text))


class _Section(NamedTuple):
    """A part of an object: its attributes that are read, and for each the fields by which rows name it."""

    attribute: str
    values: Callable[[Any], tuple[Any, ...]]
    names: tuple[tuple[str, ...], ...]

    def differing(self, before: Any, after: Any) -> Iterable[tuple[str, ...]]:
        if before is None or after is None:
            return () if before is after else self.names
        old, new = self.values(before), self.values(after)
        if old == new:
            return ()
        return [names for names, one, other in zip(self.names, old, new, strict=False) if one != other]


class ReadFields:
    """Compares versions of the objects of one type. Any thread may call."""

    def __init__(self, type_: type[Any], names: Iterable[str]) -> None:
        """`names` are those of `fields_of`; a field that the type does not have is a KeyError.

        `metadata` alone is name, namespace and uid.
        """
        types = {field.name: _type(field.type) for field in fields(type_)}
        wanted = [(*name.split("."), "")[:2] for name in sorted(set(names))]
        self._sections = [
            _section(section, types[section], {name for part, name in wanted if part == section})
            for section in SECTIONS
            if any(part == section and (name or section != "metadata") for part, name in wanted)
        ]

    def differing(self, before: CustomResource, after: CustomResource) -> frozenset[str] | None:
        """Return the names of the fields that differ, of those that are read; None if they have other identities."""
        old, new = before.metadata, after.metadata
        if (old.name, old.namespace, old.uid) != (new.name, new.namespace, new.uid):
            return None
        return frozenset(
            [
                name
                for section in self._sections
                for names in section.differing(
                    getattr(before, section.attribute, None), getattr(after, section.attribute, None)
                )
                for name in names
            ]
        )


def _section(section: str, type_: Any, wanted: set[str]) -> _Section:
    if not isinstance(type_, type(Struct)):
        # Such as a dict: compared as a whole.
        return _Section(section, lambda part: (part,), (tuple(f"{section}.{name}".rstrip(".") for name in wanted),))
    attributes = {field.encode_name: field.name for field in fields(type_)}
    whole = "" in wanted and section != "metadata"
    names = sorted(attributes if whole else wanted - {""})
    of_rows = tuple((f"{section}.{name}", section) if whole else (f"{section}.{name}",) for name in names)
    in_order = [attributes[name] for name in names]
    # The first one twice: the value of a single attribute would not be a tuple.
    return _Section(section, attrgetter(*in_order, in_order[0]), of_rows)


def _type(annotation: Any) -> Any:
    """Return the first type of `Type | None`."""
    return next((type_ for type_ in get_args(annotation) if isinstance(type_, type(Struct))), annotation)
