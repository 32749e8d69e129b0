"""Scrapes at once: more than the maximum are answered 503."""

import pytest

from exporter.web.limits import ScrapeLimit
from tests.support.clocks import FakeClock
from tests.support.watching import wait_until
from tests.support.web_application import Application
from tests.support.web_server import read_answer, request, web_server


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
