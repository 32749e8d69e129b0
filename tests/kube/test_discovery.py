"""Discovery: only the API server itself can say that a kind is not installed."""

import pytest

from exporter.errors import StatusError, StreamError
from tests.support.listing import PATH, listing


@pytest.mark.parametrize("path", [PATH, "/apis/ray.io/v1/namespaces/ns/rayjobs"])
def test_discovery_says_what_is_installed(path: str) -> None:
    """By the group's path, for all namespaces and for one."""
    with listing(path=path) as (list_watch, server):
        assert list_watch.is_installed()
        server.store.uninstall("rayjobs")
        assert not list_watch.is_installed()
        assert {request.path for request in server.requests} == {"/apis/ray.io/v1"}


def test_a_group_that_is_not_served_is_missing_if_the_server_has_a_version() -> None:
    """No CRD of the group is installed."""
    with listing() as (list_watch, server):
        for plural in server.store.installed():
            server.store.uninstall(plural)
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
