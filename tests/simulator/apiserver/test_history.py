"""Events as lines, and versions of objects as the log covers them."""

import threading

import pytest

from exporter.simulator.apiserver.history import History, StoredEvent


def event(version: int, key: str = "ns/a", type_: str = "ADDED") -> StoredEvent:
    return StoredEvent.of(type_, version, key, {"b": 1, "a": {"version": version}})


def history_of(*events: StoredEvent, kept: int = 100) -> History:
    history = History(threading.Lock(), 0)
    with history.changed:
        for one in events:
            history.append(one, kept)
    return history


def test_an_event_is_one_line_with_the_object_in_it() -> None:
    """Keys are sorted, as Go sorts those of custom resources."""
    one = event(7, type_="MODIFIED")
    assert one.line == b'{"type":"MODIFIED","object":{"a":{"version":7},"b":1}}\n'
    assert one.body == b'{"a":{"version":7},"b":1}'
    assert one.added_line == b'{"type":"ADDED","object":{"a":{"version":7},"b":1}}\n'


def test_an_object_that_json_cannot_represent_is_refused() -> None:
    """Before anything is stored."""
    with pytest.raises(TypeError):
        StoredEvent.of("ADDED", 1, "ns/a", {"a": object()})


def test_an_object_is_read_as_it_was() -> None:
    """At each version that the log covers; not before it was created, nor after it was deleted."""
    first, second = event(2), event(4, type_="MODIFIED")
    history = history_of(first, second, event(6, type_="DELETED"))
    assert [history.get("ns/a", version) for version in range(1, 7)] == [None, first, first, second, second, None]
    assert history.get("ns/b", 6) is None


def test_pages_of_a_namespace_end_where_the_next_one_begins() -> None:
    """A name that continues another's is not part of it."""
    history = history_of(*[event(number, key) for number, key in enumerate(("a/x", "a/y", "a-b/x", "ab/x"), 1)])
    page = history.page(4, "a")
    assert ([one.key for one in page.items], page.remaining) == (["a/x", "a/y"], 0)
    first = history.page(4, "a", limit=1)
    assert (first.last_key, first.remaining) == ("a/x", 1)
    assert [one.key for one in history.page(4, "a", start="a/x\0").items] == ["a/y"]


def test_what_the_log_drops_is_refused_or_forgotten() -> None:
    """The latest version of an object that exists stays."""
    history = history_of(event(1), event(2, type_="MODIFIED"), event(3, "ns/b"), event(4, "ns/b", "DELETED"), kept=1)
    assert history.compacted == 3
    assert history.get("ns/a", 4) == event(2, type_="MODIFIED")
    with history.changed:
        history.append(event(5, "ns/c"), kept=1)
    assert set(history.chains) == {"ns/a", "ns/c"}
