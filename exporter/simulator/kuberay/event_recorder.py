"""The Events of the simulated operator: when they are written, grow, end, are written again, and expire.

It hides what KubeRay's recorder keeps in memory: an occurrence with the same key as an earlier one is no new Event but
increases a count, which is written late. The rules and times are those of client-go's recorder for events.k8s.io/v1,
and were measured (v1.36). Times pass at the speed of the simulation.
"""

from __future__ import annotations

import heapq
from collections.abc import Generator
from dataclasses import dataclass
from typing import Final, Protocol

from exporter.simulator.kuberay.simulated_event import NORMAL, WARNING, SimulatedEvent
from exporter.simulator.kuberay.simulated_object import SimulatedObject

# --event-ttl of the API server; each write starts it again.
TTL_SECONDS: Final = 3600.0
# A series without an occurrence for so long ends. Whether it does is checked as often.
IDLE_SECONDS: Final = 360.0
# How often running series are written.
REFRESH_SECONDS: Final = 1800.0
_STEP_SECONDS: Final = 30.0

_Key = tuple[object, ...]


class EventWorld(Protocol):
    """What the recorder needs of the world."""

    now: float
    speed: float

    @property
    def is_replaying(self) -> bool: ...

    def put(self, obj: SimulatedEvent) -> None: ...

    def remove(self, obj: SimulatedEvent) -> None: ...

    def exists(self, obj: SimulatedEvent) -> bool: ...


@dataclass
class _Series:
    """What the recorder remembers of one Event: occurrences that are not written yet are in `count` only."""

    event: SimulatedEvent
    count: int
    last_at: float


class EventRecorder:
    """Records Events of custom resources; for the engine's thread. Without `is_enabled` it does nothing."""

    def __init__(self, world: EventWorld, *, is_enabled: bool) -> None:
        self._world = world
        self._is_enabled = is_enabled
        self._series: dict[_Key, _Series] = {}
        # By the time of their expiry; an entry is out of date if its Event has been written since.
        self._expiries: list[tuple[float, int, SimulatedEvent]] = []
        # Those of the running replay.
        self._replayed: dict[_Key, _Series] = {}
        self._number = 0

    def normal(self, obj: SimulatedObject, reason: str, message: str, action: str = "Create", times: int = 1) -> None:
        """Record that the operator did something, `times` in one reconciliation."""
        self._record(obj, NORMAL, reason, message, action, times)

    def warning(
        self,
        obj: SimulatedObject,
        reason: str,
        message: str,
        action: str = "Create",
        times: int = 1,
        attempt: float = 0,
    ) -> None:
        """Record that something went wrong.

        Each `attempt` gets an Event of its own, as if it had changed the object.
        """
        self._record(obj, WARNING, reason, message, action, times, attempt)

    def legacy(self, obj: SimulatedObject, component: str, type_: str, reason: str, message: str) -> None:
        """Record through core/v1: each further occurrence is written at once."""
        if not self._is_enabled:
            return
        key = (component, type_, reason, message, obj.uid)
        series = self._running(key)
        if series is None:
            self._begin(key, obj, type_, reason, message, "", component)
            return
        series.count += 1
        series.last_at = self._world.now
        self._write(series)

    def housekeeping(self) -> Generator[float, None, None]:
        """Delete expired Events, and write the counts of series, for ever."""
        since_check = since_refresh = 0.0
        while True:
            yield _STEP_SECONDS
            since_check += _STEP_SECONDS
            since_refresh += _STEP_SECONDS
            self._expire()
            if since_refresh >= REFRESH_SECONDS:
                self._refresh()
                since_refresh = 0.0
            if since_check >= IDLE_SECONDS:
                self._end_idle()
                since_check = 0.0

    def end_replay(self, present: float) -> None:
        """Bring what the replay recorded into its present state: expired Events are gone, and idle series have ended.

        What is left of a wait passes at the speed of the live simulation.
        """
        speed = self._world.speed
        for key, series in self._replayed.items():
            event, idle = series.event, present - series.last_at
            has_ended = idle > 2 * IDLE_SECONDS
            if has_ended and series.count > event.count:
                event.count, event.last_at = series.count, series.last_at
                event.written_at = series.last_at + 1.5 * IDLE_SECONDS
            left = event.written_at + TTL_SECONDS - present
            if left <= 0:
                self._world.remove(event)
                continue
            self._schedule_expiry(event, present + left / speed)
            if not has_ended:
                series.last_at = present - idle / speed
                self._series[key] = series
        self._replayed.clear()

    def _record(
        self,
        obj: SimulatedObject,
        type_: str,
        reason: str,
        message: str,
        action: str,
        times: int,
        attempt: float = 0,
    ) -> None:
        if not self._is_enabled or not times:
            return
        # The message is not in the key, but the version of the object is.
        key = (type_, reason, action, obj.uid, obj.resource_version, attempt)
        series = self._running(key)
        if series is None:
            series = self._begin(key, obj, type_, reason, message, action, "")
            times -= 1
        series.count += times
        series.last_at = self._world.now
        # The second occurrence is written at once, the later ones are not.
        if series.event.count == 1 and series.count > 1:
            self._write(series, count=2)

    def _running(self, key: _Key) -> _Series | None:
        """Return the series that one more occurrence belongs to."""
        series = self._replayed.get(key)
        if series is not None and self._world.now - series.last_at > IDLE_SECONDS:
            # There is no housekeeping during a replay: the series has ended, and is kept for its end under another key.
            self._replayed[(*key, series.event.name)] = self._replayed.pop(key)
            return None
        return series or self._series.get(key)

    def _begin(
        self, key: _Key, obj: SimulatedObject, type_: str, reason: str, message: str, action: str, component: str
    ) -> _Series:
        self._number += 1
        now = self._world.now
        event = SimulatedEvent(
            obj,
            self._number,
            now,
            type_=type_,
            reason=reason,
            action=action,
            message=message,
            component=component,
        )
        series = _Series(event, 1, now)
        replaying = self._world.is_replaying
        (self._replayed if replaying else self._series)[key] = series
        self._world.put(event)
        if not replaying:
            self._schedule_expiry(event, now + TTL_SECONDS / self._world.speed)
        return series

    def _write(self, series: _Series, *, count: int = 0) -> None:
        """Write the count; an Event that somebody deleted is created again, as another one."""
        event, world = series.event, self._world
        event.count = count or series.count
        event.last_at, event.written_at = series.last_at, world.now
        if not world.is_replaying:
            if not world.exists(event):
                event.recreate(world.now)
            self._schedule_expiry(event, world.now + TTL_SECONDS / world.speed)
        world.put(event)

    def _schedule_expiry(self, event: SimulatedEvent, at: float) -> None:
        self._number += 1
        event.expires_at = at
        heapq.heappush(self._expiries, (at, self._number, event))

    def _expire(self) -> None:
        while self._expiries and self._expiries[0][0] <= self._world.now:
            at, _, event = heapq.heappop(self._expiries)
            if at == event.expires_at and self._world.exists(event):
                self._world.remove(event)

    def _refresh(self) -> None:
        for series in self._series.values():
            if series.count > series.event.count:
                self._write(series)

    def _end_idle(self) -> None:
        oldest = self._world.now - IDLE_SECONDS / self._world.speed
        for key, series in list(self._series.items()):
            if series.last_at < oldest:
                del self._series[key]
                if series.count > series.event.count:
                    self._write(series)
