"""What happens to the storage of an API server outside of its API: definitions, compaction, backups."""

from typing import NamedTuple

from exporter.simulator.apiserver.history import History, StoredEvent
from exporter.simulator.apiserver.store import ObjectStore


class Backup(NamedTuple):
    """The present objects without their history."""

    version: int
    kinds: dict[str, list[StoredEvent]]


def install(store: ObjectStore, plural: str) -> None:
    """Create the kind's CRD. If it exists, do nothing."""
    with store._lock:
        if plural not in store._kinds:
            store._version += 1
            store._kinds[plural] = History(store._lock, store._version)


def uninstall(store: ObjectStore, plural: str) -> None:
    """Delete the kind's CRD: DELETED for every object, then running watches end; raise NotInstalledError."""
    with store._lock:
        for key in list(store._kind(plural).keys_at(store._version)):
            store._delete(plural, key)
        store._kinds.pop(plural).close()


def compact(store: ObjectStore) -> None:
    """Drop the history: new watches and continue tokens of older versions are refused from now on.

    Counts as a write, as in etcd, so that even the version just before is too old.
    Running watches continue.
    """
    with store._lock:
        store._version += 1
        for kind in store._kinds.values():
            while kind.log:
                kind.forget_oldest()
            kind.compacted = store._version


def save(store: ObjectStore) -> Backup:
    """Return a backup of the present objects."""
    with store._lock:
        present = {plural: kind.page(store._version).items for plural, kind in store._kinds.items()}
        return Backup(store._version, present)


def restore(store: ObjectStore, backup: Backup) -> None:
    """Restore a backup: the version is lower again, and running watches end."""
    with store._lock:
        for kind in store._kinds.values():
            kind.close()
        store._version = version = backup.version
        store._kinds = {plural: History(store._lock, version, present) for plural, present in backup.kinds.items()}
