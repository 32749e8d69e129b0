"""`/api/v1/objects`: the objects that `/metrics` is about, with their findings, as JSON (docs/api.md)."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__
from exporter.views.views import page_of, with_details
from exporter.web.answers import KeptAnswers
from exporter.web.query import KINDS, QueryError, parse_query
from exporter.web.snapshot import Snapshot, Snapshots
from exporter.web.status import ExporterStatus, KindStatus

API_VERSION = "v1"
ROOT = "/api/v1/objects"


class _NotFoundError(Exception):
    """There is no such object; the message is for whoever asked."""


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
            Route(ROOT, self._objects, middleware=middleware),
            Route(f"{ROOT}/{{kind}}/{{namespace}}/{{name}}", self._object, middleware=middleware),
        ]

    async def _objects(self, request: Request) -> Response:
        return await self._respond(request, self._list)

    async def _object(self, request: Request) -> Response:
        return await self._respond(request, self._one)

    async def _respond(self, request: Request, answer: Callable[[Request], Response]) -> Response:
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

        return self.answers.respond(request, f"{snapshot.digest} {_is_fresh(kinds)} {query}", encoded)

    def _one(self, request: Request) -> Response:
        kind, namespace, name = (request.path_params[part] for part in ("kind", "namespace", "name"))
        if kind not in KINDS:
            raise _NotFoundError(f"kind '{kind[:40]}' is not one of {', '.join(KINDS)}")
        snapshot, kinds = self._snapshots.newest(), self._status.kinds()
        obj = snapshot.fleet.find(kind, namespace, name)
        if obj is None:
            raise _NotFoundError(f"there is no {kind} '{name[:253]}' in namespace '{namespace[:63]}'")
        page = msgspec.json.encode(page_of(obj, snapshot.fleet, snapshot.time))
        # Both are JSON objects: they become one.
        data = msgspec.json.encode(_head(snapshot, kinds))[:-1] + b"," + page[1:]
        return self.answers.respond(request, f"{page.decode()} {_is_fresh(kinds)}", lambda: data)


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
