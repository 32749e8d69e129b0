"""The number of connections: the one that has been idle for the longest time makes room."""

from tests.support.watching import wait_until
from tests.support.web_application import Application
from tests.support.web_server import RunningServer, read_all, read_answer, request, web_server


def test_the_longest_idle_connection_makes_room(application: Application) -> None:
    """So a probe always gets in; connections with a request in progress stay."""
    with web_server(application.app, max_connections=3) as web, web.connect() as busy:
        busy.sendall(request("/wait"))
        application.is_waiting.wait(10)
        with web.connect() as idle, web.connect() as newer:
            for client in (idle, newer):
                client.sendall(request("/"))
                assert read_answer(client).status == 200
            assert web.get("/").status == 200
            assert read_all(idle) == b""
            newer.sendall(request("/"))
            assert read_answer(newer).status == 200
        application.release.set()
        assert read_answer(busy).body == b"released\n"


def test_no_connection_is_accepted_while_all_have_requests_in_progress(application: Application) -> None:
    """It is closed at once, and the next one is welcome when there is room."""
    with web_server(application.app, max_connections=1) as web, web.connect() as busy:
        busy.sendall(request("/wait"))
        application.is_waiting.wait(10)
        wait_until(lambda: _is_refused(web))
        application.release.set()
        assert read_answer(busy).status == 200
        assert web.get("/").status == 200


def _is_refused(web: RunningServer) -> bool:
    with web.connect() as client:
        return read_all(client) == b""
