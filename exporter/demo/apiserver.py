"""The simulated Kubernetes API server: real HTTP/1.1 on loopback in front of an ObjectStore.

It answers get, list and watch of ray.io/v1 as kube-apiserver v1.36 does: pages, versions, error
bodies and the ends of watches follow recordings of a real one.

Not promised: writes, selectors, discovery, other groups, tables or partial metadata, HTTP/2. Nothing
is logged. Faults are not built in: `before_answer` and `send_line` are there for subclasses.
"""

import base64
import contextlib
import select
import socket
import ssl
import sys
import threading
import time
import uuid
import zlib
from collections.abc import Iterator
from http.client import responses
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from exporter.demo.store import (
    API_VERSION,
    Event,
    ExpiredError,
    FutureVersionError,
    NotFoundError,
    NotInstalledError,
    ObjectStore,
    Page,
    Watch,
    kind_name,
)

# What a real server does without timeoutSeconds: half an hour or more.
_WATCH_SECONDS = 1800.0
# How soon a quiet watch notices that its client has gone.
_CLIENT_CHECK_SECONDS = 1.0
# As a real server: larger lists are compressed when the client can read that.
_GZIP_ABOVE_BYTES = 128 * 1024
# Go announces a Content-Length only for what fits its buffer, and chunks the rest.
_CHUNKED_ABOVE_BYTES = 2048
# A watch that starts with 30,000 objects must not collect them all.
_FLUSH_ABOVE_BYTES = 1024 * 1024
_CHUNK_BYTES = 32 * 1024
# Time for running answers to finish before their connections are cut.
_STOP_GRACE_SECONDS = 1.0
# Time for hooks of subclasses to notice; without a bound a bad one would hang every test.
_STOP_CUT_SECONDS = 5.0

_VERSION_BODY = {
    "major": "1",
    "minor": "36",
    "emulationMajor": "1",
    "emulationMinor": "36",
    "minCompatibilityMajor": "1",
    "minCompatibilityMinor": "35",
    "gitVersion": "v1.36.3",
    "gitCommit": "$Format:%H$",
    "gitTreeState": "",
    "buildDate": "1970-01-01T00:00:00Z",
    "goVersion": "go1.26.8",
    "compiler": "gc",
    "platform": "linux/amd64",
}
_CONTINUE_EXPIRED = (
    "The provided continue parameter is too old to display a consistent list result. You can start a new "
    "list without the continue parameter, or use the continue token in this response to retrieve the "
    "remainder of the results. Continuing with the provided token results in an inconsistent list - "
    "objects that were created, modified, or deleted between the time the first chunk was returned and now "
    "may show up in the list."
)


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """What a client asked for. Header names are in lower case; `verb` is list, watch, get or ''."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    verb: str
    plural: str
    namespace: str | None
    name: str | None
    mono: float


class Answer(msgspec.Struct, frozen=True):
    """A whole answer. The last two make it a broken one.

    `content_length` is announced whatever the body has; `cut_after` closes the connection after so
    many bytes of the body.
    """

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = (("Content-Type", "application/json"),)
    content_length: int | None = None
    cut_after: int | None = None


class CutError(Exception):
    """The connection is to be closed here, in the middle of whatever was being sent."""


class Stream:
    """The chunked body of a watch. `send` collects, so that many events cost one system call."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._pending: list[bytes] = []
        self._pending_bytes = 0

    def send(self, data: bytes) -> None:
        """One chunk, on its way at the next flush."""
        self.raw(b"%x\r\n%b\r\n" % (len(data), data))

    def raw(self, data: bytes) -> None:
        """Bytes outside of any chunk."""
        self._pending.append(data)
        self._pending_bytes += len(data)
        if self._pending_bytes > _FLUSH_ABOVE_BYTES:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
            self._connection.sendall(data)

    def cut(self) -> None:
        """Sends what there is and closes without the final chunk; does not return."""
        self.flush()
        raise CutError

    def end(self) -> None:
        self.raw(b"0\r\n\r\n")
        self.flush()

    def is_abandoned(self) -> bool:
        """Whether the client closed: nothing else can make its side readable during a watch."""
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(0))


