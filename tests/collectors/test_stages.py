"""Stages of jobs: each is measured once, when its times are known."""

from typing import Any

import pytest

from exporter.collectors.rayjob import RAYJOBS
from tests.support.lifecycles import (
    COMPLETE,
    FAILED,
    INVALID,
    RUNNING,
    STAGES,
    Counted,
    Lifecycles,
    job,
)
from tests.support.objects import CREATED

RAY_START, RAY_END = "2026-11-23T10:00:40Z", "2026-11-23T10:01:08Z"
RAY_STARTED: dict[str, Any] = RUNNING | {"rayJobInfo": {"startTime": RAY_START}}
RAY_ENDED: dict[str, Any] = COMPLETE | {"rayJobInfo": {"startTime": RAY_START, "endTime": RAY_END}}
INITIALIZED = RUNNING | {"jobDeploymentStatus": "Initializing"}
RETRYING = RAY_ENDED | {"jobDeploymentStatus": "Retrying", "failed": 1}
SUSPENDED = RUNNING | {"jobDeploymentStatus": "Suspended"}
WAITING = {"jobDeploymentStatus": "Suspended"}
LATER = {"startTime": "2026-11-23T11:00:00Z"}
ALL_STAGES = {"queued": 10, "starting": 30, "running": 28, "total": 70}


@pytest.mark.parametrize(
    ("first", "steps", "expected"),
    [
        pytest.param(None, [{}, INITIALIZED, RAY_STARTED, RAY_ENDED], ALL_STAGES, id="seen from its creation"),
        pytest.param(None, [RAY_ENDED], ALL_STAGES, id="created and ended during an outage"),
        pytest.param({}, [RAY_ENDED], ALL_STAGES, id="ended during an outage"),
        pytest.param(INITIALIZED, [RAY_STARTED, RAY_ENDED], ALL_STAGES | {"queued": 0}, id="started before the list"),
        pytest.param(RAY_STARTED, [RAY_ENDED], {"running": 28, "total": 70}, id="running before the first list"),
        pytest.param(RAY_ENDED, [RAY_ENDED], {}, id="ended before the first list"),
        pytest.param(None, [WAITING, INITIALIZED], {"queued": 10}, id="admitted"),
        pytest.param({}, [SUSPENDED, RUNNING], {}, id="suspended again before the start was seen"),
        pytest.param(None, [RUNNING, SUSPENDED, RUNNING | LATER], {"queued": 10}, id="resumed: starts once"),
        pytest.param(None, [RUNNING | LATER | {"failed": 1}], {}, id="first seen in its second attempt"),
        pytest.param(None, [RETRYING], {"queued": 10, "starting": 30}, id="retried: has not ended"),
        pytest.param(
            None,
            [RETRYING, INITIALIZED | LATER | {"failed": 1}, RAY_STARTED | LATER | {"failed": 1}],
            {"queued": 10, "starting": 30},
            id="times of the first attempt in the second one",
        ),
        pytest.param(None, [FAILED], {"queued": 10, "total": 70}, id="failed without a Ray job"),
        pytest.param(None, [COMPLETE | {"rayJobInfo": {}}], {"queued": 10, "total": 70}, id="no Ray times"),
        pytest.param(
            None,
            [RAY_ENDED | {"rayJobInfo": {"startTime": CREATED, "endTime": "2026-11-23T09:00:00Z"}}],
            {"queued": 10, "total": 70},
            id="the clocks disagree",
        ),
        pytest.param(None, [RAY_ENDED | INVALID], {}, id="invalid, old times"),
    ],
)
def test_the_stages_of_a_job(first: dict[str, Any] | None, steps: list[dict[str, Any]], expected: Counted) -> None:
    """Each once for each job, when it is known, and only if that is after the first list."""
    lifecycles = Lifecycles(RAYJOBS).on_list(*[job(first)] if first is not None else [])
    for step in [step for step in steps for _ in range(2)]:
        lifecycles.change(job(step))
    counted = lifecycles.counted()
    assert {
        stage: counted[f"{stage}_duration_seconds_sum"]
        for stage in STAGES
        if f"{stage}_duration_seconds_count" in counted
    } == {stage: seconds for stage, seconds in expected.items() if seconds}
    assert all(counted[f"{stage}_duration_seconds_count"] == 1 for stage, seconds in expected.items() if seconds)
