"""Requests for one collection of the API, such as `/apis/…/rayjobs`: its pages and its watches.

Hides how large an answer is, and how slowly it comes: what is held of it has a bound, and so has its time.
"""

import random
import threading
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec
from msgspec import Struct, field

from exporter.errors import DecodeError, StatusError, StreamError
from exporter.kube import wire
from exporter.kube.backoff import Stopped
from exporter.shard import Shard

if TYPE_CHECKING:
    # `render` derives what `serve` does, without the client, which takes as long to import as the rest.
    from exporter.kube.client.api_transport import ApiTransport
    from exporter.kube.client.response import Response

LIST_TIMEOUT_SECONDS = 60.0
"""Without a byte of an answer: a page takes a busy server seconds."""

LIST_MAX_SECONDS = 30.0
"""For one page, from its headers on: a proxy that sends a byte a second would never be idle."""

PAGE_MAX_BYTES = 16 * 1024 * 1024
"""A page that is larger is requested again with fewer objects. 500 objects have 2 to 5 MB."""

ERROR_MAX_BYTES = 64 * 1024

IDLE_TIMEOUT_SECONDS = 150.0
"""The server sends a bookmark about every minute: if two are missing, the connection is half open."""

WATCH_SECONDS = (300, 600)
"""How long the server is asked to keep a watch; random, so that many do not end together."""

WATCH_GRACE_SECONDS = 30.0
"""How much longer than asked for a watch without bookmarks may be silent: then the connection is half open."""

VERSION_PATH = "/version"

_NO_PARAMETERS: Mapping[str, str] = {}


T = TypeVar("T")


@dataclass(frozen=True)
class InformerSettings(Generic[T]):
    """What one informer lists and watches.

    Attributes:
        plural, namespace: name it in logs and metrics; an empty namespace is all of them.
        path: of the collection.
        older_path: in an older version of the API, if the server does not have the other one; empty: there is none.
        object_type: the msgspec type to decode.
        partial_type: the type that is decoded first (`families.table.Kind`); None: all objects are selected.
        page_size: objects in one page of a list.
        selection: distinguishes several informers of one plural and namespace; empty if there is only one.
        selectors: parameters of every request, such as `labelSelector`.
        idle_timeout_seconds: after which a silent watch is closed; None if the server sends no bookmarks.
        shard: whose namespaces count; None: all.
    """

    plural: str
    path: str
    object_type: type[T]
    namespace: str = ""
    page_size: int = 500
    selection: str = ""
    selectors: Mapping[str, str] = dataclass_field(default_factory=dict)
    older_path: str = ""
    partial_type: type[Any] | None = None
    idle_timeout_seconds: float | None = IDLE_TIMEOUT_SECONDS
    shard: Shard | None = None

    @property
    def name(self) -> str:
        name = f"{self.plural} ({self.selection})" if self.selection else self.plural
        return f"{name} in {self.namespace}" if self.namespace else name

    @property
    def log_fields(self) -> dict[str, str]:
        fields = {"resource": self.plural, "selection": self.selection, "namespace": self.namespace}
        return {name: value for name, value in fields.items() if value}


class _ApiResource(Struct, frozen=True):
    name: str


class _ApiResourceList(Struct, frozen=True):
    resources: list[_ApiResource]


class _Version(Struct, frozen=True):
    git_version: str = field(name="gitVersion")


class _TooLargeError(StreamError):
    """A page that has too many bytes to be held."""


