"""The exporter's metrics about itself."""

from dataclasses import replace
from typing import Any, cast

import pytest
from prometheus_client import CollectorRegistry

from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.kube.informer import Informer
from exporter.kube.sync_state import InformerState, SyncState
from exporter.telemetry import COUNTERS, KindMetrics, Telemetry
from tests.support.bodies import parse
from tests.support.informers import LISTING, SYNCED, FakeInformer

OWN = "kuberay_exporter_"


def series(registry: CollectorRegistry) -> dict[str, float]:
    """Return the exporter's own series by name, without prefix, with the values of their labels."""
    values = {}
    for family in parse(bytes(Exposition([], registry).body(Format.TEXT))).values():
        for (name, labels), value in family.series.items():
            own = name.removeprefix(OWN)
            values[" ".join([own, *(value for _, value in sorted(labels))])] = value
    return values


def informer_series(*states: tuple[str, InformerState]) -> dict[str, float]:
    telemetry = Telemetry({plural for plural, _ in states})
    informers = [FakeInformer(state, plural) for plural, state in states]
    telemetry.register_informers(cast("list[Informer[Any]]", informers))
    return series(telemetry.registry)


def test_all_counters_exist_at_zero_for_every_resource() -> None:
    """`increase()` would miss the first step."""
    values = series(Telemetry(["rayjobs", "rayclusters"]).registry)
    assert {name: values[f"{name}_total {plural}"] for name in COUNTERS for plural in ("rayjobs", "rayclusters")} == (
        dict.fromkeys(COUNTERS, 0)
    )


@pytest.mark.parametrize(
    ("method", "counter"),
    [
        ("list_started", "lists"),
        ("list_failed", "list_failures"),
        ("watch_started", "watches"),
        ("watch_failed", "watch_failures"),
        ("event_received", "events"),
        ("decode_failed", "decode_failures"),
        ("collect_failed", "collect_failures"),
        ("crashed", "informer_crashes"),
        ("labels_cut", "labels_cut"),
        ("series_dropped", "series_dropped"),
        ("namespace_dropped", "namespaces_dropped"),
        ("object_dropped", "objects_dropped"),
        ("retained_dropped", "retained_dropped"),
    ],
)
def test_what_is_reported_of_a_resource_is_counted_for_it_alone(method: str, counter: str) -> None:
    """Each in its own counter."""
    telemetry = Telemetry(["rayjobs", "rayclusters"])
    getattr(telemetry.of_kind("rayjobs"), method)()
    values = series(telemetry.registry)
    counted = {name for name, value in values.items() if value and name.rpartition(" ")[2].startswith("ray")}
    assert counted == {f"{counter}_total rayjobs"}


def test_informers_of_one_resource_share_its_counters() -> None:
    """Of several namespaces: one series for each resource."""
    telemetry = Telemetry(["rayjobs"])
    metrics: KindMetrics = telemetry.of_kind("rayjobs")
    assert telemetry.of_kind("rayjobs") is metrics


def test_states_of_several_namespaces_are_combined() -> None:
    """Numbers of objects are added up; of states and times the worst counts."""
    first = replace(SYNCED, objects=7, undecodable=1, last_sync_time=100.0, last_event_time=300.0)
    second = replace(SYNCED, objects=2, is_connected=False, last_sync_time=200.0, last_event_time=200.0)
    values = informer_series(("rayjobs", first), ("rayjobs", second), ("rayclusters", SYNCED))
    assert {name: values[f"{name} rayjobs"] for name in ("objects", "objects_undecodable", "synced")} == {
        "objects": 9,
        "objects_undecodable": 1,
        "synced": 1,
    }
    assert (values["watch_connected rayjobs"], values["watch_connected rayclusters"]) == (0, 1)
    assert (values["last_sync_timestamp_seconds rayjobs"], values["last_event_timestamp_seconds rayjobs"]) == (100, 200)


@pytest.mark.parametrize("state", SyncState)
def test_synced_is_only_what_was_listed(state: SyncState) -> None:
    """Not a kind that is missing or refused, although it is complete."""
    assert informer_series(("rayjobs", replace(LISTING, sync=state)))["synced rayjobs"] == (state is SyncState.SYNCED)


def test_before_the_first_list_there_is_no_time() -> None:
    """0 would be a time in 1970, and an alert on its age would fire."""
    assert not [name for name in informer_series(("rayjobs", LISTING)) if name.startswith("last_")]


def test_scrapes_are_counted_and_measured() -> None:
    """In buckets from the scrape of a small cluster to one that exceeds a usual timeout."""
    telemetry = Telemetry([])
    for seconds in (0.002, 0.002, 60.0):
        telemetry.observe_scrape(seconds)
    values = series(telemetry.registry)
    assert values["scrapes_total"] == values["scrape_duration_seconds_count"] == 3
    assert values["scrape_duration_seconds_bucket 0.005"] == 2


def test_lost_log_lines_and_the_process_are_part_of_it() -> None:
    """After the informers' metrics."""
    assert {"log_lines_dropped_total", "process_resident_memory_bytes"} <= informer_series(("rayjobs", SYNCED)).keys()


def test_informers_can_be_registered_once() -> None:
    """Their metrics would exist twice."""
    telemetry = Telemetry(["rayjobs"])
    telemetry.register_informers([])
    with pytest.raises(ValueError, match="Duplicated"):
        telemetry.register_informers([])
