"""The storage of the simulated API server: etcd and the watch cache in memory.

It hides how a Kubernetes API server keeps time: one counter of versions over all kinds, a
bounded history, lists that stay at one version while pages are read, and watches that go on
from a version or learn that it is too old.

Not promised: validation, admission, conflicts on a stale resourceVersion, selectors, finalizers,
and a generation that grows by itself. Writers are trusted.
"""

import threading
import time
import uuid
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

KIND_NAMES = {
    "rayclusters": "RayCluster",
    "rayjobs": "RayJob",
    "rayservices": "RayService",
    "raycronjobs": "RayCronJob",
}
API_VERSION = "ray.io/v1"

# Pages of one list come one after the other: a view per running list is enough.
_VIEWS_KEPT = 8
# Bounds what one watcher holds while it writes; the rest waits in the log.
_EVENTS_AT_ONCE = 500

# Go writes the keys of a custom resource in order, so the recordings have them in order.
_encode = msgspec.json.Encoder(order="deterministic").encode


class StoreError(Exception):
    """Why the store refused.

    StoreError
    ├── AlreadyExistsError     create of a present object
    ├── NotFoundError          no such object
    │   └── NotInstalledError  no such kind
    ├── ExpiredError           the version is older than the history; has `oldest`
    └── FutureVersionError     the version was never reached; has `current`
    """


class AlreadyExistsError(StoreError):
    pass


class NotFoundError(StoreError):
    pass


class NotInstalledError(NotFoundError):
    pass


