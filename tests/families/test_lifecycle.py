"""Lifecycle metrics: each occurrence counts once, however often it is seen."""

from typing import Any

import pytest

from exporter.collectors.job_ends import ENDS, REASONS
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.rayjob import RAYJOBS
from exporter.collectors.rayservice import RAYSERVICES
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS
from tests.support.lifecycles import (
    COMPLETE,
    END,
    FAILED,
    RUNNING,
    STAGES,
    START,
    Counted,
    Lifecycles,
    job,
)
from tests.support.objects import CREATED, condition, decode, manifest


def test_what_the_first_list_shows_is_not_counted() -> None:
    """It happened before: created, ended, failed."""
    lifecycles = Lifecycles(RAYJOBS).on_list(job(RUNNING), job(COMPLETE, "2"), job(FAILED, "3"))
    assert lifecycles.counted() == {}
    assert lifecycles.change(job(COMPLETE, "2"), job(FAILED, "3")).counted() == {}


def test_everything_known_exists_at_zero_when_a_namespace_is_first_seen() -> None:
    """`increase()` cannot see the step from nothing to 1."""
    totals = Lifecycles(RAYJOBS).on_list(job()).totals
    by_name = dict(zip([family.name for family in totals.families], totals.samples("ns"), strict=True))
    assert {name: len(samples) for name, samples in by_name.items()} == {
        "kuberay_jobs_created_total": 1,
        "kuberay_jobs_deleted_total": 1,
        "kuberay_jobs_finished_total": len(ENDS),
        "kuberay_jobs_failed_total": len(REASONS) + 1,
        "kuberay_jobs_failed_attempts_total": 1,
        "kuberay_jobs_duration_seconds": 3 * 5,
        **{f"kuberay_jobs_{stage}_duration_seconds": 5 for stage in STAGES},
    }
    assert {sample.value for samples in by_name.values() for sample in samples} == {0}


def test_objects_that_come_and_go() -> None:
    """Re-creations under the same name are others; namespaces are kept apart."""
    lifecycles = Lifecycles(RAYJOBS).on_list(job()).change(job(uid="2")).change(job(uid="3"), removed=("2", "1"))
    lifecycles.change(job(uid="4", namespace="other"))
    assert lifecycles.counted() == {"created": 2, "deleted": 2}
    assert lifecycles.counted("other") == {"created": 1}


def test_an_object_that_could_not_be_read_at_first_was_there_before() -> None:
    """It becomes readable: not created, not ended."""
    lifecycles = Lifecycles(RAYJOBS).on_list(undecodable=("1",)).change(job(COMPLETE))
    assert lifecycles.counted() == {}
    assert lifecycles.change(job(uid="2"), removed=("1",)).counted() == {"created": 1, "deleted": 1}


def provisioned(at: str = END, **times: str) -> dict[str, Any]:
    return {"conditions": [condition("RayClusterProvisioned", "True", at)], "stateTransitionTimes": times}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        pytest.param(provisioned(), {"provisioning_duration_seconds_sum": 70}, id="provisioned"),
        pytest.param(provisioned(CREATED), {}, id="in no time: a sum of 0"),
        pytest.param(provisioned(suspended=START), {}, id="resumed: the transition is not the first"),
        pytest.param({"conditions": [condition("RayClusterProvisioned", "False", END)]}, {}, id="provisioning"),
        pytest.param(provisioned("2026-11-23T09:00:00Z"), {}, id="before it was created: the clocks disagree"),
        pytest.param(None, {}, id="no status"),
    ],
)
@pytest.mark.parametrize("is_known", [True, False])
def test_the_first_provisioning(status: dict[str, Any] | None, expected: Counted, is_known: bool) -> None:
    """Seen while it was provisioned, or found provisioned by a list after an outage: the time is in the object."""
    lifecycles = Lifecycles(RAYCLUSTERS).on_list(*[manifest()] if is_known else []).change(manifest(status))
    assert {name: value for name, value in lifecycles.counted().items() if name.endswith("_sum")} == expected


def test_a_provisioning_counts_once() -> None:
    """Suspended and resumed: there is only one first time."""
    lifecycles = Lifecycles(RAYCLUSTERS).on_list(manifest()).change(manifest(provisioned()))
    lifecycles.change(manifest({"conditions": [condition("RayClusterProvisioned", "False", END)]}))
    lifecycles.change(manifest(provisioned("2026-11-23T11:00:00Z", suspended=END)))
    assert lifecycles.counted()["provisioning_duration_seconds_count"] == 1


def ready(status: str = "True", reason: str = "NonZeroServeEndpoints", **others: str) -> dict[str, Any]:
    more = [condition(type_, value) for type_, value in others.items()]
    return {"conditions": [condition("Ready", status, END, reason=reason), *more]}


