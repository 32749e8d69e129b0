"""The engine of the demo: drives lifelike KubeRay lifecycles into a store.

Lives wait in one heap, ordered by the time of their next act. The first population is made by replaying
each life from its past up to now, so it is as consistent as what happens later before our eyes. With the
same seed and the same clock it does the same. It promises what the operator's status writes look like, not
what Ray or Kubernetes would do: there are no pods, and nothing reacts to changes of anybody else.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable
from typing import Final

from exporter.simulator.kuberay.scenarios import Scenario, casting, live
from exporter.simulator.kuberay.world import Stays, Store, World

__all__ = ["Engine", "Store"]

# An act later than this happens now instead of when it was due: an overloaded engine slows the world
# down, it does not run after it with ever older timestamps.
_LATE_SECONDS: Final = 1.0
# How long `run` sleeps at most, and so how soon it notices the stop.
_NAP_SECONDS: Final = 0.25

_Due = tuple[float, int, Stays]


class Engine:
    """Makes about `objects` custom resources live in `store`, and keeps them changing.

    `speed` divides every stay of the live simulation; timestamps are those of `clock` and never later.
    Call `populate` once, then `run` (or `step` as often as you like), from one thread at a time.
    """

    def __init__(
        self,
        store: Store,
        *,
        seed: int,
        speed: float,
        objects: int,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._world = World(store, seed)
        self._world.pace = speed
        self._speed = speed
        self._objects = objects
        self._clock = clock
        self._heap: list[_Due] = []
        self._number = 0

    @property
    def next_due(self) -> float:
        """When the next act is due (in the clock's seconds); infinite without one."""
        return self._heap[0][0] if self._heap else math.inf

    @property
    def objects(self) -> int:
        """How many objects are in the store now."""
        return self._world.alive

    def populate(self, progress: Callable[[int, int], None]) -> None:
        """Make the first population; `progress` gets the objects made so far and those wanted."""
        started = self._clock()
        cast = casting(self._world.random)
        while self._world.alive < self._objects:
            self._backdate(next(cast), started)
            progress(min(self._world.alive, self._objects), self._objects)
        self._delay(self._clock() - started)

    def run(self, stop: threading.Event) -> None:
        """Let the world live until `stop` is set."""
        while not stop.is_set():
            self.step(self._clock())
            stop.wait(min(max(self.next_due - self._clock(), 0.001), _NAP_SECONDS))

    def step(self, now: float) -> int:
        """Do what is due by `now`, in its order; return how many acts that were."""
        acts = 0
        while self._heap and self._heap[0][0] <= now:
            due, _, life = heapq.heappop(self._heap)
            at = due if now - due < _LATE_SECONDS else now
            stay = self._act(life, at)
            self._await(at + stay / self._speed, life)
            for child in self._newborn():
                self._await(at, child)
            acts += 1
        return acts

    def _backdate(self, scenario: Scenario, present: float) -> None:
        """Replay a life, and those it begets, from the scenario's age up to now."""
        world = self._world
        world.replay(present)
        number = 0
        past: list[_Due] = [(present - world.uniform(*scenario.age), 0, live(world, scenario))]
        while past:
            at, _, life = heapq.heappop(past)
            if at > present:
                # What is left of a stay begun in the past passes at the speed of the present.
                self._await(present + (at - present) / self._speed, life)
                continue
            stay = self._act(life, at)
            for due, heir in ((at + stay, life), *((at, child) for child in self._newborn())):
                number += 1
                if due < math.inf:
                    heapq.heappush(past, (due, number, heir))
        world.settle()

    def _act(self, life: Stays, at: float) -> float:
        """Let a life act; return how long it stays as it is, forever where it has ended."""
        self._world.now = at
        # A stay of nothing would let a life act forever at one moment.
        return max(next(life, math.inf), 0.001)

    def _newborn(self) -> list[Stays]:
        born, self._world.spawned = self._world.spawned, []
        return born

    def _await(self, due: float, life: Stays) -> None:
        if due < math.inf:
            self._number += 1
            heapq.heappush(self._heap, (due, self._number, life))

    def _delay(self, seconds: float) -> None:
        """Making the population took time: nothing is due before it is over."""
        self._heap = [(due + seconds, number, life) for due, number, life in self._heap]
