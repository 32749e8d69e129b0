"""Figures of a whole fleet: how many objects are in which state, GPUs, and jobs by hour."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from msgspec import Struct

from exporter.resources.detailed import DetailedObject, DetailedRayCluster, DetailedRayJob
from exporter.views.details import gpus
from exporter.views.views import ObjectView

HISTORY = timedelta(hours=24)
"""How far back finished jobs are counted by hour."""


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
    ended: dict[datetime, Counter[str]] = {}
    for obj, _ in pairs:
        status = obj.status if isinstance(obj, DetailedRayJob) else None
        if status is None or status.end_time is None or status.job_deployment_status not in ("Complete", "Failed"):
            continue
        if timedelta() <= now - status.end_time < HISTORY:
            hour = status.end_time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
            ended.setdefault(hour, Counter())[status.job_deployment_status] += 1
    return [Hour(hour, count["Complete"], count["Failed"]) for hour, count in sorted(ended.items())]
