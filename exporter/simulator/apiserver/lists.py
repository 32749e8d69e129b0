"""Gets and lists of the simulated API server: from a request and the store to a response.

It hides the version of a list: what limit, resourceVersion, resourceVersionMatch and continue token mean together,
and the response if that version has expired.

Not promised: watches, and whether the client is allowed to read. Both are in the ApiServer.
"""

import zlib
from typing import Any

import msgspec

from exporter.simulator.api_conventions import EVENTS, api_version, is_core, kind_name
from exporter.simulator.apiserver.history import StoredPage
from exporter.simulator.apiserver.requests import Request, decode_token, encode_token
from exporter.simulator.apiserver.responses import (
    CONTINUE_EXPIRED,
    ApiResponse,
    details_of,
    qualified,
    status,
    too_large,
)
from exporter.simulator.apiserver.selectors import Selector, selector_of
from exporter.simulator.apiserver.store import (
    ExpiredError,
    FutureVersionError,
    NotFoundError,
    NotInstalledError,
    ObjectStore,
)

# As on a real server, larger lists are compressed if the client accepts that.
_GZIP_ABOVE_BYTES = 128 * 1024


def get(store: ObjectStore, request: Request) -> ApiResponse:
    """Return the object or a NotFound Status; raise NotInstalledError."""
    name = request.name or ""
    try:
        return ApiResponse(200, store.get(request.plural, request.namespace or "", name) + b"\n")
    except NotInstalledError:
        raise
    except NotFoundError:
        details = {"name": name, **details_of(request.plural)}
        message = f'{qualified(request.plural)} "{name}" not found'
        return status(404, "NotFound", message, details=details)


def list_(store: ObjectStore, request: Request) -> ApiResponse:
    """Return a page of a list, or a Status if there is none; raise NotInstalledError, BadRequestError."""
    token = request.query.get("continue")
    selector = selector_of(request)
    try:
        page = _continued(store, request, token, selector) if token else _first_page(store, request, selector)
    except FutureVersionError as exc:
        return too_large(exc)
    except ExpiredError:
        if not token:
            return status(410, "Expired", "The resourceVersion for the provided list is too old.")
        again = encode_token(-1, decode_token(token)[1])
        return status(410, "Expired", CONTINUE_EXPIRED, metadata={"continue": again})
    body = _list_body(request, page, with_count=selector is None)
    if len(body) <= _GZIP_ABOVE_BYTES or not request.accepts_gzip:
        return ApiResponse(200, body)
    headers = (
        ("Content-Encoding", "gzip"),
        ("Content-Type", "application/json"),
        ("Vary", "Accept-Encoding"),
    )
    return ApiResponse(200, zlib.compress(body, 1, wbits=31), headers)


def _first_page(store: ObjectStore, request: Request, selector: Selector | None) -> StoredPage:
    limit, version = request.number("limit"), request.version()
    if version is not None and version > store.version:
        raise FutureVersionError(version, store.version)
    match = request.query.get("resourceVersionMatch")
    # With a limit, a version alone means exactly that version; 0 means the whole list from the cache. Events are not
    # in the cache.
    is_exact = match == "Exact" or (match is None and limit > 0)
    is_cached = version == 0 and request.plural != EVENTS
    return store.page(
        request.plural,
        request.namespace,
        limit=0 if is_cached else limit,
        version=version if version and is_exact else None,
        matches=selector.matches if selector else None,
    )


def _continued(store: ObjectStore, request: Request, token: str, selector: Selector | None) -> StoredPage:
    version, start = decode_token(token)
    return store.page(
        request.plural,
        request.namespace,
        limit=request.number("limit"),
        start=request.prefix + start,
        version=version if version > 0 else None,
        matches=selector.matches if selector else None,
    )


def _list_body(request: Request, page: StoredPage, *, with_count: bool) -> bytes:
    metadata: dict[str, Any] = {}
    if page.remaining:
        start = f"/{page.last_key.removeprefix(request.prefix)}\0"
        metadata = {"continue": encode_token(page.version, start)}
        if with_count:
            metadata["remainingItemCount"] = page.remaining
    if is_core(request.plural):
        return _core_list(request.plural, page, {"resourceVersion": str(page.version), **metadata})
    metadata = {"continue": "", **metadata, "resourceVersion": str(page.version)}
    return b'{"apiVersion":"%b","items":[%b],"kind":"%bList","metadata":%b}\n' % (
        api_version(request.plural).encode(),
        b",".join([event.body for event in page.items]),
        kind_name(request.plural).encode(),
        msgspec.json.encode(metadata),
    )


def _core_list(plural: str, page: StoredPage, metadata: dict[str, Any]) -> bytes:
    """Return a list of a built-in kind: its items have no kind and apiVersion, and its keys are in Go's order."""
    kind = kind_name(plural).encode()
    head = b'{"kind":"%b","apiVersion":"%b",' % (kind, api_version(plural).encode())
    items = b",".join([b"{" + event.body.removeprefix(head) for event in page.items])
    return b'{"kind":"%bList","apiVersion":"%b","metadata":%b,"items":[%b]}\n' % (
        kind,
        api_version(plural).encode(),
        msgspec.json.encode(metadata),
        items,
    )
