"""List, then watch, repeatedly: keeps a store equal to the API server (client-go's semantics).

Does not promise that every version of an object is seen: of the changes between the end of one watch and the next
list, only the result is seen.
"""

import logging
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from exporter.errors import ApiError, ConnectError, StatusError, StreamError
from exporter.kube import wire
from exporter.kube.backoff import MAX_SECONDS, Backoff, SharedByInformers, Stopped
from exporter.kube.decoder import DecoderMetrics, ObjectDecoder
from exporter.kube.failure_log import FailureLog, ResourceLogger
from exporter.kube.list_watch import InformerSettings, ListWatch
from exporter.kube.store import EventHandler, Store, StoreUpdater
from exporter.kube.sync_state import InformerState, SyncState

if TYPE_CHECKING:
    from exporter.kube.client.api_transport import ApiTransport

_log = logging.getLogger("exporter.kube.informer")

NOT_INSTALLED_SECONDS = 30.0
"""The interval of lists for a CRD that is not installed, and the minimum between two 404 that drop objects."""

REFUSALS_BEFORE_COMPLETE = 3
"""A kind that may not be listed must not keep the others from being served."""

SHORTEST_WATCH_SECONDS = 1.0
"""A watch that ends sooner without an event would be opened again in a hot loop."""

WATCHES_BEFORE_LIST = 3
"""How often a failed watch is retried before a list is tried."""

T = TypeVar("T", bound=wire.Object)


class ReflectorMetrics(DecoderMetrics, Protocol):
    """Counters of one resource. Called from the threads of its informers."""

    def list_started(self) -> None: ...
    def list_failed(self) -> None: ...
    def watch_started(self) -> None: ...
    def watch_failed(self) -> None: ...
    def event_received(self) -> None: ...
    def crashed(self) -> None: ...


