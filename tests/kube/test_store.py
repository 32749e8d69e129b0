"""Which differences the event handler gets, and what stays."""

from collections.abc import Collection, Iterator, Sequence

import pytest
from msgspec import Struct

from exporter.kube.store import Store, StoreUpdater


class Metadata(Struct, frozen=True):
    uid: str
    resource_version: str
    namespace: str = ""


class Thing(Struct, frozen=True):
    metadata: Metadata


def thing(uid: str, version: int = 1) -> Thing:
    return Thing(Metadata(uid, str(version)))


class Recorder:
    """Records each call as (uids changed, uids removed), and the first list."""

    def __init__(self) -> None:
        self.first: list[tuple[list[str], list[str]]] = []
        self.calls: list[tuple[list[str], list[str]]] = []

    def on_list(self, present: Sequence[Thing], undecodable: Collection[str]) -> None:
        self.first.append(([obj.metadata.uid for obj in present], sorted(undecodable)))

    def on_change(self, changed: Sequence[Thing], removed: Sequence[Thing]) -> None:
        self.calls.append(([obj.metadata.uid for obj in changed], [obj.metadata.uid for obj in removed]))


def in_namespace(*names: str) -> list[Thing]:
    """Return an object for each `namespace/uid`."""
    return [Thing(Metadata(name, "1", name.partition("/")[0])) for name in names]


def store_of(*uids: str) -> tuple[Store[Thing], StoreUpdater[Thing], Recorder]:
    recorder = Recorder()
    store: Store[Thing] = Store()
    updater = StoreUpdater(store, recorder)
    updater.replace([thing(uid) for uid in uids], ())
    recorder.calls.clear()
    return store, updater, recorder


def test_only_the_first_list_is_given_as_the_first_list() -> None:
    """A later one, even after everything was dropped, is a difference."""
    recorder = Recorder()
    updater: StoreUpdater[Thing] = StoreUpdater(Store(), recorder)
    updater.clear()
    updater.replace([thing("a")], {"x"})
    updater.clear()
    updater.replace([thing("b")], ())
    assert recorder.first == [(["a"], ["x"])]
    assert recorder.calls == [([], []), ([], ["a"]), (["b"], [])]


def test_an_undecodable_object_keeps_its_last_valid_version() -> None:
    """By list and by event; it is counted until a valid version comes."""
    store, updater, recorder = store_of("a", "b")
    updater.replace([thing("b")], {"a"})
    assert (len(store), store.undecodable, recorder.calls) == (2, 1, [([], [])])
    updater.put_undecodable("b")
    assert store.undecodable == 2
    updater.put(thing("b", 2))
    updater.remove("a")
    assert (len(store), store.undecodable) == (1, 0)


def test_removing_an_unknown_object_calls_nothing() -> None:
    """A DELETED for an object that was never seen."""
    _, updater, recorder = store_of("a")
    updater.remove("x")
    assert recorder.calls == []


def test_an_object_that_is_listed_twice_is_one() -> None:
    """The later one counts."""
    store, updater, _ = store_of()
    updater.replace([thing("a", 1), thing("a", 2)], ())
    assert [obj.metadata.resource_version for obj in store] == ["2"]


def test_an_unchanged_object_of_a_later_list_is_not_held_beside_the_first() -> None:
    """The handler keeps what it was given: after each list there would be two of every object."""
    store, updater, _ = store_of("a", "b")
    first = dict(store.by_uid)
    updater.replace([thing("a"), thing("b", version=2)], ())
    assert store.by_uid["a"] is first["a"]
    assert store.by_uid["b"] == thing("b", version=2)


def test_beyond_the_maximum_the_oldest_of_a_namespace_makes_room() -> None:
    """For another of its own namespace; the handler is given its removal, and it is counted."""
    recorder, dropped = Recorder(), list[int]()
    store: Store[Thing] = Store(maximum=(4, 3), dropped=lambda: dropped.append(1))
    updater = StoreUpdater(store, recorder)
    updater.replace(in_namespace("a/1", "b/1"), ())
    for obj in in_namespace("b/2", "b/3", "b/4"):
        updater.put(obj)
    assert recorder.calls == [(["b/2"], []), (["b/3"], []), (["b/4"], ["b/1"])]
    updater.put(*in_namespace("a/2"))
    assert (recorder.calls[-1], len(dropped)) == ((["a/2"], ["b/2"]), 2)
    updater.remove("a/1")
    updater.put(*in_namespace("c/1"))
    assert (list(store.by_uid), len(dropped)) == (["b/3", "b/4", "a/2", "c/1"], 2)


def test_what_was_dropped_is_not_new_in_the_next_list() -> None:
    """Its occurrences would be counted again; a namespace with room gets what is new."""
    recorder = Recorder()
    store: Store[Thing] = Store(maximum=(6, 3))
    updater = StoreUpdater(store, recorder)
    updater.replace(in_namespace("a/1", "b/1", "b/2", "b/3", "b/4"), ())
    updater.replace(in_namespace("a/1", "a/2", "b/1", "b/2", "b/3", "b/4"), ())
    assert recorder.first == [(["a/1", "b/2", "b/3", "b/4"], [])]
    assert recorder.calls == [(["a/2"], [])]


def test_a_list_that_fails_changes_nothing() -> None:
    """Neither the objects nor how many of them may be held."""

    def fails() -> Iterator[Thing]:
        yield from in_namespace("a/1", "a/2")
        raise OSError

    recorder = Recorder()
    store: Store[Thing] = Store(maximum=(2, 2))
    updater = StoreUpdater(store, recorder)
    updater.replace(in_namespace("a/8", "a/9"), ())
    with pytest.raises(OSError):  # noqa: PT011 - it has no message
        updater.replace(fails(), ())
    updater.put(*in_namespace("a/3"))
    assert recorder.calls == [(["a/3"], ["a/8"])]
