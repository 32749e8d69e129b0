"""Pages: what readers see while objects come, change and go."""

import threading
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from exporter.exposition.book import PAGE_OBJECTS, Book, ObjectLines
from exporter.exposition.families import Family, Format, Sample
from exporter.exposition.segments import Segment, plain_body
from tests.support.bodies import parse

A = Family("a_info", "gauge", "A.", ("uid",))
B = Family("b", "gauge", "B.", ("uid",))


def lines(uid: str, value: float = 1, *, b: bool = True, b_value: float | None = None) -> ObjectLines:
    of_b = [Sample((uid,), value if b_value is None else b_value)] if b else []
    return ObjectLines.of([A.lines([Sample((uid,), value)]), B.lines(of_b)])


def many(count: int, value: float = 1) -> dict[str, ObjectLines]:
    return {f"u{i:04}": lines(f"u{i:04}", value) for i in range(count)}


def text(book: Book) -> str:
    segments: list[Segment] = []
    for family, columns in book.segments():
        segments += [family.header(Format.TEXT), *columns]
    body = plain_body(segments)
    parse(body)
    return body.decode()


def uids(book: Book) -> list[str]:
    return [line.split('"')[1] for line in text(book).splitlines() if line.startswith("a_info{")]


def test_an_empty_book_prints_nothing() -> None:
    """No object: neither HELP nor TYPE, as the operator."""
    assert text(Book([A, B])) == ""


def test_a_family_without_series_prints_nothing() -> None:
    """No object has a series in B: only A's header is there."""
    book = Book([A, B])
    book.update({"u1": lines("u1", b=False)})
    assert text(book) == '# HELP a_info A.\n# TYPE a_info gauge\na_info{uid="u1"} 1\n'


def test_order_is_stable_over_changes() -> None:
    """A changed object keeps its place; a new one comes last."""
    book = Book([A, B])
    book.update(many(3 * PAGE_OBJECTS))
    order = uids(book)
    book.update({"u0001": lines("u0001", 5), "new": lines("new")})
    assert uids(book) == [*order, "new"]


def test_holes_of_deleted_objects_are_filled() -> None:
    """Objects that come and go do not make pages without end."""
    book = Book([A, B])
    book.update(many(2 * PAGE_OBJECTS))
    for i in range(1000):
        book.update({f"n{i}": lines(f"n{i}")}, [f"n{i - 1}" if i else "u0000"])
    assert len(book) == 2 * PAGE_OBJECTS
    assert len(book._pages) == 2


def test_all_objects_can_go_and_come_back() -> None:
    """An emptied book prints nothing, and fills again."""
    book = Book([A, B])
    book.update(many(200))
    book.update({}, list(many(200)))
    assert (text(book), len(book), len(book._pages)) == ("", 0, 0)
    book.update(many(200))
    assert len(uids(book)) == 200


def test_unknown_objects_can_be_removed() -> None:
    """A deletion of what was never seen changes nothing."""
    book = Book([A, B])
    book.update({"u": lines("u")}, ["other"])
    assert uids(book) == ["u"]


def test_only_changed_pages_are_joined_again() -> None:
    """A change renews its own page; one that prints the same lines renews none."""
    book = Book([A, B])
    book.update(many(2 * PAGE_OBJECTS))
    first = dict(book.segments())[A]
    book.update({"u0000": lines("u0000")})
    assert all(new is old for new, old in zip(dict(book.segments())[A], first, strict=True))
    book.update({"u0000": lines("u0000", 2)})
    second = dict(book.segments())[A]
    assert second[0] is not first[0]
    assert second[1] is first[1]


def test_only_changed_families_of_a_page_are_joined_again() -> None:
    """A state that changes does not make the info lines of 64 objects be compressed again."""
    book = Book([A, B])
    book.update(many(PAGE_OBJECTS))
    before = dict(book.segments())
    book.update({"u0000": lines("u0000", b_value=7)})
    after = dict(book.segments())
    assert after[A][0] is before[A][0]
    assert after[B][0] is not before[B][0]


def test_readers_see_the_old_set_or_the_new_one() -> None:
    """While one thread swaps whole sets, no scrape ever sees a mixture."""
    book = Book([A, B])
    book.update(many(500, 0))
    stop = threading.Event()

    def swap() -> None:
        value = 0
        while not stop.is_set():
            value += 1
            book.update(many(500, value))

    writer = threading.Thread(target=swap)
    writer.start()
    try:
        seen = set()
        for _ in range(200):
            values = {line.rsplit(" ", 1)[1] for line in text(book).splitlines() if line.startswith("a_info{")}
            assert len(values) == 1
            seen |= values
    finally:
        stop.set()
        writer.join()
    assert len(seen) > 1


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("scrape")),
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
    """Updates and scrapes in any order against a plain dict: the same lines, each object once, order kept."""
    book, model = Book([A, B]), dict[str, ObjectLines]()
    for step, *arguments in [*steps, ("scrape",)]:
        if step == "update":
            changed = {f"u{i}": lines(f"u{i}", value, b=b) for i, (value, b) in arguments[0].items()}
            gone = [f"u{i}" for i in arguments[1]]
            book.update(changed, gone)
            model = {uid: some for uid, some in model.items() if uid not in gone} | changed
        else:
            before = uids(book)
            for family, segments in book.segments():
                printed = b"".join(segment.text for segment in segments).splitlines(keepends=True)
                column = [some.of_family((A, B).index(family)) for some in model.values()]
                assert sorted(printed) == sorted(filter(None, column))
            assert uids(book) == before
    assert len(book) == len(model)
