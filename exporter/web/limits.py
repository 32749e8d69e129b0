"""How many scrapes are answered at once."""

import asyncio
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
        self._waiting_since: dict[asyncio.Task[object], float | None] = {}  # None: not waiting for the client

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - for mypy: every request has a task
        if len(self._waiting_since) >= self._maximum and not self._abort_stalled():
            await _busy(self._maximum)(scope, receive, send)
            return
        self._waiting_since[task] = None
        try:
            await self._application(scope, receive, self._timed(task, send))
        finally:
            self._waiting_since.pop(task, None)

    def _timed(self, task: asyncio.Task[object], send: Send) -> Send:
        async def timed_send(message: Message) -> None:
            self._waiting_since[task] = self._clock()
            await send(message)
            self._waiting_since[task] = None

        return timed_send

    def _abort_stalled(self) -> bool:
        """Abort the request that has waited for its client for the longest time; False if none has for too long."""
        since, task = min(
            ((since, task) for task, since in self._waiting_since.items() if since is not None),
            key=lambda item: item[0],
            default=(None, None),
        )
        if since is None or task is None or self._clock() - since < STALLED_SECONDS:
            return False
        del self._waiting_since[task]
        task.cancel()
        return True


def _busy(maximum: int) -> PlainTextResponse:
    headers = {"Retry-After": str(RETRY_AFTER_SECONDS)}
    return PlainTextResponse(f"{maximum} scrapes are in progress, which is the maximum\n", 503, headers)
