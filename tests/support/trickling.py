"""Servers whose answers are written byte by byte, such as one that is never idle."""

import socket
import socketserver
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress


@contextmanager
def raw_server(answer: Callable[[socket.socket], object]) -> Iterator[str]:
    """A server that answers with what a function writes, which may raise OSError; gives its URL."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.rfile.readline()
            with suppress(OSError):
                answer(self.connection)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def trickling(head: bytes) -> Iterator[str]:
    """A server that answers with `head`, then a byte every 10 ms for ever; gives its URL."""
    stop = threading.Event()

    def answer(connection: socket.socket) -> None:
        connection.sendall(head)
        while not stop.wait(0.01):
            connection.sendall(b" ")

    with raw_server(answer) as url:
        try:
            yield url
        finally:
            stop.set()
