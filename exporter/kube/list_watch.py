"""Requests for one collection of the API, such as `/apis/…/rayjobs`: its pages and its watches."""

import random
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager

from exporter.errors import StreamError
from exporter.kube import wire
from exporter.kube.transport import Response, Transport

LIST_TIMEOUT_SECONDS = 60.0
"""Without a byte of an answer: a page takes a busy server seconds."""

IDLE_TIMEOUT_SECONDS = 150.0
"""The server sends a bookmark about every minute: if two are missing, the connection is half open."""

WATCH_SECONDS = (300, 600)
"""How long the server is asked to keep a watch; random, so that many do not end together."""


class Stopped(Exception):
    """`ListWatch.stop` was called: every request ends with this."""


class ListWatch:
    """Requests for one collection. For one thread, except `stop`.

    Every method raises ApiError if the request fails, and Stopped after `stop`.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        *,
        rng: random.Random,
        page_size: int,
        idle_timeout_seconds: float = IDLE_TIMEOUT_SECONDS,
    ) -> None:
        self._transport = transport
        self._path = path
        self._rng = rng
        self._page_size = page_size
        self._idle_timeout_seconds = idle_timeout_seconds
        # The answer being read: written by the requesting thread, read by the thread that stops it.
        self._response: Response | None = None
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Abort the current request, also while it waits for a byte. Any thread may call this."""
        self.stopping.set()
        if response := self._response:
            response.abort()

    def pages(self) -> Iterator[wire.ListPage]:
        """Yield the pages of one list, as of one version."""
        token = ""
        while True:
            query = {"limit": str(self._page_size)} | ({"continue": token} if token else {})
            with self._get(query, LIST_TIMEOUT_SECONDS, gzip=True) as response:
                page = wire.decode_page(response.read())
            yield page
            if not page.metadata.continue_token:
                return
            if page.metadata.continue_token == token:
                raise StreamError("the list does not end: the same continue token twice")
            token = page.metadata.continue_token

    def current_version(self) -> str:
        """Return the current version of the server, by a list of one object."""
        with self._get({"limit": "1"}, LIST_TIMEOUT_SECONDS) as response:
            return wire.decode_page(response.read()).metadata.resource_version

    def watch(self, version: str) -> Generator[bytes, None, None]:
        """Yield the lines of a watch of the changes after `version`, first an empty one when it is open."""
        query = {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(self._rng.randint(*WATCH_SECONDS)),
        }
        with self._get(query, self._idle_timeout_seconds) as response:
            yield b""
            for line in wire.lines(response.chunks()):
                yield line
                self._check_stopping()

    @contextmanager
    def _get(self, query: Mapping[str, str], read_timeout_seconds: float, *, gzip: bool = False) -> Iterator[Response]:
        try:
            response = self._transport.get(self._path, query, read_timeout_seconds=read_timeout_seconds, gzip=gzip)
            self._response = response
            try:
                # `stop` may have been called before there was an answer to abort.
                self._check_stopping()
                if response.status != 200:
                    raise wire.error_of_response(response)
                yield response
            finally:
                self._response = None
                response.close()
        finally:
            # An aborted answer looks like a broken one.
            self._check_stopping()

    def _check_stopping(self) -> None:
        if self.stopping.is_set():
            raise Stopped
