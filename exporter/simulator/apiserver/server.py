"""The simulated Kubernetes API server: its responses to requests, from the objects of an ObjectStore.

It answers get, list, watch and discovery of ray.io/v1, of Events and pods of core/v1, and of Workloads of Kueue, as
kube-apiserver v1.36 does: which requests are refused, when a watch begins and ends, and which lines it sends follow
recordings of a real one.

Not promised: writes, other groups, tables or partial metadata, conversion between versions. It has no faults of its
own: subclasses override `override_response` and `send_line`.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator

from exporter.simulator.api_conventions import (
    CORE_KIND_NAMES,
    CORE_PATH,
    EVENTS,
    GROUP_PATH,
    KUEUE_GROUP,
    KUEUE_VERSIONS,
    WORKLOADS,
)
from exporter.simulator.apiserver import lists, responses
from exporter.simulator.apiserver.connections import ConnectionThreads, Stream
from exporter.simulator.apiserver.history import StoredEvent, Watch
from exporter.simulator.apiserver.requests import BadRequestError, Request
from exporter.simulator.apiserver.responses import ApiResponse
from exporter.simulator.apiserver.selectors import selector_of
from exporter.simulator.apiserver.store import ExpiredError, NotInstalledError, ObjectStore

_HOST = "127.0.0.1"
# How long a watch without timeoutSeconds lasts: on a real server half an hour or more.
_WATCH_SECONDS = 1800.0
# How soon a watch without events notices that its client has closed the connection.
_CLIENT_CHECK_SECONDS = 1.0


class ApiServer:
    """Serves a store on loopback until stopped. It cannot be started again; its port is free then.

    `forbidden` (verb and plural), `kueue_versions` and `required_token` may be changed at any time. The two hooks run
    in the thread of their connection and may block it; they have to return once `is_stopping` is set.
    `stop` ends running watches cleanly and returns when all threads have ended.
    """

    # The user without rights in the recordings: the name is in the bodies of refusals.
    user = "no-rights"

    def __init__(
        self,
        store: ObjectStore,
        *,
        port: int = 0,
        bookmark_seconds: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.store = store
        self._bookmark_seconds = bookmark_seconds
        self.forbidden: set[tuple[str, str]] = set()
        self.kueue_versions: tuple[str, ...] = KUEUE_VERSIONS
        self.required_token: str | None = None
        self.is_stopping = threading.Event()
        # Guards the running watches: written by their threads, read and closed by `stop`.
        self._watches_lock = threading.Lock()
        self._watches: dict[Watch, Request] = {}
        self._listener = ConnectionThreads((_HOST, port), self, ssl_context)
        self._thread: threading.Thread | None = None
        scheme = "https" if ssl_context else "http"
        self.url = f"{scheme}://{_HOST}:{self._listener.server_address[1]}"

    def start(self) -> None:
        """Begin to answer requests, in threads of its own."""
        # A short poll interval, because `stop` waits for it.
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.02,), name="apiserver", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End all watches and connections, and free the port; a second call does nothing."""
        if self._thread:
            self._listener.shutdown()
            self._thread.join()
            self._thread = None
        with self._watches_lock:
            self.is_stopping.set()
            for watch in self._watches:
                watch.close()
        self._listener.end_connections()
        self._listener.server_close()

    def override_response(self, request: Request) -> ApiResponse | None:  # noqa: ARG002 - a hook for subclasses
        """Return a response to send instead of the real one, or None. A hook."""
        return None

    def send_line(self, request: Request, stream: Stream, line: bytes) -> None:  # noqa: ARG002 - as above
        """Send one line of a watch. A hook: an override may send less or more, block, or call `stream.cut()`."""
        stream.send(line)

    def respond(self, request: Request) -> ApiResponse | None:
        """Return the response, or None for a watch that is to be streamed."""
        if refusal := self._refusal(request):
            return refusal
        if request.path == "/version":
            return responses.version()
        if (plurals := self._discovered(request.path)) is not None:
            return responses.resource_list(plurals)
        if request.path in {"/healthz", "/readyz", "/livez"}:
            return responses.text(200, b"ok")
        if not self.store.is_installed(request.plural) or not self._is_served(request):
            return responses.not_served()
        try:
            if request.verb == "watch":
                # Parsed before the headers are sent: a watch that has begun cannot be refused any more.
                request.version()
                request.number("timeoutSeconds")
                selector_of(request)
                return None
            read = lists.list_ if request.verb == "list" else lists.get
            return read(self.store, request)
        except NotInstalledError:
            return responses.not_served()
        except BadRequestError as exc:
            return responses.status(400, "BadRequest", str(exc))

    def stream_watch(self, request: Request, stream: Stream) -> None:
        """Send the lines of a watch until its time is over, the kind is deleted or the client closes the connection."""
        try:
            initial, watch = self._open(request)
        except ExpiredError as exc:
            self.send_line(request, stream, responses.watch_expired(request.plural, exc))
        except NotInstalledError:
            pass
        else:
            with self._registered(watch, request):
                # The headers are sent after the watch has its place in the history: a client that has read them
                # gets all later events.
                stream.flush()
                self._send_initial(request, stream, initial, watch.version)
                self._send_changes(request, stream, watch)
        stream.end()

    def _discovered(self, path: str) -> list[str] | None:
        """Return the kinds of a group's version, None for other paths."""
        if path == GROUP_PATH:
            return self.store.installed()
        if path == CORE_PATH:
            return list(CORE_KIND_NAMES)
        if path in {f"/apis/{KUEUE_GROUP}/{version}" for version in self.kueue_versions}:
            return [WORKLOADS] if self.store.is_installed(WORKLOADS) else []
        return None

    def _is_served(self, request: Request) -> bool:
        return request.plural != WORKLOADS or request.path.split("/")[3] in self.kueue_versions

    def _refusal(self, request: Request) -> ApiResponse | None:
        if request.method != "GET":
            message = "the server does not allow this method on the requested resource"
            return responses.status(405, "MethodNotAllowed", message, details={})
        authorization = request.headers.get("authorization")
        if self.required_token is not None and request.plural:
            if authorization is None:
                return responses.forbidden(request, "system:anonymous")
            scheme, _, token = authorization.partition(" ")
            if (scheme.lower(), token) != ("bearer", self.required_token):
                return responses.status(401, "Unauthorized", "Unauthorized")
        if (request.verb, request.plural) in self.forbidden:
            return responses.forbidden(request, self.user)
        return None

    def _open(self, request: Request) -> tuple[list[StoredEvent] | None, Watch]:
        version, selector = request.version(), selector_of(request)
        plural, namespace, matches = request.plural, request.namespace, selector.matches if selector else None
        if version and request.query.get("sendInitialEvents") != "true":
            return None, self.store.watch(plural, namespace, after=version, matches=matches)
        page = self.store.page(plural, namespace, matches=matches)
        return page.items, self.store.watch(plural, namespace, after=page.version, matches=matches)

    @contextlib.contextmanager
    def _registered(self, watch: Watch, request: Request) -> Iterator[None]:
        with self._watches_lock:
            self._watches[watch] = request
            # `stop` has closed the registered watches already.
            if self.is_stopping.is_set():
                watch.close()
        try:
            yield
        finally:
            with self._watches_lock:
                del self._watches[watch]

    def _send_initial(self, request: Request, stream: Stream, initial: list[StoredEvent] | None, version: int) -> None:
        if initial is None:
            return
        for event in initial:
            self.send_line(request, stream, event.added_line)
        if request.wants_bookmarks:
            annotations = {"k8s.io/initial-events-end": "true"}
            self.send_line(request, stream, responses.bookmark(request, version, annotations=annotations))
        stream.flush()

    def _send_changes(self, request: Request, stream: Stream, watch: Watch) -> None:
        now = time.monotonic()
        end = now + (request.number("timeoutSeconds") or _WATCH_SECONDS)
        # Events are not in the watch cache, from which bookmarks come.
        has_bookmarks = request.wants_bookmarks and request.plural != EVENTS
        bookmark_due = now + self._bookmark_seconds if has_bookmarks else end
        started_at = watch.version
        while now < end and not stream.is_abandoned():
            events = watch.next(min(end, bookmark_due, now + _CLIENT_CHECK_SECONDS) - now)
            if events is None:
                return
            for event in events:
                self.send_line(request, stream, event.line)
            now = time.monotonic()
            if bookmark_due <= now < end:
                bookmark_due = now + self._bookmark_seconds
                # It is lower only if the watch began at a future version: such a watch gets no bookmarks.
                if watch.version >= started_at:
                    self.send_line(request, stream, responses.bookmark(request, watch.version))
            stream.flush()
