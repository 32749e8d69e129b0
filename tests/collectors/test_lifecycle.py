"""Lifecycle metrics: each occurrence counts once, however often it is seen."""

from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from exporter.collectors.job_ends import ENDS, OTHER_REASON, REASONS
from exporter.collectors.lifecycle import LifecycleTotals, Observation
from exporter.collectors.namespaces import EMPTY_NAMESPACE_SECONDS
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.rayjob import RAYJOBS
from exporter.collectors.rayservice import RAYSERVICES
from exporter.collectors.table import AnyKind
from tests.support.clocks import FakeClock
from tests.support.objects import CREATED, condition, decode, manifest

START, END = "2026-11-23T10:00:10Z", "2026-11-23T10:01:10Z"
"""A minute, which is a bucket."""

RUNNING = {"jobDeploymentStatus": "Running", "startTime": START}
COMPLETE = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED", "startTime": START, "endTime": END}
FAILED = COMPLETE | {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "reason": "AppFailed", "failed": 1}
INVALID = {"jobDeploymentStatus": "ValidationFailed", "reason": "ValidationFailed"}

STAGES = ("queued", "starting", "running", "total")
STAGE_FAMILIES = tuple(f"{stage}_duration_seconds" for stage in STAGES)

Counted = dict[str, float]


class Lifecycles:
    """Lifecycle totals of one kind, and versions of objects by uid."""

    def __init__(self, kind: AnyKind) -> None:
        self.kind = kind
        self.clock = FakeClock()
        self.totals: LifecycleTotals[Any] = LifecycleTotals(kind, (60.0, 3600.0), clock=self.clock)
        self.present: dict[str, Any] = {}
        self.remembered: dict[str, Any] = {}

    def on_list(self, *versions: dict[str, Any], undecodable: tuple[str, ...] = ()) -> "Lifecycles":
        self.present = {obj.metadata.uid: obj for obj in (decode(self.kind, version) for version in versions)}
        self.totals.on_list(map(self._observe, self.present.values()), undecodable)
        return self

    def change(self, *versions: dict[str, Any], removed: tuple[str, ...] = ()) -> "Lifecycles":
        """One step: an event where it is one object, a list's difference where there are more."""
        changed = [decode(self.kind, version) for version in versions]
        self.totals.on_change(map(self._observe, changed), [self.present.pop(uid) for uid in removed])
        self.present |= {obj.metadata.uid: obj for obj in changed}
        return self

    def _observe(self, obj: Any) -> Observation[Any]:
        uid = obj.metadata.uid
        self.remembered[uid] = self.kind.remember(obj, self.remembered.get(uid), None)
        return self.totals.observe(obj, self.remembered[uid])

    def counted(self, namespace: str = "ns") -> Counted:
        """Return what is not 0: families without their prefix and unit, with the values of own labels."""
        counted = {}
        for family, samples in zip(self.totals.families, self.totals.samples(namespace), strict=True):
            short = family.name.removeprefix(f"kuberay_{self.kind.plural.removeprefix('ray')}_")
            for sample in samples:
                names = sample.label_names or family.label_names
                own = [v for name, v in zip(names, sample.labels, strict=True) if name != "namespace"]
                if sample.value:
                    counted[" ".join([short.removesuffix("_total") + sample.suffix, *own])] = sample.value
        return counted


def job(status: dict[str, Any] | None = None, uid: str = "1", **metadata: Any) -> dict[str, Any]:
    return manifest(status, uid=uid, **metadata)


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


def rollout(upgrade: str, at: str, reason: str = "NoPendingCluster", **others: str) -> dict[str, Any]:
    """A service's conditions; `others` are conditions with the time at which they became True."""
    more = [condition(type_, "True", since) for type_, since in others.items()]
    return {"conditions": [condition("UpgradeInProgress", upgrade, at, reason=reason), *more]}


IDLE, UPGRADING, UPGRADED = rollout("False", CREATED), rollout("True", START), rollout("False", END)
ROLLING_BACK = rollout("True", START, RollbackInProgress="2026-11-23T10:00:30Z")


@pytest.mark.parametrize(
    ("first", "steps", "upgrades", "rollbacks"),
    [
        pytest.param(IDLE, [UPGRADING, UPGRADED], 1, 0, id="an upgrade"),
        pytest.param(UPGRADING, [UPGRADED], 1, 0, id="started before the first list: its time is in the object"),
        pytest.param(None, [UPGRADING, UPGRADED], 1, 0, id="of a new service"),
        pytest.param(IDLE, [UPGRADED], 0, 0, id="not seen in progress"),
        pytest.param(UPGRADED, [UPGRADED], 0, 0, id="over before the first list"),
        pytest.param(IDLE, [UPGRADING, ROLLING_BACK, UPGRADED], 1, 1, id="rolled back"),
        pytest.param(ROLLING_BACK, [UPGRADED], 1, 0, id="being rolled back in the first list"),
        pytest.param(None, [ROLLING_BACK], 0, 1, id="new, and being rolled back"),
        pytest.param(
            IDLE,
            [ROLLING_BACK, rollout("True", START, RollbackInProgress=END), UPGRADED],
            1,
            2,
            id="rolled back twice: the end of the first one was not seen",
        ),
        pytest.param(IDLE, [UPGRADING, UPGRADED, UPGRADING, UPGRADED], 2, 0, id="two upgrades"),
        pytest.param(IDLE, [UPGRADING, rollout("False", END, "SuspendInProgress")], 0, 0, id="suspended midway"),
        pytest.param(IDLE, [UPGRADING, rollout("Unknown", END, "NoActiveCluster"), UPGRADED], 0, 0, id="unknown"),
        pytest.param(IDLE, [UPGRADING, {}, UPGRADED], 0, 0, id="the condition vanished"),
    ],
)
def test_the_rollouts_of_a_service(
    first: dict[str, Any] | None, steps: list[dict[str, Any]], upgrades: int, rollbacks: int
) -> None:
    """An upgrade takes a minute; each transition counts once, however often it is seen."""
    lifecycles = Lifecycles(RAYSERVICES).on_list(*[manifest(first)] if first else [])
    for step in [step for step in steps for _ in range(2)]:
        lifecycles.change(manifest(step))
    counted = lifecycles.counted()
    assert counted.get("upgrade_duration_seconds_count", 0) == upgrades
    assert counted.get("upgrade_duration_seconds_sum", 0) == 60 * upgrades
    assert counted.get("rollbacks", 0) == rollbacks


def test_an_upgrade_whose_times_contradict_each_other_is_not_measured() -> None:
    """It ended before it started: there is nothing to observe."""
    lifecycles = (
        Lifecycles(RAYSERVICES).on_list(manifest(rollout("True", END))).change(manifest(rollout("False", START)))
    )
    assert lifecycles.counted() == {}


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
    assert nothing.on_list([observation], ()) | nothing.on_change([observation], [observation.obj]) == set()


def test_a_registry_of_prometheus_client_takes_them() -> None:
    """`collect()` for whoever has a registry of their own."""
    registry = CollectorRegistry()
    registry.register(Lifecycles(RAYJOBS).on_list(job(RUNNING)).change(job(COMPLETE)).totals)
    text = generate_latest(registry).decode()
    assert 'kuberay_jobs_finished_total{namespace="ns",status="Succeeded"} 1.0' in text
    assert 'kuberay_jobs_duration_seconds_bucket{le="60.0",namespace="ns",status="Succeeded"} 1.0' in text
