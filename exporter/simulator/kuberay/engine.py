"""The engine of the simulation: it runs scenarios, and so writes objects to a store as the KubeRay operator would.

Scenarios wait in one heap, ordered by the time of their next step. The first population is made by replaying each
scenario from its past up to now, so it is as consistent as what changes later. With the same seed and the same clock
the engine writes the same objects; with another clock only the times and the jobs of RayCronJobs differ, and so how
many scenarios are needed. It promises what the operator writes, its Events included, and the pods as the scheduler and
kubelet write them. It does not promise what Ray would do, and changes that others make to the objects have no effect.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable
from random import Random
from typing import Final

from exporter.simulator.kuberay.scenarios import Scenario, repeat, scenario_sequence
from exporter.simulator.kuberay.world import ObjectWriter, Run, World

# A step that is later than this gets the present time instead of the time when it was due: an overloaded engine is
# slower than asked for, but its timestamps do not fall behind the clock.
_LATE_SECONDS: Final = 1.0
# The longest sleep of `run`, and so the longest time until it notices the stop.
_SLEEP_SECONDS: Final = 0.25

_Scheduled = tuple[float, int, Run]


class Engine:
    """Creates about `objects` custom resources in `store`, and keeps changing them.

    With `with_pods` it also writes their pods and Events, with `with_workloads` objects in a queue of Kueue with their
    Workloads; none of these is counted in `objects`.

    `speed` divides the time between steps of the live simulation; timestamps are those of `clock` and never later.
    Call `populate` once, then `run` (or `step` as often as you like), from one thread at a time.
    """

    def __init__(
        self,
        store: ObjectWriter,
        *,
        seed: int,
        speed: float,
        objects: int,
        with_pods: bool = True,
        with_workloads: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._random = Random(seed)
        self._world = World(store, seed, with_pods=with_pods)
        self._world.speed = speed
        self._speed = speed
        self._objects = objects
        self._with_workloads = with_workloads
        self._clock = clock
        self._heap: list[_Scheduled] = []
        self._number = 0

    @property
    def next_due(self) -> float:
        """The time of the next step, in the clock's seconds; infinite if there is none."""
        return self._heap[0][0] if self._heap else math.inf

    @property
    def objects(self) -> int:
        """The number of custom resources in the store."""
        return self._world.object_count

    def populate(self, progress: Callable[[int, int], None]) -> None:
        """Create the first population; `progress` gets the number of objects so far and the desired number."""
        started = self._clock()
        scenarios = scenario_sequence(self._random, with_workloads=self._with_workloads)
        while self._world.object_count < self._objects:
            self._replay(next(scenarios), started)
            progress(min(self._world.object_count, self._objects), self._objects)
        if self._world.with_pods:
            self._schedule(started, Run(self._world.events.housekeeping(), Random(0)))
        self._postpone(self._clock() - started)

    def run(self, stop: threading.Event) -> None:
        """Run all steps when they are due, until `stop` is set."""
        while not stop.is_set():
            self.step(self._clock())
            stop.wait(min(max(self.next_due - self._clock(), 0.001), _SLEEP_SECONDS))

    def step(self, now: float) -> int:
        """Run the steps that are due by `now`, in order; return their number."""
        count = 0
        while self._heap and self._heap[0][0] <= now:
            due, _, run = heapq.heappop(self._heap)
            at = due if now - due < _LATE_SECONDS else now
            seconds = self._advance(run, at)
            self._schedule(at + seconds / self._speed, run)
            for spawned in self._take_spawned():
                self._schedule(at, spawned)
            count += 1
        return count

    def _replay(self, scenario: Scenario, present: float) -> None:
        """Replay a scenario, and what it spawns, from its age up to now."""
        world = self._world
        world.begin_replay(present)
        world.random = Random(self._random.getrandbits(64))
        number = 0
        first = Run(repeat(world, scenario), world.random)
        past: list[_Scheduled] = [(present - world.uniform(*scenario.age), 0, first)]
        while past:
            at, _, run = heapq.heappop(past)
            if at > present:
                # The wait began in the past; the rest of it passes at the speed of the live simulation.
                self._schedule(present + (at - present) / self._speed, run)
                continue
            seconds = self._advance(run, at)
            for due, following in ((at + seconds, run), *((at, spawned) for spawned in self._take_spawned())):
                number += 1
                if due < math.inf:
                    heapq.heappush(past, (due, number, following))
        world.end_replay()

    def _advance(self, run: Run, at: float) -> float:
        """Run one step; return the seconds until the next one, infinite if there is none."""
        self._world.now, self._world.random = at, run.random
        # With a wait of 0 s, steps might follow each other without end at one moment.
        return max(next(run.steps, math.inf), 0.001)

    def _take_spawned(self) -> list[Run]:
        spawned, self._world.spawned = self._world.spawned, []
        return spawned

    def _schedule(self, due: float, run: Run) -> None:
        if due < math.inf:
            self._number += 1
            heapq.heappush(self._heap, (due, self._number, run))

    def _postpone(self, seconds: float) -> None:
        """Move all steps by the time that creating the population took: none is due before it is over."""
        self._heap = [(due + seconds, number, run) for due, number, run in self._heap]
