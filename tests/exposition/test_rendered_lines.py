"""Pages: what readers see while objects come, change and go."""

import threading
import time
from itertools import chain
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.exposition import segments
from exporter.exposition.model import Family, Sample
from exporter.exposition.rendered_lines import PAGE_OBJECTS, ObjectLines
from exporter.exposition.segments import SegmentRun, plain_body
from exporter.exposition.text import FamilyText, Format
from tests.support.bodies import parse
from tests.support.lines import LinesSource
from tests.support.watching import DEADLINE_SECONDS

A = Family("a_info", "gauge", "A.", ("uid",))
B = Family("b", "gauge", "B.", ("uid",))


def lines(uid: str, value: float = 1, *, b: bool = True, b_value: float | None = None) -> ObjectLines:
    of_b = [Sample((uid,), value if b_value is None else b_value)] if b else []
    return ObjectLines.of([FamilyText(A).lines([Sample((uid,), value)]), FamilyText(B).lines(of_b)])


def many(count: int, value: float = 1) -> dict[str, ObjectLines]:
    return {f"u{i:04}": lines(f"u{i:04}", value) for i in range(count)}


def text(source: LinesSource) -> str:
    runs: list[SegmentRun] = []
    for family_text, columns in source.segments():
        runs += [family_text.header(Format.TEXT), columns]
    body = plain_body(runs)
    parse(bytes(body))
    return bytes(body).decode()


def uids(source: LinesSource) -> list[str]:
    return [line.split('"')[1] for line in text(source).splitlines() if line.startswith("a_info{")]


def test_an_empty_source_prints_nothing() -> None:
    """No object: neither HELP nor TYPE, as the operator."""
    assert text(LinesSource(A, B)) == ""


def test_a_family_without_series_prints_nothing() -> None:
    """No object has a series in B: only A's header is there."""
    source = LinesSource(A, B)
    source.update({"u1": lines("u1", b=False)})
    assert text(source) == '# HELP a_info A.\n# TYPE a_info gauge\na_info{uid="u1"} 1\n'


def test_order_is_stable_over_changes() -> None:
    """A changed object keeps its place; a new one comes last."""
    source = LinesSource(A, B)
    source.update(many(3 * PAGE_OBJECTS))
    order = uids(source)
    source.update({"u0001": lines("u0001", 5), "new": lines("new")})
    assert uids(source) == [*order, "new"]


def test_holes_of_deleted_objects_are_filled() -> None:
    """Objects that come and go do not make pages without end."""
    source = LinesSource(A, B)
    source.update(many(2 * PAGE_OBJECTS))
    for i in range(1000):
        source.update({f"n{i}": lines(f"n{i}")}, [f"n{i - 1}" if i else "u0000"])
    assert len(source.rendered) == 2 * PAGE_OBJECTS
    assert len(source.rendered._pages) == 2


def test_a_new_object_of_some_families_has_no_lines_of_the_one_before() -> None:
    """It may get the slot of one that has just been deleted."""
    source = LinesSource(A, B)
    source.update({"u0": lines("u0"), "u1": lines("u1")})
    assert uids(source) == ["u0", "u1"]
    source.rendered.update({"u2": {0: lines("u2").get(0)}}, ["u1"])
    assert uids(source) == ["u0", "u2"]
    assert "u1" not in text(source)


def test_all_objects_can_go_and_come_back() -> None:
    """An emptied source prints nothing, and fills again."""
    source = LinesSource(A, B)
    source.update(many(200))
    source.update({}, list(many(200)))
    assert (text(source), len(source.rendered), len(source.rendered._pages)) == ("", 0, 0)
    source.update(many(200))
    assert len(uids(source)) == 200


def test_unknown_objects_can_be_removed() -> None:
    """A deletion of what was never seen changes nothing."""
    source = LinesSource(A, B)
    source.update({"u": lines("u")}, ["other"])
    assert uids(source) == ["u"]


