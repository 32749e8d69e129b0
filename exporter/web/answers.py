"""What all answers have in common: bodies that are sent in chunks, and headers that restrict a browser."""

import asyncio
from collections.abc import Callable, Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.exposition.negotiation import accepts_gzip
from exporter.exposition.segments import Body

LANDING_STYLE = "'sha256-QqyJDKClh0O0xHIPLRilEJ07m9nH+9K78ZqX//oouII='"
"""The hash of the style of the small page; the large one has a policy of its own."""

CONTENT_SECURITY_POLICY = (
    f"default-src 'none'; style-src {LANDING_STYLE}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

DEFAULTS = {
    b"content-security-policy": CONTENT_SECURITY_POLICY.encode(),
    b"referrer-policy": b"no-referrer",
    b"x-content-type-options": b"nosniff",
}


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


def with_headers(application: ASGIApp, configured: Callable[[], Mapping[str, str]]) -> ASGIApp:
    """Add DEFAULTS to answers that do not have them, and replace all by what `configured` returns."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                set_ = {name.lower().encode(): value.encode() for name, value in configured().items()}
                kept = [header for header in message.get("headers", ()) if header[0].lower() not in set_]
                missing = DEFAULTS.keys() - {name.lower() for name, _ in kept}
                added = {name: DEFAULTS[name] for name in missing} | set_
                message = {**message, "headers": [*kept, *added.items()]}
            await send(message)

        await application(scope, receive, send_with_headers)

    return answer
