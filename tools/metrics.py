"""Every metric as the tables of the collectors and the exporter's own registry have it."""

import re
from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

from exporter.collectors.event import EVENTS, EVENTS_TOTAL, LAST_WARNING
from exporter.families.table import AnyKind
from exporter.kinds import KINDS
from exporter.protection import authentication_metrics, reload_metrics
from exporter.shard import Shard
from exporter.telemetry import Telemetry


class Metric(NamedTuple):
    """One family. `series` says how many there are for one object, if it is of one object."""

    name: str
    type: str
    labels: tuple[str, ...]
    source: str
    help: str
    is_stable: bool = False
    series: str = ""


def of_objects(kind: AnyKind) -> Iterator[Metric]:
    for row in kind.rows:
        type_ = "counter" if row.name.endswith("_total") else "gauge"
        series = f"{row.series}, retained" if row.is_retained else row.series
        labels = tuple(sorted((*row.labels, *kind.identity)))
        yield Metric(row.name, type_, labels, row.source, row.help, row.is_stable, series)


def of_lifecycles(kind: AnyKind) -> Iterator[Metric]:
    for one in kind.lifecycle:
        type_ = "histogram" if one.is_histogram else "counter"
        yield Metric(one.name, type_, tuple(sorted(("namespace", *one.labels))), one.source, one.help)


def of_integrals(kind: AnyKind) -> Iterator[Metric]:
    for row in kind.integrals:
        yield Metric(row.name, "counter", row.labels(kind.identity), row.source, row.help)


def of_events() -> Iterator[Metric]:
    for row in (EVENTS_TOTAL, LAST_WARNING):
        yield Metric(row.name, row.type, tuple(sorted(row.labels)), row.source, row.help)


def of_the_exporter() -> Iterator[Metric]:
    telemetry = Telemetry(["*"], Shard(0, 2))
    telemetry.register_informers([])
    of_protection = chain(reload_metrics(is_current=True, loaded_at=0.0), authentication_metrics(0))
    for metric in chain(telemetry.registry.collect(), of_protection):
        if metric.name.startswith("kuberay_exporter_"):
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            has_resource = not re.search("scrape|log_lines|web_config|authentications", name)
            labels = ("version",) if name.endswith("_build_info") else ("resource",) * has_resource
            labels = ("shard",) if name.endswith("_total_shards") else labels
            yield Metric(name, metric.type, labels, "", metric.documentation)


def all_metrics() -> dict[str, Metric]:
    of_kinds = ((of_objects(kind), of_lifecycles(kind), of_integrals(kind)) for kind in KINDS if kind is not EVENTS)
    parts = chain(*of_kinds, (of_events(), of_the_exporter()))
    return {metric.name: metric for part in parts for metric in part}
