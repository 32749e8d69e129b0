"""The parameters of a list of the API: what is read, what is refused, what is selected."""

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from exporter.views.views import ObjectView
from exporter.web.api import Query, QueryError, parse_query


def entry(
    name: str, kind: str = "RayJob", namespace: str = "a", state: str = "Running", created: float = 0.0
) -> ObjectView:
    created_at = datetime.fromtimestamp(created, UTC)
    return ObjectView(kind, namespace, name, "", state, state == "Running", (), created_at=created_at)


ENTRIES = [
    entry("train-b", state="Failed", created=2.0),
    entry("Train-a", namespace="b", created=3.0),
    entry("serve", kind="RayService", created=1.0),
    entry("serve", kind="RayCluster", created=1.0),
]


@pytest.mark.parametrize(
    ("values", "query"),
    [
        ({}, Query()),
        ({"kind": ["RayJob", "RayCluster"]}, Query(kinds=frozenset({"RayJob", "RayCluster"}))),
        ({"namespace": ["a", "b", "a"]}, Query(namespaces=frozenset({"a", "b"}))),
        ({"state": ["Running"]}, Query(states=frozenset({"Running"}))),
        ({"name": ["x", "TRAIN"]}, Query(name="train")),
        ({"healthy": ["true"]}, Query(healthy=True)),
        ({"healthy": ["true", "false"]}, Query(healthy=False)),
        ({"sort": ["created"]}, Query(sort="created")),
        ({"limit": ["1"]}, Query(limit=1)),
        ({"limit": ["1000"]}, Query(limit=1000)),
        ({"limit": ["0000000007"]}, Query(limit=7)),
        ({"continue": [""]}, Query(start=0)),
        ({"continue": ["1000000000"]}, Query(start=1_000_000_000)),
    ],
)
def test_parameters(values: dict[str, Sequence[str]], query: Query) -> None:
    """Of those with one value, the last one counts."""
    assert parse_query(values) == query


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"x": ["1"]}, "'x' is not a parameter"),
        ({"kind": ["Pod"]}, "kind 'Pod' is not one of RayCluster, RayJob, RayService, RayCronJob"),
        ({"kind": ["RayJob", ""]}, "kind '' is not one of RayCluster, RayJob, RayService, RayCronJob"),
        ({"healthy": ["True"]}, "healthy 'True' is not one of true, false"),
        ({"sort": ["age"]}, "sort 'age' is not one of severity, name, state, created"),
        ({"limit": [""]}, "limit '' is not a number from 1 to 1000"),
        ({"limit": ["0"]}, "limit '0' is not a number from 1 to 1000"),
        ({"limit": ["1001"]}, "limit '1001' is not a number from 1 to 1000"),
        ({"limit": ["-1"]}, "limit '-1' is not a number from 1 to 1000"),
        ({"limit": ["1_0"]}, "limit '1_0' is not a number from 1 to 1000"),
        ({"limit": ["\u0667"]}, "limit '\u0667' is not a number from 1 to 1000"),
        ({"limit": ["00000000007"]}, "limit '00000000007' is not a number from 1 to 1000"),
        ({"continue": ["x"]}, "continue 'x' is not a number from 0 to 1000000000"),
        ({"continue": ["1000000001"]}, "continue '1000000001' is not a number from 0 to 1000000000"),
        ({"continue": ["9" * 5000]}, f"continue '{'9' * 20}' is not a number from 0 to 1000000000"),
    ],
)
def test_wrong_parameters(values: dict[str, Sequence[str]], message: str) -> None:
    """The message has the value and what is allowed."""
    with pytest.raises(QueryError) as raised:
        parse_query(values)
    assert str(raised.value) == message


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        (Query(), [0, 1, 2, 3]),
        (Query(kinds=frozenset({"RayJob"})), [0, 1]),
        (Query(namespaces=frozenset({"b", "c"})), [1]),
        (Query(states=frozenset({"Failed"})), [0]),
        (Query(name="train"), [0, 1]),
        (Query(healthy=False), [0]),
        (Query(healthy=True, kinds=frozenset({"RayJob"})), [1]),
        (Query(sort="name"), [1, 3, 2, 0]),
        (Query(sort="state"), [0, 1, 2, 3]),
        (Query(sort="created"), [1, 0, 2, 3]),
    ],
)
def test_selection_and_order(query: Query, indexes: list[int]) -> None:
    """Without a sort, and among equals, the order is that of the entries."""
    assert query.select(ENTRIES) == [ENTRIES[index] for index in indexes]
