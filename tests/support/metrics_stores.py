"""Metrics stores of one kind, for tests without an API server."""

from collections.abc import Callable
from typing import Any

from exporter.clock import Clock, SystemClock
from exporter.families.integrals import Integrals
from exporter.families.lifecycle import Totals
from exporter.families.object_families import ObjectFamilies
from exporter.pipeline.line_sources import IntegralSource, LineSource, ObjectSource, TotalSource
from exporter.pipeline.metrics_store import MetricsStore


def metrics_store(
    objects: ObjectFamilies[Any, Any],
    *others: Totals[Any] | Integrals[Any],
    collect_failed: Callable[[], object] | None = None,
    clock: Clock | None = None,
    **options: Any,
) -> MetricsStore[Any]:
    """Return a metrics store of these families, totals and integrals; `options` are those of `ObjectSource`."""
    clock = clock or SystemClock()
    options = {"receipt_time": clock.time} | options
    sources: list[LineSource[Any]] = [ObjectSource(objects, clock=clock, **options)]
    sources += [
        IntegralSource(other, clock) if isinstance(other, Integrals) else TotalSource(other, objects.remembered)
        for other in others
    ]
    return MetricsStore(objects.kind, sources, collect_failed or fail)


def total(totals: Totals[Any], name: str) -> float:
    """Return the sum of a family's samples."""
    place = [family.name for family in totals.families].index(name)
    return sum(sample.value for key in totals.present_keys() for sample in totals.samples(key)[place])


def fail() -> None:
    raise AssertionError("the metrics of an object could not be derived")
