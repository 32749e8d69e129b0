"""What every kind's collector does: samples row by row, what is remembered, and prometheus_client's protocol."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter.collectors.collector import Collector
from exporter.collectors.rayjob import RAYJOBS
from tests.support.bodies import parse
from tests.support.objects import JOB_END, decode, exposition, job_in_state, manifest

DURATION = "kuberay_job_execution_duration_seconds"


def job(state: str = "Running", **more: Any) -> Any:
    return decode(RAYJOBS, job_in_state(state, **more))


def samples_of(collector: Collector[Any, Any], samples: tuple[list[Any], ...] | None) -> dict[str, list[Any]]:
    """Return the samples by family, without families that have none."""
    assert samples is not None
    return {family.name: of_family for family, of_family in zip(collector.families, samples, strict=True) if of_family}


def test_collect_yields_what_is_printed() -> None:
    """In any registry, from the stores that it was given."""
    version = job_in_state("Complete", end=JOB_END)
    registry = CollectorRegistry()
    registry.register(Collector(RAYJOBS, stores=[[decode(RAYJOBS, version)], []]))
    printed = parse(exposition(RAYJOBS, version, only=names_without_memory()).encode())
    assert parse(generate_latest(registry)) == printed


def names_without_memory() -> set[str]:
    """Families of the object alone: in this registry no version was observed."""
    return {row.name for row in RAYJOBS.rows} - {DURATION}


def test_a_family_without_series_is_not_collected() -> None:
    """As in the exposition."""
    assert list(Collector(RAYJOBS, stores=[[]]).collect()) == []


def test_a_registry_refuses_a_second_collector_of_a_kind() -> None:
    """The families are named before there are objects."""
    registry = CollectorRegistry()
    registry.register(Collector(RAYJOBS))
    with pytest.raises(ValueError, match="kuberay_job_info"):
        registry.register(Collector(RAYJOBS))


def test_only_rows_of_accepted_families_are_prepared() -> None:
    """The others cost nothing for each event."""
    collector = Collector(RAYJOBS, lambda name: name == "kuberay_job_info")
    assert [family.name for family in collector.families] == ["kuberay_job_info"]
    assert len(collector.observe(job(), None)) == 1


def test_labels_of_users_have_a_family_only_if_some_are_allowed() -> None:
    """Without --metric-labels-allowlist it would be one more series for each object."""
    without, allowed = Collector(RAYJOBS), Collector(RAYJOBS, user_labels=("team",))
    names = [{family.name for family in collector.families} for collector in (without, allowed)]
    assert names[1] - names[0] == {"kuberay_job_labels"}


def test_what_is_remembered_of_an_object_goes_with_it() -> None:
    """It is kept by uid from version to version, until the object is forgotten."""
    collector = Collector(RAYJOBS, lambda name: name == DURATION)
    collector.observe(job("Complete", end=JOB_END), None)
    assert samples_of(collector, collector.observe(job("ValidationFailed"), None)).keys() == {DURATION}
    assert samples_of(collector, collector.observe(job("ValidationFailed", uid="2"), None)) == {}
    collector.forget("1")
    assert collector.remembered("1") is None
    assert samples_of(collector, collector.observe(job("ValidationFailed"), None)) == {}


def test_an_object_that_was_never_seen_can_be_forgotten() -> None:
    """One whose only version could not be decoded, say."""
    collector = Collector(RAYJOBS)
    collector.forget("unknown")
    assert collector.remembered("unknown") is None


def test_of_a_finished_job_only_retained_rows_stay() -> None:
    """Of a job that had not finished nothing stays."""
    collector = Collector(RAYJOBS)
    finished = job("Complete", end=JOB_END)
    collector.observe(finished, None)
    retained = samples_of(collector, collector.retained(finished)).keys()
    assert retained == {row.name for row in RAYJOBS.rows if row.is_retained} & {
        name for name, _ in samples_of(collector, collector.observe(finished, None)).items()
    }
    assert DURATION in retained
    assert collector.retained(job("Running")) is None


def test_label_values_are_in_the_order_of_the_label_names() -> None:
    """The table has its own labels first, the exposition all labels in alphabetical order."""
    collector = Collector(RAYJOBS, lambda name: name == DURATION)
    (sample,) = samples_of(collector, collector.observe(job("Complete", end=JOB_END), None))[DURATION]
    labels = dict(zip(collector.families[0].label_names, sample.labels, strict=True))
    assert labels == {
        "job_deployment_status": "Complete",
        "retry_count": "0",
        "name": "a",
        "namespace": "ns",
        "uid": "1",
    }
    assert list(labels) == sorted(labels)


def test_a_job_without_a_status_has_samples() -> None:
    """It was created a moment ago."""
    collector = Collector(RAYJOBS)
    assert "kuberay_job_info" in samples_of(collector, collector.observe(decode(RAYJOBS, manifest()), None))
