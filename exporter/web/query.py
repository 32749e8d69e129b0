"""The parameters of a list of the API: which objects, in which order, which page."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from exporter.kinds import DIAGNOSED
from exporter.views.views import ObjectView

MAX_LIMIT = 1000
DEFAULT_LIMIT = 500

KINDS = tuple(DIAGNOSED)

_BOOLEANS = {"true": True, "false": False}
SORTS: dict[str, Callable[[ObjectView], tuple[object, ...]] | None] = {
    "severity": None,  # the order of a snapshot: the worst first
    "name": lambda view: (view.name, view.namespace, view.kind),
    "state": lambda view: (view.state, view.name, view.namespace),
    "created": lambda view: (-(view.created_at.timestamp() if view.created_at else 0.0), view.name, view.namespace),
}
"""Keys of the orders that the API and the page have."""


class QueryError(Exception):
    """A parameter has a wrong value; the message is for whoever sent it."""


class Query(NamedTuple):
    """What is asked for; empty tuples and None mean all."""

    kinds: frozenset[str] = frozenset()
    namespaces: frozenset[str] = frozenset()
    states: frozenset[str] = frozenset()
    name: str = ""
    healthy: bool | None = None
    sort: str = "severity"
    limit: int = DEFAULT_LIMIT
    start: int = 0

    def select(self, entries: Sequence[ObjectView]) -> list[ObjectView]:
        """Return the entries that match, in the order that is asked for."""
        found = [entry for entry in entries if self._matches(entry)]
        key = SORTS[self.sort]
        return found if key is None else sorted(found, key=key)

    def _matches(self, entry: ObjectView) -> bool:
        return (
            (not self.kinds or entry.kind in self.kinds)
            and (not self.namespaces or entry.namespace in self.namespaces)
            and (not self.states or entry.state in self.states)
            and (self.healthy is None or entry.healthy is self.healthy)
            and self.name in entry.name.lower()
        )


def parse_query(values: Mapping[str, Sequence[str]]) -> Query:
    """Read the parameters of a request, each with all its values; raises QueryError."""
    for name in values:
        if name not in ("kind", "namespace", "state", "name", "healthy", "sort", "limit", "continue"):
            raise QueryError(f"'{name}' is not a parameter")
    last = {name: given[-1] for name, given in values.items()}
    return Query(
        kinds=frozenset(_one_of("kind", kind, KINDS) for kind in values.get("kind", ())),
        namespaces=frozenset(values.get("namespace", ())),
        states=frozenset(values.get("state", ())),
        name=last.get("name", "").lower(),
        healthy=_BOOLEANS[_one_of("healthy", last["healthy"], tuple(_BOOLEANS))] if "healthy" in last else None,
        sort=_one_of("sort", last.get("sort", "severity"), tuple(SORTS)),
        limit=_number("limit", last.get("limit", str(DEFAULT_LIMIT)), 1, MAX_LIMIT),
        start=_number("continue", last.get("continue") or "0", 0, 10**9),
    )


def _one_of(name: str, value: str, known: Sequence[str]) -> str:
    if value not in known:
        raise QueryError(f"{name} '{value[:40]}' is not one of {', '.join(known)}")
    return value


def _number(name: str, text: str, lowest: int, highest: int) -> int:
    # Before it becomes a number: int() of a long text takes long.
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and lowest <= int(text) <= highest):
        raise QueryError(f"{name} '{text[:20]}' is not a number from {lowest} to {highest}")
    return int(text)
