"""The exporter's metrics about itself: how current `/metrics` is, and what a scrape costs."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from exporter import __version__
from exporter.kube.informer import Informer
from exporter.kube.sync_state import InformerState, SyncState
from exporter.logs.configuration import dropped_log_lines
from exporter.shard import Shard

SCRAPE_BUCKETS = (0.001, 0.005, 0.025, 0.1, 0.5, 2.5)
"""Seconds: from the scrape of a small cluster to one that would exceed the usual timeout of 10 s."""


class Telemetry:
    """One registry with all of them. Any thread may call."""

    def __init__(self, resources: Iterable[str], shard: Shard | None = None) -> None:
        """Create the counters of every resource at 0: `increase()` would miss the first step."""
        self.registry = CollectorRegistry()
        # A label of what differs between resources: alerts have to know a shard again after its restart.
        self._shard = {} if shard is None else {"shard": str(shard.ordinal)}
        Gauge(
            "kuberay_exporter_build_info",
            "Version of the exporter, as a label; the value is 1.",
            ["version"],
            registry=self.registry,
        ).labels(__version__).set(1)
        if shard is not None:
            Gauge(
                "kuberay_exporter_total_shards",
                "Number of exporters that share the namespaces, of which this is one.",
                ["shard"],
                registry=self.registry,
            ).labels(**self._shard).set(shard.total)
        counters = {
            name: Counter(f"kuberay_exporter_{name}_total", text, ["resource", *self._shard], registry=self.registry)
            for name, text in COUNTERS.items()
        }
        self._kinds = {resource: KindMetrics({"resource": resource, **self._shard}, counters) for resource in resources}
        self.scrapes = Counter(
            "kuberay_exporter_scrapes_total",
            "Number of scrapes of /metrics that were answered.",
            registry=self.registry,
        )
        self.scrapes_refused = Counter(
            "kuberay_exporter_scrapes_refused_total",
            "Number of scrapes, and requests of the page and its API, that were refused or aborted for others.",
            registry=self.registry,
        )
        self.scrape_duration = Histogram(
            "kuberay_exporter_scrape_duration_seconds",
            "Time in seconds to prepare the answer to a scrape.",
            buckets=SCRAPE_BUCKETS,
            registry=self.registry,
        )

    def of_kind(self, resource: str) -> "KindMetrics":
        """Return the counters of one resource; informers of several namespaces share them."""
        return self._kinds[resource]

    def register_informers(self, informers: Sequence[Informer[Any]]) -> None:
        """Add the state of these informers, and after it the metrics of the process."""
        self.registry.register(ComputedMetrics(lambda: _informer_metrics(informers, self._shard)))
        self.registry.register(ComputedMetrics(lambda: [_dropped_log_lines()]))
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)

    def observe_scrape(self, seconds: float) -> None:
        self.scrapes.inc()
        self.scrape_duration.observe(seconds)


COUNTERS = {
    "lists": "Number of LIST requests for all objects, all pages of one list together.",
    "list_failures": "Number of failed LIST requests; a CRD that is not installed is not a failure.",
    "watches": "Number of WATCH requests.",
    "watch_failures": "Number of WATCH requests that failed or were interrupted.",
    "events": "Number of events received in watches, including bookmarks.",
    "decode_failures": "Number of objects and events that could not be decoded and were skipped.",
    "collect_failures": "Number of objects whose metrics could not be derived, a fault of the exporter.",
    "informer_crashes": "Number of crashes of an informer, a fault of the exporter.",
    "labels_cut": "Number of label values that were shortened, and of labels that were omitted, because of a limit.",
    "series_dropped": "Number of series and of parts of objects that were omitted because of a limit.",
    "namespaces_dropped": "Number of empty namespaces whose lifecycle metrics were removed early because of a limit.",
    "objects_dropped": "Number of objects that are not held because there are too many, of their namespace or in all.",
    "retained_dropped": "Number of deleted objects and Events' messages that were forgotten early because of a limit.",
}
"""The counters by resource: name without prefix and `_total`, and HELP."""


class KindMetrics:
    """The counters of one resource (a `kube.metrics.ReflectorMetrics`)."""

    def __init__(self, labels: dict[str, str], counters: dict[str, Counter]) -> None:
        children = {name: counter.labels(**labels) for name, counter in counters.items()}
        self.list_started = children["lists"].inc
        self.list_failed = children["list_failures"].inc
        self.watch_started = children["watches"].inc
        self.watch_failed = children["watch_failures"].inc
        self.event_received = children["events"].inc
        self.decode_failed = children["decode_failures"].inc
        self.collect_failed = children["collect_failures"].inc
        self.crashed = children["informer_crashes"].inc
        self.labels_cut = children["labels_cut"].inc
        self.series_dropped = children["series_dropped"].inc
        self.namespace_dropped = children["namespaces_dropped"].inc
        self.object_dropped = children["objects_dropped"].inc
        self.retained_dropped = children["retained_dropped"].inc


_Row = tuple[str, str, Callable[[InformerState], float], Callable[[Iterable[float]], float]]

# fmt: off
INFORMER_ROWS: tuple[_Row, ...] = (
    ("objects", "Number of objects held.", lambda state: state.objects, sum),
    ("objects_undecodable", "Number of objects whose current version could not be decoded.",
        lambda state: state.undecodable, sum),
    ("synced", "Whether a list has finished: 1 if it has, 0 before and if the kind is missing or refused.",
        lambda state: state.sync is SyncState.SYNCED, min),
    ("watch_connected", "Whether a watch is open: 1 if it is, otherwise 0.", lambda state: state.is_connected, min),
    ("last_sync_timestamp_seconds", "Time at which the last list finished, in Unix seconds.",
        lambda state: state.last_sync_time, min),
    ("last_event_timestamp_seconds", "Time at which the last list, event or bookmark was received, in Unix seconds.",
        lambda state: state.last_event_time, min),
)
# fmt: on
"""Gauges by resource: name, HELP, the value for one informer, and how those of several namespaces are combined."""


class ComputedMetrics(Collector):
    """Metrics that are computed for each scrape."""

    def __init__(self, compute: Callable[[], Iterable[Metric]]) -> None:
        self._compute = compute

    def collect(self) -> Iterable[Metric]:
        return self._compute()

    describe = collect


def _informer_metrics(informers: Sequence[Informer[Any]], shard: dict[str, str]) -> Iterator[Metric]:
    """Yield the current state of the informers, resource by resource."""
    states: dict[str, list[InformerState]] = defaultdict(list)
    for informer in informers:
        states[informer.settings.plural].append(informer.state())
    for name, help_text, value_of, combine in INFORMER_ROWS:
        family = GaugeMetricFamily(f"kuberay_exporter_{name}", help_text, labels=["resource", *shard])
        for resource, of_resource in states.items():
            value = combine(map(value_of, of_resource))
            # A time of 0 is no time: nothing was received yet.
            if value or not name.endswith("_timestamp_seconds"):
                family.add_metric([resource, *shard.values()], value)
        yield family


def _dropped_log_lines() -> Metric:
    return CounterMetricFamily(
        "kuberay_exporter_log_lines_dropped",
        "Number of log lines that were dropped because standard output or the log file did not accept them.",
        dropped_log_lines(),
    )
