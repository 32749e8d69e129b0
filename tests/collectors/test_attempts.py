"""Attempts of jobs: how long each took, by the operator's rules."""

from datetime import datetime
from typing import Any

import pytest

from exporter.collectors.rayjob import RAYJOBS
from tests.support.objects import JOB_END, JOB_START, job_in_state, series

DURATION = "kuberay_job_execution_duration_seconds"


def written(at: str, manager: str = "kuberay-operator", subresource: str | None = "status") -> dict[str, Any]:
    """Return an entry of managedFields."""
    return {"manager": manager, "time": at} | ({"subresource": subresource} if subresource else {})


def durations(*versions: dict[str, Any], received_at: float | None = None) -> list[tuple[str, str, str]]:
    """Return (deployment status, retry count, value) of each series."""
    lines = series(RAYJOBS, DURATION, *versions, received_at=received_at)
    parts = [line.replace('"', "=").split("=") for line in lines]
    return [(part[2], part[11], line.rsplit(" ", 1)[1]) for part, line in zip(parts, lines, strict=True)]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param(job_in_state("Complete", end=JOB_END), [("Complete", "0", "60")], id="complete"),
        pytest.param(
            job_in_state("Complete", end=JOB_END, failed=2), [("Complete", "2", "60")], id="complete after 2 retries"
        ),
        pytest.param(job_in_state("Failed", end=JOB_END, failed=1), [("Failed", "0", "60")], id="failed at once"),
        pytest.param(
            job_in_state("Failed", end=JOB_END, failed=3), [("Failed", "2", "60")], id="failed after 2 retries"
        ),
        pytest.param(job_in_state("Failed", end=JOB_END), [("Failed", "0", "60")], id="failed, count vanished at 0"),
        pytest.param(job_in_state("Complete"), [], id="no end"),
        pytest.param(job_in_state("Complete", start=None, end=JOB_END), [], id="no start: the operator panics"),
        pytest.param(job_in_state("Complete", start=JOB_END, end=JOB_START), [], id="ends before it starts"),
        pytest.param(
            job_in_state("Complete", start=JOB_END, end=JOB_END), [("Complete", "0", "0")], id="no time at all"
        ),
        *(
            pytest.param(job_in_state(state, end=JOB_END, failed=1), [], id=f"{state or 'New'} adds no series")
            for state in ("", "Initializing", "Waiting", "Running", "Suspending", "Suspended", "ValidationFailed")
        ),
    ],
)
def test_duration_of_a_job_seen_once(version: dict[str, Any], expected: list[tuple[str, str, str]]) -> None:
    """Only ended attempts have a duration, and retry_count is what the operator's would be."""
    assert durations(version) == expected


@pytest.mark.parametrize(
    ("fields", "seconds"),
    [
        pytest.param([written(JOB_END)], "60", id="the operator's status write"),
        pytest.param([written(JOB_START), written(JOB_END)], "60", id="the newest"),
        pytest.param(
            [written(JOB_END), written("2026-11-23T10:05:00Z", "kubectl")], "60", id="the operator's preferred"
        ),
        pytest.param([written(JOB_END, "another")], "60", id="another's status write, if there is no other"),
        pytest.param([written("2026-11-23T10:05:00Z", subresource=None)], "30", id="a write of the spec is no clock"),
        pytest.param([{"subresource": "status"}], "30", id="an entry without a time"),
        pytest.param([], "30", id="none: time of receipt"),
        pytest.param(None, "30", id="null: time of receipt"),
    ],
)
def test_end_of_a_retrying_attempt(fields: list[dict[str, Any]] | None, seconds: str) -> None:
    """Retrying has no endTime: the time of the status write stands in, else the time of receipt."""
    received_at = datetime.fromisoformat("2026-11-23T10:00:40+00:00").timestamp()
    version = job_in_state("Retrying", failed=1, managedFields=fields)
    assert durations(version, received_at=received_at) == [("Retrying", "0", seconds)]


def test_no_duration_of_a_retrying_attempt_without_any_clock() -> None:
    """A file says neither when the status was written nor when it was received: missing, not guessed."""
    assert durations(job_in_state("Retrying", failed=1)) == []


def test_attempts_stay_when_the_job_is_retried_and_completes() -> None:
    """Two retries and a success: one series for each attempt."""
    versions = [
        job_in_state("Retrying", failed=1, managedFields=[written("2026-11-23T10:00:30Z")]),
        job_in_state("", failed=1),
        job_in_state("Initializing", start="2026-11-23T10:01:00Z", failed=1),
        job_in_state(
            "Retrying", start="2026-11-23T10:01:00Z", failed=2, managedFields=[written("2026-11-23T10:01:05Z")]
        ),
        job_in_state("Initializing", start="2026-11-23T10:02:00Z", failed=2),
        job_in_state("Complete", start="2026-11-23T10:02:00Z", end="2026-11-23T10:02:01Z", failed=2),
    ]
    assert durations(*versions) == [("Retrying", "0", "20"), ("Retrying", "1", "5"), ("Complete", "2", "1")]


def test_a_later_write_in_the_same_retrying_state_moves_nothing() -> None:
    """The operator sets the duration at the transition; its next status write is not another one."""
    versions = [
        job_in_state("Retrying", failed=1, managedFields=[written("2026-11-23T10:00:30Z")]),
        job_in_state("Retrying", failed=1, managedFields=[written("2026-11-23T10:00:50Z")]),
    ]
    assert durations(*versions) == [("Retrying", "0", "20")]


def test_series_stay_when_a_finished_job_changes_state() -> None:
    """Suspended or ValidationFailed after the end: what was printed stays."""
    assert durations(
        job_in_state("Failed", end=JOB_END, failed=1), job_in_state("ValidationFailed", end=JOB_END, failed=1)
    ) == [("Failed", "0", "60")]


def test_a_job_of_another_controller_has_durations() -> None:
    """MultiKueue mirrors the status of jobs that the operator does not reconcile."""
    version = job_in_state("Complete", end=JOB_END) | {"spec": {"managedBy": "kueue.x-k8s.io/multikueue"}}
    assert durations(version) == [("Complete", "0", "60")]
