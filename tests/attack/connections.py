"""Attacks by clients that only connect, or send what is not HTTP."""

import contextlib
import select
import socket
import struct
import time
from contextlib import ExitStack
from typing import ClassVar

from tests.attack.judge import Limits
from tests.attack.scene import Attack, Scene

BROKEN_CHUNKS = b"GET /healthz HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nz\r\n"
"""65 bytes."""

GET_HEALTHZ = b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"


class IdleConnections(Attack):
    """1,060 connections on which nothing is sent, with a limit of 1,024 descriptors.

    Without a cap accept fails again and again: a core is busy, each failure is logged, and probes wait.
    """

    name = "idle-connections"
    is_short = True
    descriptors = 1024
    count = 1060

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            for _ in range(self.count):
                scene.check_alive()
                # Those above the cap are refused, or wait in the backlog.
                with contextlib.suppress(OSError):
                    stack.enter_context(scene.victim.connect(timeout_seconds=0.5))
            scene.hold(6)


class FewDescriptors(IdleConnections):
    """200 connections on which nothing is sent, with a limit of 90 descriptors.

    There are none left for a new connection unless an idle one is closed.
    """

    name = "few-descriptors"
    is_short = False
    descriptors = 90
    count = 200


class Resets(Attack):
    """6,000 times a request, its answer, and a reset of the connection.

    What a connection holds must be freed although its end is an error, and no reset may be a stack trace.
    """

    name = "resets"
    count = 6000
    limits = Limits(peak_ratio=1.3)

    def strike(self, scene: Scene) -> None:
        for _ in range(self.count):
            scene.check_alive()
            with contextlib.suppress(OSError), scene.victim.connect() as client:
                client.sendall(GET_HEALTHZ)
                client.recv(4096)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


class HalfRequests(Attack):
    """300 connections that send nothing, half a head, or one byte a second.

    The request line and the headers have to be there within 5 s; the exporter must close what is later.
    """

    name = "half-requests"
    most_seconds = 12.5
    starts = (b"", b"GET /metrics HTTP/1.1\r\nHost: a\r\nX-Half: ", b"GET ")

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            clients = []
            for number in range(300):
                client = stack.enter_context(scene.victim.connect())
                client.sendall(self.starts[number % len(self.starts)])
                clients.append(client)
            left = self.drip(scene, clients[1::3], clients)
            if left:
                scene.complain(f"{left} of 300 connections are open {self.most_seconds:.0f} s after half a request")

    def drip(self, scene: Scene, dripping: list[socket.socket], clients: list[socket.socket]) -> int:
        """Send a byte a second on some connections; return how many are still open in the end."""
        end = time.monotonic() + self.most_seconds
        while time.monotonic() < end and count_open(clients):
            scene.hold(1)
            for client in dripping:
                with contextlib.suppress(OSError):
                    client.send(b"x")
        return count_open(clients)


class BrokenChunks(Attack):
    """Two thousand times GET /healthz with a chunked body that is broken, in 65 bytes.

    A message and a stack trace for each fill the log.
    """

    name = "broken-chunks"
    is_short = True
    limits = Limits(log_lines=60)
    requests = 2000
    most_seconds = 10.0

    def strike(self, scene: Scene) -> None:
        end = time.monotonic() + self.most_seconds
        answers: dict[str, int] = {}
        for _ in range(self.requests):
            if time.monotonic() > end:
                break
            scene.check_alive()
            first = exchange(scene, BROKEN_CHUNKS)
            answers[first] = answers.get(first, 0) + 1
        if wrong := {answer: count for answer, count in answers.items() if not is_rejection(answer)}:
            scene.complain(f"a broken chunked body was answered {wrong}, not 400")


class WrongRequests(Attack):
    """Requests that a proxy in front may read in another way, or that are too large.

    Each must be answered 4xx or 5xx, or cut off, whatever the path; none is a scrape.
    """

    name = "wrong-requests"
    is_short = True
    limits = Limits(log_lines=60)
    rounds = 20
    requests: ClassVar = {
        "Content-Length with Transfer-Encoding": b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "two Content-Length": b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n"
        b"Content-Length: 5\r\n\r\nabcde",
        "HTTP/3.7": b"GET /metrics HTTP/3.7\r\nHost: a\r\n\r\n",
        "headers of 40 KB": b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: %b\r\n\r\n" % (b"x" * 40_000),
        "2,000 headers": b"GET /metrics HTTP/1.1\r\nHost: a\r\n%b\r\n"
        % b"".join(b"X-%d: y\r\n" % n for n in range(2000)),
        "a request line of 40 KB": b"GET /metrics?%b HTTP/1.1\r\nHost: a\r\n\r\n" % (b"x" * 40_000),
        "a body": b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde",
        "a body of 1 GB": b"GET /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\nabcde",
        "a space before the colon": b"GET /metrics HTTP/1.1\r\nHost : a\r\n\r\n",
        "a NUL in a header": b"GET /metrics HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n",
        "no Host": b"GET /metrics HTTP/1.1\r\n\r\n",
        "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
    }

    def strike(self, scene: Scene) -> None:
        accepted = set()
        for _ in range(self.rounds):
            for what, request in self.requests.items():
                scene.check_alive()
                answer = exchange(scene, request)
                if not is_rejection(answer):
                    accepted.add(f"{what}: {answer}")
        if accepted:
            scene.complain(f"accepted: {', '.join(sorted(accepted))}")


def exchange(scene: Scene, request: bytes) -> str:
    """Send a request; return the first line of the answer, "closed" or "nothing"."""
    try:
        with scene.victim.connect(timeout_seconds=2.5) as client:
            with contextlib.suppress(OSError):
                # The answer may come, and the connection end, before all is sent.
                client.sendall(request)
            return client.recv(4096).split(b"\r\n", 1)[0].decode("latin-1") or "closed"
    except TimeoutError:
        return "nothing"
    except OSError:
        return "closed"


def is_rejection(first_line: str) -> bool:
    return first_line == "closed" or first_line.startswith(("HTTP/1.1 4", "HTTP/1.1 5", "HTTP/1.0 4"))


def count_open(clients: list[socket.socket]) -> int:
    """Return how many of the connections the other side has not ended."""
    poll = select.poll()
    for client in clients:
        poll.register(client, select.POLLRDHUP)
    return len(clients) - len(poll.poll(0))


CONNECTIONS: tuple[type[Attack], ...] = (
    IdleConnections,
    FewDescriptors,
    Resets,
    HalfRequests,
    BrokenChunks,
    WrongRequests,
)
