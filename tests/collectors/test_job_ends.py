"""How jobs end: each end and each failed attempt counts once."""

from typing import Any

import pytest

from exporter.collectors.job_ends import OTHER_REASON
from exporter.collectors.rayjob import RAYJOBS
from tests.support.lifecycles import (
    COMPLETE,
    END,
    FAILED,
    INVALID,
    RUNNING,
    STAGE_FAMILIES,
    START,
    Counted,
    Lifecycles,
    job,
)


@pytest.mark.parametrize(
    ("end", "expected"),
    [
        pytest.param(COMPLETE, {"finished Succeeded": 1, "duration_seconds Succeeded": 60}, id="succeeded"),
        pytest.param(
            COMPLETE | {"jobStatus": "STOPPED"}, {"finished Stopped": 1, "duration_seconds Stopped": 60}, id="stopped"
        ),
        pytest.param(
            FAILED,
            {"finished Failed": 1, "failed AppFailed": 1, "failed_attempts": 1, "duration_seconds Failed": 60},
            id="failed",
        ),
        pytest.param(
            FAILED | {"reason": "SomethingNew"},
            {"finished Failed": 1, f"failed {OTHER_REASON}": 1, "failed_attempts": 1, "duration_seconds Failed": 60},
            id="a reason that is not known",
        ),
        pytest.param(
            {"jobDeploymentStatus": "Failed", "startTime": START},
            {"finished Failed": 1, f"failed {OTHER_REASON}": 1},
            id="no reason, no end",
        ),
        pytest.param(
            COMPLETE | {"jobStatus": "FAILED"},
            {"finished Failed": 1, f"failed {OTHER_REASON}": 1, "duration_seconds Failed": 60},
            id="failed, as KubeRay up to 1.1 writes it",
        ),
        pytest.param(INVALID, {"finished ValidationFailed": 1, "failed ValidationFailed": 1}, id="invalid"),
        pytest.param(
            COMPLETE | INVALID, {"finished ValidationFailed": 1, "failed ValidationFailed": 1}, id="invalid, old times"
        ),
        pytest.param({"jobDeploymentStatus": "Suspended", "endTime": END}, {}, id="suspended is no end"),
    ],
)
@pytest.mark.parametrize("seen", ["running", "unseen"])
def test_the_end_of_a_job(end: dict[str, Any], expected: Counted, seen: str) -> None:
    """By event, or in a list after an outage in which the whole job was created and ended."""
    lifecycles = Lifecycles(RAYJOBS).on_list(*[job(RUNNING)] if seen == "running" else [])
    lifecycles.change(job(end), job(RUNNING, "2"))
    durations = {name.replace("seconds ", "seconds_sum "): value for name, value in expected.items()}
    counted = {
        name: value
        for name, value in lifecycles.counted().items()
        if "_bucket" not in name and "_count" not in name and not name.startswith(STAGE_FAMILIES)
    }
    assert counted == durations | {"created": 1 if seen == "running" else 2}
    assert lifecycles.change(job(end), job(end)).counted() == lifecycles.counted()


def test_only_the_first_end_of_a_job_counts() -> None:
    """Once for each uid, whatever happens to it afterwards."""
    lifecycles = Lifecycles(RAYJOBS).on_list(job(RUNNING)).change(job(FAILED))
    before = lifecycles.counted()
    assert lifecycles.change(job(FAILED | INVALID)).change(job(RUNNING)).change(job(COMPLETE)).counted() == before


def test_every_failed_attempt_counts() -> None:
    """A retried job fails several times; attempts from before the first list do not count."""
    lifecycles = Lifecycles(RAYJOBS).on_list(job(RUNNING | {"failed": 2}))
    lifecycles.change(job(RUNNING | {"jobDeploymentStatus": "Retrying", "failed": 3})).change(
        job(RUNNING | {"failed": 3})
    )
    assert lifecycles.counted() == {"failed_attempts": 1}
    assert lifecycles.change(job(FAILED | {"failed": 5})).counted()["failed_attempts"] == 3


def test_a_lower_count_of_attempts_takes_nothing_back() -> None:
    """A counter never falls, and what was counted does not count again."""
    lifecycles = Lifecycles(RAYJOBS).on_list(job(RUNNING | {"failed": 2}))
    lifecycles.change(job(RUNNING)).change(job(RUNNING | {"failed": -1})).change(job(RUNNING | {"failed": 2}))
    assert lifecycles.counted() == {}
    assert lifecycles.change(job(RUNNING | {"failed": 3})).counted() == {"failed_attempts": 1}
