"""Exporter health: is what the other dashboards show true, and what does it cost?

`namespace` is the exporter's own here, that of its target.
"""

from tools.dashboards.panels import (
    GREEN,
    ORANGE,
    RED,
    SOME_ARE_BAD,
    Column,
    Json,
    Panel,
    Query,
    Row,
    Variable,
    dashboard,
    lines,
    stat,
    table,
    timeline,
)
from tools.dashboards.queries import QUANTILES, Scope, counted

TARGETS = Scope('namespace=~"$namespace"')
"""Of the exporter. Without a namespace, outside of a cluster, `All` matches too."""

KIND = ("job", "namespace", "resource")


def health() -> Json:
    return dashboard(
        "kuberay-exporter",
        "Exporter health",
        "Whether the exporter knows the present state, and what it costs.",
        [Variable("namespace", "Namespace", "label_values(kuberay_exporter_build_info, namespace)")],
        [
            Row("Is it well?", _numbers()),
            Row("Is what it shows true?", _truth()),
            Row("How does the API server answer?", _requests()),
            Row("What does it cost?", _costs()),
        ],
        time="now-1h",
    )


def _by_kind(family: str, function: str = "max") -> str:
    return f"{function} by ({', '.join(KIND)}) ({TARGETS.of(family)})"


def _numbers() -> list[Panel]:
    build = TARGETS.of("kuberay_exporter_build_info")
    recorded = "namespace_status:kuberay_jobs_finished:increase1h"
    return [
        stat(
            "How many exporters?",
            "Targets that answer. Two double every count, but for the minutes of an update.",
            counted(build),
            steps=((1, GREEN), (2, ORANGE)),
            lowest=RED,
        ),
        stat(
            "Which version?",
            "Of the exporter.",
            f"count by (version) ({build})",
            legend="{{version}}",
        ),
        stat(
            "How many kinds are not synced?",
            "Never listed: not installed, or refused.",
            counted(f"{_by_kind('kuberay_exporter_synced')} == 0"),
            steps=((1, ORANGE),),
        ),
        stat(
            "How many watches are missing?",
            "Kinds that are synced and have no watch at this moment: what it shows of them may be old.",
            counted(
                f"{_by_kind('kuberay_exporter_watch_connected')} == 0 and {_by_kind('kuberay_exporter_synced')} == 1"
            ),
            steps=SOME_ARE_BAD,
        ),
        stat(
            "How long is the longest silence?",
            "Since anything was heard of a kind. A bookmark comes about every minute.",
            f"max(time() - {_by_kind('kuberay_exporter_last_event_timestamp_seconds')})",
            unit="s",
            steps=((150, ORANGE), (300, RED)),
        ),
        stat(
            "How many objects can't be read?",
            "Their present version could not be decoded: an older one is shown, or nothing.",
            f"sum({_by_kind('kuberay_exporter_objects_undecodable')}) or vector(0)",
            steps=SOME_ARE_BAD,
        ),
        stat("How many objects?", "Held in all kinds.", f"sum({_by_kind('kuberay_exporter_objects')}) or vector(0)"),
        stat(
            "How many series are recorded?",
            "By one of the recording rules, for a namespace of objects each. 0: the rules are not loaded.",
            # Of the objects' namespaces, which are not this dashboard's choice.
            f"(count({recorded}) or vector(0)) and on () {build}",
            steps=((1, GREEN),),
            lowest=RED,
        ),
    ]


