"""How many scrapes are answered at once."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from exporter.clock import Clock, SystemClock
from exporter.web.fairness import Usage, client_address

STALLED_SECONDS = 1.0
"""A scrape that has waited so long for its client in all is aborted when another one comes."""


@dataclass(eq=False)
class _Running:
    """A request; `waited` are seconds for its client, until `waiting_since` if it is waiting."""

    address: str
    transport: asyncio.Transport
    waited: float = 0.0
    waiting_since: float | None = None

    def waited_at(self, now: float) -> float:
        return self.waited + (0.0 if self.waiting_since is None else now - self.waiting_since)


class ScrapeLimit:
    """ASGI middleware: at most `maximum` requests at once, more are answered 503 with Retry-After.

    If there is no room, a request takes the place of one of the address that has most of them, and else of the one
    that has waited for its client for the longest time. For the event loop's thread.
    """

    def __init__(
        self,
        application: ASGIApp,
        maximum: int,
        clock: Clock | None = None,
        *,
        what: str = "scrapes",
        is_full: Callable[[], bool] = lambda: False,
        count_refused: Callable[[], None] = lambda: None,
    ) -> None:
        """`what` the requests are is in the answer 503. `is_full` may return True for reasons beside their number."""
        self._application = application
        self._maximum = maximum
        text = f"{maximum} {what} are in progress, which is the maximum\n"
        self._busy = PlainTextResponse(text, 503, {"Retry-After": "1"})
        self._clock = clock or SystemClock()
        self._is_full = is_full
        self._count_refused = count_refused
        self._running: set[_Running] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Starlette's test client has none.
        transport: asyncio.Transport = scope["state"].get("transport") or asyncio.Transport()
        request = _Running(client_address(scope), transport)
        if len(self._running) >= self._maximum or self._is_full():
            self._count_refused()  # the new one, or the one that is aborted for it
            if not self._make_room(request):
                await self._busy(scope, receive, send)
                return

        async def timed_send(message: Message) -> None:
            request.waiting_since = self._clock.monotonic()
            await send(message)
            request.waited, request.waiting_since = request.waited_at(self._clock.monotonic()), None

        self._running.add(request)
        try:
            await self._application(scope, receive, timed_send)
        finally:
            self._running.discard(request)

    def _make_room(self, new: _Running) -> bool:
        """Abort a request in favour of a new one; return whether there is one that may be aborted."""
        usage, now = Usage(), self._clock.monotonic()
        for request in (*self._running, new):
            usage.add(request.address)
        if not self._running:
            return False
        most = max(self._running, key=lambda request: (usage.share(request.address), request.waited_at(now)))
        if usage.share(most.address) <= usage.share(new.address):
            most = max(self._running, key=lambda request: request.waited_at(now))
            if most.waited_at(now) < STALLED_SECONDS:
                return False
        self._running.discard(most)
        most.transport.abort()
        return True
