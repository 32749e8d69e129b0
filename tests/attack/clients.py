"""Attacks by clients that ask for large bodies, all at once or without reading them."""

import contextlib
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from tests.attack.connections import GET_HEALTHZ
from tests.attack.judge import Limits
from tests.attack.scene import Attack, Scene
from tests.attack.simulated import AttackStore
from tests.attack.victim import SMALL_BUFFER_BYTES, Victim
from tests.attack.world import add_honest

MANY_JOBS = 12_000
"""Their body is about 35 MB."""

LONG_NAME = "many-" + "x" * 110

GET_METRICS = b"GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
READ_BYTES = 1 << 20


class _LargeBody(Attack):
    """A cluster whose body is large, because it has many objects."""

    def prepare(self, store: AttackStore) -> None:
        add_honest(store, "rayjobs", MANY_JOBS, prefix=LONG_NAME)


class UnreadBodies(_LargeBody):
    """11 clients ask for a plain body of 35 MB and read nothing of it.

    Where each scrape holds its own whole body, that is 400 MB.
    """

    name = "unread-bodies"
    is_short = True
    limits = Limits(peak_ratio=1.2)

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            for _ in range(11):
                client = stack.enter_context(scene.victim.connect(small_buffer=True))
                client.sendall(GET_METRICS)
            scene.hold(6)


class Undrained(_LargeBody):
    """A client reads nothing of its answer and never closes; the connection must be aborted after 30 s."""

    name = "undrained"
    most_seconds = 40.0

    def strike(self, scene: Scene) -> None:
        port = scene.victim.port
        with scene.victim.connect(small_buffer=True) as client:
            client.sendall(GET_METRICS)
            scene.hold(1)
            own_port = client.getsockname()[1]
            if not scene.wait(lambda: not is_held(port, own_port), self.most_seconds):
                scene.complain(f"a client that does not read is still connected after {self.most_seconds:.0f} s")


class SlowReaders(_LargeBody):
    """20 clients read a plain body of 35 MB at 80 KB a second each."""

    name = "slow-readers"
    limits = Limits(peak_ratio=1.2)

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            clients = [stack.enter_context(scene.victim.connect(small_buffer=True)) for _ in range(20)]
            for client in clients:
                client.sendall(GET_METRICS)
            end = time.monotonic() + 6
            while time.monotonic() < end:
                scene.hold(0.05)
                for client in clients:
                    client.recv(SMALL_BUFFER_BYTES)


class IdentityScrapes(_LargeBody):
    """15 clients scrape the plain body of 35 MB at once and read it as fast as they can.

    Each must get a whole one.
    """

    name = "identity-15"
    limits = Limits(peak_ratio=1.2)
    clients = 15
    rounds = 2

    def strike(self, scene: Scene) -> None:
        for _ in range(self.rounds):
            scene.check_alive()
            with ThreadPoolExecutor(self.clients) as pool:
                results = list(pool.map(self.scrape, [scene.victim] * self.clients))
            scene.check_alive()
            if wrong := [result for result in results if not self.is_allowed(result)]:
                scene.complain(f"{len(wrong)} of {self.clients} scrapes were not whole: {wrong[0]}")

    def scrape(self, victim: Victim) -> str:
        """Return "whole", "refused", or what is wrong with the answer."""
        try:
            with victim.connect(timeout_seconds=30) as client:
                client.sendall(GET_METRICS)
                return read_answer(client)
        except OSError as exc:
            return f"{type(exc).__name__} {exc}"

    def is_allowed(self, result: str) -> bool:
        return result == "whole"


class ManyIdentityScrapes(IdentityScrapes):
    """50 clients scrape the plain body at once: more than --web-max-requests, so that some may be refused."""

    name = "identity-50"
    limits = Limits(peak_ratio=1.5, allows_refusals=True)
    clients = 50
    rounds = 1

    def is_allowed(self, result: str) -> bool:
        return result in ("whole", "refused")


class Pipelined(_LargeBody):
    """450 clients send a scrape and 6,500 further requests at once, 250 KB, and read nothing.

    Requests and answers that wait must not fill the memory, nor a flood of them delay the other clients.
    """

    name = "pipelined"
    limits = Limits(peak_ratio=1.5, allows_refusals=True)
    requests = GET_METRICS.replace(b"Connection: close\r\n", b"") + GET_HEALTHZ * 6500

    def strike(self, scene: Scene) -> None:
        with ExitStack() as stack:
            for _ in range(450):
                scene.check_alive()
                with contextlib.suppress(OSError):
                    client = stack.enter_context(scene.victim.connect(small_buffer=True, timeout_seconds=1))
                    client.setblocking(False)
                    client.send(self.requests)
            scene.hold(6)


class Drain(_LargeBody):
    """30 clients read nothing of their answers until after SIGTERM, which must end the exporter in time."""

    name = "drain"
    limits = Limits(peak_ratio=1.2)

    def strike(self, scene: Scene) -> None:
        self.clients = [scene.victim.connect(small_buffer=True) for _ in range(30)]
        for client in self.clients:
            client.sendall(GET_METRICS)
        scene.hold(1)


def is_held(server_port: int, client_port: int) -> bool:
    """Return whether a process still has the server's end of a connection on loopback.

    The client cannot see that: an end behind bytes that it does not read does not reach it.
    """
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = [int(address.split(":")[1], 16) for address in fields[1:3]]
        if ports == [server_port, client_port]:
            inode = fields[9]
            return inode != "0"
    return False


def read_answer(client: socket.socket) -> str:
    """Read an answer to its end without keeping it; return what it was."""
    buffer = bytearray(READ_BYTES)
    head = b""
    while b"\r\n\r\n" not in head:
        data = client.recv(READ_BYTES)
        if not data:
            return "no head"
        head += data
    head, _, body = head.partition(b"\r\n\r\n")
    headers = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
    size = len(body)
    while count := client.recv_into(buffer):
        size += count
    if b" 503 " in head.split(b"\r\n")[0]:
        return "refused" if b"retry-after" in headers else "503 without Retry-After"
    if b" 200 " not in head.split(b"\r\n")[0]:
        return head.split(b"\r\n")[0].decode()
    length = int(headers.get(b"content-length", -1))
    return "whole" if length == size else f"{size} bytes of {length}"


CLIENTS: tuple[type[Attack], ...] = (
    UnreadBodies,
    Undrained,
    SlowReaders,
    IdentityScrapes,
    ManyIdentityScrapes,
    Pipelined,
    Drain,
)
