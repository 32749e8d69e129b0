"""`/api/v1/objects`: the objects that `/metrics` is about, with their findings, as JSON (docs/api.md)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__
from exporter.kinds import DIAGNOSED
from exporter.views.views import SORTS, ObjectView, page_of, with_details
from exporter.web.answers import KeptAnswers
from exporter.web.snapshot import Snapshot, Snapshots
from exporter.web.status import ExporterStatus, KindStatus

API_VERSION = "v1"
ROOT = "/api/v1/objects"

MAX_LIMIT = 1000
DEFAULT_LIMIT = 500

KINDS = tuple(DIAGNOSED)

_BOOLEANS = {"true": True, "false": False}


class QueryError(Exception):
    """A parameter has a wrong value; the message is for whoever sent it."""


class _NotFoundError(Exception):
    """There is no such object; the message is for whoever asked."""


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


class ObjectsApi:
    """The two handlers. Answers are prepared in the thread pool, one at a time, and shared."""

    def __init__(self, snapshots: Snapshots, status: ExporterStatus) -> None:
        self._snapshots = snapshots
        self._status = status
        # One at a time: leaves the other processors to scrapes.
        self._preparing = CapacityLimiter(1)
        self.answers = KeptAnswers({"Content-Type": "application/json"})

    def routes(self, middleware: list[Middleware]) -> list[Route]:
        return [
            Route(path, partial(self._respond, answer), middleware=middleware)
            for path, answer in ((ROOT, self._list), (f"{ROOT}/{{kind}}/{{namespace}}/{{name}}", self._one))
        ]

    async def _respond(self, answer: Callable[[Request], Response], request: Request) -> Response:
        if reason := self._status.why_not_ready():
            return _error(503, reason)
        try:
            return await to_thread.run_sync(answer, request, limiter=self._preparing)
        except QueryError as exc:
            return _error(400, str(exc))
        except _NotFoundError as exc:
            return _error(404, str(exc))

    def _list(self, request: Request) -> Response:
        parameters = request.query_params
        query = parse_query({name: parameters.getlist(name) for name in parameters})
        snapshot, kinds = self._snapshots.newest(), self._status.kinds()

        def encoded() -> bytes:
            found = query.select(snapshot.entries)
            end = query.start + query.limit
            listing = _head(snapshot, kinds) | {
                "summary": snapshot.summary,
                "total": len(found),
                "items": [with_details(view, snapshot.fleet) for view in found[query.start : end]],
            }
            return msgspec.json.encode(listing | ({"continue": str(end)} if end < len(found) else {}))

        return self.answers.respond(request, _state(snapshot, kinds), str(query), encoded)

    def _one(self, request: Request) -> Response:
        kind, namespace, name = (request.path_params[part] for part in ("kind", "namespace", "name"))
        if kind not in KINDS:
            raise _NotFoundError(f"kind '{kind[:40]}' is not one of {', '.join(KINDS)}")
        snapshot, kinds = self._snapshots.newest(), self._status.kinds()
        obj = snapshot.fleet.find(kind, namespace, name)
        if obj is None:
            where = f" of {shard}" if (shard := snapshot.fleet.known.shard) else ""
            raise _NotFoundError(f"there is no {kind} '{name[:253]}' in namespace '{namespace[:63]}'{where}")
        page = msgspec.json.encode(page_of(obj, snapshot.fleet, snapshot.time))
        # Both are JSON objects: they become one.
        data = msgspec.json.encode(_head(snapshot, kinds))[:-1] + b"," + page[1:]
        return self.answers.respond(request, _state(snapshot, kinds), page.decode(), lambda: data)


def _state(snapshot: Snapshot, kinds: list[KindStatus]) -> str:
    """Return what differs between two snapshots in more than their time."""
    return f"{snapshot.digest} {_is_fresh(kinds)} {snapshot.fleet.known} {[kind.state for kind in kinds]}"


def _is_fresh(kinds: list[KindStatus]) -> bool:
    """Return whether the changes of all kinds are received."""
    return all(kind.stale_since is None for kind in kinds)


def _head(snapshot: Snapshot, kinds: list[KindStatus]) -> dict[str, Any]:
    """Return what both answers begin with: the time, and what the exporter could know."""
    known = snapshot.fleet.known
    exporter = {
        "version": __version__,
        "events": known.events,
        "pods": known.pods,
        **({"shard": known.shard} if known.shard else {}),
        "fresh": _is_fresh(kinds),
        "kinds": [
            {"name": kind.name, "state": kind.state}
            | (
                {"lastEventTime": datetime.fromtimestamp(int(kind.last_event_time), UTC)}
                if kind.last_event_time
                else {}
            )
            for kind in kinds
        ],
    }
    return {"apiVersion": API_VERSION, "time": snapshot.time, "exporter": exporter}


def _error(status: int, message: str) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    return Response(msgspec.json.encode({"error": message}), status, headers, media_type="application/json")


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
