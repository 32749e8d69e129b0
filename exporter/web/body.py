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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        transport: asyncio.Transport | None = scope.get("state", {}).get("transport")
        for chunk in self._body.chunks() if scope["method"] != "HEAD" else ():
            if transport and transport.is_closing():
                # uvicorn ignores what is sent to a client that is gone, so that all chunks would be joined for nothing.
                await _wait_for_disconnect(receive)
                return
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            # A client that reads as fast as this is written must not keep the event loop from the others.
            await asyncio.sleep(0)
        await send({"type": "http.response.body", "body": b""})


async def _wait_for_disconnect(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
