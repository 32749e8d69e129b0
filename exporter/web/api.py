"""`/api/v1/objects`: the objects that `/metrics` is about, with their findings, as JSON (docs/api.md)."""

import gzip
from collections import OrderedDict
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec
from anyio import CapacityLimiter, to_thread
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from exporter import __version__
from exporter.exposition import segments
from exporter.exposition.negotiation import accepts_gzip
from exporter.views.summary import Summary
from exporter.views.views import ObjectView, page_of
from exporter.web.body import BodyResponse
from exporter.web.query import KINDS, Query, QueryError, parse_query
from exporter.web.snapshot import Snapshot, Snapshots
from exporter.web.status import ExporterStatus

API_VERSION = "v1"
ROOT = "/api/v1/objects"

MAX_CACHED = 16
"""Bodies of one snapshot: pages that are open with the same filters share one."""

GZIP_LEVEL = 1


class KindInfo(msgspec.Struct, frozen=True, omit_defaults=True, rename="camel"):
    """One list and watch."""

    name: str
    state: str
    last_event_time: datetime | None = None


class ExporterInfo(msgspec.Struct, frozen=True):
    """What the exporter could know.

    Attributes:
        events, pods: whether it watches Events and pods.
        fresh: whether it receives the changes of all kinds.
    """

    version: str
    events: bool
    pods: bool
    fresh: bool
    kinds: list[KindInfo]


class Listing(
    msgspec.Struct, frozen=True, omit_defaults=True, rename={"api_version": "apiVersion", "next": "continue"}
):
    """The answer to a list."""

    api_version: str
    time: datetime
    exporter: ExporterInfo
    summary: Summary
    total: int
    items: list[ObjectView]
    next: str = ""


class CachedAnswer(msgspec.Struct, frozen=True):
    """An answer that can be sent again."""

    data: bytes
    etag: str


class ObjectsApi:
    """The two handlers. Answers are prepared in the thread pool, one at a time, and shared."""

    def __init__(self, snapshots: Snapshots, status: ExporterStatus) -> None:
        self._snapshots = snapshots
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

    def _list(self, query: Query, wants_gzip: bool) -> CachedAnswer:
        snapshot = self._snapshots.newest()
        exporter = self._exporter(snapshot)
        digest = f"{snapshot.digest} {exporter.fresh}"
        if digest != self._cached_digest:
            self._cached.clear()
            self._cached_digest = digest
        if (body := self._cached.get((query, wants_gzip))) is None:
            body = _list_body(snapshot, exporter, query, wants_gzip=wants_gzip)
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
        exporter = self._exporter(snapshot)
        head = {"apiVersion": API_VERSION, "time": snapshot.time, "exporter": exporter}
        # Both are JSON objects: they become one.
        data = msgspec.json.encode(head)[:-1] + b"," + page[1:]
        etag = blake2b(page + str(exporter.fresh).encode(), digest_size=16).hexdigest()
        return _body(data, etag, wants_gzip=wants_gzip)

    def _exporter(self, snapshot: Snapshot) -> ExporterInfo:
        known, kinds = snapshot.fleet.known, self._status.kinds()
        return ExporterInfo(
            __version__,
            events=known.events,
            pods=known.pods,
            fresh=all(kind.stale_since is None for kind in kinds),
            kinds=[KindInfo(kind.name, kind.state, _time(kind.last_event_time)) for kind in kinds],
        )


def _time(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(int(seconds), UTC) if seconds else None


def _list_body(snapshot: Snapshot, exporter: ExporterInfo, query: Query, *, wants_gzip: bool) -> CachedAnswer:
    found = query.select(snapshot.entries)
    end = query.start + query.limit
    listing = Listing(
        api_version=API_VERSION,
        time=snapshot.time,
        exporter=exporter,
        summary=snapshot.summary,
        total=len(found),
        items=found[query.start : end],
        next=str(end) if end < len(found) else "",
    )
    etag = blake2b(f"{snapshot.digest} {exporter.fresh} {query}".encode(), digest_size=16).hexdigest()
    return _body(msgspec.json.encode(listing), etag, wants_gzip=wants_gzip)


def _body(data: bytes, etag: str, *, wants_gzip: bool) -> CachedAnswer:
    # Strong ETags differ between encodings.
    return (
        CachedAnswer(gzip.compress(data, GZIP_LEVEL, mtime=0), f'"{etag}-gzip"')
        if wants_gzip
        else CachedAnswer(data, f'"{etag}"')
    )


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
