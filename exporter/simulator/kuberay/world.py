"""What the state machines act on: a clock, chance, names, and the store behind a replayable past.

A life is a generator that acts on the world and yields how many seconds (at speed 1) pass until its next
act. The same life that runs before our eyes is also replayed, from a day ago up to now, to make the first
population: so a backdated object cannot be inconsistent. While the world replays, nothing reaches the
store; what is still alive at the end does, once.
"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Generator
from random import Random
from typing import Any, Final, Protocol

from exporter.simulator.kuberay.manifests import Manifests
from exporter.simulator.kuberay.simulated_object import JSON, Resource

Stays = Generator[float, None, None]

# The letters Kubernetes makes name suffixes of.
_SUFFIX: Final = "bcdfghjklmnpqrstvwxz2456789"


class Store(Protocol):
    """Where the objects go. It copies what it is given, and returns the resourceVersion."""

    def create(self, plural: str, obj: dict[str, Any]) -> str: ...

    def update(self, plural: str, obj: dict[str, Any]) -> str: ...

    def delete(self, plural: str, namespace: str, name: str) -> str: ...


class World:
    """The one world of all lives; one thread.

    `now` is the time of the act under way, set by the engine before each. The order of calls decides what
    `random` gives, so the same seed and clock give the same world.
    """

    def __init__(self, store: Store, seed: int) -> None:
        self.random = Random(seed)
        self.manifests = Manifests()
        self.now = 0.0
        self.pace = 1.0
        self.alive = 0
        self.spawned: list[Stays] = []
        self._store = store
        self._present: float | None = None
        self._unborn: dict[Resource, None] = {}
        self._names: set[tuple[str, str, str]] = set()
        self._turns: Counter[tuple[str, ...]] = Counter()

    def put(self, resource: Resource) -> None:
        """Create or update the object."""
        if not resource.stored:
            resource.stored = True
            self.alive += 1
            if self._present is None:
                self._store.create(resource.plural, resource.manifest())
            else:
                self._unborn[resource] = None
        elif self._present is None:
            self._store.update(resource.plural, resource.manifest())

    def remove(self, resource: Resource) -> None:
        """Take the object away, and free its name."""
        self.alive -= 1
        self._names.discard((resource.plural, resource.namespace, resource.name))
        if resource in self._unborn:
            del self._unborn[resource]
        else:
            self._store.delete(resource.plural, resource.namespace, resource.name)

    def spawn(self, life: Stays) -> None:
        """Start another life at this moment (the engine takes it up after the act under way)."""
        self.spawned.append(life)

    def replay(self, present: float) -> None:
        """From now on acts lie in the past, up to `present`."""
        self._present = present

    def settle(self) -> None:
        """The past has caught up: store what is alive."""
        self._present = None
        for resource in self._unborn:
            self._store.create(resource.plural, resource.manifest())
        self._unborn.clear()

    @property
    def remaining_past(self) -> float:
        """Seconds of past still to be replayed; 0 when live."""
        return 0.0 if self._present is None else self._present - self.now

    def until(self, at: float) -> float:
        """The stay that ends at this wall-clock time, whatever the speed."""
        pace = self.pace if self._present is None else 1.0
        return max(0.0, at - self.now) * pace

    def uniform(self, low: float, high: float) -> float:
        # Two equal bounds may be infinite, whose difference is not a number.
        return low if low == high else self.random.uniform(low, high)

    def in_turn(self, *options: str) -> str:
        """Give each of the options in turn: chance would keep the rare ones away from a small fleet."""
        self._turns[options] += 1
        return options[self._turns[options] % len(options)]

    def pause(self, low: float, high: float) -> float:
        """A stay between the rounds of an endless life. A long past is crossed in a few rounds."""
        stay = self.uniform(low, high)
        return max(stay, self.remaining_past * self.uniform(0.4, 1.0)) if self.remaining_past else stay

    def uid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def suffix(self) -> str:
        return "".join(self.random.choices(_SUFFIX, k=5))

    def name(self, plural: str, namespace: str, stem: str) -> str:
        """Return `stem-xxxxx`, a name no living object of this kind has, and keep it."""
        while True:
            name = f"{stem}-{self.suffix()}"
            if self.claim(plural, namespace, name):
                return name

    def claim(self, plural: str, namespace: str, name: str) -> bool:
        """Keep exactly this name; False where it is taken."""
        key = (plural, namespace, name)
        if key in self._names:
            return False
        self._names.add(key)
        return True

    def resource(self, plural: str, namespace: str, name: str, spec: JSON, **more: Any) -> Resource:
        return Resource(plural, namespace, name, self.uid(), self.now, spec, **more)
