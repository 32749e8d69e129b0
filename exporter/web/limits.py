"""How many scrapes are answered at once."""

import time
from collections.abc import Callable

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

STALLED_SECONDS = 1.0
"""A scrape whose client has not taken the last piece of the body for so long is aborted when another one comes."""

RETRY_AFTER_SECONDS = 1


class ScrapeLimit:
    """ASGI middleware: at most `maximum` requests at once, more are answered 503 with Retry-After.

    Clients that do not read cannot use the limit up: their requests make room for new ones.
    For the event loop's thread.
    """

    def __init__(self, application: ASGIApp, maximum: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._application = application
        self._maximum = maximum
        self._clock = clock
        # By what aborts the request's connection; None: not waiting for the client.
        self._waiting_since: dict[Callable[[], None], float | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        # Without a connection, as in Starlette's test client, there is nothing to abort.
        abort: Callable[[], None] = scope["state"].get("abort", lambda: None)
        if len(self._waiting_since) >= self._maximum and not self._abort_stalled():
            await _busy(self._maximum)(scope, receive, send)
            return

        async def timed_send(message: Message) -> None:
            if abort in self._waiting_since:
                self._waiting_since[abort] = self._clock()
            await send(message)
            if abort in self._waiting_since:
                self._waiting_since[abort] = None

        self._waiting_since[abort] = None
        try:
            await self._application(scope, receive, timed_send)
        finally:
            self._waiting_since.pop(abort, None)

    def _abort_stalled(self) -> bool:
        """Abort the request that has waited for its client for the longest time; False if none has for too long."""
        since, abort = min(
            ((since, abort) for abort, since in self._waiting_since.items() if since is not None),
            key=lambda item: item[0],
            default=(None, None),
        )
        if since is None or abort is None or self._clock() - since < STALLED_SECONDS:
            return False
        del self._waiting_since[abort]
        abort()
        return True


def _busy(maximum: int) -> PlainTextResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return PlainTextResponse(f"{maximum} scrapes are in progress, which is the maximum\n", 503, headers)