class ApiServer:
    """Serves a store until stopped; a stopped one does not start again, but its port is free.

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
        host: str = "127.0.0.1",
        port: int = 0,
        bookmark_seconds: float = 60.0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.store = store
        self.bookmark_seconds = bookmark_seconds
        self.forbidden: set[tuple[str, str]] = set()
        self.required_token: str | None = None
        self.is_stopping = threading.Event()
        # Guards the running watches: added and removed by their threads, closed by stop.
        self._watches_lock = threading.Lock()
        self._watches: dict[Watch, Request] = {}
        self._listener = _Listener((host, port), self, ssl_context)
        self._thread: threading.Thread | None = None
        scheme = "https" if ssl_context else "http"
        self.url = f"{scheme}://{host}:{self._listener.server_address[1]}"

    def start(self) -> None:
        # Looks often whether to stop, because stop has to wait for that.
        self._thread = threading.Thread(
            target=self._listener.serve_forever, args=(0.02,), name="apiserver", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
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
        """The requests of the watches that run now, the oldest first."""
        with self._watches_lock:
            return list(self._watches.values())

    def before_answer(self, request: Request) -> Answer | None:  # noqa: ARG002 - a hook for subclasses
        """Hook: an answer to give instead of the real one."""
        return None

    def send_line(self, request: Request, stream: Stream, line: bytes) -> None:  # noqa: ARG002 - as above
        """Hook: sends one line of a watch. May send less or more, block, or `stream.cut()`."""
        stream.send(line)

    def answer(self, request: Request) -> Answer | None:
        """The answer, or None for a watch that is to be streamed."""
        if refusal := self._refusal(request):
            return refusal
        if request.path == "/version":
            return Answer(200, msgspec.json.format(msgspec.json.encode(_VERSION_BODY), indent=2))
        if request.path in {"/healthz", "/readyz", "/livez"}:
            return _text(200, b"ok")
        if not self.store.is_installed(request.plural):
            return _text(404, b"404 page not found\n")
        try:
            if request.verb == "watch":
                # Read here already: once the head is sent, nothing can be refused any more.
                _version_of(request)
                _number(request, "timeoutSeconds")
                return None
            return self._list(request) if request.verb == "list" else self._get(request)
        except NotInstalledError:
            return _text(404, b"404 page not found\n")
        except _BadRequestError as exc:
            return _status(400, "BadRequest", str(exc))

    def stream_watch(self, request: Request, stream: Stream) -> None:
        """Sends a watch's lines until its time is over, the kind is gone or the client has left."""
        try:
            initial, watch = self._open(request)
        except ExpiredError as exc:
            status = _status(410, "Expired", str(exc)).body[:-1]
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
            return _status(405, "MethodNotAllowed", message, details={})
        authorization = request.headers.get("authorization")
        if self.required_token is not None and request.plural:
            if authorization is None:
                return _forbidden(request, "system:anonymous")
            scheme, _, token = authorization.partition(" ")
            if (scheme.lower(), token) != ("bearer", self.required_token):
                return _status(401, "Unauthorized", "Unauthorized")
        if (request.verb, request.plural) in self.forbidden:
            return _forbidden(request, self.user)
        return None

    def _get(self, request: Request) -> Answer:
        name = request.name or ""
        try:
            return Answer(200, self.store.get(request.plural, request.namespace or "", name) + b"\n")
        except NotInstalledError:
            raise
        except NotFoundError:
            details = {"name": name, "group": "ray.io", "kind": request.plural}
            message = f'{request.plural}.ray.io "{name}" not found'
            return _status(404, "NotFound", message, details=details)

    def _list(self, request: Request) -> Answer:
        token = request.query.get("continue")
        try:
            page = self._continued(request, token) if token else self._first_page(request)
        except FutureVersionError as exc:
            return _too_large(exc)
        except ExpiredError:
            if not token:
                return _status(410, "Expired", "The resourceVersion for the provided list is too old.")
            again = _encode_token(-1, _decode_token(token)[1])
            return _status(410, "Expired", _CONTINUE_EXPIRED, metadata={"continue": again})
        body = _list_body(request, page)
        if len(body) <= _GZIP_ABOVE_BYTES or not _accepts_gzip(request):
            return Answer(200, body)
        headers = (
            ("Content-Encoding", "gzip"),
            ("Content-Type", "application/json"),
            ("Vary", "Accept-Encoding"),
        )
        return Answer(200, zlib.compress(body, 1, wbits=31), headers)

    def _first_page(self, request: Request) -> Page:
        limit, version = _number(request, "limit"), _version_of(request)
        if version is not None and version > self.store.version:
            raise FutureVersionError(version, self.store.version)
        match = request.query.get("resourceVersionMatch")
        # With a limit, a version alone means exactly that one, but 0 means all that the cache has.
        is_exact = match == "Exact" or (match is None and limit > 0)
        return self.store.page(
            request.plural,
            request.namespace,
            limit=limit if version != 0 else 0,
            version=version if version and is_exact else None,
        )

    def _continued(self, request: Request, token: str) -> Page:
        version, start = _decode_token(token)
        prefix = f"{request.namespace}/" if request.namespace else ""
        return self.store.page(
            request.plural,
            request.namespace,
            limit=_number(request, "limit"),
            start=prefix + start,
            version=version if version > 0 else None,
        )

    def _open(self, request: Request) -> tuple[list[Event] | None, Watch]:
        version = _version_of(request)
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
        if _wants_bookmarks(request):
            annotations = {"k8s.io/initial-events-end": "true"}
            self.send_line(request, stream, _bookmark(request, version, annotations=annotations))
        stream.flush()

    def _send_changes(self, request: Request, stream: Stream, watch: Watch) -> None:
        now = time.monotonic()
        end = now + (_number(request, "timeoutSeconds") or _WATCH_SECONDS)
        bookmark_due = now + self.bookmark_seconds if _wants_bookmarks(request) else end
        started_at = watch.version
        while now < end and not stream.is_abandoned():
            events = watch.next(min(end, bookmark_due, now + _CLIENT_CHECK_SECONDS) - now)
            if events is None:
                return
            for event in events:
                self.send_line(request, stream, event.line)
            now = time.monotonic()
            if bookmark_due <= now < end:
                bookmark_due = now + self.bookmark_seconds
                # Below only when the watch began in the future: that one is silent.
                if watch.version >= started_at:
                    self.send_line(request, stream, _bookmark(request, watch.version))
            stream.flush()


