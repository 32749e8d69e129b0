"""The storage of the simulated API server: what etcd and the watch cache do, in memory.

It hides resource versions: one counter over all kinds, and the refusal of versions that are too old or do not exist
yet. The earlier versions of each kind are in `history`.

Not promised: validation, admission, conflicts on a stale resourceVersion, finalizers, expiry of Events,
and a generation that increases by itself. Writers have to get these right.
"""

import threading
import time
import uuid
from collections.abc import Callable
from typing import Any

import msgspec

from exporter.simulator.api_conventions import (
    CORE_KIND_NAMES,
    EVENTS,
    KIND_NAMES,
    WORKLOADS,
    api_version,
    group,
    is_core,
    kind_name,
    timestamp,
)
from exporter.simulator.apiserver.history import History, Matches, StoredEvent, StoredPage, Watch


class StoreError(Exception):
    """A refusal of the store.

    StoreError
    ├── AlreadyExistsError     create of an existing object
    ├── NotFoundError          no such object
    │   └── NotInstalledError  no such kind
    ├── ExpiredError           the version is older than the history; `oldest` is not
    └── FutureVersionError     the version does not exist yet
    """


class AlreadyExistsError(StoreError):
    """An object of this name exists."""


class NotFoundError(StoreError):
    """There is no such object."""


class NotInstalledError(NotFoundError):
    """There is no such kind."""


class ExpiredError(StoreError):
    """The version is older than the history."""

    def __init__(self, version: int, oldest: int) -> None:
        super().__init__(f"too old resource version: {version} ({oldest})")
        self.oldest = oldest


class FutureVersionError(StoreError):
    """The version does not exist yet."""

    def __init__(self, version: int, current: int) -> None:
        super().__init__(f"Too large resource version: {version}, current: {current}")


class _Identity(msgspec.Struct, rename="camel"):
    uid: str
    creation_timestamp: str
    generation: int = 0


class _Stored(msgspec.Struct):
    metadata: _Identity


_decode_identity = msgspec.json.Decoder(_Stored).decode


