"""List, then watch, and again: keeps a cache equal to what the API server has (client-go's semantics).

The rules of when to list, when to watch and how long to wait are all here, and each is one method.
Does not promise that every version of an object is seen: what happened between the end of one watch
and the next list is seen as its result.
"""

import logging
from contextlib import closing
from typing import Generic, Protocol, TypeVar

import msgspec

from exporter.errors import ApiError, ConnectError, DecodeError, SilenceError, StatusError, StreamError
from exporter.kube import wire
from exporter.kube.backoff import MAX_SECONDS, Backoff
from exporter.kube.cache import Cache
from exporter.kube.clock import Clock
from exporter.kube.collection import Collection, Stopped
from exporter.kube.troubles import NOT_FOUND, ResourceLogger, Troubles, is_refusal

SHORTEST_WATCH_SECONDS = 1.0
"""A watch that ends sooner and brought nothing would be opened again in a hot loop."""

WATCHES_BEFORE_LIST = 3
"""How often a failed watch is tried again before a list finds out what is the matter."""

NOT_INSTALLED_SECONDS = 30.0
"""How often to look for a CRD that is not there, and how far apart two 404 must be to be believed."""

GONE = 410
"""The version is too old. A real server says it in an ERROR event, and as a status for lists only."""

GATEWAY_ERRORS = (502, 503, 504)
"""Said by what stands before an API server that is away."""

REFUSALS_BEFORE_COMPLETE = 3
"""A kind that may not be listed must not keep the others from being served."""

REFUSALS_IN_HASTE = 2
"""RBAC that is just being installed is there in a moment; later a person has to act."""

T = TypeVar("T", bound=wire.Object)


class Observer(Protocol):
    """Whoever counts. Called from the reflector's thread."""

    def list_started(self) -> None: ...
    def list_failed(self) -> None: ...
    def watch_started(self) -> None: ...
    def watch_failed(self) -> None: ...
    def event_received(self) -> None: ...
    def decode_failed(self) -> None: ...
    def collect_failed(self) -> None: ...


class _Outdated(Exception):
    """The version shows that the watch cannot go on: a list has to say what is true now, as after a 410."""


