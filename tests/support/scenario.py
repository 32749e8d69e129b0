"""Steps of the simulation, run one after the other at their times."""

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay.world import World

NOW = 1_800_000_000.0


def new_world(seed: int = 1) -> tuple[World, ObjectStore]:
    """Return a world at a fixed time, and the store that it writes to."""
    store = ObjectStore(clock=lambda: NOW)
    world = World(store, seed)
    world.now = NOW
    return world, store


def run_steps(world: World, steps: Iterable[float], seconds: float) -> Iterator[float]:
    """Run steps for so long; yield the time after each."""
    end = world.now + seconds
    for pause in steps:
        yield world.now
        if world.now + pause > end:
            return
        world.now += pause


def objects(store: ObjectStore, plural: str) -> list[dict[str, Any]]:
    return [msgspec.json.decode(event.body) for event in store.page(plural).items]
