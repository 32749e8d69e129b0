"""The families of a kind's objects: samples row by row, and what is remembered."""

from typing import Any

from exporter.collectors.rayjob import RAYJOBS
from exporter.families.object_families import ObjectFamilies
from tests.support.objects import JOB_END, decode, job_in_state, manifest

DURATION = "kuberay_job_execution_duration_seconds"


def job(state: str = "Running", **more: Any) -> Any:
    return decode(RAYJOBS, job_in_state(state, **more))


def samples_of(families: ObjectFamilies[Any, Any], samples: tuple[list[Any], ...] | None) -> dict[str, list[Any]]:
    """Return the samples by family, without families that have none."""
    assert samples is not None
    return {family.name: of_family for family, of_family in zip(families.families, samples, strict=True) if of_family}


def test_only_rows_of_accepted_families_are_prepared() -> None:
    """The others cost nothing for each event."""
    families = ObjectFamilies(RAYJOBS, lambda name: name == "kuberay_job_info")
    assert [family.name for family in families.families] == ["kuberay_job_info"]
    assert len(families.observe(job(), None)) == 1


def test_labels_of_users_have_a_family_only_if_some_are_allowed() -> None:
    """Without --metric-labels-allowlist it would be one more series for each object."""
    without, allowed = ObjectFamilies(RAYJOBS), ObjectFamilies(RAYJOBS, user_labels=("team",))
    names = [{family.name for family in one.families} for one in (without, allowed)]
    assert names[1] - names[0] == {"kuberay_job_labels"}


def test_what_is_remembered_of_an_object_goes_with_it() -> None:
    """It is kept by uid from version to version, until the object is forgotten."""
    families = ObjectFamilies(RAYJOBS, lambda name: name == DURATION)
    families.observe(job("Complete", end=JOB_END), None)
    assert samples_of(families, families.observe(job("ValidationFailed"), None)).keys() == {DURATION}
    assert samples_of(families, families.observe(job("ValidationFailed", uid="2"), None)) == {}
    families.forget("1")
    assert families.remembered("1") is None
    assert samples_of(families, families.observe(job("ValidationFailed"), None)) == {}


def test_an_object_that_was_never_seen_can_be_forgotten() -> None:
    """One whose only version could not be decoded, say."""
    families = ObjectFamilies(RAYJOBS)
    families.forget("unknown")
    assert families.remembered("unknown") is None


def test_of_a_finished_job_only_retained_rows_stay() -> None:
    """Of a job that had not finished nothing stays."""
    families = ObjectFamilies(RAYJOBS)
    finished = job("Complete", end=JOB_END)
    families.observe(finished, None)
    retained = samples_of(families, families.retained(finished)).keys()
    assert retained == {row.name for row in RAYJOBS.rows if row.is_retained} & {
        name for name, _ in samples_of(families, families.observe(finished, None)).items()
    }
    assert DURATION in retained
    assert families.retained(job("Running")) is None


def test_label_values_are_in_the_order_of_the_label_names() -> None:
    """The table has its own labels first, the exposition all labels in alphabetical order."""
    families = ObjectFamilies(RAYJOBS, lambda name: name == DURATION)
    (sample,) = samples_of(families, families.observe(job("Complete", end=JOB_END), None))[DURATION]
    labels = dict(zip(families.families[0].label_names, sample.labels, strict=True))
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
    families = ObjectFamilies(RAYJOBS)
    assert "kuberay_job_info" in samples_of(families, families.observe(decode(RAYJOBS, manifest()), None))
