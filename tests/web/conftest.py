"""A web server with the application of the tests."""

from collections.abc import Iterator

import pytest

from tests.support.web_application import Application
from tests.support.web_server import RunningServer, web_server


@pytest.fixture
def application() -> Application:
    return Application()


@pytest.fixture
def web(application: Application) -> Iterator[RunningServer]:
    with web_server(application.app) as server:
        yield server