class ObjectStore:
    """Objects by kind, namespace and name, with one version counter and a bounded history.

    Every method may be called from any thread. Objects are dicts in Kubernetes form; each version
    is encoded once and the caller's dict is neither kept nor changed. The order is that of etcd: by the
    bytes of `namespace/name`, so `a-b/x` comes before `a/x`.

    At first all of KIND_NAMES are installed, and Kueue if asked for; Events and pods always exist. `history` is the
    number of events kept for each kind. `clock` returns Unix seconds, for creation times.
    """

    def __init__(
        self, *, clock: Callable[[], float] = time.time, history: int = 20_000, with_workloads: bool = False
    ) -> None:
        self._clock = clock
        self._history = history
        # Guards the version, the kinds and everything in them: written by the engine and the
        # tests, read by the threads of the API server.
        self._lock = threading.Lock()
        self._version = 1
        plurals = (*KIND_NAMES, *CORE_KIND_NAMES, *((WORKLOADS,) if with_workloads else ()))
        self._kinds = {plural: History(self._lock, 0) for plural in plurals}

    @property
    def version(self) -> int:
        """Return the version of the last write, over all kinds."""
        return self._version

    def create(self, plural: str, obj: dict[str, Any]) -> str:
        """Add an object and return its resourceVersion; raise AlreadyExistsError, NotInstalledError.

        If uid, creationTimestamp or generation is missing, it is added; Events have no generation.
        """
        key = _key_of(obj)
        with self._lock:
            kind = self._kind(plural)
            if kind.get(key, self._version):
                raise AlreadyExistsError(f"{plural} {key} already exists")
            metadata = dict(obj["metadata"])
            metadata.setdefault("uid", str(uuid.uuid4()))
            metadata.setdefault("creationTimestamp", timestamp(self._clock()))
            if plural != EVENTS:
                metadata.setdefault("generation", 1)
            return self._write(plural, "ADDED", key, obj, metadata)

    def update(self, plural: str, obj: dict[str, Any]) -> str:
        """Replace an object and return its resourceVersion; raise NotFoundError, NotInstalledError.

        uid and creationTimestamp stay; so does the generation unless the object has one.
        """
        key = _key_of(obj)
        with self._lock:
            old = _decode_identity(self._present(plural, key).body).metadata
            kept = {"uid": old.uid, "creationTimestamp": old.creation_timestamp}
            metadata = {**obj["metadata"], **kept}
            if plural != EVENTS:
                metadata.setdefault("generation", old.generation)
            return self._write(plural, "MODIFIED", key, obj, metadata)

    def delete(self, plural: str, namespace: str, name: str) -> str:
        """Delete an object and return the version of its deletion; raise NotFoundError, NotInstalledError."""
        with self._lock:
            return self._delete(plural, f"{namespace}/{name}")

    def is_installed(self, plural: str) -> bool:
        """Return whether the kind's CRD exists; true for Events and pods."""
        return plural in self._kinds

    def installed(self) -> list[str]:
        """Return the kinds of ray.io whose CRDs exist."""
        with self._lock:
            return [plural for plural in self._kinds if group(plural) == "ray.io"]

    def get(self, plural: str, namespace: str, name: str) -> bytes:
        """Return the object as JSON; raise NotFoundError, NotInstalledError."""
        with self._lock:
            return self._present(plural, f"{namespace}/{name}").body

    def exists(self, plural: str, namespace: str, name: str) -> bool:
        """Return whether there is such an object; raise NotInstalledError."""
        with self._lock:
            return self._kind(plural).get(f"{namespace}/{name}", self._version) is not None

    def page(
        self,
        plural: str,
        namespace: str | None = None,
        *,
        limit: int = 0,
        start: str = "",
        version: int | None = None,
        matches: Matches | None = None,
    ) -> StoredPage:
        """Return up to `limit` objects (0: all) from key `start` on, as they were at `version` (None: now).

        Raise ExpiredError, FutureVersionError, NotInstalledError.
        """
        with self._lock:
            kind = self._kind(plural)
            if version is not None and version > self._version:
                raise FutureVersionError(version, self._version)
            if version is not None and version < kind.compacted:
                raise ExpiredError(version, kind.compacted)
            at = self._version if version is None else version
            return kind.page(at, namespace, limit=limit, start=start, matches=matches)

    def watch(self, plural: str, namespace: str | None = None, *, after: int, matches: Matches | None = None) -> Watch:
        """Return a reader of the events with a version above `after`; raise ExpiredError, NotInstalledError."""
        with self._lock:
            kind = self._kind(plural)
            if after < kind.compacted:
                raise ExpiredError(after, kind.compacted)
            prefix = f"{namespace}/" if namespace else ""
            return Watch(kind, prefix, after, lambda: self._version, matches)

    # The caller of the methods below holds the lock.

    def _kind(self, plural: str) -> History:
        try:
            return self._kinds[plural]
        except KeyError:
            raise NotInstalledError(f"no kind {plural!r}") from None

    def _present(self, plural: str, key: str) -> StoredEvent:
        event = self._kind(plural).get(key, self._version)
        if event is None:
            raise NotFoundError(f"{plural} {key} not found")
        return event

    def _delete(self, plural: str, key: str) -> str:
        obj = msgspec.json.decode(self._present(plural, key).body)
        return self._write(plural, "DELETED", key, obj, obj["metadata"])

    def _write(self, plural: str, type_: str, key: str, obj: dict[str, Any], metadata: dict[str, Any]) -> str:
        version = self._version + 1
        full = {"kind": kind_name(plural), "apiVersion": api_version(plural), **obj}
        full["metadata"] = {**metadata, "resourceVersion": str(version)}
        event = StoredEvent.of(type_, version, key, full, is_sorted=not is_core(plural))
        # Set only now: an object that cannot be encoded changes nothing.
        self._version = version
        self._kinds[plural].append(event, self._history)
        return str(version)


def _key_of(obj: dict[str, Any]) -> str:
    return f"{obj['metadata']['namespace']}/{obj['metadata']['name']}"
