"""Writes docs/metrics.md from the collectors' tables and the exporter's own registry: `make docs`."""

import sys
from pathlib import Path

from exporter.collectors import KINDS
from exporter.collectors.collector import IDENTITY
from exporter.telemetry import Telemetry

PAGE = Path(__file__).parent / "metrics.md"

HEAD = """\
# Metrics

Written by `make docs` from the collectors' tables: a change here is made there.

## Of KubeRay's objects

The nine metrics of the KubeRay operator (v1.7.0), with the same names, HELP texts, types, labels and
rules. All are gauges and STABLE. Labels are printed in alphabetical order. A family without series prints
nothing, neither HELP nor TYPE.

Every metric carries the `namespace` of its object: scrape with `honor_labels: true`
(`honorLabels` in a ServiceMonitor), or it becomes `exported_namespace`. Scraping both the operator and the
exporter counts every object twice.

Durations are differences of two times of the API, which have whole seconds: up to about a second lower
than the operator's own, never higher, and the same after any restart.
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
    parts = [HEAD]
    for kind in KINDS:
        parts.append(f"\n### {kind.name}\n\n| metric | labels | read from | HELP |\n|---|---|---|---|\n")
        for row in kind.rows:
            labels = ", ".join(sorted((*row.labels, *IDENTITY)))
            parts.append(f"| `{row.name}` | {labels} | `{row.source}` | {row.help} |\n")
    parts.append(OWN)
    telemetry = Telemetry(["*"])
    telemetry.watch_informers([])
    for metric in telemetry.registry.collect():
        if metric.name.startswith("kuberay_exporter_"):
            name = f"{metric.name}_total" if metric.type == "counter" else metric.name
            labels = "version" if name.endswith("_build_info") else "resource" * ("scrape" not in name)
            parts.append(f"| `{name}` | {metric.type} | {labels} | {metric.documentation} |\n")
    return "".join(parts)


if __name__ == "__main__":
    PAGE.write_text(metrics_page())
    sys.stdout.write(f"wrote {PAGE.name}\n")
