"""`/api/v1/objects`: the objects that `/metrics` is about, with their findings, as JSON (docs/api.md)."""

import gzip
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from hashlib import blake2b

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.summary import Summary
from exporter.diagnosis.views import page_of
from exporter.exposition import segments
from exporter.exposition.negotiation import accepts_gzip
from exporter.web.body import BodyResponse
from exporter.web.query import KINDS, Query, QueryError, parse_query
from exporter.web.snapshot import Snapshot, Snapshots
from exporter.web.status import ExporterStatus

API_VERSION = "v1"
ROOT = "/api/v1/objects"

MAX_CACHED = 16
"""Bodies of one snapshot: pages that are open with the same filters share one."""

GZIP_LEVEL = 1


class ExporterInfo(msgspec.Struct, frozen=True):
    """What the exporter could know.

    Attributes:
        events, pods: whether it watches Events and pods.
    """

    version: str
    events: bool
    pods: bool


class Listing(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"api_version": "apiVersion", "next": "continue"}
):
    """The answer to a list."""

    api_version: str
    time: datetime
    exporter: ExporterInfo
    summary: Summary
    total: int
    items: list[msgspec.Raw]
    next: str = ""


class CachedAnswer(msgspec.Struct, frozen=True):
    """An answer that can be sent again."""

    data: bytes
    etag: str


class ObjectsApi:
    """The two handlers. Answers are prepared in the thread pool, one at a time, and shared."""

    def __init__(self, read: Callable[[], Fleet], status: ExporterStatus) -> None:
        """`read` returns the fleet as it is, without waiting."""
        self._snapshots = Snapshots(read)
        self._status = status
        # One at a time: guards the two below, and leaves the other processors to scrapes.
        self._preparing = CapacityLimiter(1)
        self._cached_digest = ""
        self._cached: OrderedDict[tuple[Query, bool], CachedAnswer] = OrderedDict()

    def routes(self, middleware: list[Middleware]) -> list[Route]:
        return [
            Route(ROOT, self.objects, middleware=middleware),
            Route(f"{ROOT}/{{kind}}/{{namespace}}/{{name}}", self.object, middleware=middleware),
        ]

    async def objects(self, request: Request) -> Response:
        parameters = request.query_params
        try:
            query = parse_query({name: parameters.getlist(name) for name in parameters})
        except QueryError as exc:
            return _error(400, str(exc))
        if reason := self._status.why_not_ready():
            return _error(503, reason)
        wants_gzip = accepts_gzip(",".join(request.headers.getlist("accept-encoding")))
        body = await to_thread.run_sync(self._list, query, wants_gzip, limiter=self._preparing)
        return _answer(request, body, wants_gzip=wants_gzip)

    async def object(self, request: Request) -> Response:
        if reason := self._status.why_not_ready():
            return _error(503, reason)
        kind, namespace, name = (request.path_params[key] for key in ("kind", "namespace", "name"))
        if kind not in KINDS:
            return _error(404, f"kind '{kind[:40]}' is not one of {', '.join(KINDS)}")
        wants_gzip = accepts_gzip(",".join(request.headers.getlist("accept-encoding")))
        body = await to_thread.run_sync(self._one, kind, namespace, name, wants_gzip, limiter=self._preparing)
        if body is None:
            return _error(404, f"there is no {kind} '{name[:253]}' in namespace '{namespace[:63]}'")
        return _answer(request, body, wants_gzip=wants_gzip)

    def list_document(self, parameters: Mapping[str, list[str]]) -> tuple[int, bytes]:
        """Return status code and JSON document of a list, for the page. It may wait for a snapshot."""
        try:
            query = parse_query(parameters)
        except QueryError as exc:
            return 400, msgspec.json.encode({"error": str(exc)})
        if reason := self._status.why_not_ready():
            return 503, msgspec.json.encode({"error": reason})
        return 200, _list_body(self._snapshots.newest(), query, wants_gzip=False).data

    def _list(self, query: Query, wants_gzip: bool) -> CachedAnswer:
        snapshot = self._snapshots.newest()
        if snapshot.digest != self._cached_digest:
            self._cached.clear()
            self._cached_digest = snapshot.digest
        if (body := self._cached.get((query, wants_gzip))) is None:
            body = _list_body(snapshot, query, wants_gzip=wants_gzip)
            self._cached[query, wants_gzip] = body
            if len(self._cached) > MAX_CACHED:
                self._cached.popitem(last=False)
        return body

    def _one(self, kind: str, namespace: str, name: str, wants_gzip: bool) -> CachedAnswer | None:
        snapshot = self._snapshots.newest()
        obj = snapshot.fleet.find(kind, namespace, name)
        if obj is None:
            return None
        page = msgspec.json.encode(page_of(obj, snapshot.fleet, snapshot.time))
        head = {"apiVersion": API_VERSION, "time": snapshot.time, "exporter": _exporter(snapshot)}
        # Both are JSON objects: they become one.
        data = msgspec.json.encode(head)[:-1] + b"," + page[1:]
        return _body(data, blake2b(page, digest_size=16).hexdigest(), wants_gzip=wants_gzip)


def _list_body(snapshot: Snapshot, query: Query, *, wants_gzip: bool) -> CachedAnswer:
    found = query.select(snapshot.entries)
    end = query.start + query.limit
    listing = Listing(
        api_version=API_VERSION,
        time=snapshot.time,
        exporter=_exporter(snapshot),
        summary=snapshot.summary,
        total=len(found),
        items=[entry.body for entry in found[query.start : end]],
        next=str(end) if end < len(found) else "",
    )
    etag = blake2b(f"{snapshot.digest} {query}".encode(), digest_size=16).hexdigest()
    return _body(msgspec.json.encode(listing), etag, wants_gzip=wants_gzip)


def _body(data: bytes, etag: str, *, wants_gzip: bool) -> CachedAnswer:
    # Strong ETags differ between encodings.
    return (
        CachedAnswer(gzip.compress(data, GZIP_LEVEL, mtime=0), f'"{etag}-gzip"')
        if wants_gzip
        else CachedAnswer(data, f'"{etag}"')
    )


def _exporter(snapshot: Snapshot) -> ExporterInfo:
    known = snapshot.fleet.known
    return ExporterInfo(__version__, events=known.events, pods=known.pods)


def _answer(request: Request, body: CachedAnswer, *, wants_gzip: bool) -> Response:
    headers = {"ETag": body.etag, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
    given = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
    if body.etag in given or "*" in given:
        return Response(status_code=304, headers=headers)
    headers["Content-Type"] = "application/json"
    if wants_gzip:
        headers["Content-Encoding"] = "gzip"
    return BodyResponse(segments.Body([body.data]), headers)


def _error(status: int, message: str) -> Response:
    headers = {"Cache-Control": "no-store", "Vary": "Accept-Encoding"}
    return Response(msgspec.json.encode({"error": message}), status, headers, media_type="application/json")
