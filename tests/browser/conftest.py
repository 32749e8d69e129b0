"""The browser, and pages in it that must not report any error."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import WIDE, chromium
from tests.support.shown_fleet import ShownFleet
from tests.support.web_server import web_server

# Longer than the page waits between two refreshes, and the server between two snapshots.
expect.set_options(timeout=15_000)

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Return a function that opens the page of a fleet, in a browser context of its own, with these settings."""
    with ExitStack() as stack:
        problems: list[str] = []

        def open_page(fleet: ShownFleet, address: str = "", **settings: Any) -> Page:
            server = stack.enter_context(web_server(fleet.application()))
            context = browser.new_context(**({"viewport": WIDE} | settings))
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda line: problems.append(line.text) if line.type in ("error", "warning") else None)
            page.on("dialog", lambda dialog: problems.append(f"dialog {dialog.message}"))
            host, port = server.address
            page.goto(f"http://{host}:{port}/{address}")
            return page

        yield open_page
    # The browser itself reports requests that tests let fail.
    expected = ("the server responded with a status of", "net::ERR_")
    assert [problem for problem in problems if not any(text in problem for text in expected)] == []
