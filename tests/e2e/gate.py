"""A TCP proxy on loopback to the API server, whose connections can be closed."""

import socket
import threading
from contextlib import suppress
from typing import Self

from tests.e2e.control_plane import free_port

CONNECT_SECONDS = 10.0
READ_BYTES = 64 * 1024


class Gate:
    """Forwards bytes while it is open. When it is closed, all connections are closed and new ones are refused.

    Its address stays the same. As a context manager it is open during the block. For one thread.
    """

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._own = ("127.0.0.1", free_port())
        self._listener: socket.socket | None = None
        # Guards the next two attributes, written by the accepting thread and by the one that closes.
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    @property
    def address(self) -> str:
        host, port = self._own
        return f"{host}:{port}"

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> None:
        listener = socket.create_server(self._own)
        with self._lock:
            self._listener = listener
            self._threads = [threading.Thread(target=self._accept, args=(listener,))]
            self._threads[0].start()

    def close(self) -> None:
        """Close all connections. Nothing is forwarded any more when this returns."""
        with self._lock:
            if self._listener is None:
                return
            sockets, threads, self._sockets = [self._listener, *self._sockets], self._threads, []
            self._listener = None
        for each in sockets:
            # `close` alone does not end a blocked `accept`.
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in threads:
            thread.join()
        for each in sockets:
            each.close()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._connect(client, listener)

    def _connect(self, client: socket.socket, listener: socket.socket) -> None:
        try:
            server = socket.create_connection(self._target, CONNECT_SECONDS)
        except OSError:
            client.close()
            return
        server.settimeout(None)
        with self._lock:
            if self._listener is not listener:
                client.close()
                server.close()
                return
            self._sockets += [client, server]
            for ends in ((client, server), (server, client)):
                thread = threading.Thread(target=self._pass_on, args=ends)
                self._threads.append(thread)
                thread.start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(READ_BYTES):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
