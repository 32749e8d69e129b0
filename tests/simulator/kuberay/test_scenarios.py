"""Scenarios: each kind of fate, as a run of its own in a world of its own."""

from itertools import islice
from random import Random

import pytest

from exporter.simulator.kuberay.scenarios import Scenario, repeat, scenario_sequence
from tests.support.scenario import new_world, objects, run_steps

PLURALS = {"cluster": "rayclusters", "job": "rayjobs", "service": "rayservices", "cron": "raycronjobs"}


def all_scenarios() -> list[Scenario]:
    """Return each once: the sequence begins with all of them."""
    first: dict[str, Scenario] = {}
    for scenario in scenario_sequence(Random(1)):
        if scenario.name in first:
            return list(first.values())
        first[scenario.name] = scenario
    raise AssertionError("the sequence is endless")


@pytest.mark.parametrize("scenario", all_scenarios(), ids=lambda scenario: scenario.name)
def test_a_scenario_creates_an_object_of_its_kind(scenario: Scenario) -> None:
    """At once or within minutes, without any other scenario; what belongs to it comes with it."""
    world, store = new_world()
    plural = PLURALS[scenario.name.split()[0].removesuffix("'s")]
    assert any(objects(store, plural) for _ in run_steps(world, scenario.run(world), 600))
    assert world.object_count == sum(len(objects(store, kind)) for kind in PLURALS.values())


def test_after_all_scenarios_the_frequent_ones_come_more_often() -> None:
    """By their weights."""
    scenarios = all_scenarios()
    drawn = list(islice(scenario_sequence(Random(1)), len(scenarios), len(scenarios) + 5000))
    heavy, light = max(scenarios, key=lambda one: one.weight), min(scenarios, key=lambda one: one.weight)
    assert drawn.count(heavy) > 10 * drawn.count(light)


def test_a_scenario_is_repeated_with_another_object() -> None:
    """The proportions stay the same."""
    world, store = new_world()
    scenario = next(one for one in all_scenarios() if one.name == "job deletes itself")
    seen: set[str] = set()
    for _ in run_steps(world, repeat(world, scenario), 4 * 3600):
        seen |= {job["metadata"]["uid"] for job in objects(store, "rayjobs")}
    assert len(seen) > 2
