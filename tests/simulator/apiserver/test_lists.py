"""Gets and lists: what limit, version and continue token mean together."""

import json
from typing import Any

import pytest

from exporter.simulator.apiserver import lists
from exporter.simulator.apiserver.requests import BadRequestError, Request
from exporter.simulator.apiserver.store import NotInstalledError, ObjectStore
from tests.support.stores import compact
from tests.support.watching import job


def store_of(*names: str) -> ObjectStore:
    store = ObjectStore()
    for name in names:
        store.create("rayjobs", job(name))
    return store


def request(plural: str = "rayjobs", name: str | None = None, **query: str) -> Request:
    return Request(
        method="GET", path="", query=query, headers={}, verb="list", plural=plural, namespace="ns", name=name
    )  # fmt: skip


def listed(store: ObjectStore, **query: str) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(lists.list_(store, request(**query)).body)
    return body


def names_in(body: dict[str, Any]) -> list[str]:
    return [item["metadata"]["name"] for item in body["items"]]


def test_pages_stay_at_the_version_of_the_first_one() -> None:
    """What is created meanwhile is in the next list."""
    store = store_of("a", "b", "c")
    first = listed(store, limit="2")
    store.create("rayjobs", job("bb"))
    second = listed(store, limit="2", **{"continue": first["metadata"]["continue"]})
    assert (names_in(first), names_in(second)) == (["a", "b"], ["c"])
    assert first["metadata"]["remainingItemCount"] == 1
    assert first["metadata"]["resourceVersion"] == second["metadata"]["resourceVersion"]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"resourceVersion": "0", "limit": "1"}, ["a", "b"]),
        ({"resourceVersion": "1"}, ["a", "b"]),
        ({"resourceVersion": "1", "resourceVersionMatch": "NotOlderThan"}, ["a", "b"]),
        ({"resourceVersion": "2", "limit": "5"}, ["a"]),
        ({"resourceVersion": "2", "resourceVersionMatch": "Exact"}, ["a"]),
    ],
)
def test_a_version_is_exact_only_with_a_limit_or_on_request(query: dict[str, str], names: list[str]) -> None:
    """0 is the whole list from the cache, whatever the limit."""
    store = store_of("a", "b")
    assert store.version == 3
    assert names_in(listed(store, **query)) == names


def test_an_expired_token_comes_with_one_for_the_rest() -> None:
    """Of an inconsistent list, as the real server offers it."""
    store = store_of("a", "b")
    token = listed(store, limit="1")["metadata"]["continue"]
    compact(store)
    store.create("rayjobs", job("c"))
    compact(store)
    response = lists.list_(store, request(**{"continue": token}))
    again = json.loads(response.body)["metadata"]["continue"]
    assert response.status == 410
    assert names_in(listed(store, **{"continue": again})) == ["b", "c"]


def test_an_object_that_does_not_exist_is_not_found_and_a_kind_is_not_installed() -> None:
    """Two different answers of the real server."""
    store = store_of("a")
    assert json.loads(lists.get(store, request(name="a")).body)["metadata"]["name"] == "a"
    assert lists.get(store, request(name="b")).status == 404
    with pytest.raises(NotInstalledError):
        lists.get(store, request("widgets", name="a"))


def test_a_limit_that_is_no_number_is_a_bad_request() -> None:
    """The caller answers 400."""
    with pytest.raises(BadRequestError):
        listed(store_of(), limit="x")
