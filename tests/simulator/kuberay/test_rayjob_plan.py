"""The spec that fits a job's plan."""

from typing import Any

import pytest

from exporter.simulator.kuberay import rayjob_plan
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.rayjob_plan import JobPlan, job_spec
from tests.support.scenario import new_world


@pytest.mark.parametrize(
    ("plan", "fields"),
    [
        pytest.param(JobPlan(), {"backoffLimit": 0}, id="usual"),
        pytest.param(JobPlan(backoff_limit=-1), {}, id="no backoff limit"),
        pytest.param(
            JobPlan((rayjob_plan.DEADLINE,)), {"backoffLimit": 0, "activeDeadlineSeconds": 120}, id="deadline"
        ),
        pytest.param(JobPlan(deadline_seconds=9), {"backoffLimit": 0, "activeDeadlineSeconds": 9}, id="kept deadline"),
        pytest.param(
            JobPlan((rayjob_plan.PRE_RUNNING_DEADLINE,)),
            {"backoffLimit": 0, "preRunningDeadlineSeconds": 60},
            id="deadline before it runs",
        ),
        pytest.param(
            JobPlan(ttl_seconds=5), {"backoffLimit": 0, "shutdownAfterJobFinishes": True}, id="deletes itself"
        ),
        pytest.param(
            JobPlan((rayjob_plan.QUEUED, rayjob_plan.SUCCEEDED), queued=True),
            {"backoffLimit": 0, "shutdownAfterJobFinishes": True, "suspend": True},
            id="created as suspended: KubeRay requires that it deletes its cluster",
        ),
    ],
)
def test_the_spec_has_what_the_plan_needs(plan: JobPlan, fields: dict[str, Any]) -> None:
    """And nothing else: an absent field is absent."""
    spec = job_spec(new_world()[0], plan, Shape())
    always = {"entrypoint", "rayClusterSpec", "runtimeEnvYAML", "submissionMode", "ttlSecondsAfterFinished"}
    assert {key: value for key, value in spec.items() if key not in always} == fields
    assert spec["ttlSecondsAfterFinished"] == (plan.ttl_seconds or 0)
