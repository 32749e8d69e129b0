"""Pages of lists: how much is requested, held and waited for; discovery: only the API server says what is missing."""

import time

import pytest

from exporter.errors import StatusError, StreamError
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.list_watch import PAGE_MAX_BYTES, InformerSettings, ListWatch
from exporter.resources.rayjob import RayJob
from tests.support.faults import FaultServer
from tests.support.listing import PATH, listing
from tests.support.stores import uninstall
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
def test_a_list_that_trickles_is_ended(head: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes come, so nothing is idle; yet it would take hours."""
    monkeypatch.setattr("exporter.kube.list_watch.LIST_MAX_SECONDS", 0.3)
    with trickling(head) as url:
        transport = ApiTransport(lambda: anonymous(url), connections=1)
        list_watch = ListWatch(transport, InformerSettings("rayjobs", PATH, RayJob))
        started = time.monotonic()
        with pytest.raises(StreamError, match="did not arrive within 0.3 s"):
            names(list_watch)
        assert time.monotonic() - started < 5


@pytest.mark.parametrize("path", [PATH, "/apis/ray.io/v1/namespaces/ns/rayjobs"])
def test_discovery_says_what_is_installed(path: str) -> None:
    """By the group's path, for all namespaces and for one."""
    with listing(path=path) as (list_watch, server):
        assert list_watch.is_installed()
        uninstall(server.store, "rayjobs")
        assert not list_watch.is_installed()
        assert {request.path for request in server.requests} == {"/apis/ray.io/v1"}


def test_a_group_that_is_not_served_is_missing_if_the_server_has_a_version() -> None:
    """No CRD of the group is installed."""
    with listing() as (list_watch, server):
        for plural in server.store.installed():
            uninstall(server.store, plural)
        assert not list_watch.is_installed()
        assert [request.path for request in server.requests] == ["/apis/ray.io/v1", "/version"]


def test_a_wrong_path_of_the_server_says_nothing() -> None:
    """Everything is 404 there, the version included."""
    with listing() as (list_watch, server):
        server.answer_next(404, b"404 page not found\n", times=None)
        with pytest.raises(StatusError, match="404 page not found"):
            list_watch.is_installed()


@pytest.mark.parametrize("body", [b"<html>not here</html>", b'{"kind":"Other","message":"m"}', b""])
def test_a_404_of_a_proxy_says_nothing(body: bytes) -> None:
    """Only the API server's own 404 counts."""
    with listing() as (list_watch, server):
        server.answer_next(404, body, times=None)
        with pytest.raises(StatusError):
            list_watch.is_installed()
        assert len(server.requests) == 1


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<html>", b'{"resources":[{}]}'])
def test_an_answer_that_is_no_discovery_says_nothing(body: bytes) -> None:
    """A captive portal answers 200 to everything."""
    with listing() as (list_watch, server):
        server.answer_next(200, body)
        with pytest.raises(StreamError, match="not that of an API server"):
            list_watch.is_installed()
