"""RayJob's families: object in, exact exposition out."""

from datetime import datetime
from typing import Any

import pytest

from exporter.collectors.rayjob import RAYJOBS
from tests.support.objects import exposition, manifest, series
from tests.support.parity import NINE

START, END = "2026-11-23T10:00:10Z", "2026-11-23T10:01:10Z"
DURATION = "kuberay_job_execution_duration_seconds"
STATUS = "kuberay_job_deployment_status"


def job(state: str | None = None, *, start: str | None = START, end: str | None = None, **more: Any) -> dict[str, Any]:
    """Return a job in this state; `failed` goes into the status, `managedFields` into the metadata."""
    fields = {"jobDeploymentStatus": state, "startTime": start, "endTime": end, "failed": more.pop("failed", None)}
    return manifest({key: value for key, value in fields.items() if value is not None}, **more)


def written(at: str, manager: str = "kuberay-operator", subresource: str | None = "status") -> dict[str, Any]:
    """Return an entry of managedFields."""
    return {"manager": manager, "time": at} | ({"subresource": subresource} if subresource else {})


def durations(*versions: dict[str, Any], received_at: float | None = None) -> list[tuple[str, str, str]]:
    """Return (deployment status, retry count, value) of each series."""
    lines = series(RAYJOBS, DURATION, *versions, received_at=received_at)
    parts = [line.replace('"', "=").split("=") for line in lines]
    return [(part[2], part[11], line.rsplit(" ", 1)[1]) for part, line in zip(parts, lines, strict=True)]


def test_a_complete_job_prints_the_operators_three_families() -> None:
    """The whole exposition of one job, to the letter; the apostrophe is the operator's typographic one."""
    assert exposition(RAYJOBS, job("Complete", end=END), only=NINE) == (
        "# HELP kuberay_job_info Metadata information about RayJob custom resources\n"
        "# TYPE kuberay_job_info gauge\n"
        'kuberay_job_info{name="a",namespace="ns",uid="1"} 1\n'
        "# HELP kuberay_job_deployment_status The RayJob's current deployment status\n"
        "# TYPE kuberay_job_deployment_status gauge\n"
        'kuberay_job_deployment_status{deployment_status="Complete",name="a",namespace="ns",uid="1"} 1\n'
        "# HELP kuberay_job_execution_duration_seconds Duration from when the RayJob CR\u2019s "
        "JobDeploymentStatus transitions from Initializing to either the Retrying state or a terminal state, "
        "such as Complete or Failed. The Retrying state indicates that the CR previously failed and that "
        "spec.backoffLimit is enabled.\n"
        "# TYPE kuberay_job_execution_duration_seconds gauge\n"
        'kuberay_job_execution_duration_seconds{job_deployment_status="Complete",name="a",namespace="ns",'
        'retry_count="0",uid="1"} 60\n'
    )


