"""How many scrapes are answered at once."""

import asyncio

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.clock import Clock, SystemClock

STALLED_SECONDS = 1.0
"""A scrape whose client has not taken the last piece of the body for so long is aborted when another one comes."""

RETRY_AFTER_SECONDS = 1


class ScrapeLimit:
    """ASGI middleware: at most `maximum` requests at once, more are answered 503 with Retry-After.

    Clients that do not read cannot use the limit up: their requests make room for new ones.
    For the event loop's thread.
    """

    def __init__(self, application: ASGIApp, maximum: int, clock: Clock | None = None) -> None:
        self._application = application
        self._maximum = maximum
        self._clock = clock or SystemClock()
        # By the connection of the request; None: not waiting for the client.
        self._waiting_since: dict[asyncio.Transport, float | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette's test client has none.
        transport: asyncio.Transport = scope["state"].get("transport") or asyncio.Transport()
        if len(self._waiting_since) >= self._maximum and not self._abort_stalled():
            await _busy(self._maximum)(scope, receive, send)
            return

        async def timed_send(message: Message) -> None:
            self._waiting_since[transport] = self._clock.monotonic()
            await send(message)
            self._waiting_since[transport] = None

        self._waiting_since[transport] = None
        try:
            await self._application(scope, receive, timed_send)
        finally:
            self._waiting_since.pop(transport, None)

    def _abort_stalled(self) -> bool:
        """Abort the request that has waited for its client for the longest time; False if none has for too long."""
        since, transport = min(
            ((since, transport) for transport, since in self._waiting_since.items() if since is not None),
            key=lambda item: item[0],
            default=(None, None),
        )
        if since is None or transport is None or self._clock.monotonic() - since < STALLED_SECONDS:
            return False
        del self._waiting_since[transport]
        transport.abort()
        return True


def _busy(maximum: int) -> PlainTextResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return PlainTextResponse(f"{maximum} scrapes are in progress, which is the maximum\n", 503, headers)
