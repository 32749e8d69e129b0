"""The state that all scenarios share: names, time, and what is written during a replay."""

import pytest

from exporter.simulator.kuberay.world import FOREVER
from tests.support.scenario import NOW, new_world, objects


def test_a_name_is_taken_until_its_object_is_removed() -> None:
    """Within one kind and one namespace."""
    world, _ = new_world()
    assert world.reserve_name("rayjobs", "ns", "a")
    assert not world.reserve_name("rayjobs", "ns", "a")
    assert world.reserve_name("rayjobs", "other", "a")
    assert world.reserve_name("rayclusters", "ns", "a")
    obj = world.new_object("rayjobs", "ns", "a", {})
    world.put(obj)
    world.remove(obj)
    assert world.reserve_name("rayjobs", "ns", "a")


def test_generated_names_are_different() -> None:
    """A prefix, and five letters and digits."""
    world, _ = new_world()
    names = {world.unique_name("rayjobs", "ns", "train") for _ in range(200)}
    assert len(names) == 200
    assert all(len(name) == len("train-xxxxx") for name in names)


def test_a_replay_writes_what_exists_at_its_end() -> None:
    """Once, in its last state; what was removed meanwhile is never written."""
    world, store = new_world()
    world.begin_replay(NOW + 60)
    kept, removed = (world.new_object("rayjobs", "ns", name, {}) for name in "ab")
    for obj in (kept, removed):
        world.put(obj)
    kept.write_status(NOW, {"jobStatus": "RUNNING"})
    world.put(kept)
    world.remove(removed)
    assert (objects(store, "rayjobs"), world.object_count, world.replay_seconds_left) == ([], 1, 60)
    world.end_replay()
    (written,) = objects(store, "rayjobs")
    assert (written["metadata"]["name"], written["status"]) == ("a", {"jobStatus": "RUNNING"})
    assert world.replay_seconds_left == 0


def test_live_every_change_is_written() -> None:
    """Created, updated, deleted."""
    world, store = new_world()
    obj = world.new_object("rayjobs", "ns", "a", {})
    world.put(obj)
    obj.write_status(NOW, {"jobStatus": "FAILED"})
    world.put(obj)
    assert objects(store, "rayjobs")[0]["status"] == {"jobStatus": "FAILED"}
    world.remove(obj)
    assert (objects(store, "rayjobs"), world.object_count) == ([], 0)


def test_a_time_of_the_clock_is_reached_whatever_the_speed() -> None:
    """Steps are divided by the speed, so their seconds are multiplied; a replay has no speed."""
    world, _ = new_world()
    world.speed = 10
    assert world.seconds_until(NOW + 60) == 600
    assert world.seconds_until(NOW - 1) == 0
    world.begin_replay(NOW + 60)
    assert world.seconds_until(NOW + 60) == 60


def test_options_come_in_turn() -> None:
    """A small fleet has the rare ones, too; each list has a turn of its own."""
    world, _ = new_world()
    assert {world.in_turn("a", "b", "c") for _ in range(3)} == {"a", "b", "c"}
    assert {world.in_turn("x", "y") for _ in range(2)} == {"x", "y"}


@pytest.mark.parametrize("bound", [3.0, FOREVER])
def test_equal_bounds_leave_one_value(bound: float) -> None:
    """Also if it is infinite."""
    assert new_world()[0].uniform(bound, bound) == bound