class _BadRequestError(Exception):
    """A parameter that can't be read; the message is the Status's."""


class _Listener(ThreadingHTTPServer):
    """Accepts connections and knows the thread and the socket of each, so that all can be ended."""

    # Every watch of a test may arrive at once after a restart.
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], api: ApiServer, ssl_context: ssl.SSLContext | None) -> None:
        self.api = api
        self._ssl_context = ssl_context
        # Written by the accepting thread and by ending connections, read by end_connections.
        self._connections_lock = threading.Lock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        # HTTPServer's own asks the resolver for the host's name, which can take seconds.
        TCPServer.server_bind(self)

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = self.socket.accept()
        if self._ssl_context:
            # The handshake is the connection's own business: a slow client must not stop accepting.
            connection = self._ssl_context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        return connection, address

    def process_request(self, request: Any, client_address: Any) -> None:
        thread = threading.Thread(
            target=self._serve_connection, args=(request, client_address), name="apiserver-conn", daemon=True
        )
        with self._connections_lock:
            self._connections[thread] = request
        thread.start()

    def _serve_connection(self, request: Any, client_address: Any) -> None:
        try:
            self.process_request_thread(request, client_address)
        finally:
            with self._connections_lock:
                del self._connections[threading.current_thread()]

    def handle_error(self, request: Any, client_address: Any) -> None:
        # Clients come and go as they like.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def end_connections(self) -> None:
        """Lets idle connections see their end now, and running answers after a grace period."""
        for how, seconds in ((socket.SHUT_RD, _STOP_GRACE_SECONDS), (socket.SHUT_RDWR, _STOP_CUT_SECONDS)):
            with self._connections_lock:
                connections = dict(self._connections)
            for connection in connections.values():
                # The base class's method: an SSLSocket's own would go on in plain text.
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(connection, how)
            deadline = time.monotonic() + seconds
            for thread in connections:
                thread.join(max(0.0, deadline - time.monotonic()))


