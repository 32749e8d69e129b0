"""Watches: one after the other from the last version, until a list is needed."""

from contextlib import closing
from typing import TypeVar

import msgspec

from exporter.errors import ApiError, ConnectError, DecodeError, StatusError, StreamError
from exporter.kube import wire
from exporter.kube.backoff import MAX_SECONDS
from exporter.kube.failure_log import NOT_FOUND
from exporter.kube.sync_step import SyncStep

SHORTEST_WATCH_SECONDS = 1.0
"""A watch that ends sooner without an event would be opened again in a hot loop."""

WATCHES_BEFORE_LIST = 3
"""How often a failed watch is retried before a list is tried."""

GONE = 410
"""The version is too old. A real server sends it as an ERROR event, and as an HTTP status for lists only."""

TOO_MANY_REQUESTS = 429

T = TypeVar("T", bound=wire.Object)


class OutdatedError(Exception):
    """The version shows that the watch cannot continue: a list is needed, as after a 410."""


class Watcher(SyncStep[T]):
    """Applies the events of watches to a store. For one thread."""

    request = "watch"
    # Events of objects so far.
    _changes = 0

    def watch_until_outdated(self) -> None:
        """Watch repeatedly from the last version; return when a list is needed."""
        listed_at = self._clock.monotonic()
        self._failures.consecutive = 0
        is_renewal = False
        while True:
            try:
                if is_renewal:
                    self._check_history()
                is_renewal = True
                self._watch()
                self._log.debug("watch closed, opening the next one")
            except (OutdatedError, ApiError) as error:
                self._state.is_connected = False
                if isinstance(error, OutdatedError) or _code(error) == GONE:
                    self._log.info("listing again: %s", error)
                    if self._clock.monotonic() - listed_at < MAX_SECONDS:
                        self._retries.before_next_list()
                    return
                self._failed(error)
                if self._failures.consecutive > WATCHES_BEFORE_LIST or _code(error) == NOT_FOUND:
                    return

    def _check_history(self) -> None:
        """Make sure that the server still has the version that was watched, however the last watch ended.

        A server whose etcd was restored from a backup is behind it. A watch from a future version is silent
        until the server has reached it, and never sends the changes before it. One small request in 5 to 10
        minutes excludes that.

        Raises:
            OutdatedError: the server is behind.
        """
        current = self._list_watch.current_version()
        if wire.is_lower(current, self._state.version):
            raise OutdatedError(f"the server is at version {current}, which is before {self._state.version}")

    def _watch(self) -> None:
        """Follow one watch to its clean end."""
        self._metrics.watch_started()
        started_at, changes = self._clock.monotonic(), self._changes
        with closing(self._list_watch.watch(self._state.version)) as lines:
            for line in lines:
                self._state.is_connected = True
                if line:
                    self._on_line(line)
                    self._failures.succeeded()
                    self._retries.succeeded()
        self._state.is_connected = False
        too_soon_seconds = SHORTEST_WATCH_SECONDS - (self._clock.monotonic() - started_at)
        if too_soon_seconds > 0:
            if self._changes == changes:
                raise StreamError("the watch was closed at once, without an event")
            # Each watch brings an event and is closed: at most one a second, or a busy cluster causes a hot loop.
            self._retries.wait(too_soon_seconds)

    def _failed(self, error: ApiError) -> None:
        """Record a failed watch, and wait before the next request."""
        self._metrics.watch_failed()
        self._failures.failed(error)
        # The server is unavailable or busy: it will have the version when it is back. A list would not help.
        if isinstance(error, ConnectError) or _code(error) == TOO_MANY_REQUESTS:
            self._failures.consecutive = 0
        self._retries.after_failure(error, self._failures)

    def _on_line(self, line: bytes) -> None:
        event = wire.decode_event(line)
        self._metrics.event_received()
        if event.type == "ERROR":
            raise wire.error_of_event(event.object)
        self._state.last_event_time = self._clock.time()
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
        obj = self._decoder.decode(raw)
        if isinstance(obj, wire.Metadata):
            self._updater.put_undecodable(obj.uid)
            self._advance(obj.resource_version)
        elif not self._store.holds(obj):
            self._advance(obj.metadata.resource_version)
            self._updater.put(obj)

    def _advance(self, version: str) -> None:
        """Move to the version of an event.

        Raises:
            OutdatedError: it is lower than the last: the server's history is not the one that was watched.
        """
        if wire.is_lower(version, self._state.version):
            raise OutdatedError(f"version {version} came after {self._state.version}")
        if wire.is_version(version):
            self._state.version = version

    def _metadata(self, raw: msgspec.Raw) -> wire.Metadata:
        """Return the metadata of an event's object, which every event needs."""
        try:
            return wire.decode_metadata(raw)
        except DecodeError as error:
            raise StreamError(f"an event without readable metadata: {error}") from error


def _code(error: Exception) -> int:
    return error.code if isinstance(error, StatusError) else 0
