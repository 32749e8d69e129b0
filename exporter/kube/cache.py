"""The present objects of one list and watch, and the differences that are told about them."""

from collections.abc import Collection, Iterable, Sequence
from typing import Generic, Protocol, TypeVar

from exporter.kube.wire import Object

T = TypeVar("T", bound=Object)
T_contra = TypeVar("T_contra", bound=Object, contravariant=True)


class Sink(Protocol[T_contra]):
    """Whoever wants to know."""

    def update(self, changed: Sequence[T_contra], removed: Sequence[str]) -> None:
        """Take in new versions of objects and the uids of those that are gone, as one step."""


class Cache(Generic[T]):
    """Objects by uid. Written by the reflector's thread alone; any thread may read."""

    def __init__(self, sink: Sink[T]) -> None:
        self._sink = sink
        self._objects: dict[str, T] = {}
        self._undecodable: set[str] = set()

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
        changed = [obj for obj in listed.values() if not self.holds(obj)]
        removed = [uid for uid in self._objects if uid not in listed and uid not in undecodable]
        self._sink.update(changed, removed)
        self._objects.update(listed)
        for uid in removed:
            del self._objects[uid]
        self._undecodable = set(undecodable)

    def put(self, obj: T) -> None:
        self._sink.update([obj], [])
        self._objects[obj.metadata.uid] = obj
        self._undecodable.discard(obj.metadata.uid)

    def put_undecodable(self, uid: str) -> None:
        """Note that a version of this object cannot be read; the last good one stays."""
        self._undecodable.add(uid)

    def remove(self, uid: str) -> None:
        self._undecodable.discard(uid)
        if uid in self._objects:
            self._sink.update([], [uid])
            del self._objects[uid]
