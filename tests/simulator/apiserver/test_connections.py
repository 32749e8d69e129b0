"""Streams of chunks, on a real socket."""

import socket
from collections.abc import Iterator

import pytest

from exporter.simulator.apiserver.connections import CutError, Stream


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    server, client = socket.socketpair()
    client.settimeout(5)
    with server, client:
        yield server, client


def test_a_stream_is_sent_in_chunks_and_ended(pair: tuple[socket.socket, socket.socket]) -> None:
    """Each line has its length before it; the end is a chunk of length 0."""
    server, client = pair
    stream = Stream(server)
    stream.send(b"0123456789abcdef\n")
    stream.end()
    assert client.recv(1000) == b"11\r\n0123456789abcdef\n\r\n0\r\n\r\n"


def test_a_stream_that_is_cut_has_no_end(pair: tuple[socket.socket, socket.socket]) -> None:
    """What was sent before arrives."""
    server, client = pair
    stream = Stream(server)
    stream.send(b"x")
    with pytest.raises(CutError):
        stream.cut()
    stream_end = client.recv(1000)
    assert stream_end == b"1\r\nx\r\n"


def test_a_client_that_has_closed_is_noticed(pair: tuple[socket.socket, socket.socket]) -> None:
    """Without sending anything to it."""
    server, client = pair
    stream = Stream(server)
    assert not stream.is_abandoned()
    client.close()
    assert stream.is_abandoned()
