"""List, then watch, repeatedly: keeps a store equal to the API server (client-go's semantics).

The rules of when to list, when to watch and how long to wait are all here, and each is one method.
Does not promise that every version of an object is seen: of the changes between the end of one watch
and the next list, only the result is seen.
"""

import enum
import logging
from contextlib import closing
from typing import Generic, Protocol, TypeVar

import msgspec

from exporter.clock import Clock
from exporter.errors import ApiError, ConnectError, DecodeError, StatusError, StreamError
from exporter.kube import wire
from exporter.kube.backoff import MAX_SECONDS, Backoff
from exporter.kube.failure_log import NOT_FOUND, FailureLog, ResourceLogger
from exporter.kube.list_watch import ListWatch, Stopped
from exporter.kube.retry_budget import RetryBudget
from exporter.kube.store import Store, StoreUpdater

SHORTEST_WATCH_SECONDS = 1.0
"""A watch that ends sooner without an event would be opened again in a hot loop."""

WATCHES_BEFORE_LIST = 3
"""How often a failed watch is retried before a list is tried."""

NOT_INSTALLED_SECONDS = 30.0
"""The interval of lists for a CRD that is not installed, and the minimum between two 404 that drop objects."""

GONE = 410
"""The version is too old. A real server sends it as an ERROR event, and as an HTTP status for lists only."""

REFUSALS_BEFORE_COMPLETE = 3
"""A kind that may not be listed must not keep the others from being served."""

QUICK_REFUSALS = 2
"""RBAC that is just being installed is there within seconds; after that, a person has to act."""

T = TypeVar("T", bound=wire.Object)


TURN_CHECK_SECONDS = 5.0
"""How often an informer that waits for its turn checks whether the API server works again."""

MAX_VERSION_DIGITS = 19
"""Of a 64-bit number."""


class SyncState(enum.Enum):
    """What is known about a collection; the value is a phrase for people."""

    LISTING = "not listed yet"
    SYNCED = "synced"
    NOT_INSTALLED = "not installed"
    REFUSED = "refused by the API server"
    INCOMPLETE = "every list fails"

    @property
    def is_complete(self) -> bool:
        """What the store holds may be served."""
        return self is not SyncState.LISTING


class ReflectorMetrics(Protocol):
    """Counts. Called from the reflector's thread."""

    def list_started(self) -> None: ...
    def list_failed(self) -> None: ...
    def watch_started(self) -> None: ...
    def watch_failed(self) -> None: ...
    def event_received(self) -> None: ...
    def decode_failed(self) -> None: ...
    def crashed(self) -> None: ...


class _Outdated(Exception):
    """The version shows that the watch cannot continue: a list is needed, as after a 410."""


