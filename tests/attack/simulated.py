"""The simulated API server as the attacks need it: objects of any bytes, outages, answers of any size.

This is the only module of the campaign that imports the simulator. Written objects are not checked at all:
what a real API server would refuse can be sent too, because a broken proxy or etcd may send it.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from types import TracebackType
from typing import Self

from exporter.simulator.api_conventions import API_VERSION, kind_name
from exporter.simulator.apiserver.connections import Stream
from exporter.simulator.apiserver.history import StoredEvent
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.responses import ApiResponse
from exporter.simulator.apiserver.server import ApiServer
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.faults import verb_of

__all__ = ["ApiResponse", "AttackServer", "AttackStore", "put_paced"]

CREATED = b"2026-11-23T10:00:00Z"


class AttackStore(ObjectStore):
    """An ObjectStore that takes the members of objects as bytes. Any thread may call."""

    def put(
        self, plural: str, key: str, members: bytes, *, labels: bytes = b"{}", version: bytes | None = None
    ) -> None:
        """Create or replace an object.

        `key` is `namespace/name`, `members` what follows the metadata (`b'"spec":{}'`). `version` is the
        resourceVersion to send instead of the real one.
        """
        with self._lock:
            exists = self._kind(plural).get(key, self._version)
            self._append("MODIFIED" if exists else "ADDED", plural, key, b"," + members, labels, version)

    def remove(self, plural: str, key: str, members: bytes = b"", *, labels: bytes = b"{}") -> None:
        """Delete an object; by `members` and `labels`, its last ones, the selector of a watch finds it."""
        with self._lock:
            self._append("DELETED", plural, key, members and b"," + members, labels, None)

    def keys(self, plural: str) -> set[str]:
        """Return `namespace/name` of all present objects."""
        return {event.key for event in self.page(plural).items}

    def _append(self, type_: str, plural: str, key: str, members: bytes, labels: bytes, version: bytes | None) -> None:
        namespace, name = key.encode().split(b"/")
        number = self._version + 1
        metadata = b'{"name":"%b","namespace":"%b","uid":"%b","resourceVersion":"%b","creationTimestamp":"%b"' % (
            (name, namespace, f"{plural}/{key}".encode(), version or str(number).encode(), CREATED)
        )
        line = b'{"type":"%b","object":{"apiVersion":"%b","kind":"%b","metadata":%b,"labels":%b}%b}}\n' % (
            (type_.encode(), API_VERSION.encode(), kind_name(plural).encode(), metadata, labels, members)
        )
        self._version = number
        self._kinds[plural].append(StoredEvent(number, type_, key, line), self._history)


class AttackServer(ApiServer):
    """An ApiServer that counts, and fails on order. A context manager: started on entry, stopped on exit.

    Attributes:
        is_out: everything is answered 503.
        instead: what to answer the next requests for a plural with, first come first served.
        tokens: those that are valid and allowed in reviews.
    """

    def __init__(self, store: ObjectStore) -> None:
        super().__init__(store)
        self.is_out = False
        self.instead: dict[str, list[ApiResponse]] = {}
        self.tokens: set[str] = set()
        # Guards the two below: written by the threads of connections.
        self._counts_lock = threading.Lock()
        self._requests = 0
        self._lines: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def requests(self) -> int:
        """The number of requests so far."""
        return self._requests

    def lines(self, plural: str) -> int:
        """Return the number of lines that were handed to the watches of a kind."""
        return self._lines[plural]

    def end_watches(self) -> None:
        """End all running watches cleanly."""
        with self._watches_lock:
            watches = list(self._watches)
        for watch in watches:
            watch.close()

    def override_response(self, request: Request) -> ApiResponse | None:
        with self._counts_lock:
            self._requests += 1
            replies = self.instead.get(request.plural)
            reply = replies.pop(0) if replies and verb_of(request) == "list" else None
        return ApiResponse(503, b"the server is currently unable to handle the request\n", ()) if self.is_out else reply

    def respond(self, request: Request) -> ApiResponse | None:
        if request.method != "POST":
            return super().respond(request)
        review = json.loads(request.body)
        token = review["spec"].get("token")
        user = {"authenticated": token in self.tokens, "user": {"username": "prometheus"}}
        return ApiResponse(201, json.dumps(review | {"status": user if token else {"allowed": True}}).encode())

    def send_line(self, request: Request, stream: Stream, line: bytes) -> None:
        super().send_line(request, stream, line)
        with self._counts_lock:
            self._lines[request.plural] += 1


def put_paced(
    server: AttackServer, plural: str, count: int, put: Callable[[int], None], is_over: Callable[[], bool]
) -> None:
    """Call `put` with 0 to count - 1, never more than 8 writes ahead of what the exporter reads of the watch.

    A watch that falls behind the store's history would be ended, and the writes would not be sent at all.
    """
    first = server.lines(plural)
    for number in range(count):
        while number - (server.lines(plural) - first) > 8:
            if is_over():
                return
            time.sleep(0.001)
        put(number)
