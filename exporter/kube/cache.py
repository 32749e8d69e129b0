"""The present objects of one list and watch, and the differences that are told about them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from exporter.kube.wire import Object

T = TypeVar("T", bound=Object)
T_contra = TypeVar("T_contra", bound=Object, contravariant=True)


class Sink(Protocol[T_contra]):
    """Whoever wants to know."""

    def begin(self, present: Sequence[T_contra], undecodable: Collection[str]) -> None:
        """Take in what the first list shows, as one step: objects, and the uids of those that can't be decoded."""

    def update(self, changed: Sequence[T_contra], removed: Sequence[T_contra]) -> None:
        """Take in new versions of objects and the last versions of those that are gone, as one step."""


class Cache(Generic[T]):
    """Objects by uid. Written by the reflector's thread alone; any thread may read."""

    def __init__(self, sink: Sink[T]) -> None:
        self._sink = sink
        self._objects: dict[str, T] = {}
        self._undecodable: set[str] = set()
        self._has_listed = False

    def __len__(self) -> int:
        """Return how many objects are held."""
        return len(self._objects)

    @property
    def undecodable(self) -> int:
        """Return of how many objects the present version could not be decoded."""
        return len(self._undecodable)

    def is_undecodable(self, uid: str) -> bool:
        """Tell whether the present version of this object could not be decoded."""
        return uid in self._undecodable

    def objects(self) -> list[T]:
        """Return the objects as they are now."""
        # One call into C: nobody can change the dict in the middle of it.
        return list(self._objects.values())

    def holds(self, obj: T) -> bool:
        """Tell whether this very version of the object is the one held."""
        held = self._objects.get(obj.metadata.uid)
        return held is not None and held.metadata.resource_version == obj.metadata.resource_version

    def replace(self, objects: Iterable[T], undecodable: Collection[str]) -> None:
        """Make a finished list the truth; of an undecodable object the last good version stays."""
        listed = {obj.metadata.uid: obj for obj in objects}
        if self._has_listed:
            changed = [obj for obj in listed.values() if not self.holds(obj)]
            removed = [obj for uid, obj in self._objects.items() if uid not in listed and uid not in undecodable]
            self._sink.update(changed, removed)
            for obj in removed:
                del self._objects[obj.metadata.uid]
        else:
            self._sink.begin(list(listed.values()), undecodable)
            self._has_listed = True
        self._objects.update(listed)
        self._undecodable = set(undecodable)

    def clear(self) -> None:
        """Drop everything: the kind is not installed any more. A list that finds it again is not the first."""
        self._sink.update([], list(self._objects.values()))
        self._objects.clear()
        self._undecodable.clear()

    def put(self, obj: T) -> None:
        self._sink.update([obj], [])
        self._objects[obj.metadata.uid] = obj
        self._undecodable.discard(obj.metadata.uid)

    def put_undecodable(self, uid: str) -> None:
        """Note that a version of this object cannot be read; the last good one stays."""
        self._undecodable.add(uid)

    def remove(self, uid: str) -> None:
        self._undecodable.discard(uid)
        if obj := self._objects.get(uid):
            self._sink.update([], [obj])
            del self._objects[uid]
