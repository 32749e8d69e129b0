"""The fleet with its findings and figures at one moment: what the answers of the API are cut from.

Hides what a diagnosis of all objects costs: it is made only if somebody asks, and never takes more than
a small part of a processor, however many ask.
"""

import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import NamedTuple

import msgspec
from msgspec import Struct

from exporter.clock import Clock, SystemClock
from exporter.diagnosis.fleet import Fleet
from exporter.resources.detailed import DetailedObject, DetailedRayCluster, DetailedRayJob
from exporter.views.details import gpus
from exporter.views.views import ObjectView, brief_view, worst_first

MIN_SECONDS = 2.0
"""How long a snapshot is used at least."""

MAX_SECONDS = 60.0
"""How long pages can lengthen that: many of them at different addresses cost as much as a snapshot."""

MAX_SHARE = 0.04
"""Of the time, at most this part is spent on making snapshots and pages of them."""

HOURS = 24
"""For which the numbers of objects with findings are remembered, and finished jobs counted: one for each hour."""

YIELD_EVERY = 20
"""After so many objects, about a millisecond, scrapes and events get the interpreter."""


class KindSummary(Struct, frozen=True):
    """Number of objects of one kind, by state."""

    total: int
    unhealthy: int
    states: dict[str, int]


class Gpus(Struct, frozen=True):
    """GPUs that clusters request: those that are not suspended, and of them the ready ones."""

    requested: float
    ready: float


class Hour(Struct, frozen=True):
    """Jobs that ended in one hour and still exist."""

    time: datetime
    complete: int
    failed: int


class Summary(Struct, frozen=True, rename="camel"):
    """The fleet in figures."""

    kinds: dict[str, KindSummary]
    gpus: Gpus
    jobs_by_hour: tuple[Hour, ...]


class Snapshot(NamedTuple):
    """Everything at one moment; never changed.

    Attributes:
        entries: the worst first, without details (`with_details`): answers have few of them.
        digest: of everything but the time; versions of objects stand for their details.
        unhealthy: objects with findings by kind, the most in each of the last HOURS, this hour is the last one; None
            for an hour without a snapshot.
    """

    time: datetime
    fleet: Fleet
    entries: list[ObjectView]
    summary: Summary
    digest: str
    unhealthy: Sequence[Counter[str] | None] = ()


class Snapshots:
    """The newest snapshot, made again when it is too old. Any thread may call.

    One caller makes it; the others get the one before, and wait only for the first one.

    No lock of it is needed by the threads that receive events.
    """

    def __init__(self, read: Callable[[], Fleet], clock: Clock | None = None) -> None:
        """`read` returns the fleet as it is, without waiting."""
        self._read = read
        self._clock = clock or SystemClock()
        # Held while a snapshot is made; what is below is written under it.
        self._making = threading.Lock()
        self._newest: Snapshot | None = None
        self._valid_until = 0.0
        self._unhealthy: dict[int, Counter[str]] = {}

    def newest(self) -> Snapshot:
        """Return a snapshot that is not too old."""
        newest = self._newest
        if newest is not None and (self._clock.monotonic() < self._valid_until or self._making.locked()):
            return newest
        with self._making:
            if self._newest is None or self._clock.monotonic() >= self._valid_until:
                self._newest = self._make()
            return self._newest

    def charge(self, seconds: float) -> None:
        """Use the newest snapshot for longer, as so much time was spent on a page of it."""
        self._valid_until = min(self._valid_until + seconds / MAX_SHARE, self._clock.monotonic() + MAX_SECONDS)

    def _make(self) -> Snapshot:
        # Not its duration: on a busy machine, that would make all pages old for longer.
        started_at = self._clock.processor()
        made = make_snapshot(self._read(), datetime.fromtimestamp(self._clock.time(), UTC))
        cost = self._clock.processor() - started_at
        self._valid_until = self._clock.monotonic() + max(MIN_SECONDS, cost / MAX_SHARE)
        return made._replace(unhealthy=self._remember(made))

    def _remember(self, made: Snapshot) -> Sequence[Counter[str] | None]:
        now, known = int(made.time.timestamp()) // 3600, self._unhealthy
        found = Counter({name: kind.unhealthy for name, kind in made.summary.kinds.items()})
        known[now] = known.get(now, Counter()) | found
        hours = range(now - HOURS + 1, now + 1)
        self._unhealthy = {hour: known[hour] for hour in hours if hour in known}
        return [self._unhealthy.get(hour) for hour in hours]


def make_snapshot(fleet: Fleet, now: datetime) -> Snapshot:
    """Diagnose all objects of a fleet."""
    now = now.replace(microsecond=0)
    pairs = sorted(_views(fleet, now), key=lambda pair: worst_first(pair[1]))
    encoder = msgspec.json.Encoder()
    summary = summarize(pairs, now)
    digest = blake2b(encoder.encode(summary), digest_size=16)
    for obj, view in pairs:
        digest.update(encoder.encode((obj.metadata.resource_version, view)))
    return Snapshot(now, fleet, [view for _, view in pairs], summary, digest.hexdigest())


def _views(fleet: Fleet, now: datetime) -> Iterator[tuple[DetailedObject, ObjectView]]:
    for index, obj in enumerate(fleet):
        if index % YIELD_EVERY == 0:
            time.sleep(0)
        yield obj, brief_view(obj, fleet, now)


def summarize(pairs: Iterable[tuple[DetailedObject, ObjectView]], now: datetime) -> Summary:
    """Return the figures of objects with their views."""
    pairs = list(pairs)
    states: dict[str, Counter[str]] = defaultdict(Counter)
    unhealthy: Counter[str] = Counter()
    for _, view in pairs:
        states[view.kind][view.state] += 1
        unhealthy[view.kind] += not view.healthy
    return Summary(
        kinds={kind: KindSummary(count.total(), unhealthy[kind], dict(count)) for kind, count in states.items()},
        gpus=_gpus(pairs),
        jobs_by_hour=tuple(_hours(pairs, now)),
    )


def _gpus(pairs: Iterable[tuple[DetailedObject, ObjectView]]) -> Gpus:
    requested = ready = 0.0
    for obj, view in pairs:
        if isinstance(obj, DetailedRayCluster) and view.state not in ("Suspended", "Deleting"):
            number = gpus(obj)
            requested += number
            ready += number if view.state == "Ready" else 0.0
    return Gpus(requested, ready)


def _hours(pairs: Iterable[tuple[DetailedObject, ObjectView]], now: datetime) -> Iterable[Hour]:
    oldest = now - timedelta(hours=HOURS)
    ended: dict[datetime, Counter[str]] = {}
    for obj, _ in pairs:
        status = obj.status if isinstance(obj, DetailedRayJob) else None
        if status is None or status.end_time is None or status.job_deployment_status not in ("Complete", "Failed"):
            continue
        if oldest < status.end_time <= now:
            hour = status.end_time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            ended.setdefault(hour, Counter())[status.job_deployment_status] += 1
    return [Hour(hour, count["Complete"], count["Failed"]) for hour, count in sorted(ended.items())]
