"""What `kube/` reports, and the counters that it reaches."""

import pytest

from exporter.kube.reflector import ReflectorMetrics
from exporter.telemetry import COUNTERS, Telemetry

REPORTS = {
    "list_started": "lists",
    "list_failed": "list_failures",
    "watch_started": "watches",
    "watch_failed": "watch_failures",
    "event_received": "events",
    "decode_failed": "decode_failures",
    "labels_cut": "labels_cut",
    "series_dropped": "series_dropped",
    "crashed": "informer_crashes",
}


@pytest.mark.parametrize(("report", "counter"), REPORTS.items())
def test_a_report_counts_once_for_its_resource(report: str, counter: str) -> None:
    """No other counter changes, and no other resource."""
    telemetry = Telemetry(["rayjobs", "pods"])
    metrics: ReflectorMetrics = telemetry.of_kind("rayjobs")
    getattr(metrics, report)()
    counted = {
        (name, resource): telemetry.registry.get_sample_value(f"kuberay_exporter_{name}_total", {"resource": resource})
        for name in COUNTERS
        for resource in ("rayjobs", "pods")
    }
    assert counted == dict.fromkeys(counted, 0.0) | {(counter, "rayjobs"): 1.0}