class ExpiredError(StoreError):
    def __init__(self, version: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {version} ({oldest})")
        self.oldest = oldest


class FutureVersionError(StoreError):
    def __init__(self, version: int, current: int) -> None:
        super().__init__(f"Too large resource version: {version}, current: {current}")
        self.current = current


class Event(msgspec.Struct, frozen=True, gc=False):
    """One version of one object: the line that every watcher sends, and the object within it."""

    version: int
    type: str
    key: str
    line: bytes

    @classmethod
    def of(cls, type_: str, version: int, key: str, obj: dict[str, Any]) -> "Event":
        return cls(version, type_, key, b'{"type":"%b","object":%b}\n' % (type_.encode(), _encode(obj)))

    @property
    def body(self) -> bytes:
        """The object alone, as JSON."""
        return self.line[len('{"type":"","object":') + len(self.type) : -2]

    @property
    def added_line(self) -> bytes:
        """The line for a watcher that starts with the present objects."""
        return b'{"type":"ADDED","object":%b}\n' % self.body


class Page(msgspec.Struct, frozen=True):
    """A part of a list at `version`; `last_key` is where the next page goes on."""

    items: list[Event]
    version: int
    remaining: int

    @property
    def last_key(self) -> str:
        return self.items[-1].key


class Snapshot(msgspec.Struct, frozen=True):
    """What `ObjectStore.save` keeps: present objects without their history. Opaque to callers."""

    version: int
    kinds: dict[str, list[Event]]


class _Identity(msgspec.Struct, rename="camel"):
    uid: str
    creation_timestamp: str
    generation: int


class _Stored(msgspec.Struct):
    metadata: _Identity


_decode_identity = msgspec.json.Decoder(_Stored).decode


class _Kind:
    """The objects and the history of one kind; all of it guarded by the store's lock."""

    def __init__(self, lock: threading.Lock, compacted: int, present: Iterable[Event] = ()) -> None:
        self.changed = threading.Condition(lock)
        self.is_closed = False
        # Requests below this version are refused. Never below the last event that `log` lost.
        self.compacted = compacted
        self.log: deque[Event] = deque()
        self.forgotten = 0  # how many events left `log`: log[i] is event number forgotten + i
        # Versions of each object, oldest first. Deleted ones stay while the history reaches them.
        self.chains: dict[str, list[Event]] = {event.key: [event] for event in present}
        self.keys = sorted(self.chains)
        self.views: dict[int, list[str]] = {}

    def append(self, event: Event, history: int) -> None:
        chain = self.chains.get(event.key)
        if chain is None:
            chain = self.chains[event.key] = []
            insort(self.keys, event.key)
        chain.append(event)
        self.log.append(event)
        if len(self.log) > history:
            self.forget_oldest()
        self.changed.notify_all()

    def forget_oldest(self) -> None:
        """Drops the oldest event, and what only a list before that event could have shown."""
        event = self.log.popleft()
        self.forgotten += 1
        self.compacted = max(self.compacted, event.version)
        chain = self.chains[event.key]
        while len(chain) > 1 and chain[1].version <= self.compacted:
            del chain[0]
        if len(chain) == 1 and chain[0].type == "DELETED" and chain[0].version <= self.compacted:
            del self.chains[event.key]
            del self.keys[bisect_left(self.keys, event.key)]

    def get(self, key: str, version: int) -> Event | None:
        """The object as it was at `version`, which must not be below `compacted`."""
        chain = self.chains.get(key, ())
        if chain and chain[-1].version > version:
            chain = chain[: bisect_right(chain, version, key=lambda event: event.version)]
        return chain[-1] if chain and chain[-1].type != "DELETED" else None

    def keys_at(self, version: int) -> list[str]:
        """Sorted keys of the objects at `version`: computed once for all pages of a list."""
        view = self.views.get(version)
        if view is None:
            view = [key for key in self.keys if self.get(key, version)]
            while len(self.views) >= _VIEWS_KEPT:
                del self.views[next(iter(self.views))]
            self.views[version] = view
        return view

    def close(self) -> None:
        self.is_closed = True
        self.changed.notify_all()


class Watch:
    """One reader's place in the history of a kind. `next` is for one thread, `close` for any.

    Events arrive in order, each once. A reader that falls behind the history is ended, not told
    which events it missed, as the real server does with slow watchers.
    """

    def __init__(self, store: "ObjectStore", kind: _Kind, prefix: str, after: int) -> None:
        self._store = store
        self._kind = kind
        self._prefix = prefix
        self._after = after
        self._is_closed = False
        self._number = kind.forgotten + bisect_right(kind.log, after, key=lambda event: event.version)
        # No event at or below this version is still to come. Belongs to the reader's thread.
        self.version = after

    def next(self, timeout_seconds: float) -> list[Event] | None:
        """The next events; empty after a quiet `timeout_seconds`; None when no more will come."""
        deadline = time.monotonic() + timeout_seconds
        kind = self._kind
        with kind.changed:
            while self._is_waiting() and (left := deadline - time.monotonic()) > 0:
                kind.changed.wait(left)
            if self._is_closed or self._number < kind.forgotten:
                return None
            if kind.is_closed and self._number == kind.forgotten + len(kind.log):
                return None
            return self._take()

    def close(self) -> None:
        """Wakes the reader, whose next answer is None."""
        with self._kind.changed:
            self._is_closed = True
            self._kind.changed.notify_all()

    def _is_waiting(self) -> bool:
        kind = self._kind
        return not (self._is_closed or kind.is_closed or self._number != kind.forgotten + len(kind.log))

    def _take(self) -> list[Event]:
        log, first = self._kind.log, self._number - self._kind.forgotten
        stop = min(len(log), first + _EVENTS_AT_ONCE)
        events = [log[i] for i in range(first, stop)]
        self._number += len(events)
        self.version = events[-1].version if stop < len(log) else self._store.version
        # A version from the future (etcd was restored) hides events until it is reached.
        return [e for e in events if e.version > self._after and e.key.startswith(self._prefix)]


class ObjectStore:
    """Objects by kind, namespace and name, with one version counter and a bounded history.

    Every method may be called from any thread. Objects are dicts in Kubernetes form; each version
    is encoded once and the caller's dict is neither kept nor changed. Order is etcd's: by the
    bytes of `namespace/name`, so `a-b/x` comes before `a/x`.

    `history` is the number of events kept per kind. `clock` gives creation times, in Unix seconds.
    """

    def __init__(
        self,
        plurals: Iterable[str] = tuple(KIND_NAMES),
        *,
        clock: Callable[[], float] = time.time,
        history: int = 20_000,
    ) -> None:
        self._clock = clock
        self._history = history
        # Guards the version, the kinds and all that is in them: writers are the engine and the
        # tests, readers the threads of the API server.
        self._lock = threading.Lock()
        self._version = 1
        self._kinds = {plural: _Kind(self._lock, 0) for plural in plurals}

    @property
    def version(self) -> int:
        """The version of the last write, over all kinds."""
        return self._version

    def create(self, plural: str, obj: dict[str, Any]) -> str:
        """Adds an object and returns its resourceVersion; raises AlreadyExistsError, NotInstalledError.

        What the object leaves out of uid, creationTimestamp and generation is filled in.
        """
        key = _key_of(obj)
        with self._lock:
            kind = self._kind(plural)
            if kind.get(key, self._version):
                raise AlreadyExistsError(f"{plural} {key} already exists")
            created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._clock()))
            defaults = {"uid": str(uuid.uuid4()), "creationTimestamp": created, "generation": 1}
            return self._write(plural, "ADDED", key, obj, {**defaults, **obj["metadata"]})

    def update(self, plural: str, obj: dict[str, Any]) -> str:
        """Replaces an object, keeps uid and creationTimestamp; raises NotFoundError, NotInstalledError."""
        key = _key_of(obj)
        with self._lock:
            old = _decode_identity(self._present(plural, key).body).metadata
            kept = {"uid": old.uid, "creationTimestamp": old.creation_timestamp}
            metadata = {"generation": old.generation, **obj["metadata"], **kept}
            return self._write(plural, "MODIFIED", key, obj, metadata)

    def delete(self, plural: str, namespace: str, name: str) -> str:
        """Removes an object and returns the version of that; raises NotFoundError, NotInstalledError."""
        with self._lock:
            return self._delete(plural, f"{namespace}/{name}")

    def install(self, plural: str) -> None:
        """The kind's CRD is created. Nothing happens when it is there."""
        with self._lock:
            if plural not in self._kinds:
                self._version += 1
                self._kinds[plural] = _Kind(self._lock, self._version)

    def uninstall(self, plural: str) -> None:
        """The kind's CRD is deleted: DELETED for every object, then running watches end."""
        with self._lock:
            for key in list(self._kind(plural).keys_at(self._version)):
                self._delete(plural, key)
            self._kinds.pop(plural).close()

    def compact(self) -> None:
        """Forgets the history: older watches and continue tokens are refused from now on.

        Counts as a write, as in etcd, so that the version of a moment ago is too old, too.
        Running watches go on.
        """
        with self._lock:
            self._version += 1
            for kind in self._kinds.values():
                while kind.log:
                    kind.forget_oldest()
                kind.compacted = self._version

    def save(self) -> Snapshot:
        """A backup of the present objects."""
        with self._lock:
            present = {plural: self._page(kind).items for plural, kind in self._kinds.items()}
            return Snapshot(self._version, present)

    def restore(self, snapshot: Snapshot) -> None:
        """The server came back from a backup: versions go back, running watches end."""
        with self._lock:
            for kind in self._kinds.values():
                kind.close()
            self._version = version = snapshot.version
            self._kinds = {plural: _Kind(self._lock, version, p) for plural, p in snapshot.kinds.items()}

    def is_installed(self, plural: str) -> bool:
        return plural in self._kinds

    def get(self, plural: str, namespace: str, name: str) -> bytes:
        """The object as JSON; raises NotFoundError, NotInstalledError."""
        with self._lock:
            return self._present(plural, f"{namespace}/{name}").body

    def page(
        self,
        plural: str,
        namespace: str | None = None,
        *,
        limit: int = 0,
        start: str = "",
        version: int | None = None,
    ) -> Page:
        """Up to `limit` objects (0: all) from key `start` on, as they were at `version` (None: now).

        Raises ExpiredError, FutureVersionError, NotInstalledError.
        """
        with self._lock:
            kind = self._kind(plural)
            if version is not None and version > self._version:
                raise FutureVersionError(version, self._version)
            if version is not None and version < kind.compacted:
                raise ExpiredError(version, kind.compacted)
            return self._page(kind, namespace, limit, start, version)

    def watch(self, plural: str, namespace: str | None = None, *, after: int) -> Watch:
        """Events with a version above `after`; raises ExpiredError, NotInstalledError."""
        with self._lock:
            kind = self._kind(plural)
            if after < kind.compacted:
                raise ExpiredError(after, kind.compacted)
            return Watch(self, kind, f"{namespace}/" if namespace else "", after)

    # The rest expects the lock to be held.

    def _kind(self, plural: str) -> _Kind:
        try:
            return self._kinds[plural]
        except KeyError:
            raise NotInstalledError(f"no kind {plural!r}") from None

    def _present(self, plural: str, key: str) -> Event:
        event = self._kind(plural).get(key, self._version)
        if event is None:
            raise NotFoundError(f"{plural} {key} not found")
        return event

    def _page(
        self,
        kind: _Kind,
        namespace: str | None = None,
        limit: int = 0,
        start: str = "",
        version: int | None = None,
    ) -> Page:
        at = self._version if version is None else version
        keys = kind.keys_at(at)
        first, last = 0, len(keys)
        if namespace:
            # "0" follows "/": the end of all keys of this namespace.
            first, last = bisect_left(keys, f"{namespace}/"), bisect_left(keys, f"{namespace}0")
        first = max(first, bisect_left(keys, start))
        stop = min(last, first + limit) if limit else last
        items = [event for key in keys[first:stop] if (event := kind.get(key, at))]
        return Page(items, at, max(0, last - stop))

    def _delete(self, plural: str, key: str) -> str:
        obj = msgspec.json.decode(self._present(plural, key).body)
        return self._write(plural, "DELETED", key, obj, obj["metadata"])

    def _write(self, plural: str, type_: str, key: str, obj: dict[str, Any], metadata: dict[str, Any]) -> str:
        version = self._version + 1
        full = {"apiVersion": API_VERSION, "kind": kind_name(plural), **obj}
        full["metadata"] = {**metadata, "resourceVersion": str(version)}
        event = Event.of(type_, version, key, full)
        # Only now, so that an object that cannot be encoded leaves no trace.
        self._version = version
        self._kinds[plural].append(event, self._history)
        return str(version)


def kind_name(plural: str) -> str:
    """`RayCluster` for `rayclusters`."""
    return KIND_NAMES.get(plural) or plural.removesuffix("s").capitalize()


def _key_of(obj: dict[str, Any]) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
