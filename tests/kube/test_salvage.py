"""Malformed JSON is split where it can be, and refused where it cannot."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.errors import DecodeError, StreamError
from exporter.kube import salvage, wire

GOOD_A, GOOD_B = b'{"metadata":{"name":"a","uid":"1"}}', b'{"metadata":{"name":"b","uid":"2"}}'
BAD = {
    "a lone surrogate": (b'{"metadata":{"name":"n","uid":"x"},"spec":"\\ud800"}', "x"),
    "a surrogate in the name": (b'{"metadata":{"name":"\\ud800","uid":"x"}}', "x"),
    "a control character": (b'{"metadata":{"uid":"x"},"spec":{"a":"\x01"}}', "x"),
    "an invalid escape": (b'{"metadata":{"uid":"x"},"a":"\\q"}', "x"),
    "deep nesting": (b'{"metadata":{"uid":"x"},"spec":' + b"[" * 5000 + b"]" * 5000 + b"}", "x"),
    "an invalid number": (b'{"metadata":{"uid":"x"},"a":01}', "x"),
    "no metadata": (b'{"a":01}', ""),
    "brackets and commas in strings": (b'{"metadata":{"uid":"x"},"a":"}],{[\\"","b":01}', "x"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_item_leaves_the_others_of_its_page(name: str) -> None:
    """It is there as it was written, and identified by what can be read of its metadata."""
    item, uid = BAD[name]
    page = wire.decode_page(b'{"metadata":{"resourceVersion":"5"},"items":[%b,%b,%b]}' % (GOOD_A, item, GOOD_B))
    assert [bytes(raw) for raw in page.items or ()] == [GOOD_A, item, GOOD_B]
    assert wire.identify((page.items or [])[1]).uid == uid


@pytest.mark.parametrize("name", BAD)
def test_a_malformed_object_leaves_its_event(name: str) -> None:
    """The stream can be followed further."""
    item, uid = BAD[name]
    event = wire.decode_event(b'{"type":"MODIFIED","object":%b}' % item)
    assert (event.type, wire.identify(event.object).uid) == ("MODIFIED", uid)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"<html>",
        b"null",
        b"[1",
        b'{"metadata":{"resourceVersion":"5"},"items":[{"a":01}',
        b'{"metadata":{"resourceVersion":"5"},"items":[{"a":01}]} and more',
        b'{"metadata":{"resourceVersion":"5"},"items":[{"a":01]}}',
        b'{"metadata":{"resourceVersion":"5"},"items":{"a":01}}',
        b'{"metadata":{"resourceVersion":5},"items":[{"a":01}]}',
        b'{"items":[{"a":01}]}',
        b'{"metadata":{"resourceVersion":"5"}}',
        b'{"metadata":{"resourceVersion":"5"},"items":[{"a":"' + b'\\"' * 100_000,
    ],
)
def test_what_is_not_a_complete_list_is_no_list(body: bytes) -> None:
    """A part of a list would look like deletions."""
    with pytest.raises(StreamError):
        wire.decode_page(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=20,
)


@given(st.lists(JSON, max_size=6), st.dictionaries(st.text(max_size=5), JSON, max_size=6), st.booleans())
def test_valid_json_is_split_as_a_parser_splits_it(array: list[object], obj: dict[str, object], ascii_: bool) -> None:
    """Any elements and members, escaped or not."""
    text = json.dumps(array, ensure_ascii=ascii_).encode("utf-8", "surrogatepass")
    assert [json.loads(part) for part in salvage.elements(text)] == array
    names = [json.dumps(name, ensure_ascii=ascii_)[1:-1] for name in obj]
    found = salvage.members(json.dumps(obj, ensure_ascii=ascii_).encode("utf-8", "surrogatepass"), *names, "no member")
    assert [json.loads(value) for value in found[:-1]] == list(obj.values())
    assert found[-1] == b""


@given(st.binary())
def test_any_bytes_are_split_or_refused(data: bytes) -> None:
    """With an error of ours, whatever they are."""
    for split in (salvage.members, salvage.elements):
        try:
            split(data)
        except DecodeError:
            continue
