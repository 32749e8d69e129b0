"""The state that all scenarios share: time, random numbers, names, and the store.

A scenario is a generator. It changes objects and yields the number of seconds until its next step (at speed 1).
The first population is made by replay: the same generators run through the last hours of simulated time, so the
objects are as consistent as those that change live. During a replay nothing is written to the store; at its end
the objects that still exist are created there, once, in their present state.
"""

from __future__ import annotations

import math
import uuid
from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass
from random import Random
from typing import Any, Final, Protocol

from exporter.simulator.api_conventions import KIND_NAMES
from exporter.simulator.kuberay.event_recorder import EventRecorder
from exporter.simulator.kuberay.identifiers import SUFFIX_LETTERS
from exporter.simulator.kuberay.manifests import Manifests
from exporter.simulator.kuberay.simulated_object import JSON, SimulatedObject

# The steps of a scenario, or of a part of one: the seconds until the next.
Steps = Generator[float, None, None]
# Yielded where there is no next step: the object stays as it is.
FOREVER: Final = math.inf


@dataclass(frozen=True)
class Run:
    """Steps that the engine runs, with random numbers of their own: other runs do not change them."""

    steps: Steps
    random: Random


class ObjectWriter(Protocol):
    """Where objects are written. It copies what it is given, and returns the resourceVersion."""

    def create(self, plural: str, obj: dict[str, Any]) -> str: ...

    def update(self, plural: str, obj: dict[str, Any]) -> str: ...

    def delete(self, plural: str, namespace: str, name: str) -> str: ...

    def exists(self, plural: str, namespace: str, name: str) -> bool: ...


class Storable(Protocol):
    """What the world writes to the store: a custom resource, a pod or an Event."""

    @property
    def plural(self) -> str: ...

    @property
    def namespace(self) -> str: ...

    @property
    def name(self) -> str: ...

    stored: bool
    resource_version: str

    def manifest(self) -> JSON: ...


class World:
    """The state shared by all scenarios; for one thread.

    With `with_pods` there are pods and Events, too; the custom resources are the same without them. `now` is the time
    of the running step, `random` that of its run; the engine sets both before each step.
    """

    def __init__(self, store: ObjectWriter, seed: int, *, with_pods: bool = True) -> None:
        self.random = Random(seed)
        self.manifests = Manifests()
        self.now = 0.0
        self.speed = 1.0
        self.object_count = 0
        self.spawned: list[Run] = []
        self.with_pods = with_pods
        self.events = EventRecorder(self, is_enabled=with_pods)
        # Workloads that hold quota of Kueue's queue.
        self.quota_holders: list[Any] = []
        self._store = store
        # The end of the replay; None when live.
        self._replay_end: float | None = None
        # Created during the replay; a dict, because it keeps the order.
        self._pending_creates: dict[Storable, None] = {}
        self._replayed_writes = 0
        self._names: set[tuple[str, str, str]] = set()
        self._turns: Counter[tuple[str, ...]] = Counter()

    def put(self, obj: Storable) -> None:
        """Create or update the object."""
        is_new, obj.stored = not obj.stored, True
        if is_new and obj.plural in KIND_NAMES:
            self.object_count += 1
        if self._replay_end is None:
            write = self._store.create if is_new else self._store.update
            obj.resource_version = write(obj.plural, obj.manifest())
            return
        if is_new:
            self._pending_creates[obj] = None
        self._replayed_writes += 1
        obj.resource_version = str(self._replayed_writes)

    def remove(self, obj: Storable) -> None:
        """Delete the object, and free its name."""
        if obj.plural in KIND_NAMES:
            self.object_count -= 1
            self._names.discard((obj.plural, obj.namespace, obj.name))
        if obj in self._pending_creates:
            del self._pending_creates[obj]
        else:
            self._store.delete(obj.plural, obj.namespace, obj.name)

    def exists(self, obj: Storable) -> bool:
        """Return whether the object is in the store: anyone may have deleted it."""
        return self._store.exists(obj.plural, obj.namespace, obj.name)

    def spawn(self, steps: Steps, random: Random | None = None) -> None:
        """Start other steps at this moment; the engine begins them after the running step.

        Steps that need no random numbers get some `random`, so that they do not change those of the running ones.
        """
        self.spawned.append(Run(steps, random or Random(self.random.getrandbits(64))))

    def begin_replay(self, end: float) -> None:
        """Write nothing to the store until `end_replay`; `end` is the present."""
        self._replay_end = end

    def end_replay(self) -> None:
        """Create the objects that exist now, and write to the store again."""
        present, self._replay_end = self._replay_end or self.now, None
        self.events.end_replay(present)
        for obj in self._pending_creates:
            obj.resource_version = self._store.create(obj.plural, obj.manifest())
        self._pending_creates.clear()

    @property
    def is_replaying(self) -> bool:
        return self._replay_end is not None

    @property
    def replay_seconds_left(self) -> float:
        """Seconds until the end of the replay; 0 when live."""
        return 0.0 if self._replay_end is None else self._replay_end - self.now

    def seconds_until(self, at: float) -> float:
        """Return what a step has to yield so that the next one is at this wall-clock time, whatever the speed."""
        speed = self.speed if self._replay_end is None else 1.0
        return max(0.0, at - self.now) * speed

    def uniform(self, low: float, high: float) -> float:
        # Two equal bounds may be infinite, whose difference is not a number.
        return low if low == high else self.random.uniform(low, high)

    def in_turn(self, *options: str) -> str:
        """Return the next of these options: at random, a small fleet might not have the rare ones at all."""
        self._turns[options] += 1
        return options[self._turns[options] % len(options)]

    def random_pause(self, low: float, high: float) -> float:
        """Return the seconds between two rounds of an endless scenario. A replay has few rounds, however long it is."""
        seconds = self.uniform(low, high)
        left = self.replay_seconds_left
        return max(seconds, left * self.uniform(0.4, 1.0)) if left else seconds

    def random_uid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def random_suffix(self) -> str:
        return "".join(self.random.choices(SUFFIX_LETTERS, k=5))

    def unique_name(self, plural: str, namespace: str, prefix: str) -> str:
        """Reserve and return `prefix-xxxxx`, a name that no existing object of this kind has."""
        while True:
            name = f"{prefix}-{self.random_suffix()}"
            if self.reserve_name(plural, namespace, name):
                return name

    def reserve_name(self, plural: str, namespace: str, name: str) -> bool:
        """Reserve exactly this name; return False if it is taken."""
        key = (plural, namespace, name)
        if key in self._names:
            return False
        self._names.add(key)
        return True

    def new_object(self, plural: str, namespace: str, name: str, spec: JSON, **more: Any) -> SimulatedObject:
        """Return an object created now; `put` writes it to the store."""
        return SimulatedObject(plural, namespace, name, self.random_uid(), self.now, spec, **more)