def _truth() -> list[Panel]:
    return [
        timeline(
            "When was a watch open?",
            "By kind. A gap of a second every few minutes is how watches are renewed.",
            Query("{{resource}}", _by_kind("kuberay_exporter_watch_connected")),
            {1: ("open", GREEN), 0: ("none", RED)},
            width=8,
        ),
        lines(
            "When was anything last heard?",
            "Time since the last list, event or bookmark, by kind. Above the lines: look, and KubeRayExporterStale.",
            Query("{{resource}}", f"time() - {_by_kind('kuberay_exporter_last_event_timestamp_seconds')}"),
            unit="s",
            steps=((150, ORANGE), (300, RED)),
            width=8,
        ),
        table(
            "How is each kind?",
            "0 is no, 1 is yes. The list is repeated only when a watch cannot go on.",
            ["resource", "namespace"],
            [
                Column("synced", _by_kind("kuberay_exporter_synced"), "bool_yes_no"),
                Column("objects", _by_kind("kuberay_exporter_objects"), "short"),
                Column("unreadable", _by_kind("kuberay_exporter_objects_undecodable"), "short", SOME_ARE_BAD),
                Column("listed", f"time() - {_by_kind('kuberay_exporter_last_sync_timestamp_seconds')}", "s"),
            ],
            width=8,
        ),
        lines(
            "How many objects are there?",
            "Held, by kind.",
            Query("{{resource}}", _by_kind("kuberay_exporter_objects")),
        ),
        lines(
            "What could not be read?",
            "Objects and events that could not be decoded, or whose metrics could not be derived, by kind.",
            Query("{{resource}}, not decoded", _increase("decode_failures")),
            Query("{{resource}}, not derived", _increase("collect_failures")),
        ),
    ]


def _increase(counter: str) -> str:
    return TARGETS.increase(f"kuberay_exporter_{counter}_total", "resource")


def _requests() -> list[Panel]:
    events = TARGETS.of("kuberay_exporter_events_total")
    return [
        lines(
            "How many events come?",
            "From watches, bookmarks included, by kind.",
            Query("{{resource}}", f"sum by (resource) (rate({events}[$__rate_interval]))"),
            unit="cps",
            width=8,
        ),
        lines(
            "How often does it list and watch?",
            "Lists are rare: at the start, and when a watch cannot go on. Watches are renewed every 5 to 10 minutes.",
            Query("{{resource}}, list", _increase("lists")),
            Query("{{resource}}, watch", _increase("watches")),
            width=8,
        ),
        lines(
            "Which requests fail?",
            "Lists and watches that failed or broke off, by kind.",
            Query("{{resource}}, list", _increase("list_failures")),
            Query("{{resource}}, watch", _increase("watch_failures")),
            width=8,
        ),
    ]


def _costs() -> list[Panel]:
    buckets = TARGETS.of("kuberay_exporter_scrape_duration_seconds_bucket")
    rate = f"sum by (le) (rate({buckets}[$__rate_interval]))"
    scrapes = TARGETS.of("kuberay_exporter_scrapes_total")
    return [
        lines(
            "How long does a scrape take?",
            "To put the answer together, without the network.",
            *(Query(name, f"histogram_quantile({share}, {rate}) >= 0") for name, share in QUANTILES.items()),
            unit="s",
            width=8,
        ),
        lines(
            "How often is it scraped?",
            "Answers of /metrics; every Prometheus that scrapes it is one.",
            Query("scrapes", f"sum(rate({scrapes}[$__rate_interval]))"),
            unit="reqps",
            width=8,
        ),
        lines(
            "How many samples does a scrape bring?",
            "By target.",
            Query("{{instance}}", _of_exporter("scrape_samples_scraped")),
            width=8,
        ),
        lines(
            "How much memory does it need?",
            "Resident, by target.",
            Query("{{instance}}", _of_exporter("process_resident_memory_bytes")),
            unit="bytes",
            width=8,
        ),
        lines(
            "How much CPU does it need?",
            "In cores, by target.",
            Query("{{instance}}", _of_exporter("process_cpu_seconds_total", "rate", "[$__rate_interval]")),
            unit="none",
            width=8,
        ),
        lines(
            "When did it start?",
            "Time since the start of the process, by target: a fall to 0 is a restart.",
            Query("{{instance}}", f"time() - {_of_exporter('process_start_time_seconds')}"),
            unit="s",
            width=8,
        ),
    ]


def _of_exporter(family: str, function: str = "", window: str = "") -> str:
    """What every target has, of the exporter's targets alone."""
    own = "on (job, instance) kuberay_exporter_build_info"
    return f"{function}({TARGETS.of(family)}{window}) and {own}"
