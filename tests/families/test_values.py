"""What rows yield: absent is no series, or 0, or `""`."""

from datetime import UTC, datetime

import pytest

from exporter.collectors.rayjob import RAYJOBS
from exporter.families import values
from exporter.resources.rayjob import RayJobSpec, RayJobStatus
from tests.support.objects import decode, manifest


@pytest.mark.parametrize(
    ("yielded", "expected"),
    [
        pytest.param(values.one("a", "b"), [(("a", "b"), 1)], id="one"),
        pytest.param(values.info("a", None, ""), [(("a", "", ""), 1)], id="info: absent labels are empty"),
        pytest.param(values.info(None, "b"), [], id="info without the first"),
        pytest.param(values.info("", "b"), [], id="info with an empty first"),
        pytest.param(values.number(0), [((), 0)], id="number 0 is known"),
        pytest.param(values.number(None), [], id="no number"),
        pytest.param(values.timestamp(datetime(1970, 1, 1, 0, 1, tzinfo=UTC)), [((), 60.0)], id="time"),
        pytest.param(values.timestamp(None), [], id="no time"),
        pytest.param(values.truth(True), [((), 1)], id="true"),
        pytest.param(values.truth(False), [((), 0)], id="false"),
        pytest.param(values.truth(None), [((), 0)], id="absent is false"),
    ],
)
def test_values(yielded: values.Values, expected: list[tuple[tuple[str, ...], float]]) -> None:
    """Labels, and the value of each series."""
    assert list(yielded) == expected


def _mode(spec: RayJobSpec) -> values.Values:
    return values.info(spec.submission_mode)


def _id(status: RayJobStatus) -> values.Values:
    return values.info(status.job_id)


def test_without_a_spec_or_a_status_there_is_no_series() -> None:
    """The function is not called: it need not check."""
    bare = decode(RAYJOBS, manifest())
    full = decode(RAYJOBS, manifest({"jobId": "id"}) | {"spec": {"submissionMode": "HTTPMode"}})
    of_spec = values.of_spec(_mode)
    of_status = values.of_status(_id)
    assert [list(read(bare, None)) for read in (of_spec, of_status)] == [[], []]
    assert [list(read(full, None)) for read in (of_spec, of_status)] == [[(("HTTPMode",), 1)], [(("id",), 1)]]
