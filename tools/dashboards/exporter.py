"""The dashboard `KubeRay / Exporter`: whether the data of the other dashboards is current, and resource usage.

Here the label `namespace` is that of the exporter's target, not of the objects.
"""

from tools.dashboards.board import Row, Variable, dashboard
from tools.dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    RED_FROM_ONE,
    Column,
    Json,
    Panel,
    Query,
    lines,
    stat,
    table,
    timeline,
)
from tools.dashboards.queries import QUANTILES, Scope, count_or_zero

TARGETS = Scope('namespace=~"$namespace"')
"""The exporter's targets. `All` also matches targets without a namespace, which run outside a cluster."""

KIND = ("job", "namespace", "resource", "shard")
"""Only exporters that share the namespaces have a shard."""


def board() -> Json:
    return dashboard(
        "kuberay-exporter",
        "KubeRay / Exporter",
        "State of the exporter's watches, its requests to the API server and its resource usage.",
        [Variable("namespace", "Namespace", "label_values(kuberay_exporter_build_info, namespace)")],
        [
            Row("Summary", _numbers()),
            Row("Data freshness", _freshness()),
            Row("API requests", _requests()),
            Row("Resource usage", _usage(), is_collapsed=True),
        ],
        time="now-1h",
    )


def _by_kind(family: str, function: str = "max") -> str:
    return f"{function} by ({', '.join(KIND)}) ({TARGETS.of(family)})"


def _numbers() -> list[Panel]:
    build, shards = TARGETS.of("kuberay_exporter_build_info"), TARGETS.of("kuberay_exporter_total_shards")
    recorded = "namespace_status:kuberay_jobs_finished:increase1h"
    return [
        stat(
            "Exporters",
            "Number of targets that answer, for each shard if there are any. More than one is normal during an update.",
            f"max(count by (namespace) ({build}) / (max by (namespace) ({shards}) or group by (namespace) ({build}))) "
            "or vector(0)",
            steps=((1, GREEN), (1.01, ORANGE)),
            base_colour=RED,
        ),
        stat(
            "Version",
            "Version of the exporter.",
            f"count by (version) ({build})",
            legend="{{version}}",
        ),
        stat(
            "Kinds not synced",
            "Number of kinds without a successful list: they are not installed, or access is forbidden.",
            count_or_zero(f"{_by_kind('kuberay_exporter_synced')} == 0"),
            steps=((1, ORANGE),),
        ),
        stat(
            "Missing watches",
            "Number of synced kinds without an open watch. Their metrics may be out of date.",
            count_or_zero(
                f"{_by_kind('kuberay_exporter_watch_connected')} == 0 and {_by_kind('kuberay_exporter_synced')} == 1"
            ),
            steps=RED_FROM_ONE,
        ),
        stat(
            "Longest idle",
            "Longest time since the last event of a kind. The API server sends a bookmark about every minute.",
            f"max(time() - {_by_kind('kuberay_exporter_last_event_timestamp_seconds')})",
            unit="s",
            steps=((150, ORANGE), (300, RED)),
        ),
        stat(
            "Undecodable",
            "Number of objects whose current version could not be decoded. Metrics show the last valid version.",
            f"sum({_by_kind('kuberay_exporter_objects_undecodable')}) or vector(0)",
            steps=RED_FROM_ONE,
        ),
        stat("Objects", "Number of objects of all kinds.", f"sum({_by_kind('kuberay_exporter_objects')}) or vector(0)"),
        stat(
            "Recorded series",
            "Number of series that a recording rule produces. If it is 0, the rules are not loaded.",
            # This rule's label `namespace` is that of the objects, so the variable does not apply to it.
            f"(count({recorded}) or vector(0)) and on () {build}",
            steps=((1, GREEN),),
            base_colour=RED,
        ),
    ]


