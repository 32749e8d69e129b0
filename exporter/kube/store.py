"""The present objects of one list and watch, and the differences that an event handler is given."""

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Generic, Protocol, TypeVar

from exporter.families.limits import Shares
from exporter.kube.wire import Object

T = TypeVar("T", bound=Object)
T_contra = TypeVar("T_contra", bound=Object, contravariant=True)


class EventHandler(Protocol[T_contra]):
    """Receives every difference, each as one step. Called from the reflector's thread."""

    def on_list(self, present: Sequence[T_contra], undecodable: Collection[str]) -> None:
        """Take what the first list shows: objects, and the uids of those that could not be decoded."""

    def on_change(self, changed: Sequence[T_contra], removed: Sequence[T_contra]) -> None:
        """Take new versions of objects, and the last versions of deleted ones."""


class Store(Generic[T]):
    """Objects by uid. Written by a `StoreUpdater` alone; any thread may read through the methods."""

    def __init__(
        self,
        kept: Callable[[T], T] = lambda obj: obj,
        maximum: tuple[int, int] | None = None,
        dropped: Callable[[], object] = lambda: None,
    ) -> None:
        """`kept` returns what is held of an object: at least the metadata that identify it and its version.

        `maximum` is the number of objects that are held, in all and of one namespace; None: all. `dropped` is called
        for each object that is not held because of it.
        """
        self.kept = kept
        self.dropped = dropped
        self.maximum = maximum
        self.by_uid: dict[str, T] = {}
        self.undecodable_uids: set[str] = set()

    def __len__(self) -> int:
        """Return how many objects are held."""
        return len(self.by_uid)

    def __iter__(self) -> Iterator[T]:
        """Iterate over the objects as they are now."""
        # One call into C: no other thread can change the dict during it.
        return iter(list(self.by_uid.values()))

    @property
    def undecodable(self) -> int:
        """The number of objects whose current version could not be decoded."""
        return len(self.undecodable_uids)

    def holds(self, obj: T) -> bool:
        """Tell whether exactly this version of the object is held."""
        held = self.by_uid.get(obj.metadata.uid)
        return held is not None and held.metadata.resource_version == obj.metadata.resource_version


class StoreUpdater(Generic[T]):
    """Writes a store, after the event handler has taken the difference. For the reflector's thread.

    If the handler raises, the store is unchanged, and the next list brings the same difference again.
    """

    def __init__(self, store: Store[T], handler: EventHandler[T]) -> None:
        self.store = store
        self._handler = handler
        self._has_listed = False
        self._shares = Shares[str](*store.maximum) if store.maximum else None

    def replace(self, objects: Iterable[T], undecodable: Collection[str]) -> None:
        """Apply a finished list as a difference; of an undecodable object the last valid version stays.

        Nothing is changed if `objects` raises; `undecodable` is read when all of them were taken.
        """
        held = self.store.by_uid
        listed, shares = self._bounded(objects)
        if self._has_listed:
            # Of the others the version that is held stays: the handler may hold it, too, and two need twice the memory.
            changed = [obj for obj in listed.values() if not self.store.holds(obj)]
            removed = [obj for uid, obj in held.items() if uid not in listed and uid not in undecodable]
            self._handler.on_change(changed, removed)
            for obj in removed:
                del held[obj.metadata.uid]
        else:
            changed = list(listed.values())
            self._handler.on_list(changed, undecodable)
            self._has_listed = True
        held.update((obj.metadata.uid, self.store.kept(obj)) for obj in changed)
        self._shares = shares
        self.store.undecodable_uids = set(undecodable)

    def clear(self) -> None:
        """Drop everything: the kind is not installed any more. A list that finds it again is not the first."""
        self._handler.on_change([], list(self.store))
        self.store.by_uid.clear()
        self._shares = Shares[str](*self.store.maximum) if self.store.maximum else None
        self.store.undecodable_uids.clear()

    def put(self, obj: T) -> None:
        excess = self._shares.add(obj.metadata.namespace, obj.metadata.uid) if self._shares else None
        oldest = self.store.by_uid.get(excess) if excess is not None else None
        self._handler.on_change([obj], [] if oldest is None else [oldest])
        if oldest is not None:
            del self.store.by_uid[oldest.metadata.uid]
            self.store.dropped()
        self.store.by_uid[obj.metadata.uid] = self.store.kept(obj)
        self.store.undecodable_uids.discard(obj.metadata.uid)

    def put_undecodable(self, uid: str) -> None:
        """Record that a version of this object cannot be decoded; the last valid one stays."""
        self.store.undecodable_uids.add(uid)

    def remove(self, uid: str) -> None:
        self.store.undecodable_uids.discard(uid)
        if obj := self.store.by_uid.get(uid):
            self._handler.on_change([], [obj])
            del self.store.by_uid[uid]
            if self._shares:
                self._shares.discard(obj.metadata.namespace, uid)

    def _bounded(self, objects: Iterable[T]) -> tuple[dict[str, T], Shares[str] | None]:
        """Return the listed objects by uid, as many as may be held, and the shares of their namespaces."""
        if self._shares is None or self.store.maximum is None:
            return {obj.metadata.uid: obj for obj in objects}, None
        listed: dict[str, T] = {}
        shares = Shares[str](*self.store.maximum)
        for obj in objects:
            uid, namespace = obj.metadata.uid, obj.metadata.namespace
            # One that was dropped before is not new: its occurrences would be counted again.
            if self._has_listed and uid not in self.store.by_uid and self._shares.is_full(namespace):
                self.store.dropped()
                continue
            listed[uid] = obj
            if (excess := shares.add(namespace, uid)) is not None:
                del listed[excess]
                self.store.dropped()
        return listed, shares
