"""The engine of the simulation with a store that keeps all writes and a clock that a test moves."""

import json
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Any

from exporter.simulator.kuberay.engine import Engine

START = 1_800_000_000.4

JSON = dict[str, Any]


class RecordingStore:
    """Keeps a copy of every write, and refuses what an API server would refuse."""

    def __init__(self) -> None:
        self.live: dict[tuple[str, str, str], JSON] = {}
        self.writes: list[tuple[str, str, JSON]] = []
        self.watch: Callable[[str, str, JSON], None] | None = None

    def create(self, plural: str, obj: JSON) -> str:
        assert _key(plural, obj) not in self.live
        return self._keep("ADDED", plural, obj)

    def update(self, plural: str, obj: JSON) -> str:
        assert self.live[_key(plural, obj)]["metadata"]["uid"] == obj["metadata"]["uid"]
        return self._keep("MODIFIED", plural, obj)

    def delete(self, plural: str, namespace: str, name: str) -> str:
        obj = self.live.pop((plural, namespace, name))
        return self._note("DELETED", plural, obj)

    def exists(self, plural: str, namespace: str, name: str) -> bool:
        return (plural, namespace, name) in self.live

    def _keep(self, event: str, plural: str, obj: JSON) -> str:
        copy = json.loads(json.dumps(obj))
        self.live[_key(plural, obj)] = copy
        return self._note(event, plural, copy)

    def _note(self, event: str, plural: str, obj: JSON) -> str:
        self.writes.append((event, plural, obj))
        if self.watch is not None:
            self.watch(event, plural, obj)
        return str(len(self.writes))


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def _key(plural: str, obj: JSON) -> tuple[str, str, str]:
    return plural, obj["metadata"]["namespace"], obj["metadata"]["name"]


def make_engine(
    seed: int = 1, speed: float = 1.0, objects: int = 60, *, with_pods: bool = False
) -> tuple[Engine, RecordingStore, Clock]:
    store, clock = RecordingStore(), Clock()
    engine = Engine(store, seed=seed, speed=speed, objects=objects, with_pods=with_pods, clock=clock)
    return engine, store, clock


def no_progress(_count: int, _desired: int) -> None:
    """Show no progress."""


def advance(engine: Engine, clock: Clock, seconds: float) -> None:
    """Let simulated time pass, one step after the other."""
    end = clock.now + seconds
    while engine.next_due <= end:
        clock.now = engine.next_due
        engine.step(clock.now)
    clock.now = end


@cache
def fleet_writes() -> list[tuple[str, str, JSON]]:
    """Return all writes of a fleet with pods, in two minutes at ten times the speed; no test may change them."""
    engine, store, clock = make_engine(with_pods=True, objects=90, speed=10)
    engine.populate(no_progress)
    advance(engine, clock, 120)
    return store.writes


def seconds_of(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()