def _freshness() -> list[Panel]:
    return [
        timeline(
            "Watch status",
            "Open watches by kind. A gap of a second every few minutes is normal, because watches are renewed.",
            Query("{{resource}} {{shard}}", _by_kind("kuberay_exporter_watch_connected")),
            {1: ("open", GREEN), 0: ("closed", RED)},
            width=8,
        ),
        lines(
            "Time since last event",
            "Time since the last list, event or bookmark, by kind. KubeRayExporterStale uses the same value.",
            Query("{{resource}} {{shard}}", f"time() - {_by_kind('kuberay_exporter_last_event_timestamp_seconds')}"),
            unit="s",
            steps=((150, ORANGE), (300, RED)),
            width=8,
        ),
        table(
            "Sync status",
            "State of each kind. A list is repeated only if a watch cannot be continued.",
            ["resource", "namespace"],
            [
                Column("synced", _by_kind("kuberay_exporter_synced"), "bool_yes_no"),
                Column("objects", _by_kind("kuberay_exporter_objects"), "short"),
                Column("undecodable", _by_kind("kuberay_exporter_objects_undecodable"), "short", RED_FROM_ONE),
                Column("time since list", f"time() - {_by_kind('kuberay_exporter_last_sync_timestamp_seconds')}", "s"),
            ],
            width=8,
        ),
        lines(
            "Objects by kind",
            "Number of objects by kind.",
            Query("{{resource}} {{shard}}", _by_kind("kuberay_exporter_objects")),
        ),
    ]


def _increase(counter: str) -> str:
    return TARGETS.increase(f"kuberay_exporter_{counter}_total", "resource")


def _requests() -> list[Panel]:
    events = TARGETS.of("kuberay_exporter_events_total")
    return [
        lines(
            "Events received",
            "Events from watches, including bookmarks, by kind.",
            Query("{{resource}}", f"sum by (resource) (rate({events}[$__rate_interval]))"),
            unit="cps",
            width=8,
        ),
        lines(
            "Lists and watches",
            "Lists occur at the start and if a watch cannot be continued. Watches are renewed every 5 to 10 minutes.",
            Query("{{resource}}, list", _increase("lists")),
            Query("{{resource}}, watch", _increase("watches")),
            width=8,
        ),
        lines(
            "Failed requests",
            "Lists and watches that failed or were interrupted, by kind.",
            Query("{{resource}}, list", _increase("list_failures")),
            Query("{{resource}}, watch", _increase("watch_failures")),
            width=8,
        ),
        lines(
            "Decode and collect failures",
            "Objects and events that could not be decoded or converted to metrics, by kind.",
            Query("{{resource}}, decode", _increase("decode_failures")),
            Query("{{resource}}, collect", _increase("collect_failures")),
            width=24,
        ),
    ]


def _usage() -> list[Panel]:
    buckets = TARGETS.of("kuberay_exporter_scrape_duration_seconds_bucket")
    rate = f"sum by (le) (rate({buckets}[$__rate_interval]))"
    scrapes = TARGETS.of("kuberay_exporter_scrapes_total")
    return [
        lines(
            "Scrape duration",
            "Time to build the response, without the network transfer.",
            *(Query(name, f"histogram_quantile({share}, {rate}) >= 0") for name, share in QUANTILES.items()),
            unit="s",
            width=8,
        ),
        lines(
            "Scrape rate",
            "Responses of /metrics to all Prometheus servers.",
            Query("scrapes", f"sum(rate({scrapes}[$__rate_interval]))"),
            unit="reqps",
            width=8,
        ),
        lines(
            "Samples per scrape",
            "Number of samples in a scrape, by target.",
            Query("{{instance}}", _of_exporter("scrape_samples_scraped")),
            width=8,
        ),
        lines(
            "Memory usage",
            "Resident memory, by target.",
            Query("{{instance}}", _of_exporter("process_resident_memory_bytes")),
            unit="bytes",
            width=8,
        ),
        lines(
            "CPU usage",
            "CPU cores in use, by target.",
            Query("{{instance}}", _of_exporter("process_cpu_seconds_total", "rate", "[$__rate_interval]")),
            unit="none",
            width=8,
        ),
        lines(
            "Uptime",
            "Time since the start of the process, by target. A drop to 0 is a restart.",
            Query("{{instance}}", f"time() - {_of_exporter('process_start_time_seconds')}"),
            unit="s",
            width=8,
        ),
    ]


def _of_exporter(family: str, function: str = "", window: str = "") -> str:
    """Return a family that every target has, limited to the exporter's targets."""
    own = "on (job, instance) kuberay_exporter_build_info"
    return f"{function}({TARGETS.of(family)}{window}) and {own}"
