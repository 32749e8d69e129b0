"""Bytes of the API server to pages, events and errors."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import DecodeError, StreamError
from exporter.kube import wire
from exporter.resources.rayjob import RayJob
from tests.support.recordings import TESTDATA, answer


@given(st.lists(st.binary(min_size=1).map(lambda b: b.replace(b"\n", b"x")), max_size=10), st.data())
def test_lines_do_not_depend_on_how_the_stream_is_cut(expected: list[bytes], data: st.DataObject) -> None:
    """Any division into chunks gives the same lines."""
    text = b"".join(line + b"\n" for line in expected)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=10)))
    chunks = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert list(wire.lines(chunks)) == expected


def test_empty_lines_are_passed_over() -> None:
    """A proxy may keep a connection alive with them."""
    assert list(wire.lines([b"\n\na\n", b"\n"])) == [b"a"]


def test_a_line_is_yielded_as_soon_as_it_is_complete() -> None:
    """Not only when the next chunk comes."""
    chunks = iter([b"a\n", b"b\n"])
    assert next(wire.lines(chunks)) == b"a"
    assert next(chunks) == b"b\n"


def test_half_a_line_at_the_end_is_an_error() -> None:
    """An event may be lost: the watch has to go on from the last version."""
    with pytest.raises(StreamError, match="in the middle of a line, after 3 bytes"):
        list(wire.lines([b"a\nb", b"cd"]))


def test_an_endless_line_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded whatever the server sends."""
    monkeypatch.setattr(wire, "MAX_LINE_BYTES", 1000)
    with pytest.raises(StreamError, match="longer than 1000 bytes"):
        list(wire.lines(b"x" * 100 for _ in range(1000)))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"null", b"<html>", b'{"items":[]}', b'{"metadata":{"resourceVersion":"1"}}',
     b'{"metadata":{"resourceVersion":""},"items":[]}', b'{"metadata":{"resourceVersion":"1"},"items":[', b"\xff"],
)  # fmt: skip
def test_what_is_not_a_list_is_an_error(body: bytes) -> None:
    """An answer of 200 that is no list must not look like a cluster without objects."""
    with pytest.raises(StreamError, match="list"):
        wire.decode_page(body)


def test_a_recorded_page() -> None:
    """Items, version and continue token of a real page."""
    page = wire.decode_page(answer("list-page-1").body)
    assert len(page.items or ()) == 5
    assert page.metadata.continue_token
    assert page.metadata.resource_version.isdecimal()


def test_null_items_are_no_items() -> None:
    """As a Go server may send an empty slice."""
    assert wire.decode_page(b'{"metadata":{"resourceVersion":"1"},"items":null}').items is None


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"x", b'{"type":"ADDED"}', b'{"type":1,"object":{}}', b"\xff\xfe"])
def test_what_is_not_an_event_is_an_error(line: bytes) -> None:
    """A stream with such a line cannot be trusted."""
    with pytest.raises(StreamError, match="not an event"):
        wire.decode_event(line)


def test_deep_nesting_affects_only_its_object() -> None:
    """The event is split, whatever is in its object; the object is refused, and still identified."""
    obj = b'{"metadata":{"uid":"u","name":"n","resourceVersion":"7"},"spec":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    event = wire.decode_event(b'{"type":"ADDED","object":' + obj + b"}")
    assert event.type == "ADDED"
    with pytest.raises(DecodeError):
        wire.decode(msgspec.json.Decoder(RayJob), event.object)
    assert wire.identify(event.object) == wire.Metadata(uid="u", name="n", resource_version="7")


@pytest.mark.parametrize(
    ("name", "code", "words"),
    [
        ("410-watch-too-old", 410, "too old resource version"),
        ("watch-list-unsupported", 500, ""),
        ("watch-from-zero-unsupported", 500, "RequestWatchProgress"),
    ],
)
def test_recorded_error_events(name: str, code: int, words: str) -> None:
    """The code counts: the answer's own status is 200."""
    event = wire.decode_event(answer(name).body.splitlines()[0])
    assert event.type == "ERROR"
    error = wire.error_of_event(event.object)
    assert error.code == code
    assert words in str(error)


def test_an_error_event_without_a_status_is_still_an_error() -> None:
    """Whatever is in it."""
    event = wire.decode_event(b'{"type":"ERROR","object":"what?"}')
    assert "without a readable status" in str(wire.error_of_event(event.object))


def test_every_recorded_answer_can_be_read() -> None:
    """Lists as pages, watches as events; nothing recorded is refused."""
    names = [path.stem for path in (TESTDATA / "responses").glob("*.json")]
    good = [name for name in names if answer(name).status == 200]
    lists = [name for name in good if name.startswith("list-")]
    watches = [name for name in good if "watch" in name]
    assert (len(lists), len(watches)) == (8, 13)
    for name in lists:
        wire.decode_page(answer(name).body)
    for name in watches:
        for line in wire.lines([answer(name).body]):
            wire.decode_event(line)
