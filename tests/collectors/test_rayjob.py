"""RayJob's families: object in, exact exposition out."""

from typing import Any

import pytest

from exporter.collectors.rayjob import RAYJOBS
from tests.support.objects import JOB_END, job_in_state, manifest, series

STATUS = "kuberay_job_deployment_status"


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