INITIALIZING = ready("False", "Initializing")


@pytest.mark.parametrize(
    ("first", "steps", "count"),
    [
        pytest.param(None, [INITIALIZING, ready()], 1, id="seen from its creation"),
        pytest.param(INITIALIZING, [ready()], 1, id="starting when the exporter did"),
        pytest.param(INITIALIZING, [ready("False", "InitializingTimeout"), ready()], 1, id="slow"),
        pytest.param(None, [ready()], 0, id="created and ready during an outage: not seen not ready"),
        pytest.param(ready(), [ready("False", "ZeroServeEndpoints"), ready()], 0, id="ready before the first list"),
        pytest.param(ready("False", "ZeroServeEndpoints"), [ready()], 0, id="had been ready before the first list"),
        pytest.param(INITIALIZING, [ready("False", "ZeroServeEndpoints"), ready()], 0, id="ready unseen, then not"),
        pytest.param(INITIALIZING | ready("False", "Initializing", Suspended="False"), [ready()], 0, id="resumed"),
        pytest.param(INITIALIZING, [ready(Suspended="False")], 0, id="suspended and resumed unseen"),
    ],
)
def test_the_start_of_a_service(first: dict[str, Any] | None, steps: list[dict[str, Any]], count: int) -> None:
    """The time is in no field: only a first Ready that was waited for is measured."""
    lifecycles = Lifecycles(RAYSERVICES).on_list(*[manifest(first)] if first else [])
    for step in steps:
        lifecycles.change(manifest(step))
    counted = lifecycles.counted()
    assert counted.get("startup_duration_seconds_count", 0) == count
    assert counted.get("startup_duration_seconds_sum", 0) == 70 * count


def test_a_service_starts_once() -> None:
    """What is lost and found later is not another start."""
    lifecycles = Lifecycles(RAYSERVICES).on_list(manifest(INITIALIZING)).change(manifest(ready()))
    lifecycles.change(manifest(ready("False", "ZeroServeEndpoints"))).change(manifest(ready()))
    assert lifecycles.counted()["startup_duration_seconds_count"] == 1


def test_buckets_are_cumulative_and_their_bounds_belong_to_them() -> None:
    """60 s is in the bucket of 60 s, as Prometheus' `le` says."""
    lifecycles = Lifecycles(RAYJOBS).on_list()
    ends = {"1": "10:01:10", "2": "10:01:11", "3": "12:00:00"}
    lifecycles.change(*[job(COMPLETE | {"endTime": f"2026-11-23T{end}Z"}, uid) for uid, end in ends.items()])
    buckets = {name: value for name, value in lifecycles.counted().items() if name.startswith("duration")}
    assert buckets == {
        "duration_seconds_bucket 60.0 Succeeded": 1,
        "duration_seconds_bucket 3600.0 Succeeded": 2,
        "duration_seconds_bucket +Inf Succeeded": 3,
        "duration_seconds_count Succeeded": 3,
        "duration_seconds_sum Succeeded": 60 + 61 + 7190,
    }


def test_a_namespace_goes_a_day_after_its_last_object() -> None:
    """Not before, and not if an object comes back meanwhile; a namespace that returns starts at 0."""
    lifecycles = Lifecycles(RAYJOBS).on_list(job()).change(removed=("1",))
    lifecycles.clock.advance(EMPTY_NAMESPACE_SECONDS - 1)
    assert lifecycles.totals.expire() == []
    lifecycles.change(job(uid="2")).clock.advance(2)
    assert lifecycles.totals.expire() == []
    lifecycles.change(removed=("2",)).clock.advance(EMPTY_NAMESPACE_SECONDS)
    assert lifecycles.totals.expire() == ["ns"]
    assert lifecycles.change(job(uid="3")).counted() == {"created": 1}


def test_totals_that_are_not_exported_cost_nothing() -> None:
    """No family, no sample."""
    totals: LifecycleTotals[Any] = LifecycleTotals(RAYJOBS, (60.0,), lambda name: name == "kuberay_jobs_created_total")
    assert [family.name for family in totals.families] == ["kuberay_jobs_created_total"]
    totals.on_list([totals.observe(decode(RAYJOBS, job()))], ())
    assert [len(samples) for samples in totals.samples("ns")] == [1]
    nothing: LifecycleTotals[Any] = LifecycleTotals(RAYJOBS, family_filter=lambda _: False)
    observation = nothing.observe(decode(RAYJOBS, job()))
    assert nothing.on_list([observation], ()) == nothing.on_change([observation], [observation.obj]) == {}
