"""`/api/v1/objects`: the objects that `/metrics` is about, with their findings, as JSON (docs/api.md)."""

import gzip
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from hashlib import blake2b
from typing import Any, NamedTuple
from weakref import WeakSet

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__
from exporter.exposition.segments import Body
from exporter.views.views import page_of, with_details
from exporter.web.answers import BodyResponse, wants_gzip
from exporter.web.query import KINDS, Query, QueryError, parse_query
from exporter.web.snapshot import Snapshot, Snapshots
from exporter.web.status import ExporterStatus, KindStatus

API_VERSION = "v1"
ROOT = "/api/v1/objects"

MAX_CACHED_BYTES = 8 * 1024 * 1024
"""Bodies of one snapshot that are kept: pages that are open with the same filters share one."""

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Bodies that are kept or being sent: with more of them, the next one has to wait until clients have read."""

GZIP_LEVEL = 1


class _Answer(NamedTuple):
    """An answer that can be sent again."""

    body: Body
    etag: str


class _NotFoundError(Exception):
    """There is no such object; the message is for whoever asked."""


class ObjectsApi:
    """The two handlers. Answers are prepared in the thread pool, one at a time, and shared."""

    def __init__(self, snapshots: Snapshots, status: ExporterStatus) -> None:
        self._snapshots = snapshots
        self._status = status
        # One at a time: guards what is cached, and leaves the other processors to scrapes.
        self._preparing = CapacityLimiter(1)
        self._cached_digest = ""
        self._cached: OrderedDict[tuple[Query, bool], _Answer] = OrderedDict()
        self._bodies = WeakSet[Body]()

    def is_full(self) -> bool:
        """Return whether clients have not read too much of what was prepared for them."""
        return sum(body.length for body in list(self._bodies)) > MAX_BODY_BYTES

    def routes(self, middleware: list[Middleware]) -> list[Route]:
        return [
            Route(ROOT, self._objects, middleware=middleware),
            Route(f"{ROOT}/{{kind}}/{{namespace}}/{{name}}", self._object, middleware=middleware),
        ]

    async def _objects(self, request: Request) -> Response:
        parameters = request.query_params
        try:
            query = parse_query({name: parameters.getlist(name) for name in parameters})
        except QueryError as exc:
            return _error(400, str(exc))
        return await self._respond(request, partial(self._list, query, gzips=wants_gzip(request)))

    async def _object(self, request: Request) -> Response:
        return await self._respond(request, partial(self._one, **request.path_params, gzips=wants_gzip(request)))

    async def _respond(self, request: Request, prepare: Callable[[], _Answer]) -> Response:
        if reason := self._status.why_not_ready():
            return _error(503, reason)
        try:
            answer = await to_thread.run_sync(prepare, limiter=self._preparing)
        except _NotFoundError as exc:
            return _error(404, str(exc))
        headers = {"ETag": answer.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        given = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if answer.etag in given or "*" in given:
            return Response(status_code=304, headers=headers)
        headers |= {"Content-Type": "application/json"} | ({"Content-Encoding": "gzip"} if wants_gzip(request) else {})
        return BodyResponse(answer.body, headers)

    def _list(self, query: Query, *, gzips: bool) -> _Answer:
        snapshot, kinds = self._snapshots.newest(), self._status.kinds()
        digest = f"{snapshot.digest} {_is_fresh(kinds)}"
        if digest != self._cached_digest:
            self._cached.clear()
            self._cached_digest = digest
        if (answer := self._cached.get((query, gzips))) is None:
            found = query.select(snapshot.entries)
            end = query.start + query.limit
            listing = _head(snapshot, kinds) | {
                "summary": snapshot.summary,
                "total": len(found),
                "items": [with_details(view, snapshot.fleet) for view in found[query.start : end]],
            }
            listing |= {"continue": str(end)} if end < len(found) else {}
            answer = self._encode(msgspec.json.encode(listing), f"{digest} {query}".encode(), gzips=gzips)
            self._cached[query, gzips] = answer
            while sum(cached.body.length for cached in self._cached.values()) > MAX_CACHED_BYTES:
                self._cached.popitem(last=False)
        return answer

    def _one(self, kind: str, namespace: str, name: str, *, gzips: bool) -> _Answer:
        if kind not in KINDS:
            raise _NotFoundError(f"kind '{kind[:40]}' is not one of {', '.join(KINDS)}")
        snapshot, kinds = self._snapshots.newest(), self._status.kinds()
        obj = snapshot.fleet.find(kind, namespace, name)
        if obj is None:
            raise _NotFoundError(f"there is no {kind} '{name[:253]}' in namespace '{namespace[:63]}'")
        page = msgspec.json.encode(page_of(obj, snapshot.fleet, snapshot.time))
        # Both are JSON objects: they become one.
        data = msgspec.json.encode(_head(snapshot, kinds))[:-1] + b"," + page[1:]
        return self._encode(data, page + str(_is_fresh(kinds)).encode(), gzips=gzips)

    def _encode(self, data: bytes, tagged: bytes, *, gzips: bool) -> _Answer:
        """Return an answer whose ETag depends on what is `tagged`. Strong ETags differ between encodings."""
        etag = blake2b(tagged, digest_size=16).hexdigest() + ("-gzip" if gzips else "")
        body = Body([gzip.compress(data, GZIP_LEVEL, mtime=0) if gzips else data])
        self._bodies.add(body)
        return _Answer(body, f'"{etag}"')


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
