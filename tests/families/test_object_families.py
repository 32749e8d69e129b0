"""The families of a kind's objects: samples row by row, and what is remembered."""

from typing import Any

from exporter.collectors.rayjob import RAYJOBS
from exporter.families.object_families import ObjectFamilies
from tests.support.objects import JOB_END, decode, job_in_state

DURATION = "kuberay_job_execution_duration_seconds"


def job(state: str = "Running", **more: Any) -> Any:
    return decode(RAYJOBS, job_in_state(state, **more))


def samples_of(families: ObjectFamilies[Any, Any], samples: tuple[list[Any], ...] | None) -> dict[str, list[Any]]:
    """Return the samples by family, without families that have none."""
    assert samples is not None
    return {family.name: of_family for family, of_family in zip(families.families, samples, strict=True) if of_family}


def test_what_is_remembered_of_an_object_goes_with_it() -> None:
    """It is kept by uid from version to version, until the object is forgotten."""
    families = ObjectFamilies(RAYJOBS, lambda name: name == DURATION)
    families.observe(job("Complete", end=JOB_END), None)
    assert samples_of(families, families.observe(job("ValidationFailed"), None)).keys() == {DURATION}
    assert samples_of(families, families.observe(job("ValidationFailed", uid="2"), None)) == {}
    families.forget("1")
    assert families.remembered("1") is None
    assert samples_of(families, families.observe(job("ValidationFailed"), None)) == {}
