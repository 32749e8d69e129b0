"""Pages of lists: how much is requested, held and waited for."""

import random
import time

import pytest

from exporter.errors import StreamError
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.list_watch import PAGE_MAX_BYTES, ListWatch
from tests.support.faults import FaultServer
from tests.support.listing import PATH, listing
from tests.support.trickling import trickling

MEGABYTE = 1_000_000


def limits(server: FaultServer) -> list[int]:
    return [int(request.query["limit"]) for request in server.seen() if "limit" in request.query]


def names(list_watch: ListWatch) -> list[int]:
    return [len(page.items or ()) for page in list_watch.pages()]


def test_a_page_that_is_too_large_is_requested_again_with_fewer_objects() -> None:
    """40 objects of 1 MB are more than is held at once, also compressed; every object comes once."""
    with listing(*[MEGABYTE] * 40, page_size=100) as (list_watch, server):
        sizes = names(list_watch)
        assert sum(sizes) == 40
        assert max(sizes) * MEGABYTE < PAGE_MAX_BYTES
        assert limits(server)[:3] == [100, 25, 6]


def test_pages_grow_again_after_large_objects() -> None:
    """The limit returns to the page size, and never exceeds it."""
    with listing(*[MEGABYTE] * 20, *[10] * 200, page_size=40) as (list_watch, server):
        assert sum(names(list_watch)) == 220
        assert limits(server)[0] == 40
        assert limits(server)[-1] == 40
        assert max(limits(server)) == 40


def test_usual_pages_are_requested_once() -> None:
    """No page of usual objects comes near the bound."""
    with listing(*[8000] * 100, page_size=50) as (list_watch, server):
        assert names(list_watch) == [50, 50]
        assert limits(server) == [50, 50]


def test_an_object_that_is_too_large_by_itself_is_a_failure() -> None:
    """Nothing smaller can be requested."""
    with listing(PAGE_MAX_BYTES, page_size=4) as (list_watch, server):
        with pytest.raises(StreamError, match="one object of a list has more than 16777216 bytes"):
            names(list_watch)
        assert limits(server) == [4, 1]


@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{", id="with a length"),
        pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n186a0\r\n{", id="a large chunk"),
        pytest.param(b"HTTP/1.1 200 OK\r\n\r\n{", id="until the connection closes"),
    ],
)
def test_a_list_that_trickles_is_ended(head: bytes) -> None:
    """Bytes come, so nothing is idle; yet it would take hours."""
    with trickling(head) as url:
        transport = ApiTransport(lambda: anonymous(url), connections=1)
        list_watch = ListWatch(transport, PATH, rng=random.Random(1), page_size=500, list_max_seconds=0.3)
        started = time.monotonic()
        with pytest.raises(StreamError, match="did not arrive within 0.3 s"):
            names(list_watch)
        assert time.monotonic() - started < 5