class _Handler(BaseHTTPRequestHandler):
    """One connection: reads requests, writes answers."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        api = self.server.api
        request = self._read_request()
        try:
            answer = api.before_answer(request) or api.answer(request)
            if answer:
                self._send(answer)
            else:
                self._stream(api, request)
        except CutError:
            self.close_connection = True
        if api.is_stopping.is_set():
            self.close_connection = True

    do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET  # noqa: N815 - http.server looks for these

    def _read_request(self) -> Request:
        url = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(url.query, keep_blank_values=True))
        plural, namespace, name = _resource_of(url.path)
        verb = "get" if name else "watch" if query.get("watch") in {"true", "1"} else "list"
        return Request(
            method=self.command,
            path=url.path,
            query=query,
            headers=headers,
            body=self.rfile.read(int(headers.get("content-length", 0))),
            verb=verb if self.command == "GET" and plural else "",
            plural=plural,
            namespace=namespace,
            name=name,
            mono=time.monotonic(),
        )

    def _head(self, status: int, headers: tuple[tuple[str, str], ...]) -> bytes:
        own = (
            ("Audit-Id", str(uuid.uuid4())),
            ("Cache-Control", "no-cache, private"),
            ("Date", self.date_time_string()),
        )
        reason = responses.get(status, "")
        lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {value}" for name, value in own + headers)]
        return "\r\n".join([*lines, "", ""]).encode("latin-1")

    def _send(self, answer: Answer) -> None:
        body = answer.body
        is_chunked = len(body) > _CHUNKED_ABOVE_BYTES and answer.content_length is None
        length = len(body) if answer.content_length is None else answer.content_length
        framing = ("Transfer-Encoding", "chunked") if is_chunked else ("Content-Length", str(length))
        head = self._head(answer.status, (*answer.headers, framing))
        if self.command == "HEAD":
            body = b""
        elif answer.cut_after is not None:
            body = body[: answer.cut_after]
        end = b"" if answer.cut_after is not None else b"0\r\n\r\n"
        self.connection.sendall(head + (_chunks(body) + end if is_chunked else body))
        if answer.cut_after is not None or length != len(answer.body):
            raise CutError

    def _stream(self, api: ApiServer, request: Request) -> None:
        stream = Stream(self.connection)
        headers = ("Content-Type", "application/json"), ("Transfer-Encoding", "chunked")
        stream.raw(self._head(200, headers))
        api.stream_watch(request, stream)


def _resource_of(path: str) -> tuple[str, str | None, str | None]:
    """Plural, namespace and name that a path asks for; an empty plural if it is no such path."""
    match path.split("/")[1:]:
        case ["apis", "ray.io", "v1", plural]:
            return plural, None, None
        case ["apis", "ray.io", "v1", "namespaces", namespace, plural]:
            return plural, namespace, None
        case ["apis", "ray.io", "v1", "namespaces", namespace, plural, name]:
            return plural, namespace, name
    return "", None, None


def _wants_bookmarks(request: Request) -> bool:
    return request.query.get("allowWatchBookmarks") in {"true", "1"}


def _accepts_gzip(request: Request) -> bool:
    accepted = request.headers.get("accept-encoding", "").split(",")
    return any(coding.split(";")[0].strip() == "gzip" for coding in accepted)


def _number(request: Request, parameter: str) -> int:
    text = request.query.get(parameter) or "0"
    if not text.isdecimal():
        raise _BadRequestError(f'strconv.ParseInt: parsing "{text}": invalid syntax')
    return int(text)


def _version_of(request: Request) -> int | None:
    text = request.query.get("resourceVersion")
    if not text:
        return None
    if not text.isdecimal():
        raise _BadRequestError(
            f'invalid resource version: resourceVersion: Invalid value: "{text}": '
            f'strconv.ParseUint: parsing "{text}": invalid syntax'
        )
    return int(text)


def _encode_token(version: int, start: str) -> str:
    token = msgspec.json.encode({"v": "meta.k8s.io/v1", "rv": version, "start": start})
    return base64.urlsafe_b64encode(token).rstrip(b"=").decode()


def _decode_token(token: str) -> tuple[int, str]:
    """Version (-1: whatever is there now) and the key to go on with, relative to the list's prefix."""
    try:
        decoded = msgspec.json.decode(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)))
        return int(decoded["rv"]), str(decoded["start"]).lstrip("/")
    except (ValueError, KeyError, TypeError, msgspec.MsgspecError) as exc:
        raise _BadRequestError(f"continue key is not valid: {exc}") from exc


