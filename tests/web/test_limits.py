"""Scrapes at once: more than the maximum are answered 503."""

from contextlib import ExitStack

import pytest

from exporter.web.limits import ScrapeLimit
from tests.support.clocks import FakeClock
from tests.support.watching import wait_until
from tests.support.web_application import Application
from tests.support.web_server import read_all, read_answer, request, web_server


def test_more_scrapes_than_the_maximum_are_answered_503_with_retry_after(application: Application) -> None:
    """503 with Retry-After; the others are answered, and room is there again after them."""
    with web_server(ScrapeLimit(application.app, 2)) as web, web.connect() as first, web.connect() as second:
        for client in (first, second):
            client.sendall(request("/wait"))
        wait_until(lambda: web.get("/").status == 503)
        answer = web.get("/")
        assert (answer.headers["retry-after"], answer.body) == (
            "1", b"2 scrapes are in progress, which is the maximum\n",
        )  # fmt: skip
        application.release.set()
        assert read_answer(first).status == read_answer(second).status == 200
        wait_until(lambda: web.get("/").status == 200)


def test_clients_that_do_not_read_do_not_use_up_the_scrapes(
    application: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that has read nothing for the longest time is aborted."""
    clock = FakeClock()
    limit = ScrapeLimit(application.app, 2, clock)
    with web_server(limit) as web, web.connect(4096) as first, web.connect(4096) as second:
        for client in (first, second):
            client.sendall(request("/stream"))
        wait_until(lambda: web.get("/").status == 503)
        wait_until(lambda: _advance(clock, 6) and web.get("/").status == 200)
        wait_until(lambda: application.ended == ["ended"])


def _advance(clock: FakeClock, seconds: float) -> float:
    clock.advance(seconds)
    return clock.now


def test_a_request_takes_the_place_of_the_address_that_has_most(application: Application) -> None:
    """It is answered, one of the others is aborted and counted; another of the same address is refused."""
    refused: list[None] = []
    limit = ScrapeLimit(application.app, 3, count_refused=lambda: refused.append(None))
    with web_server(limit) as web, ExitStack() as stack:
        clients = [stack.enter_context(web.connect()) for _ in range(3)]
        for client in clients:
            client.sendall(request("/wait", "Connection: close"))
        wait_until(lambda: web.get("/").status == 503)
        before = len(refused)
        with web.connect(source="127.0.2.1") as other:
            other.sendall(request("/"))
            assert read_answer(other).status == 200
        assert len(refused) == before + 1
        application.release.set()
        wait_until(lambda: web.get("/").status == 200)
        assert sorted(read_all(client).startswith(b"HTTP/1.1 200") for client in clients) == [False, True, True]


def test_a_client_that_reads_just_fast_enough_makes_room_for_one_of_another_address(application: Application) -> None:
    """Of equals the one that was waited for longest in all is aborted, although it reads again and again."""
    clock = FakeClock()
    limit = ScrapeLimit(application.app, 1, clock)
    with web_server(limit) as web, web.connect(4096) as slow, web.connect(source="127.0.2.1") as other:
        slow.sendall(request("/stream"))
        wait_until(lambda: web.get("/").status == 503)

        def reads() -> bool:
            clock.advance(0.2)
            slow.recv(1 << 16)
            return web.get("/").status == 200

        wait_until(reads)
        other.sendall(request("/"))
        assert read_answer(other).status == 200


def test_a_request_that_is_full_for_another_reason_needs_room_too(application: Application) -> None:
    """As the API is, with large bodies that are not read."""
    full = [True]
    with web_server(ScrapeLimit(application.app, 10, is_full=lambda: full[0])) as web:
        assert web.get("/").status == 503
        full[0] = False
        assert web.get("/").status == 200
