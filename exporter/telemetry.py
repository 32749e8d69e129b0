"""The exporter's metrics about itself: is what `/metrics` says still true, and what does it cost?"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.kube.informer import Informer

SCRAPE_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)
"""Seconds: from a small cluster's scrape to one that would miss the usual time-out of 10 s."""


class Telemetry:
    """One registry with all of it. Any thread may call."""

    def __init__(self, resources: Iterable[str]) -> None:
        """Counters of every resource exist from the start, or `increase()` would lose the first step."""
        self.registry = CollectorRegistry()
        Gauge(
            "kuberay_exporter_build_info",
            "Always 1; the version is a label.",
            ["version"],
            registry=self.registry,
        ).labels(__version__).set(1)
        self._observers = _observers(resources, self.registry)
        self.scrapes = Counter(
            "kuberay_exporter_scrapes_total",
            "Scrapes of /metrics that were answered.",
            registry=self.registry,
        )
        self.scrape_duration = Histogram(
            "kuberay_exporter_scrape_duration_seconds",
            "Time to put together the answer to a scrape.",
            buckets=SCRAPE_BUCKETS,
            registry=self.registry,
        )

    def observer(self, resource: str) -> "ResourceObserver":
        """Return who counts for this resource; informers of several namespaces share it."""
        return self._observers[resource]

    def watch_informers(self, informers: Sequence[Informer[Any]]) -> None:
        """Add the state of these informers, and the process's own metrics after it."""
        self.registry.register(_InformerCollector(informers))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def observe_scrape(self, seconds: float) -> None:
        self.scrapes.inc()
        self.scrape_duration.observe(seconds)


class ResourceObserver:
    """Counts what happens while one resource is listed and watched (`kube.reflector.Observer`)."""

    def __init__(self, resource: str, counters: dict[str, Counter]) -> None:
        children = {name: counter.labels(resource) for name, counter in counters.items()}
        self.list_started = children["lists"].inc
        self.list_failed = children["list_failures"].inc
        self.watch_started = children["watches"].inc
        self.watch_failed = children["watch_failures"].inc
        self.event_received = children["events"].inc
        self.decode_failed = children["decode_failures"].inc
        self.collect_failed = children["collect_failures"].inc


_COUNTERS = {
    "lists": "LIST requests begun, all pages of one list together.",
    "list_failures": "LIST requests that failed; a CRD that is not installed is not a failure.",
    "watches": "WATCH requests begun.",
    "watch_failures": "WATCH requests that failed or broke off.",
    "events": "Events received in watches, bookmarks included.",
    "decode_failures": "Objects and events that could not be decoded and were skipped.",
    "collect_failures": "Objects whose metrics could not be derived, a fault of the exporter.",
}
"""Name and HELP of each counter by resource."""


def _observers(resources: Iterable[str], registry: CollectorRegistry) -> dict[str, ResourceObserver]:
    counters = {
        name: Counter(f"kuberay_exporter_{name}_total", help_text, ["resource"], registry=registry)
        for name, help_text in _COUNTERS.items()
    }
    return {resource: ResourceObserver(resource, counters) for resource in resources}


class _InformerCollector(Collector):
    """The state of the informers now. Of several namespaces' the worst is told, and objects are added up."""

    def __init__(self, informers: Sequence[Informer[Any]]) -> None:
        self._by_resource: dict[str, list[Informer[Any]]] = defaultdict(list)
        for informer in informers:
            self._by_resource[informer.resource].append(informer)

    def describe(self) -> Iterator[Metric]:
        return iter(self._families())

    def collect(self) -> Iterator[Metric]:
        families = self._families()
        for resource, informers in self._by_resource.items():
            reflectors = [informer.reflector for informer in informers]
            values = (
                sum(len(informer.cache) for informer in informers),
                sum(informer.cache.undecodable for informer in informers),
                min(reflector.is_synced for reflector in reflectors),
                min(reflector.is_connected for reflector in reflectors),
                min(reflector.last_sync_time for reflector in reflectors),
                min(reflector.last_news_time for reflector in reflectors),
            )
            for family, value in zip(families, values, strict=True):
                # A time of 0 is no time: there has been none yet.
                if value or not family.name.endswith("_timestamp_seconds"):
                    family.add_metric([resource], value)
        return iter(families)

    def _families(self) -> list[GaugeMetricFamily]:
        return [
            GaugeMetricFamily(f"kuberay_exporter_{name}", help_text, labels=["resource"])
            for name, help_text in (
                ("objects", "Objects held."),
                ("objects_undecodable", "Objects whose present version could not be decoded."),
                ("synced", "1 after a finished list; 0 before, and where the kind is missing or refused."),
                ("watch_connected", "1 while a watch is open."),
                ("last_sync_timestamp_seconds", "When the last list finished, in Unix seconds."),
                (
                    "last_event_timestamp_seconds",
                    "When the last list, event or bookmark was received, in Unix seconds.",
                ),
            )
        ]
