"""The storage of the simulated API server."""

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest

from exporter.simulator.apiserver import lists
from exporter.simulator.apiserver.history import StoredPage, Watch
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.store import (
    AlreadyExistsError,
    ExpiredError,
    FutureVersionError,
    NotFoundError,
    NotInstalledError,
    ObjectStore,
)
from tests.support.stores import compact, install, restore, save, uninstall

JOBS = "rayjobs"
DEADLINE_SECONDS = 10.0


def job(name: str, namespace: str = "ml", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": fields}


def store_with(*names: str, **options: Any) -> ObjectStore:
    store = ObjectStore(clock=lambda: 1_700_000_000.5, **options)
    for name in names:
        store.create(JOBS, job(name))
    return store


def read(store: ObjectStore, name: str, namespace: str = "ml") -> dict[str, Any]:
    obj: dict[str, Any] = json.loads(store.get(JOBS, namespace, name))
    return obj


def keys(page: StoredPage) -> list[str]:
    return [event.key for event in page.items]


def drain(watch: Watch) -> list[tuple[str, str]]:
    """Return type and key of all events up to now."""
    events: list[tuple[str, str]] = []
    while batch := watch.next(0):
        events += [(event.type, event.key) for event in batch]
    return events


def test_create_fills_what_the_server_fills() -> None:
    """uid, creation time, generation, kind and resourceVersion come from the store."""
    store = ObjectStore(clock=lambda: 1_700_000_000.5)
    version = store.create(JOBS, job("a"))
    obj = read(store, "a")
    assert obj["kind"] == "RayJob"
    assert obj["metadata"]["creationTimestamp"] == "2023-11-14T22:13:20Z"
    assert obj["metadata"]["generation"] == 1
    assert obj["metadata"]["resourceVersion"] == version == str(store.version)
    assert obj["metadata"]["uid"]


def test_create_keeps_a_given_creation_time() -> None:
    """An engine may create objects with an earlier creation time."""
    store = ObjectStore()
    obj = job("a")
    obj["metadata"]["creationTimestamp"] = "2020-01-01T00:00:00Z"
    store.create(JOBS, obj)
    assert read(store, "a")["metadata"]["creationTimestamp"] == "2020-01-01T00:00:00Z"


def test_create_refuses_a_present_object() -> None:
    """A second create fails and does not change the version."""
    store = store_with("a")
    version = store.version
    with pytest.raises(AlreadyExistsError, match="ml/a"):
        store.create(JOBS, job("a"))
    assert store.version == version


def test_update_keeps_identity_and_moves_the_version() -> None:
    """uid, creation time and generation stay if the caller leaves them out."""
    store = store_with("a")
    before = read(store, "a")["metadata"]
    store.update(JOBS, job("a", suspend=True))
    after = read(store, "a")
    for field in ("uid", "creationTimestamp", "generation"):
        assert after["metadata"][field] == before[field]
    assert int(after["metadata"]["resourceVersion"]) == int(before["resourceVersion"]) + 1
    assert after["spec"] == {"suspend": True}


def test_recreated_object_is_another_one() -> None:
    """The same name after a delete has a new uid."""
    store = store_with("a")
    uid = read(store, "a")["metadata"]["uid"]
    store.delete(JOBS, "ml", "a")
    store.create(JOBS, job("a"))
    assert read(store, "a")["metadata"]["uid"] != uid


def test_neither_keeps_nor_changes_the_callers_dict() -> None:
    """A later change of the dict does not change the store, and the store does not change the dict."""
    store = ObjectStore()
    obj = job("a", nested={"list": [1]})
    untouched = json.loads(json.dumps(obj))
    store.create(JOBS, obj)
    assert obj == untouched
    obj["spec"]["nested"]["list"].append(2)
    assert read(store, "a")["spec"] == {"nested": {"list": [1]}}


def test_an_object_that_cannot_be_encoded_changes_nothing() -> None:
    """A failed write does not change version or objects."""
    store = store_with()
    version = store.version
    with pytest.raises(TypeError):
        store.create(JOBS, job("a", wrong=object()))
    assert (store.version, keys(store.page(JOBS))) == (version, [])


@pytest.mark.parametrize("write", ["update", "delete", "get"])
def test_missing_objects_are_not_found(write: str) -> None:
    """Only `create` adds an object."""
    store = store_with("a")
    with pytest.raises(NotFoundError, match="ml/b"):
        _ = store.update(JOBS, job("b")) if write == "update" else getattr(store, write)(JOBS, "ml", "b")


def test_lists_in_the_order_of_etcd() -> None:
    """Keys are compared as bytes: a hyphen comes before the slash that ends a namespace."""
    store = ObjectStore()
    for namespace, name in (("a", "y"), ("b", "a"), ("a-b", "x"), ("a", "x-1"), ("a", "x")):
        store.create(JOBS, job(name, namespace))
    assert keys(store.page(JOBS)) == ["a-b/x", "a/x", "a/x-1", "a/y", "b/a"]
    assert keys(store.page(JOBS, "a")) == ["a/x", "a/x-1", "a/y"]


def test_pages_count_what_remains() -> None:
    """Limit and start key cut a list into pages, within one namespace, too."""
    store = store_with("a", "b", "c", "d")
    store.create(JOBS, job("z", "zoo"))
    first = store.page(JOBS, "ml", limit=3)
    assert (keys(first), first.remaining) == (["ml/a", "ml/b", "ml/c"], 1)
    second = store.page(JOBS, "ml", limit=3, start=first.last_key + "\0", version=first.version)
    assert (keys(second), second.remaining) == (["ml/d"], 0)


def test_later_pages_show_the_state_of_their_version() -> None:
    """Changed, deleted, created and re-created objects are on old pages as they were at that version."""
    store = store_with("a", "b", "c", "d")
    version = store.version
    store.update(JOBS, job("b", changed=True))
    for name in ("c", "d"):
        store.delete(JOBS, "ml", name)
    store.create(JOBS, job("d", again=True))
    store.create(JOBS, job("e"))
    page = store.page(JOBS, start="ml/b", version=version)
    assert keys(page) == ["ml/b", "ml/c", "ml/d"]
    assert all(json.loads(event.body)["spec"] == {} for event in page.items)
    assert keys(store.page(JOBS)) == ["ml/a", "ml/b", "ml/d", "ml/e"]


def test_history_is_bounded_per_kind() -> None:
    """Versions that the history has dropped are refused; the oldest that it covers and other kinds are not."""
    store = store_with("a", history=3)
    begin = store.version
    for number in range(4):
        store.update(JOBS, job("a", number=number))
    with pytest.raises(ExpiredError) as refused:
        store.watch(JOBS, after=begin)
    assert refused.value.oldest == begin + 1
    assert len(drain(store.watch(JOBS, after=begin + 1))) == 3
    assert json.loads(store.page(JOBS, version=begin + 1).items[0].body)["spec"] == {"number": 0}
    assert drain(store.watch("rayclusters", after=begin)) == []


def test_deleted_objects_are_dropped_with_the_history() -> None:
    """Keys of deleted objects do not accumulate."""
    store = store_with("keep", history=4)
    for number in range(50):
        store.create(JOBS, job(f"job-{number}"))
        store.delete(JOBS, "ml", f"job-{number}")
    kind = store._kinds[JOBS]
    assert len(kind.keys) == len(kind.chains) <= 4
    assert keys(store.page(JOBS)) == ["ml/keep"]


def test_compact_refuses_older_versions_but_not_running_watches() -> None:
    """Tokens and new watches of the version before are too old; a running watch continues."""
    store = store_with("a")
    version = store.version
    watch = store.watch(JOBS, after=version)
    compact(store)
    with pytest.raises(ExpiredError):
        store.page(JOBS, version=version)
    with pytest.raises(ExpiredError):
        store.watch(JOBS, after=version)
    store.create(JOBS, job("b"))
    assert drain(watch) == [("ADDED", "ml/b")]


def test_a_future_version_is_refused_for_lists() -> None:
    """There is no page at a version that does not exist yet."""
    store = store_with("a")
    with pytest.raises(FutureVersionError, match="Too large resource version: 1000, current: 2"):
        store.page(JOBS, version=1000)


@pytest.mark.parametrize("read", [lists.list_, lists.get])
def test_a_kind_that_is_not_installed_has_neither_a_list_nor_objects(
    read: Callable[[ObjectStore, Request], object],
) -> None:
    """Which is not the same as an object that does not exist."""
    store = store_with("a")
    uninstall(store, JOBS)
    request = Request(method="GET", path="", query={}, headers={}, verb="", plural=JOBS, namespace="ml", name="a")
    with pytest.raises(NotInstalledError):
        read(store, request)


def test_watch_gives_each_event_once_and_in_order() -> None:
    """After the given version, and of one namespace if asked for."""
    store = store_with("a", "b")
    everything, other = store.watch(JOBS, after=2), store.watch(JOBS, "other", after=0)
    store.update(JOBS, job("a"))
    store.create(JOBS, job("a", "other"))
    store.delete(JOBS, "ml", "a")
    assert drain(everything) == [
        ("ADDED", "ml/b"),
        ("MODIFIED", "ml/a"),
        ("ADDED", "other/a"),
        ("DELETED", "ml/a"),
    ]
    assert drain(other) == [("ADDED", "other/a")]
    assert everything.version == store.version


def test_a_watch_whose_next_event_was_dropped_ends() -> None:
    """No event is skipped: the watch ends, and the client has to start another one."""
    store = store_with("a", history=3)
    watch = store.watch(JOBS, after=store.version)
    for number in range(4):
        store.update(JOBS, job("a", number=number))
    assert watch.next(0) is None


def test_installed_again_the_kind_is_empty_and_without_history() -> None:
    """A new CRD has neither the objects nor the versions of the old one."""
    store = store_with("a")
    version = store.version
    uninstall(store, JOBS)
    install(store, JOBS)
    assert keys(store.page(JOBS)) == []
    with pytest.raises(ExpiredError):
        store.watch(JOBS, after=version)
    store.create(JOBS, job("a"))
    assert keys(store.page(JOBS)) == ["ml/a"]


def test_restore_brings_back_an_older_version() -> None:
    """Objects and versions are those of the backup; watches end; the history is empty."""
    store = store_with("a")
    backup = save(store)
    store.update(JOBS, job("a", lost=True))
    seen = int(store.create(JOBS, job("b")))
    watch = store.watch(JOBS, after=seen)
    restore(store, backup)
    assert watch.next(DEADLINE_SECONDS) is None
    assert (store.version, keys(store.page(JOBS))) == (seen - 2, ["ml/a"])
    assert read(store, "a")["spec"] == {}
    with pytest.raises(ExpiredError):
        store.watch(JOBS, after=store.version - 1)


def test_a_watch_from_a_future_version_begins_after_that_version() -> None:
    """After a restore the version of a client may be a future one: events up to it are not sent."""
    store = store_with("a")
    watch = store.watch(JOBS, after=store.version + 1)
    store.update(JOBS, job("a"))
    assert drain(watch) == []
    store.update(JOBS, job("a"))
    assert drain(watch) == [("MODIFIED", "ml/a")]


def test_all_watches_have_all_events_in_order() -> None:
    """With several writers every watch returns all events, in the order of their versions."""
    store = ObjectStore()
    watches = [store.watch(JOBS, after=store.version) for _ in range(3)]
    seen: list[list[int]] = [[] for _ in watches]

    def follow(watch: Watch, versions: list[int]) -> None:
        while len(versions) < 400 and (events := watch.next(DEADLINE_SECONDS)):
            versions += [event.version for event in events]

    def write(namespace: str) -> None:
        for number in range(100):
            store.create(JOBS, job(f"job-{number}", namespace))

    threads = [threading.Thread(target=follow, args=pair) for pair in zip(watches, seen, strict=True)]
    threads += [threading.Thread(target=write, args=(f"ns-{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(DEADLINE_SECONDS)
    assert seen[0] == sorted(seen[0])
    assert len(seen[0]) == 400
    assert seen[0] == seen[1] == seen[2]
