"""What one object can add to the metrics, whatever was written into it."""

from typing import Any

import pytest

from exporter.collectors.attempts import MAX_ATTEMPTS
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.rayjob import RAYJOBS
from exporter.exposition.model import Sample
from exporter.families.limits import MAX_LABEL_BYTES, Limits
from exporter.families.object_families import MAX_USER_LABELS, ObjectFamilies
from exporter.resources.meta import cut_parts
from tests.support.bodies import parse
from tests.support.objects import condition, decode, exposition, manifest


class Reported:
    """Limits that count what they leave out."""

    def __init__(self, max_series: int = 1000) -> None:
        self.labels, self.series = 0, 0
        self.limits = Limits(max_series, self._cut, self._dropped)

    def _cut(self, count: int) -> None:
        self.labels += count

    def _dropped(self, count: int) -> None:
        self.series += count


def samples_of(kind: Any, version: dict[str, Any], reported: Reported, family: str) -> list[Sample]:
    collector: ObjectFamilies[Any, Any] = ObjectFamilies(kind, user_labels=("*",), limits=reported.limits)
    samples = collector.observe(decode(kind, version), None)
    return next(some for own, some in zip(collector.families, samples, strict=True) if own.name == family)


@pytest.mark.parametrize(
    ("value", "is_cut"),
    [
        pytest.param("x" * MAX_LABEL_BYTES, False, id="as long as allowed"),
        pytest.param("x" * (MAX_LABEL_BYTES + 1), True, id="a byte longer"),
        pytest.param("ß" * (MAX_LABEL_BYTES // 2), False, id="two bytes a character"),
        pytest.param("🚀" * (MAX_LABEL_BYTES // 4 + 1), True, id="four bytes a character"),
        pytest.param("\ud800" * 2000, True, id="lone surrogates"),
        pytest.param("x" * 1_300_000, True, id="as large as an object can be"),
    ],
)
def test_long_label_values_are_cut(value: str, is_cut: bool) -> None:
    """To 1 KiB in UTF-8, with a mark; each one is counted."""
    reported = Reported()
    (cut,) = reported.limits.values((value,))
    assert reported.labels == is_cut
    assert len(cut.encode("utf-8", "replace")) <= MAX_LABEL_BYTES
    assert (cut == value) is not is_cut
    assert ("…" in cut) is is_cut


def test_cut_values_that_begin_alike_stay_different() -> None:
    """Two series must not become one."""
    first, second = Limits().values(("x" * 2000 + "a", "x" * 2000 + "b"))
    assert first != second


def test_an_object_with_a_long_version_prints_a_valid_line() -> None:
    """The CRD has no limit on rayVersion."""
    version = manifest() | {"spec": {"rayVersion": '"\\\n' * 400_000}}
    body = exposition(RAYCLUSTERS, version, only=["kuberay_cluster_version_info"])
    assert len(body) < 4000
    assert parse(body.encode()).keys() == {"kuberay_cluster_version_info"}


def test_series_of_one_object_in_one_family_are_bounded() -> None:
    """The first ones stay; the rest is counted."""
    conditions = [condition(f"Type{number}", "True") for number in range(50)]
    reported = Reported(max_series=20)
    samples = samples_of(
        RAYCLUSTERS, manifest({"conditions": conditions}), reported, "kuberay_cluster_status_condition"
    )
    assert [sample.labels[0] for sample in samples] == [f"Type{number}" for number in range(20)]
    assert reported.series == 3 * 30


def test_user_labels_of_one_series_are_bounded() -> None:
    """The first ones in the order of their keys; the time does not grow with the square of their number."""
    labels = {f"key-{number:05}": "v" for number in range(40_000)}
    reported = Reported()
    cut_parts.reset()
    (sample,) = samples_of(RAYJOBS, manifest(labels=labels), reported, "kuberay_job_labels")
    assert len(sample.labels) == MAX_USER_LABELS + 3
    assert sample.label_names is not None
    assert sample.label_names[-4] == f"label_key_{MAX_USER_LABELS - 1:05}"
    assert reported.labels + cut_parts.entries == 40_000 - MAX_USER_LABELS


def test_labels_that_conflict_get_names_in_linear_time() -> None:
    """All keys come to the same name."""
    labels = {"a" + "".join(".-_"[number // 3**place % 3] for place in range(9)): "v" for number in range(3**9)}
    (sample,) = samples_of(RAYJOBS, manifest(labels=labels), Reported(), "kuberay_job_labels")
    assert sample.label_names is not None
    assert len(set(sample.label_names)) == MAX_USER_LABELS + 3


def test_attempts_of_one_job_are_bounded_and_never_cut_by_the_flag() -> None:
    """One of the operator's nine: it loses no series that an honest job can have."""
    reported = Reported(max_series=1)
    collector: ObjectFamilies[Any, Any] = ObjectFamilies(RAYJOBS, limits=reported.limits)
    retrying = {"jobDeploymentStatus": "Retrying", "startTime": "2026-11-23T10:00:00Z"}
    for failed in range(1, MAX_ATTEMPTS + 100):
        samples = collector.observe(decode(RAYJOBS, manifest(retrying | {"failed": failed})), 1_800_000_000.0)
    index = [family.name for family in collector.families].index("kuberay_job_execution_duration_seconds")
    counts = [int(sample.labels[3]) for sample in samples[index]]
    assert counts == list(range(99, MAX_ATTEMPTS + 99))
    assert reported.series == 0