class ListWatch:
    """Requests for one collection. For one thread, except `stop`.

    Every method raises ApiError if the request fails, and Stopped after `stop`.
    """

    def __init__(self, transport: "ApiTransport", settings: InformerSettings[Any]) -> None:
        self._transport = transport
        self._settings = settings
        self._path = settings.path
        # The answer being read: written by the requesting thread, read by the thread that stops it.
        self._response: Response | None = None
        self.stopping = threading.Event()

    def stop(self) -> None:
        """Abort the current request, also while it waits for a byte. Any thread may call this."""
        self.stopping.set()
        if response := self._response:
            response.abort()

    def pages(self) -> Iterator[wire.ListPage]:
        """Yield the pages of one list, as of one version; pages of large objects have fewer of them.

        Each list begins with the newer version of the API: the server may have been upgraded.
        """
        token, limit, self._path = "", self._settings.page_size, self._settings.path
        while True:
            query = {**self._settings.selectors, "limit": str(limit)} | ({"continue": token} if token else {})
            try:
                body = self._body(self._path, query)
            except _TooLargeError:
                if limit == 1:
                    raise
                limit = max(1, limit // 4)
                continue
            except StatusError as error:
                older = self._settings.older_path
                if not error.is_not_served or token or self._path == older or not older:
                    raise
                self._path = older
                continue
            page = wire.decode_page(body)
            if len(body) < PAGE_MAX_BYTES // 4:
                limit = min(limit * 2, self._settings.page_size)
            del body
            yield page
            if not page.metadata.continue_token:
                return
            if page.metadata.continue_token == token:
                raise StreamError("the list does not end: the same continue token twice")
            token = page.metadata.continue_token

    def current_version(self) -> str:
        """Return the current version of the server, by a list of one object.

        Without the selectors: to find one that matches, the server might read all.
        """
        return wire.decode_page(self._body(self._path, {"limit": "1"})).metadata.resource_version

    def is_installed(self) -> bool:
        """Ask the discovery of the group (`/apis/ray.io/v1`) whether the server has this collection.

        Raises:
            ApiError: the answer is not that of an API server, but of a proxy or of a wrong path, so nothing is known.
        """
        collection, _, plural = self._path.rpartition("/")
        group_path, _, _ = collection.partition("/namespaces/")
        try:
            resources = self._discover(_ApiResourceList, group_path).resources
        except StatusError as error:
            if not error.is_not_served:
                raise
            # The whole group is missing. So that it is not the path that is wrong: every API server has a version.
            self._discover(_Version, VERSION_PATH)
            return False
        return any(resource.name == plural for resource in resources)

    def watch(self, version: str) -> Generator[wire.WatchEvent | None, None, None]:
        """Yield the events of a watch of the changes after `version`, first None when it is open."""
        watch_seconds = random.randint(*WATCH_SECONDS)  # noqa: S311 - jitter is not a secret
        query = {
            **self._settings.selectors,
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": str(watch_seconds),
        }
        read_timeout_seconds = self._settings.idle_timeout_seconds or watch_seconds + WATCH_GRACE_SECONDS
        with self._get(self._path, query, read_timeout_seconds) as response:
            yield None
            for line in wire.lines(response.chunks()):
                event = wire.decode_event(line)
                if event.type == "ERROR":
                    # Its message is logged.
                    event = wire.decode_event(response.redacted(line))
                yield event
                if self.stopping.is_set():
                    raise Stopped

    def _body(self, path: str, query: Mapping[str, str] = _NO_PARAMETERS) -> bytes:
        """Return a whole body, within the bounds of its size and its time."""
        chunks, size = [], 0
        with self._get(path, query, LIST_TIMEOUT_SECONDS, gzip=True) as response:
            response.limit(LIST_MAX_SECONDS)
            for chunk in response.chunks():
                chunks.append(chunk)
                size += len(chunk)
                if size > PAGE_MAX_BYTES:
                    raise _TooLargeError(f"one object of a list has more than {PAGE_MAX_BYTES} bytes")
        return b"".join(chunks)

    def _discover(self, type_: type[T], path: str) -> T:
        try:
            return wire.decode(msgspec.json.Decoder(type_), self._body(path))
        except DecodeError as exc:
            raise StreamError(f"the answer to {path} is not that of an API server: {exc}") from exc

    @contextmanager
    def _get(
        self, path: str, query: Mapping[str, str], read_timeout_seconds: float, *, gzip: bool = False
    ) -> Iterator["Response"]:
        try:
            response = self._transport.get(path, query, read_timeout_seconds=read_timeout_seconds, gzip=gzip)
            self._response = response
            with closing(response):
                # `stop` may have been called before there was an answer to abort.
                self._check_stopping()
                if response.status != 200:
                    body = response.read(ERROR_MAX_BYTES)
                    raise wire.error_of_response(response.status, response.headers, body)
                yield response
        finally:
            self._response = None
            # An aborted answer looks like a broken one.
            self._check_stopping()

    def _check_stopping(self) -> None:
        if self.stopping.is_set():
            raise Stopped
