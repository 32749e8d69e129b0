"""Kueue in the simulation: its quota, and what its Workloads show."""

import json
from functools import partial
from typing import Any

import msgspec
import pytest

from exporter.resources.detailed import DetailedWorkload
from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay import kueue
from exporter.simulator.kuberay.engine import Engine
from tests.support.scenario import NOW, objects, run_steps
from tests.support.scenario import new_world as world_without_kueue
from tests.support.stores import install


def new_world() -> tuple[Any, ObjectStore]:
    world, store = world_without_kueue()
    install(store, "workloads")
    return world, store


def decoded(store: ObjectStore) -> list[DetailedWorkload]:
    return [msgspec.json.decode(json.dumps(one), type=DetailedWorkload) for one in objects(store, "workloads")]


def shown(scenario: Any, seconds: float) -> list[str]:
    """Return the states that the Workload of a scenario goes through."""
    world, store = new_world()
    states: list[str] = []
    for _ in run_steps(world, scenario(world), seconds):
        for one in decoded(store):
            if one.state != (states or [""])[-1]:
                states.append(one.state)
    return states


@pytest.mark.parametrize(
    ("scenario", "states"),
    [
        pytest.param(kueue.runs, ["pending", "admitted", "finished"], id="runs"),
        pytest.param(kueue.too_large, ["pending"], id="too large"),
        pytest.param(
            partial(kueue.never_ready, limit=1),
            ["pending", "admitted", "evicting", "not_queued", "admitted", "inactive"],
            id="deactivated",
        ),
        pytest.param(kueue.checked, ["quota_reserved", "admitted", "not_queued"], id="checked"),
    ],
)
def test_a_workload_goes_through_the_states_of_its_scenario(scenario: Any, states: list[str]) -> None:
    """As the exporter reads them; one that is checked begins again."""
    seen = shown(scenario, 900)
    assert seen[: len(states)] == states
    assert set(seen) == set(states)


def test_a_workload_beyond_the_quota_says_so() -> None:
    """In Kueue's words, so that the exporter reads it."""
    world, store = new_world()
    for _ in run_steps(world, kueue.too_large(world), 60):
        pass
    (one,) = decoded(store)
    assert one.status.exceeds_quota
    assert one.metadata.owner_kind == "RayCluster"


def test_a_more_important_job_stops_others_and_the_quota_is_never_exceeded() -> None:
    """The stopped ones start again when it has ended."""
    store = ObjectStore(clock=lambda: NOW, with_workloads=True)
    engine = Engine(store, seed=1, speed=1, objects=40, with_pods=False, with_workloads=True, clock=lambda: NOW)
    engine.populate(lambda _count, _desired: None)
    now, preempted, important = NOW, 0, set[str]()
    for _ in range(1000):
        now = max(engine.next_due, now)
        engine.step(now)
        present = decoded(store)
        held = [one for one in present if one.is_met("QuotaReserved") and not one.is_met("Finished")]
        used = sum(
            int(quantity)
            for one in held
            if one.status.admission
            for pods in one.status.admission.pod_set_assignments or ()
            for quantity in (pods.resource_usage or {}).values()
        )
        assert used <= kueue.QUOTA
        preempted += any(one.is_met("Preempted") for one in present)
        important |= {one.state for one in present if one.spec.priority}
    assert preempted
    assert "finished" in important
