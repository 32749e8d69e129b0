"""The browser, and pages in it that must not report any error."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import WIDE, chromium
from tests.support.objects_api import MadeUpApi
from tests.support.web_server import web_server

# Longer than the page waits between two refreshes.
expect.set_options(timeout=15_000)

Visit = Callable[..., Page]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """Return a function that opens the page of an API, in a browser context of its own, with these settings."""
    with ExitStack() as stack:
        problems: list[str] = []

        def open_page(api: MadeUpApi, address: str = "", *, is_error: bool = False, **settings: Any) -> Page:
            server = stack.enter_context(web_server(api.application()))
            context = browser.new_context(**({"viewport": WIDE} | settings))
            stack.callback(context.close)
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: problems.append(str(error)))
            page.on("console", lambda line: problems.append(line.text) if line.type in ("error", "warning") else None)
            page.on("dialog", lambda dialog: problems.append(f"dialog {dialog.message}"))
            host, port = server.address
            page.goto(f"http://{host}:{port}/{address}")
            if settings.get("java_script_enabled", True):
                page.wait_for_selector(f"#connection[data-tone={'bad' if is_error else 'good'}]")
                expect(page.locator("#connection-text")).not_to_have_text("Ready")
            return page

        yield open_page
    # The browser itself reports answers that tests have asked for.
    assert [problem for problem in problems if "the server responded with a status of" not in problem] == []