class Reflector(Generic[T]):
    """Keeps a store equal to one collection of the API. `run` is for one thread; any may read `state`."""

    def __init__(
        self,
        transport: "ApiTransport",
        settings: InformerSettings[T],
        store: Store[T],
        handler: EventHandler[T],
        metrics: ReflectorMetrics,
        shared: SharedByInformers,
    ) -> None:
        self.state = InformerState(settings.name)
        self._list_watch = ListWatch(transport, settings)
        self._store = store
        self._updater = StoreUpdater(store, handler)
        self._metrics = metrics
        self._clock = shared.clock
        self._backoff = Backoff(shared.clock, shared.rng, shared.outage, self._list_watch.stopping)
        self._log = ResourceLogger(_log, settings.log_fields, shared.log_limit)
        self._decoder = ObjectDecoder(settings, store, metrics, self._log)
        self._start_delay = shared.start_delay()
        self._list_failures = FailureLog("list", self._log)
        self._watch_failures = FailureLog("watch", self._log)
        # When a list was answered 404 for the first time in a row; monotonic seconds.
        self._missing_since: float | None = None

    def stop(self) -> None:
        """Let `run` end. Any thread may call this."""
        self._list_watch.stop()

    def run(self) -> None:
        """List and watch until `stop`, whatever fails: here or, of the API, in the methods below."""
        self._log.info("starting")
        delay = self._start_delay
        while not self._list_watch.stopping.is_set():
            try:
                self._backoff.wait_to_start(delay)
                delay = 0.0
                while True:
                    self._list_until_done()
                    self._watch_until_outdated()
            except Stopped:
                break
            except Exception:  # noqa: BLE001 - a fault of ours must not end the thread: counted, logged, listed again
                self.state.is_connected = False
                self._metrics.crashed()
                self._log.exception("the informer crashed, listing again")
                self._clock.wait(self._list_watch.stopping, self._backoff.next_seconds())
        self.state.is_connected = False

    # Lists.

    def _list_until_done(self) -> None:
        """List until a list succeeds."""
        while True:
            self._metrics.list_started()
            started_at = self._clock.monotonic()
            try:
                return self._list()
            except ApiError as error:
                if self._is_not_installed(error):
                    self._not_installed(error)
                else:
                    self._list_failed(error, started_at)

    def _list(self) -> None:
        """Apply a list, whatever its versions: etcd may have been restored from a backup."""
        versions: list[str] = []
        undecodable: set[str] = set()
        self._updater.replace(self._objects(versions, undecodable), undecodable)
        self._list_failures.succeeded()
        self._backoff.succeeded()
        self._missing_since = None
        again = self.state.sync is SyncState.SYNCED
        self._listed(SyncState.SYNCED)
        self.state.version = versions[0]
        self.state.last_sync_time = self.state.last_event_time = self._clock.time()
        self._log.info("listed again" if again else "synced", extra={"objects": len(self._store)})

    def _objects(self, versions: list[str], undecodable: set[str]) -> Iterator[T]:
        """Yield the objects of a list; add the versions of its pages, and the uids of the others."""
        for page in self._list_watch.pages():
            versions.append(page.metadata.resource_version)
            for item in page.items or ():
                if self._decoder.leaves_out and self._decoder.left_out(item):
                    continue
                obj = self._decoder.decode(item)
                if isinstance(obj, wire.Metadata):
                    undecodable.add(obj.uid)
                else:
                    yield obj

    def _list_failed(self, error: ApiError, started_at: float) -> None:
        """Record a failed list, and wait before the next one."""
        self._missing_since = None
        self._metrics.list_failed()
        self._list_failures.failed(error)
        state = self.state
        state.failing_since = started_at if state.failing_since is None else state.failing_since
        state.failure = str(error)
        # After a list that succeeded, the last state stays.
        if self._list_failures.refusals >= REFUSALS_BEFORE_COMPLETE and state.sync is not SyncState.SYNCED:
            state.sync = SyncState.REFUSED
        self._backoff.wait_after(error, self._list_failures.refusals)

    def _is_not_installed(self, error: ApiError) -> bool:
        """Tell whether the API server itself says so; a 404 of a proxy is a failure like any other."""
        try:
            return isinstance(error, StatusError) and error.is_not_served and not self._list_watch.is_installed()
        except ApiError:
            return False

    def _not_installed(self, error: ApiError) -> None:
        """Record that the CRD is not installed; objects are dropped only after the second such answer.

        A real deletion of a CRD sends DELETED for every object first. A server that is just starting
        may answer 404 for CRDs that it has not read yet.
        """
        now = self._clock.monotonic()
        self._missing_since = now if self._missing_since is None else self._missing_since
        if len(self._store) and now - self._missing_since < NOT_INSTALLED_SECONDS:
            self._metrics.list_failed()
            self._list_failures.failed(error)
        else:
            if self.state.sync is not SyncState.NOT_INSTALLED:
                self._log.info("not installed, retrying every %d s", NOT_INSTALLED_SECONDS)
            self._updater.clear()
            self._list_failures.reset()
            self._listed(SyncState.NOT_INSTALLED)
        self._backoff.succeeded()
        self._backoff.wait(NOT_INSTALLED_SECONDS)

    def _listed(self, sync: SyncState) -> None:
        self.state.sync, self.state.failing_since, self.state.failure = sync, None, ""

    # Watches.

    def _watch_until_outdated(self) -> None:
        """Watch repeatedly from the last version; return when a list is needed."""
        listed_at = self._clock.monotonic()
        self._watch_failures.consecutive = 0
        is_renewal = is_watching = False
        while True:
            try:
                if is_renewal:
                    self._check_history()
                is_renewal = is_watching = True
                self._watch()
                is_watching = False
                self._log.debug("watch closed, opening the next one")
            except ApiError as error:
                self.state.is_connected = False
                if _code(error) == HTTPStatus.GONE:
                    self._log.info("listing again: %s", error)
                    if self._clock.monotonic() - listed_at < MAX_SECONDS:
                        # The API server works, but list, 410, list, 410 is no hot loop.
                        self._backoff.wait(self._backoff.next_seconds())
                    return
                if is_watching:
                    self._metrics.watch_failed()
                is_watching = False
                self._watch_failed(error)
                if self._watch_failures.consecutive > WATCHES_BEFORE_LIST or _code(error) == HTTPStatus.NOT_FOUND:
                    return

    def _check_history(self) -> None:
        """Make sure that the server still has the version that was watched, however the last watch ended.

        A server whose etcd was restored from a backup is behind it. A watch from a future version is silent
        until the server has reached it, and never sends the changes before it. One small request in 5 to 10
        minutes excludes that. It is no list of the collection, and not counted as one.
        """
        current, watched = self._list_watch.current_version(), self.state.version
        if 0 < wire.version_number(current) < wire.version_number(watched):
            raise StatusError(HTTPStatus.GONE, f"the server is at version {current}, which is before {watched}")

    def _watch(self) -> None:
        """Follow one watch to its clean end."""
        self._metrics.watch_started()
        started_at, has_changes = self._clock.monotonic(), False
        with closing(self._list_watch.watch(self.state.version)) as events:
            for event in events:
                self.state.is_connected = True
                self._backoff.succeeded()
                if event is not None:
                    has_changes |= self._apply(event)
                    self._watch_failures.succeeded()
        self.state.is_connected = False
        too_soon_seconds = SHORTEST_WATCH_SECONDS - (self._clock.monotonic() - started_at)
        if too_soon_seconds > 0:
            if not has_changes:
                raise StreamError("the watch was closed at once, without an event")
            # Each watch brings an event and is closed: at most one a second, or a busy cluster causes a hot loop.
            self._backoff.wait(too_soon_seconds)

    def _apply(self, event: wire.WatchEvent) -> bool:
        """Apply an event; return whether it is one of an object."""
        self._metrics.event_received()
        if event.type == "ERROR":
            raise wire.error_of_event(event.object)
        self.state.last_event_time = self._clock.time()
        obj: T | wire.Metadata
        type_ = event.type
        match type_:
            case "ADDED" | "MODIFIED" if self._decoder.leaves_out and (other := self._decoder.left_out(event.object)):
                # If it was watched before, it is gone.
                type_, obj = "DELETED", other
            case "ADDED" | "MODIFIED":
                obj = self._decoder.decode(event.object)
            case "DELETED" | "BOOKMARK":
                obj = wire.decode_metadata(event.object)
            case unknown:
                self._metrics.decode_failed()
                self._log.debug("skipped an event of unknown type %.40r", unknown)
                return False
        if isinstance(obj, wire.Metadata):
            version = self._check_order(obj.resource_version)
            if type_ == "DELETED":
                self._updater.remove(obj.uid)
            elif type_ != "BOOKMARK":
                self._updater.put_undecodable(obj.uid)
        elif self._store.holds(obj):
            return True
        else:
            version = self._check_order(obj.metadata.resource_version)
            self._updater.put(obj)
        self.state.version = version
        return event.type != "BOOKMARK"

    def _check_order(self, version: str) -> str:
        """Return the version after an event; raises 410 if it is lower than the last: the history is another one."""
        number, last = wire.version_number(version), self.state.version
        if 0 < number < wire.version_number(last):
            raise StatusError(HTTPStatus.GONE, f"version {version} came after {last}")
        return version if number else last

    def _watch_failed(self, error: ApiError) -> None:
        """Record a failed watch, and wait before the next request."""
        self._watch_failures.failed(error)
        # The server is unavailable or busy: it will have the version when it is back. A list would not help.
        if isinstance(error, ConnectError) or _code(error) == HTTPStatus.TOO_MANY_REQUESTS:
            self._watch_failures.consecutive = 0
        self._backoff.wait_after(error, self._watch_failures.refusals)


def _code(error: ApiError) -> int:
    return error.code if isinstance(error, StatusError) else 0