def _list_body(request: Request, page: Page) -> bytes:
    metadata: dict[str, Any] = {"continue": ""}
    if page.remaining:
        prefix = f"{request.namespace}/" if request.namespace else ""
        start = f"/{page.last_key.removeprefix(prefix)}\0"
        metadata = {"continue": _encode_token(page.version, start), "remainingItemCount": page.remaining}
    metadata["resourceVersion"] = str(page.version)
    return b'{"apiVersion":"%b","items":[%b],"kind":"%bList","metadata":%b}\n' % (
        API_VERSION.encode(),
        b",".join([event.body for event in page.items]),
        kind_name(request.plural).encode(),
        msgspec.json.encode(metadata),
    )


def _bookmark(request: Request, version: int, **metadata: Any) -> bytes:
    metadata["resourceVersion"] = str(version)
    obj = {"apiVersion": API_VERSION, "kind": kind_name(request.plural), "metadata": metadata}
    return msgspec.json.encode({"type": "BOOKMARK", "object": obj}) + b"\n"


def _text(status: int, body: bytes) -> Answer:
    headers = ("Content-Type", "text/plain; charset=utf-8"), ("X-Content-Type-Options", "nosniff")
    return Answer(status, body, headers)


def _status(
    code: int,
    reason: str,
    message: str,
    *,
    details: dict[str, Any] | None = None,
    metadata: dict[str, Any] | None = None,
    headers: tuple[tuple[str, str], ...] = (),
) -> Answer:
    """An error as a Status object, with its keys in the order of the real one."""
    status: dict[str, Any] = {"kind": "Status", "apiVersion": "v1", "metadata": metadata or {}}
    status |= {"status": "Failure", "message": message, "reason": reason}
    if details is not None:
        status["details"] = details
    status["code"] = code
    body = msgspec.json.encode(status) + b"\n"
    return Answer(code, body, (("Content-Type", "application/json"), *headers))


def _forbidden(request: Request, user: str) -> Answer:
    scope = f'in the namespace "{request.namespace}"' if request.namespace else "at the cluster scope"
    message = (
        f'{request.plural}.ray.io is forbidden: User "{user}" cannot {request.verb} resource '
        f'"{request.plural}" in API group "ray.io" {scope}'
    )
    details = {"group": "ray.io", "kind": request.plural}
    headers = (("X-Content-Type-Options", "nosniff"),)
    return _status(403, "Forbidden", message, details=details, headers=headers)


def _too_large(error: FutureVersionError) -> Answer:
    cause = {"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}
    details = {"causes": [cause], "retryAfterSeconds": 1}
    return _status(504, "Timeout", f"Timeout: {error}", details=details, headers=(("Retry-After", "1"),))


def _chunks(body: bytes) -> bytes:
    parts: list[bytes] = []
    for first in range(0, len(body), _CHUNK_BYTES):
        data = body[first : first + _CHUNK_BYTES]
        parts += (b"%x\r\n" % len(data), data, b"\r\n")
    return b"".join(parts)
