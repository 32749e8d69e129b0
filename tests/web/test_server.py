"""The server over real sockets: the number of connections, TLS, and the end."""

import gc
import logging
import os
import resource
import socket
import ssl
import struct
import tracemalloc

import pytest

from exporter.web import listener, server
from exporter.web.http_protocol import HttpProtocol
from tests.support.certificates import Certificates
from tests.support.watching import wait_until
from tests.support.web_application import BIG, Application
from tests.support.web_configs import client_context
from tests.support.web_server import RunningServer, parse_answers, read_all, read_answer, request, web_server

# The number of connections.


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


def test_idle_connections_leave_room_when_descriptors_run_out(
    application: Application, caplog: pytest.LogCaptureFixture
) -> None:
    """Neither a busy core nor a full log: one line, and a probe is answered."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with web_server(application.app) as web:
        assert web.get("/").status == 200
        clients = [web.connect() for _ in range(20)]
        clients += [socket.socket() for _ in range(10)]
        wait_until(lambda: len(web.connections) == 20)
        lowest_free = os.dup(0)
        os.close(lowest_free)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
        try:
            for client in clients[20:]:
                client.settimeout(10)
                client.connect(web.address)
                client.sendall(request("/"))
                assert read_answer(client).status == 200
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for client in clients:
                client.close()
    messages = [record.getMessage() for record in caplog.records]
    assert "couldn't accept a connection: Too many open files" in messages
    assert len(messages) == len(set(messages))


# The end.


def test_the_end_lets_running_answers_finish(application: Application) -> None:
    """Idle connections are closed at once, new ones refused; the last answer says that the connection is closed."""
    with web_server(application.app) as web, web.connect() as idle, web.connect() as busy:
        busy.sendall(request("/wait"))
        application.is_waiting.wait(10)
        idle.sendall(request("/"))
        assert read_answer(idle).status == 200
        web.stop()
        assert read_all(idle) == b""
        with socket.socket() as late, pytest.raises(ConnectionRefusedError):
            late.connect(web.address)
        application.release.set()
        answer = read_answer(busy)
        assert answer.body == b"released\n"
        web.thread.join(10)
        assert not web.thread.is_alive()


def test_the_end_does_not_wait_for_clients_that_do_not_read(
    application: Application, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It aborts what is left after its time, which is no error."""
    monkeypatch.setattr(server, "DRAIN_SECONDS", 0.1)
    with web_server(application.app) as web, web.connect(4096) as client:
        client.sendall(request("/big"))
        client.recv(10)
        web.stop()
        web.thread.join(10)
        assert not web.thread.is_alive()
    assert [(record.levelname, vars(record)["count"]) for record in caplog.records] == [("WARNING", 1)]


def test_a_second_stop_ends_at_once(application: Application) -> None:
    """Whatever is still running."""
    with web_server(application.app) as web, web.connect(4096) as client:
        client.sendall(request("/stream"))
        client.recv(10)
        web.stop()
        web.stop()
        web.thread.join(5)
        assert not web.thread.is_alive()
        assert len(read_all(client)) < BIG


# TLS.


def _tls(web: RunningServer, certificates: Certificates) -> ssl.SSLSocket:
    return client_context(certificates).wrap_socket(web.connect(4096), server_hostname="127.0.0.1")


def test_the_same_holds_over_tls(application: Application, certificates: Certificates) -> None:
    """Keep-alive, large answers, pipelined requests, refusals."""
    with web_server(application.app, tls=certificates.server_context()) as web, _tls(web, certificates) as client:
        client.sendall(request("/") + request("/big") + request("/", "Transfer-Encoding: chunked"))
        first, second, third = parse_answers(read_all(client))
    assert [first.status, len(second.body), third.status] == [200, BIG, 400]


def test_an_answer_that_is_not_read_is_aborted_over_tls(
    application: Application, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """asyncio's layer for TLS has buffers of its own: they are limited, too."""
    monkeypatch.setattr(listener, "UNREAD_SECONDS", 0.5)
    with web_server(application.app, tls=certificates.server_context()) as web, _tls(web, certificates) as client:
        client.sendall(request("/stream"))
        wait_until(lambda: len(web.connections) == 0)
        wait_until(lambda: application.ended == ["ended"])


@pytest.mark.parametrize("is_reset", [False, True])
def test_what_a_tls_connection_holds_is_freed_when_it_ends(
    application: Application, certificates: Certificates, is_reset: bool
) -> None:
    """Not only by the garbage collector, which does not know how large the buffers are, and rarely runs."""
    gc.collect()
    gc.disable()
    try:
        with web_server(application.app, tls=certificates.server_context()) as web:
            for _ in range(3):
                with _tls(web, certificates) as client:
                    client.sendall(request("/"))
                    assert read_answer(client).status == 200
                    if is_reset:
                        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wait_until(lambda: not any(isinstance(found, HttpProtocol) for found in gc.get_objects()))
    finally:
        gc.enable()


def test_a_tls_handshake_that_does_not_end_is_timed_out(
    application: Application, certificates: Certificates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It counts as a connection, and a new one takes its place."""
    monkeypatch.setattr(server, "REQUEST_SECONDS", 0.2)
    with web_server(application.app, tls=certificates.server_context(), max_connections=2) as web:
        with web.connect() as first, web.connect() as second, web.connect() as third:
            for client in (first, second, third):
                assert read_all(client) == b""
        wait_until(lambda: len(web.connections) == 0)


def test_a_failed_tls_handshake_is_one_line_without_a_stack_trace(
    application: Application, certificates: Certificates, caplog: pytest.LogCaptureFixture
) -> None:
    """Plain HTTP on the port of TLS is common."""
    caplog.set_level(logging.INFO)
    with web_server(application.app, tls=certificates.server_context()) as web:
        for _ in range(3):
            web.exchange(request("/"))
        wait_until(lambda: len(web.connections) == 0)
    assert [(record.getMessage(), record.exc_info) for record in caplog.records] == [("a TLS handshake failed", None)]


def test_a_tls_connection_has_no_large_buffer(certificates: Certificates) -> None:
    """Without the limit it has one of 256 KiB before it has sent anything."""
    with web_server(Application().app, tls=certificates.server_context()) as web:
        tracemalloc.start()
        try:
            clients = [web.connect() for _ in range(16)]
            wait_until(lambda: len(web.connections) == 16)
            allocated, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        for client in clients:
            client.close()
    assert allocated / 16 < 64 * 1024