def test_a_page_that_new_objects_fill_is_kept_compressed() -> None:
    """A list of many objects holds the text of a few at once."""
    source = LinesSource(A, B)
    with patch.object(segments, "_SHORT", 0):
        source.update(many(PAGE_OBJECTS + 1))
    full, last = source.by_family()[A]
    assert full.text is not full.text
    assert last.text is last.text


def test_only_changed_pages_are_joined_again() -> None:
    """A change renews its own page; one that prints the same lines renews none."""
    source = LinesSource(A, B)
    source.update(many(2 * PAGE_OBJECTS))
    first = source.by_family()[A]
    source.update({"u0000": lines("u0000")})
    assert all(new is old for new, old in zip(source.by_family()[A], first, strict=True))
    source.update({"u0000": lines("u0000", 2)})
    second = source.by_family()[A]
    assert second[0] is not first[0]
    assert second[1] is first[1]


def test_only_changed_families_of_a_page_are_joined_again() -> None:
    """A state that changes does not make the info lines of 64 objects be compressed again."""
    source = LinesSource(A, B)
    source.update(many(PAGE_OBJECTS))
    before = source.by_family()
    source.update({"u0000": lines("u0000", b_value=7)})
    after = source.by_family()
    assert after[A][0] is before[A][0]
    assert after[B][0] is not before[B][0]


# Its loops take three times as long if their lines are counted, and other tests run the same ones.
@pytest.mark.no_cover
def test_readers_see_the_old_set_or_the_new_one() -> None:
    """While one thread swaps whole sets, no scrape ever sees a mixture."""
    source = LinesSource(A, B)
    objects = 3 * PAGE_OBJECTS
    source.update(many(objects, 0))
    stop = threading.Event()

    def swap() -> None:
        value = 0
        while not stop.is_set():
            value += 1
            source.update(many(objects, value))

    writer = threading.Thread(target=swap)
    writer.start()
    try:
        seen: set[bytes] = set()
        deadline = time.monotonic() + DEADLINE_SECONDS
        while len(seen) < 20 and time.monotonic() < deadline:
            printed = b"".join(segment.text for segment in source.by_family()[A])
            values = {line.rsplit(b" ", 1)[1] for line in printed.splitlines()}
            assert (len(values), printed.count(b"\n")) == (1, objects)
            seen |= values
    finally:
        stop.set()
        writer.join()
    assert len(seen) == 20


STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["scrape", "pack"])),
        st.tuples(
            st.just("update"),
            st.dictionaries(st.integers(0, 99), st.tuples(st.integers(0, 2), st.booleans()), max_size=40),
            st.sets(st.integers(0, 99), max_size=40),
        ),
    ),
    max_size=20,
)


@given(STEPS)
def test_any_history_prints_what_is_there(steps: list[tuple[Any, ...]]) -> None:
    """Updates and scrapes in any order against a plain dict: the same lines, each object once, order kept.

    What was compressed often is kept in this form only; here also what is short.
    """
    source, model = LinesSource(A, B), dict[str, ObjectLines]()
    for step, *arguments in [*steps, ("scrape",)]:
        if step == "pack":
            with patch.object(segments, "_SHORT", 0):
                for segment in chain.from_iterable(source.by_family().values()):
                    segment.pack()
        elif step == "update":
            changed = {f"u{i}": lines(f"u{i}", value, b=b) for i, (value, b) in arguments[0].items()}
            gone = [f"u{i}" for i in arguments[1]]
            source.update(changed, gone)
            model = {uid: some for uid, some in model.items() if uid not in gone} | changed
        else:
            before = uids(source)
            for family, run in source.by_family().items():
                printed = b"".join(segment.text for segment in run).splitlines(keepends=True)
                column = [some.get((A, B).index(family)) for some in model.values()]
                assert sorted(printed) == sorted(filter(None, column))
            assert uids(source) == before
    assert len(source.rendered) == len(model)