class Reflector(Generic[T]):
    """Keeps `store` equal to one collection of the API. `run` is for one thread; any may read.

    Attributes:
        sync_state: SYNCED from the first finished list on, unless the kind is not installed any more;
            REFUSED after three refusals (401, 403) without a list before; INCOMPLETE by `mark_incomplete`.
        failing_since: when the first list failed of those that failed in a row without a list before;
            monotonic seconds, None if the last one did not fail.
        is_connected: a watch is open.
        last_sync_time, last_event_time: Unix seconds of the last finished list, and of the last list,
            event or bookmark; 0.0 before the first.
    """

    def __init__(
        self,
        list_watch: ListWatch,
        type_: type[T],
        store: Store[T],
        updater: StoreUpdater[T],
        metrics: ReflectorMetrics,
        logger: ResourceLogger,
        *,
        clock: Clock,
        backoff: Backoff,
        budget: RetryBudget,
    ) -> None:
        self._list_watch = list_watch
        self._decoder = msgspec.json.Decoder(type_)
        self._store = store
        self._updater = updater
        self._metrics = metrics
        self._log = logger
        self._clock = clock
        self._backoff = backoff
        self._budget = budget
        self._list_failures = FailureLog("list", logger)
        self._watch_failures = FailureLog("watch", logger)
        self._version = ""
        self._listed_at = float("-inf")
        self._missing_since: float | None = None
        # Events of objects so far.
        self._changes = 0
        self.sync_state = SyncState.LISTING
        self.failing_since: float | None = None
        self.is_connected = False
        self.last_sync_time = 0.0
        self.last_event_time = 0.0

    def run(self) -> None:
        """List and watch until the list-watch is stopped; every failure of the API is handled in here."""
        try:
            if self._budget.is_failing:
                # Hundreds of informers that start during an outage must not send hundreds of requests at once.
                self._wait_to_retry(self._backoff.next_seconds())
            while True:
                self._list_until_done()
                self._watch_until_outdated()
        except Stopped:
            pass
        finally:
            self.is_connected = False

    def mark_incomplete(self) -> None:
        """Let a kind whose lists all fail count as complete. Any thread may call this."""
        if self.sync_state is SyncState.LISTING:
            self.sync_state = SyncState.INCOMPLETE

    # Lists.

    def _list_until_done(self) -> None:
        while True:
            self._metrics.list_started()
            try:
                self._list()
            except ApiError as error:
                self._wait_to_retry(self._list_failed(error))
            else:
                return

    def _list(self) -> None:
        """Apply a list, whatever its versions: etcd may have been restored from a backup."""
        objects: list[T] = []
        undecodable: set[str] = set()
        version = ""
        for page in self._list_watch.pages():
            version = version or page.metadata.resource_version
            for item in page.items or ():
                try:
                    objects.append(self._decode(item))
                except DecodeError as error:
                    undecodable.add(self._undecodable(item, error).uid)
        self._updater.replace(objects, undecodable)
        self._list_succeeded(version)

    def _list_succeeded(self, version: str) -> None:
        again = self.sync_state is SyncState.SYNCED
        self._version = version
        self._listed_at = self._clock.monotonic()
        self._missing_since = None
        self.failing_since = None
        self._budget.succeeded()
        self._list_failures.succeeded()
        self.last_sync_time = self.last_event_time = self._clock.time()
        self.sync_state = SyncState.SYNCED
        self._log.info("listed again" if again else "synced", extra={"objects": len(self._store)})

    def _list_failed(self, error: ApiError) -> float:
        """Record a failed list; return the seconds to wait before the next one."""
        if self._is_not_installed(error):
            return self._not_found(error)
        self._missing_since = None
        if self.failing_since is None:
            self.failing_since = self._clock.monotonic()
        self._metrics.list_failed()
        self._list_failures.failed(error)
        if self._list_failures.refusals >= REFUSALS_BEFORE_COMPLETE and self.sync_state is not SyncState.SYNCED:
            self.sync_state = SyncState.REFUSED
        return self._delay(error, self._list_failures)

    def _is_not_installed(self, error: ApiError) -> bool:
        """Tell whether the API server itself says so; a 404 of a proxy is a failure like any other."""
        if not isinstance(error, StatusError) or not error.is_not_served:
            return False
        try:
            return not self._list_watch.is_installed()
        except ApiError:
            return False

    def _not_found(self, error: ApiError) -> float:
        """Record that the CRD is not installed; objects are dropped only after the second such answer.

        A real deletion of a CRD sends DELETED for every object first. A server that is just starting
        may answer 404 for CRDs that it has not read yet.
        """
        now = self._clock.monotonic()
        self._missing_since = now if self._missing_since is None else self._missing_since
        is_confirmed = now - self._missing_since >= NOT_INSTALLED_SECONDS
        if len(self._store) and not is_confirmed:
            self._metrics.list_failed()
            self._list_failures.failed(error)
            return NOT_INSTALLED_SECONDS
        if self.sync_state is not SyncState.NOT_INSTALLED:
            self._log.info("not installed, retrying every %d s", NOT_INSTALLED_SECONDS)
        self._updater.clear()
        self._list_failures.reset()
        self.failing_since = None
        self.sync_state = SyncState.NOT_INSTALLED
        return NOT_INSTALLED_SECONDS

    # Watches.

    def _watch_until_outdated(self) -> None:
        """Watch again and again from the last version; return when a list is needed."""
        self._watch_failures.consecutive = 0
        is_renewal = False
        while True:
            try:
                if is_renewal:
                    self._check_history()
                is_renewal = True
                self._watch()
                self._log.debug("watch closed, opening the next one")
            except (_Outdated, ApiError) as error:
                if isinstance(error, _Outdated) or _code(error) == GONE:
                    self._outdated(error)
                    return
                self._wait_to_retry(self._watch_failed(error))
                if self._watch_failures.consecutive > WATCHES_BEFORE_LIST or _code(error) == NOT_FOUND:
                    return

    def _outdated(self, reason: Exception) -> None:
        """Record that the version cannot be watched from any more."""
        self.is_connected = False
        self._log.info("listing again: %s", reason)
        # At once: the server works. But list, 410, list, 410 … must not become a hot loop.
        if self._clock.monotonic() - self._listed_at < MAX_SECONDS:
            self._wait(self._backoff.next_seconds())

    def _check_history(self) -> None:
        """Make sure that the server still has the version that was watched, however the last watch ended.

        A server whose etcd was restored from a backup is behind it. A watch from a future version is silent
        until the server has reached it, and never sends the changes before it. One small request in 5 to 10
        minutes excludes that.

        Raises:
            _Outdated: the server is behind.
        """
        current = self._list_watch.current_version()
        if _is_lower(current, self._version):
            raise _Outdated(f"the server is at version {current}, which is before {self._version}")

    def _watch(self) -> None:
        """Follow one watch to its clean end."""
        self._metrics.watch_started()
        started_at, changes = self._clock.monotonic(), self._changes
        with closing(self._list_watch.watch(self._version)) as lines:
            for line in lines:
                self.is_connected = True
                if line:
                    self._on_line(line)
                    self._watch_failures.succeeded()
                    self._budget.succeeded()
        self.is_connected = False
        too_soon_seconds = SHORTEST_WATCH_SECONDS - (self._clock.monotonic() - started_at)
        if too_soon_seconds > 0:
            if self._changes == changes:
                raise StreamError("the watch was closed at once, without an event")
            # Each watch brings an event and is closed: at most one a second, or a busy cluster causes a hot loop.
            self._wait(too_soon_seconds)

    def _watch_failed(self, error: ApiError) -> float:
        """Record a failed watch; return the seconds to wait before the next request."""
        self.is_connected = False
        self._metrics.watch_failed()
        self._watch_failures.failed(error)
        # The server is unavailable or busy: it will have the version when it is back. A list would not help.
        if isinstance(error, ConnectError) or _code(error) == 429:
            self._watch_failures.consecutive = 0
        return self._delay(error, self._watch_failures)

    def _on_line(self, line: bytes) -> None:
        event = wire.decode_event(line)
        self._metrics.event_received()
        if event.type == "ERROR":
            raise wire.error_of_event(event.object)
        self.last_event_time = self._clock.time()
        match event.type:
            case "ADDED" | "MODIFIED":
                self._changes += 1
                self._on_object(event.object)
            case "DELETED":
                self._changes += 1
                metadata = self._metadata(event.object)
                self._advance(metadata.resource_version)
                self._updater.remove(metadata.uid)
            case "BOOKMARK":
                self._advance(self._metadata(event.object).resource_version)
            case unknown:
                self._metrics.decode_failed()
                self._log.debug("skipped an event of unknown type %.40r", unknown)

    def _on_object(self, raw: msgspec.Raw) -> None:
        try:
            obj = self._decode(raw)
        except DecodeError as error:
            metadata = self._undecodable(raw, error)
            self._updater.put_undecodable(metadata.uid)
            self._advance(metadata.resource_version)
            return
        if not self._store.holds(obj):
            self._advance(obj.metadata.resource_version)
            self._updater.put(obj)

    def _advance(self, version: str) -> None:
        """Move to the version of an event.

        Raises:
            _Outdated: it is lower than the last: the server's history is not the one that was watched.
        """
        if _is_lower(version, self._version):
            raise _Outdated(f"version {version} came after {self._version}")
        self._version = version or self._version

    def _metadata(self, raw: msgspec.Raw) -> wire.Metadata:
        """Return the metadata of an event's object, which every event needs."""
        try:
            return wire.decode_metadata(raw)
        except DecodeError as error:
            raise StreamError(f"an event without readable metadata: {error}") from error

    # Both.

    def _decode(self, raw: msgspec.Raw) -> T:
        """Decode an object.

        Raises:
            DecodeError: it is not of the type, or its version cannot be compared.
        """
        obj = wire.decode(self._decoder, raw)
        version = obj.metadata.resource_version
        if version and not is_version(version):
            raise DecodeError(f"resourceVersion {version[:40]!r} is not a number")
        return obj

    def _undecodable(self, raw: msgspec.Raw, error: DecodeError) -> wire.Metadata:
        """Count and log an object that cannot be decoded; return what identifies it, if anything does."""
        self._metrics.decode_failed()
        metadata = wire.identify(raw)
        # Logged once per object, not per version: its writer may continue to write it.
        level = logging.DEBUG if self._store.is_undecodable(metadata.uid) else logging.WARNING
        self._log.log(level, "couldn't decode %r, keeping its last valid version: %s", metadata.key, error)
        return metadata

    def _delay(self, error: ApiError, failures: FailureLog) -> float:
        """Return the seconds to wait after a failure: refusals that persist are retried rarely."""
        retry_after = error.retry_after_seconds if isinstance(error, StatusError) else None
        delay = self._backoff.next_seconds(retry_after or 0.0)
        return MAX_SECONDS if failures.refusals > QUICK_REFUSALS else delay

    def _wait_to_retry(self, seconds: float) -> None:
        """Wait after a failure, and then until it is this informer's turn to retry."""
        recoveries = self._budget.recoveries
        extra_seconds = self._budget.reserve(seconds)
        self._wait(seconds)
        while extra_seconds > 0 and self._budget.recoveries == recoveries:
            self._wait(min(extra_seconds, TURN_CHECK_SECONDS))
            extra_seconds -= TURN_CHECK_SECONDS

    def _wait(self, seconds: float) -> None:
        if self._clock.wait(self._list_watch.stopping, seconds):
            raise Stopped


def _code(error: ApiError) -> int:
    return error.code if isinstance(error, StatusError) else 0


def is_version(text: str) -> bool:
    """Tell whether it is a resource version that can be compared, which is allowed since Kubernetes 1.35."""
    return text.isdecimal() and text.isascii() and len(text) <= MAX_VERSION_DIGITS


def _is_lower(version: str, than: str) -> bool:
    """Compare resource versions; what is not a number is not lower."""
    return is_version(version) and is_version(than) and int(version) < int(than)