class Reflector(Generic[T]):
    """Keeps `cache` equal to one collection of the API. `run` is for one thread; any may read.

    Attributes:
        is_complete: what is in the cache may be served: a list has finished, the kind is not
            installed, or listing was refused three times.
        is_synced: a list has finished, and the kind has not vanished since.
        is_refused: a list was answered 401 or 403; since then none has finished or been answered 404.
        is_connected: a watch is open.
        last_sync_time, last_news_time: Unix seconds of the last finished list, and of the last list,
            event or bookmark; 0.0 before the first.
    """

    def __init__(
        self,
        collection: Collection,
        type_: type[T],
        cache: Cache[T],
        observer: Observer,
        logger: ResourceLogger,
        *,
        clock: Clock,
        backoff: Backoff,
    ) -> None:
        self._collection = collection
        self._decoder = msgspec.json.Decoder(type_)
        self._cache = cache
        self._observer = observer
        self._log = logger
        self._clock = clock
        self._backoff = backoff
        self._list_troubles = Troubles("list", logger)
        self._watch_troubles = Troubles("watch", logger)
        self._version = ""
        self._listed_at = float("-inf")
        self._missing_since: float | None = None
        self._is_history_doubtful = False
        # Objects' events so far.
        self._changes = 0
        self.is_complete = False
        self.is_synced = False
        self.is_refused = False
        self.is_connected = False
        self.last_sync_time = 0.0
        self.last_news_time = 0.0

    def run(self) -> None:
        """List and watch until the collection is stopped; every failure of the API is waited out in here."""
        try:
            while True:
                self._list_until_done()
                self._watch_until_outdated()
        except Stopped:
            pass
        finally:
            self.is_connected = False

    # Lists.

    def _list_until_done(self) -> None:
        while True:
            self._observer.list_started()
            try:
                self._list()
            except ApiError as error:
                self._wait(self._list_failed(error))
            else:
                return

    def _list(self) -> None:
        """Make a list the truth, whatever its versions: etcd may have been restored from a backup."""
        objects: list[T] = []
        undecodable: set[str] = set()
        version = ""
        for page in self._collection.pages():
            version = version or page.metadata.resource_version
            for item in page.items or ():
                try:
                    objects.append(wire.decode(self._decoder, item))
                except DecodeError as error:
                    undecodable.add(self._undecodable(item, error).uid)
        self._cache.replace(objects, undecodable)
        self._list_succeeded(version)

    def _list_succeeded(self, version: str) -> None:
        again = self.is_synced
        self._version = version
        self._listed_at = self._clock.monotonic()
        self._missing_since = None
        self._is_history_doubtful = False
        self._list_troubles.succeeded()
        self.last_sync_time = self.last_news_time = self._clock.time()
        self.is_synced = self.is_complete = True
        self.is_refused = False
        self._log.info("listed again" if again else "synced", extra={"objects": len(self._cache)})

    def _list_failed(self, error: ApiError) -> float:
        """Take note of a failed list; return after how many seconds to list again."""
        if isinstance(error, StatusError) and error.code == NOT_FOUND:
            return self._not_found(error)
        self._missing_since = None
        self._observer.list_failed()
        self._list_troubles.failed(error)
        if not self.is_synced and is_refusal(error):
            self.is_refused = True
            self.is_complete |= self._list_troubles.refusals >= REFUSALS_BEFORE_COMPLETE
        return self._delay(error, self._list_troubles)

    def _not_found(self, error: StatusError) -> float:
        """Take note that the CRD is not installed; objects are dropped only when that is said twice.

        A real deletion of a CRD sends DELETED for every object first. A server that is just starting
        may answer 404 for CRDs that it has not read yet.
        """
        now = self._clock.monotonic()
        self._missing_since = now if self._missing_since is None else self._missing_since
        is_believed = now - self._missing_since >= NOT_INSTALLED_SECONDS
        if len(self._cache) and not is_believed:
            self._observer.list_failed()
            self._list_troubles.failed(error)
            return NOT_INSTALLED_SECONDS
        if self.is_synced or not self.is_complete:
            self._log.info("not installed, looking for it every %d s", NOT_INSTALLED_SECONDS)
        self._cache.clear()
        self._list_troubles.forget()
        self.is_complete = True
        self.is_synced = self.is_refused = False
        return NOT_INSTALLED_SECONDS

    # Watches.

    def _watch_until_outdated(self) -> None:
        """Watch again and again from the last version; return when a list is needed."""
        self._watch_troubles.in_a_row = 0
        while True:
            try:
                self._check_history()
                self._watch()
                self._log.debug("watch ended, watching again")
            except (_Outdated, ApiError) as error:
                if isinstance(error, _Outdated) or _code(error) == GONE:
                    self._outdated(error)
                    return
                self._wait(self._watch_failed(error))
                if self._watch_troubles.in_a_row > WATCHES_BEFORE_LIST or _code(error) == NOT_FOUND:
                    return

    def _outdated(self, reason: Exception) -> None:
        """Take note that the version is of no use any more."""
        self.is_connected = False
        self._log.info("listing again: %s", reason)
        # At once: the server works. But list, 410, list, 410 … must not become a hot loop.
        if self._clock.monotonic() - self._listed_at < MAX_SECONDS:
            self._wait(self._backoff.next_seconds())

    def _check_history(self) -> None:
        """Make sure that the server, if it was away or silent, still knows the version that was watched.

        A server whose etcd was restored from a backup is behind it. A watch from that future is silent
        until the server has caught up, and then tells nothing of what happened before.

        Raises:
            _Outdated: the server is behind.
        """
        if self._is_history_doubtful:
            current = self._collection.current_version()
            self._is_history_doubtful = False
            if _is_lower(current, self._version):
                raise _Outdated(f"the server is at version {current}, which is before {self._version}")

    def _watch(self) -> None:
        """Follow one watch to its clean end."""
        self._observer.watch_started()
        started_at, changes = self._clock.monotonic(), self._changes
        with closing(self._collection.watch(self._version)) as lines:
            for line in lines:
                self.is_connected = True
                if line:
                    self._take_line(line)
                    self._watch_troubles.succeeded()
        self.is_connected = False
        too_soon_seconds = SHORTEST_WATCH_SECONDS - (self._clock.monotonic() - started_at)
        if too_soon_seconds > 0:
            if self._changes == changes:
                raise StreamError("the watch ended at once, without an event")
            # Each watch brings an event and ends: at most one a second, or a busy cluster makes us spin.
            self._wait(too_soon_seconds)

    def _watch_failed(self, error: ApiError) -> float:
        """Take note of a failed watch; return after how many seconds to go on."""
        self.is_connected = False
        self._observer.watch_failed()
        self._watch_troubles.failed(error)
        self._is_history_doubtful |= isinstance(error, (ConnectError, SilenceError)) or _code(error) in GATEWAY_ERRORS
        # The server is away, or busy: it will know the version when it is back. A list would not help it.
        if isinstance(error, ConnectError) or _code(error) == 429:
            self._watch_troubles.in_a_row = 0
        return self._delay(error, self._watch_troubles)

    def _take_line(self, line: bytes) -> None:
        event = wire.decode_event(line)
        self._observer.event_received()
        if event.type == "ERROR":
            raise wire.error_of_event(event.object)
        self.last_news_time = self._clock.time()
        match event.type:
            case "ADDED" | "MODIFIED":
                self._changes += 1
                self._take_object(event.object)
            case "DELETED":
                self._changes += 1
                metadata = self._metadata(event.object)
                self._advance(metadata.resource_version)
                self._cache.remove(metadata.uid)
            case "BOOKMARK":
                self._advance(self._metadata(event.object).resource_version)
            case unknown:
                self._observer.decode_failed()
                self._log.debug("skipped an event of unknown type %.40r", unknown)

    def _take_object(self, raw: msgspec.Raw) -> None:
        try:
            obj = wire.decode(self._decoder, raw)
        except DecodeError as error:
            metadata = self._undecodable(raw, error)
            self._cache.put_undecodable(metadata.uid)
            self._advance(metadata.resource_version)
            return
        if not self._cache.holds(obj):
            self._advance(obj.metadata.resource_version)
            self._cache.put(obj)

    def _advance(self, version: str) -> None:
        """Move to the version of an event.

        Raises:
            _Outdated: it is lower than the last: the server's history is not the one that was watched.
        """
        if _is_lower(version, self._version):
            raise _Outdated(f"version {version} came after {self._version}")
        self._version = version or self._version

    def _metadata(self, raw: msgspec.Raw) -> wire.Metadata:
        """Return the metadata of an event's object; without it the stream cannot be followed."""
        try:
            return wire.decode_metadata(raw)
        except DecodeError as error:
            raise StreamError(f"an event without readable metadata: {error}") from error

    # Both.

    def _undecodable(self, raw: msgspec.Raw, error: DecodeError) -> wire.Metadata:
        """Count and log an object that cannot be decoded; return what identifies it, if anything does."""
        self._observer.decode_failed()
        metadata = wire.identify(raw)
        # Told once an object, not once a version: whoever wrote it may go on writing it.
        level = logging.DEBUG if self._cache.is_undecodable(metadata.uid) else logging.WARNING
        self._log.log(level, "couldn't decode %r, keeping its last good version: %s", metadata.key, error)
        return metadata

    def _delay(self, error: ApiError, troubles: Troubles) -> float:
        """Return how long to wait after a failure: refusals that last need no haste."""
        retry_after = error.retry_after_seconds if isinstance(error, StatusError) else None
        delay = self._backoff.next_seconds(retry_after or 0.0)
        return MAX_SECONDS if troubles.refusals > REFUSALS_IN_HASTE else delay

    def _wait(self, seconds: float) -> None:
        if self._clock.wait(self._collection.stopping, seconds):
            raise Stopped


def _code(error: ApiError) -> int:
    return error.code if isinstance(error, StatusError) else 0


def _is_lower(version: str, than: str) -> bool:
    """Compare resource versions, as one may since Kubernetes 1.35; what is not a number is not lower."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)
