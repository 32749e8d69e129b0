"""An application with a route for each kind of answer."""

import asyncio
import threading
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

BIG = 64 * 1024 * 1024


class Application:
    """Routes for each kind of answer; `ended` has an entry for each streamed one that has ended."""

    def __init__(self) -> None:
        self.ended: list[str] = []
        self.sent = 0
        self.is_waiting = threading.Event()
        self.release = threading.Event()
        self._routes = Starlette(
            routes=[
                Route("/", self._ok),
                Route("/query", self._query),
                Route("/big", self._big),
                Route("/wait", self._wait),
                Route("/fault", self._fault),
                Route("/half", self._half),
            ]
        )

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (self._stream if scope["path"] == "/stream" else self._routes)(scope, receive, send)

    async def _ok(self, _request: Request) -> Response:
        return PlainTextResponse("ok\n")

    async def _query(self, request: Request) -> Response:
        return PlainTextResponse(str(request.url.query))

    async def _big(self, _request: Request) -> Response:
        return Response(bytes(BIG))

    async def _stream(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        try:
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % BIG)]})
            for _ in range(BIG // 65536):
                await send({"type": "http.response.body", "body": bytes(65536), "more_body": True})
                self.sent += 65536
                await asyncio.sleep(0)  # as the exporter does between chunks
            await send({"type": "http.response.body"})
        finally:
            self.ended.append("ended")

    async def _wait(self, _request: Request) -> Response:
        self.is_waiting.set()
        await run_in_threadpool(self.release.wait, 10)
        return PlainTextResponse("released\n")

    async def _fault(self, _request: Request) -> Response:
        raise ValueError("a bug")

    async def _half(self, _request: Request) -> Response:
        async def pieces() -> AsyncIterator[bytes]:
            yield b"half"
            raise ValueError("a bug")

        return StreamingResponse(pieces(), headers={"Content-Length": "8"})
