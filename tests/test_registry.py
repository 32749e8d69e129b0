"""The registry of `serve`: one collector for each kind, and the exporter's own metrics."""

from collections.abc import Mapping
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from exporter.app import Exporter
from exporter.collectors.raycronjob import RAYCRONJOBS
from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.families.object_families import ObjectFamilies
from exporter.kinds import KINDS
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from tests.support.bodies import ParsedFamily, family_of, parse
from tests.support.events_pods import moment
from tests.support.metrics_stores import metrics_store
from tests.support.objects import decode, manifest
from tests.support.recordings import PLURALS, captures
from tests.support.replaying import RAY_FILES, SUBMITTER_PODS, config, replaying

MOVING = ("kuberay_exporter_", "process_", "python_", *(row.name for kind in KINDS for row in kind.integrals))
"""Families whose values change from moment to moment: only their names, texts and labels are compared."""

Comparable = dict[str, tuple[str, str, Any]]


def comparable(families: Mapping[str, ParsedFamily]) -> Comparable:
    """Return HELP, TYPE and series by family, without the `_created` series, which are not printed."""
    return {
        name: (family.help, family.type, series_of(name, family))
        for name, family in families.items()
        if not (family.type == "gauge" and name.endswith("_created"))
    }


def collected(registry: CollectorRegistry) -> Comparable:
    """Return what `prometheus_client` itself renders of a registry."""
    metrics = text_string_to_metric_families(generate_latest(registry).decode())
    return comparable({metric.name: family_of(metric) for metric in metrics if metric.samples})


def series_of(name: str, family: ParsedFamily) -> Any:
    return set(family.series) if f"{name}_total".startswith(MOVING) else family.series


@pytest.mark.parametrize(
    ("files", "collectors", "time"),
    [
        pytest.param(RAY_FILES, PLURALS, captures()[4].time, id="a capture of KubeRay's kinds"),
        pytest.param(RAY_FILES, PLURALS, captures()[8].time, id="a later one"),
        pytest.param({"events": "events"}, ("events",), moment("006"), id="Events"),
        pytest.param({"pods": "pods", SUBMITTER_PODS: SUBMITTER_PODS}, ("pods",), moment("006"), id="pods"),
    ],
)
def test_the_registry_yields_what_is_printed(
    files: Mapping[str, str], collectors: tuple[str, ...], time: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of every recorded kind and of the exporter itself: the same samples, HELP and TYPE."""
    monkeypatch.setattr("exporter.clock.SystemClock.time", lambda _: time)
    with replaying(files, collectors=collectors) as (_, exporter, body_at):
        printed = comparable(parse(body_at(time)))
        assert collected(exporter.registry) == printed
    assert {"kuberay_exporter_build_info", "kuberay_exporter_lists"} < printed.keys()
    assert any(not name.startswith(MOVING) for name in printed)


def test_the_collector_of_cron_jobs_yields_what_is_printed() -> None:
    """A kind without totals and integrals."""
    cron_job = manifest({"lastScheduleTime": "2026-11-23T10:00:00Z"}) | {"spec": {"schedule": "@daily"}}
    obj = decode(RAYCRONJOBS, cron_job)
    store, registry = metrics_store(ObjectFamilies(RAYCRONJOBS)), CollectorRegistry()
    store.on_change([obj], [])
    registry.register(store)
    body = bytes(Exposition([store], CollectorRegistry()).body(Format.TEXT))
    assert collected(registry) == comparable(parse(body))
    assert "kuberay_cronjob_info" in parse(body)


def test_a_family_that_two_collectors_have_is_refused_at_the_start() -> None:
    """Whether it is another kind's or one of the exporter's own."""
    exporter = Exporter(config(), ApiTransport(lambda: anonymous("http://127.0.0.1:1"), connections=1))
    for name in ("kuberay_job_info", "kuberay_jobs_created_total", "kuberay_exporter_build_info"):
        with pytest.raises(ValueError, match=name):
            exporter.registry.register(Gauge(name, "h.", registry=None))
