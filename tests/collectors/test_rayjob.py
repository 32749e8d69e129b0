"""RayJob's families: object in, exact exposition out."""

from typing import Any

import pytest

from exporter.collectors.rayjob import RAYJOBS
from tests.support.objects import JOB_END, exposition, job_in_state, manifest, series
from tests.support.parity import NINE

STATUS = "kuberay_job_deployment_status"


def test_a_complete_job_prints_the_operators_three_families() -> None:
    """The whole exposition of one job, to the letter; the apostrophe is the operator's typographic one."""
    assert exposition(RAYJOBS, job_in_state("Complete", end=JOB_END), only=NINE) == (
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
        pytest.param(job_in_state("Running"), "Running", id="known"),
        pytest.param(job_in_state("SomethingNew"), "SomethingNew", id="unknown: passed through"),
    ],
)
def test_deployment_status(version: dict[str, Any], state: str) -> None:
    """One series, with the state as it is; a new job's is the empty string."""
    assert series(RAYJOBS, STATUS, version) == [
        f'{STATUS}{{deployment_status="{state}",name="a",namespace="ns",uid="1"}} 1'
    ]


def test_a_job_in_deletion_is_still_reported() -> None:
    """It is there until it is gone."""
    assert len(series(RAYJOBS, "kuberay_job_info", job_in_state("Running", deletionTimestamp=JOB_END))) == 1
