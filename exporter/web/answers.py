"""What answers have in common: bodies in chunks, what is kept of them, headers that restrict a browser, refusals."""

import asyncio
import gzip
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import blake2b
from weakref import WeakSet

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.exposition.exposition import accepts_gzip
from exporter.exposition.segments import Body

LANDING_STYLE = "'sha256-QqyJDKClh0O0xHIPLRilEJ07m9nH+9K78ZqX//oouII='"
"""The hash of the style of the small page; the large one has a policy of its own."""

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {LANDING_STYLE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

DEFAULTS = {
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}

MAX_KEPT_BYTES = 8 * 1024 * 1024
"""Answers of one kind that are kept: pages that are open at the same address share one."""

MAX_BODY_BYTES = 64 * 1024 * 1024
"""Answers that are kept or being sent: with more of them, the next one has to wait until clients have read."""


OVERLOADED = PlainTextResponse("too many requests are being authenticated\n", 503, {"Retry-After": "5"})
"""For a client that has to try again later."""


class BodyResponse(Response):
    """A 200 whose body is never joined as a whole. The server waits with a chunk until the last one is sent."""

    def __init__(self, body: Body, headers: dict[str, str]) -> None:
        super().__init__(headers=headers | {"Content-Length": str(body.length)})
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        transport: asyncio.Transport | None = scope.get("state", {}).get("transport")
        for chunk in self._body.chunks() if scope["method"] != "HEAD" else ():
            if transport and transport.is_closing():
                # uvicorn ignores what is sent to a client that is gone, so that all chunks would be joined for nothing.
                while (await receive())["type"] != "http.disconnect":
                    pass
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            # A client that reads as fast as this is written must not keep the event loop from the others.
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})


def header(request: Request, name: str) -> str:
    """Return a header as one list, also if the client sent it in several lines."""
    return ",".join(request.headers.getlist(name))


def wants_gzip(request: Request) -> bool:
    """Return whether the client prefers a compressed body."""
    return accepts_gzip(header(request, "accept-encoding"))


class KeptAnswers:
    """Answers 200 that are the same until their ETag is another one: compressed once, and kept to be sent again.

    Only those of the newest state: an older answer to the same question has an older time in it. Any thread may call.
    """

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._headers = {**headers, "Cache-Control": "no-cache", "Vary": "Accept-Encoding"}
        # Of both below: a set to which another thread adds cannot be read.
        self._keeping = threading.Lock()
        self._kept: OrderedDict[str, Body] = OrderedDict()
        self._state = ""
        self._bodies = WeakSet[Body]()

    def is_full(self) -> bool:
        """Return whether clients have not read too much of what was prepared for them."""
        with self._keeping:
            return sum(body.length for body in self._bodies) > MAX_BODY_BYTES

    def respond(self, request: Request, state: str, question: str, prepare: Callable[[], bytes]) -> Response:
        """Return an answer whose ETag depends on the state and the question, or 304; prepare what is not kept."""
        with self._keeping:
            if state != self._state:
                self._kept.clear()
                self._state = state
        gzips = wants_gzip(request)
        # Strong ETags differ between encodings.
        digest = blake2b(f"{state} {question}".encode(errors="replace"), digest_size=16).hexdigest()
        etag = f'"{digest}{"-gzip" if gzips else ""}"'
        headers = {**self._headers, "ETag": etag}
        given = [tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")]
        if etag in given or "*" in given:
            return Response(status_code=304, headers=headers)
        body = self._kept.get(etag) or self._keep(etag, gzip.compress(prepare(), 1, mtime=0) if gzips else prepare())
        return BodyResponse(body, headers | ({"Content-Encoding": "gzip"} if gzips else {}))

    def _keep(self, etag: str, data: bytes) -> Body:
        with self._keeping:
            body = self._kept[etag] = Body([data])
            self._bodies.add(body)
            while sum(kept.length for kept in self._kept.values()) > MAX_KEPT_BYTES:
                self._kept.popitem(last=False)
        return body


def with_headers(application: ASGIApp, configured: Callable[[], Mapping[str, str]]) -> ASGIApp:
    """Add DEFAULTS to answers that do not have them, and replace all by what `configured` returns."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {"headers": [], **message}
                headers = MutableHeaders(scope=message)
                for name, value in DEFAULTS.items():
                    headers.setdefault(name, value)
                headers.update(configured())
            await send(message)

        await application(scope, receive, send_with_headers)

    return answer


def authorization(scope: Scope, scheme: str) -> str | None:
    """Return what follows the scheme in the Authorization header, None if there is not exactly one of that scheme."""
    values = [value for name, value in scope["headers"] if name == b"authorization"]
    if len(values) != 1:
        return None
    found, _, credentials = values[0].decode("latin-1").partition(" ")
    return credentials.strip() or None if found.lower() == scheme else None


def unauthorized(challenge: str) -> Response:
    """Return the answer for a client without credentials, or with wrong ones; `challenge` is the scheme to use."""
    return PlainTextResponse("unauthorized\n", 401, {"WWW-Authenticate": f'{challenge} realm="kuberay-exporter"'})
