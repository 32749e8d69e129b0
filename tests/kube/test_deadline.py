"""A limit on a whole block, whatever blocks in it."""

import socket
import threading

import pytest

from exporter.kube.list_watch import aborted_after


def test_a_read_that_takes_too_long_is_aborted() -> None:
    """From another thread, as closing the socket is the only way; the event says so."""
    reader, writer = socket.socketpair()
    with reader, writer, aborted_after(0.02, lambda: writer.shutdown(socket.SHUT_RDWR)) as is_over:
        assert reader.recv(1) == b""
        assert is_over.is_set()


def test_a_block_that_ends_in_time_is_not_aborted() -> None:
    """The timer's thread ends with the block."""
    aborted: list[int] = []
    before = set(threading.enumerate())
    with aborted_after(60, lambda: aborted.append(1)) as is_over:
        (timer,) = set(threading.enumerate()) - before
        assert timer.daemon
    timer.join(5)
    assert not timer.is_alive()
    assert (aborted, is_over.is_set()) == ([], False)


def test_an_error_of_the_block_ends_the_timer_too() -> None:
    """It is passed on."""
    timers: list[threading.Thread] = []

    def fail() -> None:
        with aborted_after(60, lambda: None):
            timers.append(threading.enumerate()[-1])
            raise ValueError("a fault")

    with pytest.raises(ValueError, match="a fault"):
        fail()
    timers[0].join(5)
    assert not timers[0].is_alive()
