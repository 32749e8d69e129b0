"""Attacks by clients of many addresses on what all clients share: they may not use up the share of another address."""

import asyncio
import http.client
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from typing import ClassVar

from tests.attack.clients import GET_METRICS, _LargeBody
from tests.attack.scene import Attack, Scene
from tests.attack.victim import connect
from tests.support.web_configs import basic, hashed

HONEST_SECONDS = 2.0
"""How long an honest client may wait for its first answer."""

MEGABYTE = 1 << 20


def address(number: int) -> str:
    """Return an address of the attackers: 20 in each of their networks."""
    return f"127.0.{number // 20 + 1}.{number % 20 + 1}"


def unseen(number: int) -> str:
    """Return an honest address in a network of its own."""
    return f"127.1.{number}.1"


def answer_status(port: int, authorization: str, source: str | None = None) -> tuple[int, float]:
    """Scrape on a new connection; return the status (0: none) and the seconds until it was there."""
    started_at = time.monotonic()
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=10, source_address=(source, 0) if source else None
    )
    try:
        connection.request("GET", "/metrics", headers={"Authorization": authorization})
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException):
        status = 0
    finally:
        connection.close()
    return status, time.monotonic() - started_at


class Flood:
    """Clients that send wrong credentials, each again as soon as it has its answer and its turn of the rate."""

    def __init__(self, port: int, sources: list[str], per_second: float, credentials: Callable[[], str]) -> None:
        self._port = port
        self._sources = sources
        self._pause_seconds = len(sources) / per_second
        self._credentials = credentials
        self.statuses: Counter[str] = Counter()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Send from another thread until the end of the context."""
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=lambda: loop.run_until_complete(self._send()))
        self._is_over = asyncio.Event()
        thread.start()
        try:
            yield
        finally:
            loop.call_soon_threadsafe(self._is_over.set)
            thread.join()
            loop.close()

    async def _send(self) -> None:
        clients = [asyncio.create_task(self._client(source, index)) for index, source in enumerate(self._sources)]
        await self._is_over.wait()
        for client in clients:
            client.cancel()
        await asyncio.gather(*clients, return_exceptions=True)

    async def _client(self, source: str, index: int) -> None:
        await asyncio.sleep(self._pause_seconds * index / len(self._sources))
        while True:
            with suppress(OSError, asyncio.IncompleteReadError, ValueError):
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port, local_addr=(source, 0))
                try:
                    await self._requests(reader, writer)
                finally:
                    writer.close()
            await asyncio.sleep(self._pause_seconds)

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            started_at = time.monotonic()
            writer.write(f"GET /metrics HTTP/1.1\r\nHost: a\r\nAuthorization: {self._credentials()}\r\n\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            self.statuses[head.split()[1]] += 1
            await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
            await asyncio.sleep(max(0.0, started_at + self._pause_seconds - time.monotonic()))


class RandomTokens(Attack):
    """8 random tokens a second from 4 addresses; meanwhile 40 new tokens of honest clients.

    Half of them are renewed ones of an address that was known, the others come from addresses that were never seen.
    """

    name = "random-tokens"
    flags = ("--metrics-auth", "kubernetes")
    authorization = "Bearer honest"
    sources = 4
    per_second = 8.0

    def warm_up(self, scene: Scene) -> None:
        scene.server.tokens.add("honest")

    def strike(self, scene: Scene) -> None:
        port = scene.victim.port
        flood = Flood(
            port,
            [address(number) for number in range(self.sources)],
            self.per_second,
            lambda: f"Bearer {secrets.token_hex(8)}",
        )
        with flood.running():
            scene.hold(5)
            tries: list[tuple[int, float]] = []
            for number in range(20):
                for source in (None, unseen(number)):
                    token = f"renewed-{len(tries)}"
                    scene.server.tokens.add(token)
                    tries.append(answer_status(port, f"Bearer {token}", source))
                scene.hold(0.7)
        if "200" in flood.statuses:
            scene.complain("a random token was accepted")
        complain_of_late(scene, tries)


class ManyRandomTokens(RandomTokens):
    """1,000 random tokens a second from 200 addresses, with the same honest clients."""

    name = "random-tokens-200"
    sources = 200
    per_second = 1000.0


class WrongPasswords(Attack):
    """60 clients of 40 addresses send wrong passwords; then the right one is sent for the first time, ten times.

    Each of another user and address, as it is after a restart.
    """

    name = "wrong-passwords"
    users: ClassVar = [f"user-{number}" for number in range(10)]
    authorization = basic("honest")
    sections: ClassVar = {"basic_auth_users": {"honest": hashed(cost=10)} | {user: hashed(cost=10) for user in users}}

    def strike(self, scene: Scene) -> None:
        port = scene.victim.port
        flood = Flood(port, [address(number % 40) for number in range(60)], 120.0, lambda: basic("honest", "wrong"))
        tries = []
        with flood.running():
            for number, user in enumerate(self.users):
                tries.append(answer_status(port, basic(user), unseen(number)))
                scene.hold(0.5)
        if "200" in flood.statuses:
            scene.complain("a wrong password was accepted")
        complain_of_late(scene, tries)


class JustFastEnough(_LargeBody):
    """44 clients, each with an address of its own, take a piece of a body of 35 MB before it counts as not read.

    They hold all scrapes that may run at once. None of an honest client may be refused.
    """

    name = "just-fast-enough"
    sources: ClassVar = [address(number) for number in range(44)]

    def strike(self, scene: Scene) -> None:
        end = time.monotonic() + 20
        with ThreadPoolExecutor(len(self.sources)) as pool:
            for source in self.sources:
                pool.submit(self.read, scene.victim.port, source, end)
            while time.monotonic() < end:
                scene.hold(1)

    def read(self, port: int, source: str, end: float) -> None:
        while time.monotonic() < end:
            with suppress(OSError), connect(port, source=source, small_buffer=True) as client:
                client.sendall(GET_METRICS)
                while time.monotonic() < end:
                    received = 0
                    while received < 300_000:
                        data = client.recv(65536)
                        if not data:
                            raise ConnectionError
                        received += len(data)
                    time.sleep(0.8)


class OneAddressReaders(JustFastEnough):
    """The same 44 clients with one address."""

    name = "just-fast-enough-1"
    sources: ClassVar = [address(0)] * 44


class LargeLists(Attack):
    """25 RayClusters with a version of 1.3 MB, and lists of the API that differ in one parameter.

    Some clients read their answers, others do not.
    """

    name = "large-lists"

    def strike(self, scene: Scene) -> None:
        port = scene.victim.port
        for number in range(25):
            members = b'"spec":{"rayVersion":"%b"}' % (b"9" * 1_300_000)
            scene.store.put("rayclusters", f"tenant/large-{number}", members)
        scene.wait_until_shown("rayclusters", 60)
        with ExitStack() as stack:
            for number in range(60):
                scene.check_alive()
                request = b"GET /api/v1/objects?limit=%d HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" % (
                    900 - number
                )
                client = stack.enter_context(
                    connect(port, source=address(number % 10), small_buffer=number % 2 == 0, timeout_seconds=10)
                )
                with suppress(OSError):
                    client.sendall(request)
                    while number % 2 and client.recv(MEGABYTE):
                        pass
            for number in range(5):
                # It may be refused once, until the others count as not reading.
                if not scene.wait(partial(is_listed, port, unseen(number)), HONEST_SECONDS):
                    scene.complain(f"a list of another address was refused for {HONEST_SECONDS:.0f} s")


def is_listed(port: int, source: str) -> bool:
    """Return whether a list is answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=(source, 0))
    connection.request("GET", "/api/v1/objects?limit=5&name=honest")
    status = connection.getresponse().status
    connection.close()
    return status == 200


def complain_of_late(scene: Scene, tries: list[tuple[int, float]]) -> None:
    """Complain if an honest client was not let in, or had to wait for too long."""
    refused = [status for status, _ in tries if status != 200]
    if refused:
        scene.complain(f"{len(refused)} of {len(tries)} honest clients were refused: {sorted(set(refused))}")
    slowest = max(seconds for _, seconds in tries)
    if slowest > HONEST_SECONDS:
        scene.complain(f"an honest client waited for {slowest:.1f} s, {HONEST_SECONDS:.0f} s are allowed")


SHARES: tuple[type[Attack], ...] = (
    RandomTokens,
    ManyRandomTokens,
    WrongPasswords,
    JustFastEnough,
    OneAddressReaders,
    LargeLists,
)
