"""The simulated Kubernetes API server: what is answered, in front of an ObjectStore.

It answers get, list and watch of ray.io/v1 as kube-apiserver v1.36 does: who is refused, when a watch
begins and ends, and what it tells in between follow recordings of a real one.

Not promised: writes, selectors, discovery, other groups, tables or partial metadata. Faults are not built
in: `before_answer` and `send_line` are there for subclasses.
"""

import contextlib
import ssl
import threading
import time
from collections.abc import Iterator

from exporter.simulator.apiserver import lists, responses
from exporter.simulator.apiserver.connections import Listener, Stream
from exporter.simulator.apiserver.history import Event, Watch
from exporter.simulator.apiserver.requests import BadRequestError, Request
from exporter.simulator.apiserver.responses import Answer
from exporter.simulator.apiserver.store import ExpiredError, NotInstalledError, ObjectStore

_HOST = "127.0.0.1"
# What a real server does without timeoutSeconds: half an hour or more.
_WATCH_SECONDS = 1800.0
# How soon a quiet watch notices that its client has gone.
_CLIENT_CHECK_SECONDS = 1.0


class ApiServer:
    """Serves a store on loopback until stopped; a stopped one does not start again, but its port is free.

    `forbidden` (verb and plural) and `required_token` may be changed at any time. The two hooks run
    in the thread of their connection and may block it; they should return once `is_stopping` is set.
    `stop` ends running watches cleanly and returns when all threads have ended.
    """

    # The recorded user without rights: it appears in the bodies of refusals.
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
        self.required_token: str | None = None
        self.is_stopping = threading.Event()
        # Guards the running watches: added and removed by their threads, closed by stop.
        self._watches_lock = threading.Lock()
        self._watches: dict[Watch, Request] = {}
        self._listener = Listener((_HOST, port), self, ssl_context)
        self._thread: threading.Thread | None = None
        scheme = "https" if ssl_context else "http"
        self.url = f"{scheme}://{_HOST}:{self._listener.server_address[1]}"

    def start(self) -> None:
        """Answer from now on, in threads of its own."""
        # Looks often whether to stop, because stop has to wait for that.
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.02,), name="apiserver", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """End what runs and free the port; a second call does nothing."""
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

    def open_watches(self) -> list[Request]:
        """Return the requests of the watches that run now, the oldest first."""
        with self._watches_lock:
            return list(self._watches.values())

    def before_answer(self, request: Request) -> Answer | None:  # noqa: ARG002 - a hook for subclasses
        """Return an answer to give instead of the real one. A hook."""
        return None

    def send_line(self, request: Request, stream: Stream, line: bytes) -> None:  # noqa: ARG002 - as above
        """Send one line of a watch. A hook: it may send less or more, block, or `stream.cut()`."""
        stream.send(line)

    def answer(self, request: Request) -> Answer | None:
        """Return the answer, or None for a watch that is to be streamed."""
        if refusal := self._refusal(request):
            return refusal
        if request.path == "/version":
            return responses.version()
        if request.path in {"/healthz", "/readyz", "/livez"}:
            return responses.text(200, b"ok")
        if not self.store.is_installed(request.plural):
            return responses.not_served()
        try:
            if request.verb == "watch":
                # Read here already: once the head is sent, nothing can be refused any more.
                request.version()
                request.number("timeoutSeconds")
                return None
            read = lists.list_ if request.verb == "list" else lists.get
            return read(self.store, request)
        except NotInstalledError:
            return responses.not_served()
        except BadRequestError as exc:
            return responses.status(400, "BadRequest", str(exc))

    def stream_watch(self, request: Request, stream: Stream) -> None:
        """Send a watch's lines until its time is over, the kind is gone or the client has left."""
        try:
            initial, watch = self._open(request)
        except ExpiredError as exc:
            status = responses.status(410, "Expired", str(exc)).body[:-1]
            self.send_line(request, stream, b'{"type":"ERROR","object":%b}\n' % status)
        except NotInstalledError:
            pass
        else:
            with self._registered(watch, request):
                # The head, before anything happens, but after the watch has its place: a client that
                # has read the head misses nothing from now on.
                stream.flush()
                self._send_initial(request, stream, initial, watch.version)
                self._send_changes(request, stream, watch)
        stream.end()

    def _refusal(self, request: Request) -> Answer | None:
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

    def _open(self, request: Request) -> tuple[list[Event] | None, Watch]:
        version = request.version()
        if version and request.query.get("sendInitialEvents") != "true":
            return None, self.store.watch(request.plural, request.namespace, after=version)
        page = self.store.page(request.plural, request.namespace)
        return page.items, self.store.watch(request.plural, request.namespace, after=page.version)

    @contextlib.contextmanager
    def _registered(self, watch: Watch, request: Request) -> Iterator[None]:
        with self._watches_lock:
            self._watches[watch] = request
            # stop has gone through the watches already.
            if self.is_stopping.is_set():
                watch.close()
        try:
            yield
        finally:
            with self._watches_lock:
                del self._watches[watch]

    def _send_initial(self, request: Request, stream: Stream, initial: list[Event] | None, version: int) -> None:
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
        bookmark_due = now + self._bookmark_seconds if request.wants_bookmarks else end
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
                # Below only when the watch began in the future: that one is silent.
                if watch.version >= started_at:
                    self.send_line(request, stream, responses.bookmark(request, watch.version))
            stream.flush()
