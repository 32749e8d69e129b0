"""Listening sockets: addresses, and what accepted connections inherit."""

import socket
from collections.abc import Iterator

import pytest

from exporter.web.listener import listen

FLAG = "--metrics-addr"


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
@pytest.mark.parametrize("host", ["", "::"])
def test_all_interfaces_are_of_both_families(host: str) -> None:
    """As Go listens on `:8080` and on `[::]:8080`."""
    with listen(FLAG, host, 0) as listener:
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, listener.getsockname()[1]), timeout=5).close()


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_an_address_of_ipv4_is_of_ipv4_alone(host: str) -> None:
    """Nobody asked for more."""
    with listen(FLAG, host, 0) as listener:
        assert listener.family is socket.AF_INET


@pytest.fixture
def accepted() -> Iterator[socket.socket]:
    listener = listen(FLAG, "127.0.0.1", 0)
    with listener, socket.create_connection(listener.getsockname()), listener.accept()[0] as accepted:
        yield accepted


def test_an_answer_does_not_wait_for_the_acknowledgement_of_the_last_one(accepted: socket.socket) -> None:
    """As Nagle's algorithm does it: 40 ms for each request on a connection that is kept alive."""
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


def test_what_the_kernel_holds_for_a_client_that_does_not_read_is_dropped_in_the_end(accepted: socket.socket) -> None:
    """After the process has closed the connection nobody else does it."""
    assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
