"""Sends a body in chunks: a client that does not read costs one chunk, not a body."""

import asyncio

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from exporter.exposition.segments import Body


class BodyResponse(Response):
    """A 200 whose body is never joined as a whole. The server waits with a chunk until the last one is sent."""

    def __init__(self, body: Body, headers: dict[str, str]) -> None:
        super().__init__(headers=headers | {"Content-Length": str(body.length)})
        self._body = body

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        if scope["method"] != "HEAD":
            for chunk in self._body.chunks():
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                # A client that reads as fast as this is written must not keep the event loop from the others.
                await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})
