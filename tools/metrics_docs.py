"""Writes docs/metrics.md from the collectors' tables and the exporter's own registry: `make docs`."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import msgspec

from exporter.collectors import KINDS
from exporter.collectors.collector import Collector
from exporter.collectors.table import IDENTITY, AnyKind
from exporter.telemetry import Telemetry

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "metrics.md"
RECORDED = ROOT / "tests" / "testdata" / "captures" / "008.list.json"
JOINS = ROOT / "tests" / "testdata" / "joins.yaml"

HEAD = """\
# Metrics

Written by `make docs` from the collectors' tables: a change here is made there.

STABLE are the nine metrics of the KubeRay operator (v1.7.0), with the same names, HELP texts, types, labels and
rules. All others are EXPERIMENTAL: should KubeRay introduce one of these names, its form wins, and the
changelog says so. Labels are printed in alphabetical order. A family without series prints nothing, neither HELP
nor TYPE.

Every metric carries the `namespace` of its object: scrape with `honor_labels: true`
(`honorLabels` in a ServiceMonitor), or it becomes `exported_namespace`. Scraping both the operator and the
exporter counts every object twice.

Durations are differences of two times of the API, which have whole seconds: up to about a second lower
than the operator's own, never higher, and the same after any restart. Times are Unix seconds: an age is
`time() - kuberay_job_start_timestamp_seconds`.

- **Absent** times and objects have no series. An absent integer of a status is 0, as Go leaves zeros out; an
  absent one of a spec has no series; an absent boolean is 0. Without a status there are no series of it.
- **States are labels**: one series with the value 1, whose label is the present state. Count states with
  `count by (state) (kuberay_cluster_state)`.
- An object that is being deleted is reported until it is gone.
"""

NINE = """\

## Only some of them

`--metric-allowlist` and `--metric-denylist` take regular expressions on the names above, the exporter's own
included. A family that is left out costs nothing. This one leaves exactly the operator's nine:

```
{pattern}
```
"""

PER_OBJECT = """\

## Of each object

All are gauges. Every family has the labels `name`, `namespace` and `uid`, and those given. A RayJob's series
that are marked *retained* stay for `--retain-deleted` after a Complete or Failed job was deleted; all others go
with it. Of a recorded cluster's objects one has on average {averages} series.
"""

TOTALS = """\

## Across objects' lives

Counters and histograms by namespace, which outlive the objects. They count differences since the exporter
started, each step of an object's life once, by event or by a later list; what the first list finds had happened
before. They start at 0 again with the exporter, as `increase()` and `rate()` expect.

- The first list of a kind is where counting begins, also of one whose CRD is installed after the exporter.
- All series of a namespace exist at 0 as soon as its first object is seen. The creation that makes it
  known is the one step that `increase()` cannot see: do not build an alert on it.
- What ended during an outage of the API server and is still there counts once; what was deleted as well is missed.
- A job's first end counts: one that fails validation and is mended counts as ValidationFailed.
- A namespace's series go 24 h after its last object.

| metric | type | labels | stability | counts | HELP |
|---|---|---|---|---|---|
"""

JOIN = """\

## Joins

{joins}
"""

OWN = """\

## Of the exporter itself

Is what the others say still true, and what does it cost? With several namespaces, `_synced` and
`_watch_connected` are the worst, times the oldest, and counts the sum. `process_*` and `python_info` come
from prometheus_client.

| metric | type | labels | meaning |
|---|---|---|---|
"""


def metrics_page() -> str:
    """Return the page as Markdown."""
    return "".join([HEAD, *_per_object(), *_totals(), *_joins(), *_own(), NINE.format(pattern=nine_pattern())])


def nine_pattern() -> str:
    """Return the value of --metric-allowlist that leaves the stable families alone."""
    names = [row.name for kind in KINDS for row in kind.rows if row.is_stable]
    return f"^({'|'.join(names)})$"


def _per_object() -> Iterator[str]:
    lists = json.loads(RECORDED.read_text())
    averages = [
        f"{_series_per_object(kind, lists[kind.plural]):.0f} ({kind.name})" for kind in KINDS if kind.is_default
    ]
    yield PER_OBJECT.format(averages=", ".join(averages))
    for kind in KINDS:
        yield f"\n### {kind.name}\n\n"
        yield "" if kind.is_default else f"Only with `--collectors` that name `{kind.plural}`.\n\n"
        yield "| metric | labels | stability | series per object | read from | HELP |\n|---|---|---|---|---|---|\n"
        for row in kind.rows:
            labels = ", ".join(sorted((*row.labels, *IDENTITY)))
            stability = "STABLE" if row.is_stable else "EXPERIMENTAL"
            series = f"{row.series}, retained" if row.is_retained else row.series
            yield f"| `{row.name}` | {labels} | {stability} | {series} | `{row.source}` | {row.help} |\n"


def _series_per_object(kind: AnyKind, recorded: dict[str, object]) -> float:
    objects = msgspec.convert(recorded["items"], list[kind.resource])  # type: ignore[name-defined]
    collector = Collector(kind, list)
    return sum(len(samples) for obj in objects for samples in collector.observe(obj, None)) / len(objects)


def _totals() -> Iterator[str]:
    yield TOTALS
    for kind in KINDS:
        for total in kind.totals:
            type_ = "histogram" if total.is_histogram else "counter"
            labels = ", ".join(sorted(("namespace", *total.labels)))
            yield f"| `{total.name}` | {type_} | {labels} | EXPERIMENTAL | `{total.source}` | {total.help} |\n"


def _joins() -> Iterator[str]:
    """Take the joins from the file with which promtool tries them."""
    comments = re.findall(r"(?:^  # .*\n)+(?=  - expr: \|\n)", JOINS.read_text(), re.MULTILINE)
    expressions = re.findall(r"^  - expr: \|\n((?:      .*\n)+)", JOINS.read_text(), re.MULTILINE)
    joins = [
        f"{comment.replace('  # ', '')}\n```promql\n{dedent(expression)}```\n"
        for comment, expression in zip(comments, expressions, strict=True)
    ]
    yield JOIN.format(joins="\n".join(joins).rstrip())


def _own() -> Iterator[str]:
    yield OWN
    telemetry = Telemetry(["*"])
    telemetry.watch_informers([])
    for metric in telemetry.registry.collect():
        if metric.name.startswith("kuberay_exporter_"):
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            labels = "version" if name.endswith("_build_info") else "resource" * ("scrape" not in name)
            yield f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |\n"


if __name__ == "__main__":
    PAGE.write_text(metrics_page())
    sys.stdout.write(f"wrote {PAGE.name}\n")