@pytest.mark.parametrize(
    ("version", "state"),
    [
        pytest.param(manifest(), "", id="no status"),
        pytest.param(manifest({}), "", id="empty status"),
        pytest.param(job("Running"), "Running", id="known"),
        pytest.param(job("SomethingNew"), "SomethingNew", id="unknown: passed through"),
    ],
)
def test_deployment_status(version: dict[str, Any], state: str) -> None:
    """One series, with the state as it is; a new job's is the empty string."""
    assert series(RAYJOBS, STATUS, version) == [
        f'{STATUS}{{deployment_status="{state}",name="a",namespace="ns",uid="1"}} 1'
    ]


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        pytest.param(job("Complete", end=END), [("Complete", "0", "60")], id="complete"),
        pytest.param(job("Complete", end=END, failed=2), [("Complete", "2", "60")], id="complete after 2 retries"),
        pytest.param(job("Failed", end=END, failed=1), [("Failed", "0", "60")], id="failed at once"),
        pytest.param(job("Failed", end=END, failed=3), [("Failed", "2", "60")], id="failed after 2 retries"),
        pytest.param(job("Failed", end=END), [("Failed", "0", "60")], id="failed, count vanished at 0"),
        pytest.param(job("Complete"), [], id="no end"),
        pytest.param(job("Complete", start=None, end=END), [], id="no start: the operator panics"),
        pytest.param(job("Complete", start=END, end=START), [], id="ends before it starts"),
        pytest.param(job("Complete", start=END, end=END), [("Complete", "0", "0")], id="no time at all"),
        *(
            pytest.param(job(state, end=END, failed=1), [], id=f"{state or 'New'} adds no series")
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
        pytest.param([written(END)], "60", id="the operator's status write"),
        pytest.param([written(START), written(END)], "60", id="the newest"),
        pytest.param([written(END), written("2026-11-23T10:05:00Z", "kubectl")], "60", id="the operator's preferred"),
        pytest.param([written(END, "another")], "60", id="another's status write, if there is no other"),
        pytest.param([written("2026-11-23T10:05:00Z", subresource=None)], "30", id="a write of the spec is no clock"),
        pytest.param([{"subresource": "status"}], "30", id="an entry without a time"),
        pytest.param([], "30", id="none: time of receipt"),
        pytest.param(None, "30", id="null: time of receipt"),
    ],
)
def test_end_of_a_retrying_attempt(fields: list[dict[str, Any]] | None, seconds: str) -> None:
    """Retrying has no endTime: the time of the status write stands in, else the time of receipt."""
    received_at = datetime.fromisoformat("2026-11-23T10:00:40+00:00").timestamp()
    version = job("Retrying", failed=1, managedFields=fields)
    assert durations(version, received_at=received_at) == [("Retrying", "0", seconds)]


def test_no_duration_of_a_retrying_attempt_without_any_clock() -> None:
    """A file says neither when the status was written nor when it was received: missing, not guessed."""
    assert durations(job("Retrying", failed=1)) == []


def test_attempts_stay_when_the_job_is_retried_and_completes() -> None:
    """Two retries and a success: one series for each attempt."""
    versions = [
        job("Retrying", failed=1, managedFields=[written("2026-11-23T10:00:30Z")]),
        job("", failed=1),
        job("Initializing", start="2026-11-23T10:01:00Z", failed=1),
        job("Retrying", start="2026-11-23T10:01:00Z", failed=2, managedFields=[written("2026-11-23T10:01:05Z")]),
        job("Initializing", start="2026-11-23T10:02:00Z", failed=2),
        job("Complete", start="2026-11-23T10:02:00Z", end="2026-11-23T10:02:01Z", failed=2),
    ]
    assert durations(*versions) == [("Retrying", "0", "20"), ("Retrying", "1", "5"), ("Complete", "2", "1")]


def test_a_later_write_in_the_same_retrying_state_moves_nothing() -> None:
    """The operator sets the duration at the transition; its next status write is not another one."""
    versions = [
        job("Retrying", failed=1, managedFields=[written("2026-11-23T10:00:30Z")]),
        job("Retrying", failed=1, managedFields=[written("2026-11-23T10:00:50Z")]),
    ]
    assert durations(*versions) == [("Retrying", "0", "20")]


def test_series_stay_when_a_finished_job_changes_state() -> None:
    """Suspended or ValidationFailed after the end: what was printed stays."""
    assert durations(job("Failed", end=END, failed=1), job("ValidationFailed", end=END, failed=1)) == [
        ("Failed", "0", "60")
    ]


def test_a_job_of_another_controller_has_durations() -> None:
    """MultiKueue mirrors the status of jobs that the operator does not reconcile."""
    version = job("Complete", end=END) | {"spec": {"managedBy": "kueue.x-k8s.io/multikueue"}}
    assert durations(version) == [("Complete", "0", "60")]


def test_a_job_in_deletion_is_still_reported() -> None:
    """It is there until it is gone."""
    assert len(series(RAYJOBS, "kuberay_job_info", job("Running", deletionTimestamp=END))) == 1
