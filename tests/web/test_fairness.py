"""Turns of clients: who is next, who has to wait, and who is refused."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from exporter.web import fairness
from exporter.web.fairness import (
    ADDRESSES_PER_NETWORK,
    MAX_REMEMBERED,
    TRUSTED_REQUESTS,
    UNLIMITED,
    WAITING,
    WAITING_PER_ADDRESS,
    OverloadedError,
    Rate,
    Turns,
    Usage,
    network_of,
)
from tests.support.clocks import FakeClock

HONEST = "192.0.2.1"
PER_ADDRESS = Rate(1.0, burst=10)
TOTAL = Rate(3.0, burst=20)


class Clients:
    """Clients that ask for turns, each of which ends when the next one may begin."""

    def __init__(self, at_once: int = 1, rate: Rate = UNLIMITED, address_rate: Rate = UNLIMITED) -> None:
        self.clock = FakeClock(1000.0)
        self.turns = Turns(at_once, self.clock, rate, address_rate)
        self.served: list[str] = []
        self.refused: list[str] = []
        self._asking: list[asyncio.Task[None]] = []
        self.may_end = asyncio.Event()

    async def ask(self, *addresses: str) -> None:
        for address in addresses:
            self._asking.append(asyncio.create_task(self._ask(address)))
            await self.settle()

    async def _ask(self, address: str) -> None:
        try:
            async with self.turns.turn(address):
                self.served.append(address)
                await self.may_end.wait()
        except OverloadedError:
            self.refused.append(address)

    async def settle(self) -> None:
        for _ in range(8):
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Let all turns end."""
        self.may_end.set()
        await asyncio.gather(*self._asking)


def run(test: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await test()

    asyncio.run(main())


def addresses(number: int, prefix: str = "10.0") -> list[str]:
    """Return addresses of as many networks."""
    return [f"{prefix}.{index}.1" for index in range(number)]


def serves(first: str, waiting: Sequence[str], order: Sequence[str], trusted: Sequence[str] = ()) -> None:
    """Assert in which order those that wait for the first one are served."""

    async def test() -> None:
        clients = Clients()
        for address in trusted:
            clients.turns.trust(address)
        await clients.ask(first, *waiting)
        assert clients.served == [first]
        await clients.end()
        assert clients.served == [first, *order]

    run(test)


def test_who_asked_least_is_next() -> None:
    """Whoever came first; of equals the one that came last."""
    serves("10.0.0.1", ["10.0.0.1", "10.0.0.1", "10.1.0.1", "10.2.0.1"], ["10.2.0.1", "10.1.0.1", *["10.0.0.1"] * 2])


def test_a_network_with_many_addresses_comes_after_others() -> None:
    """Each of which has asked once."""
    many = [f"10.0.0.{number}" for number in range(2 * ADDRESSES_PER_NETWORK)]
    serves("10.0.0.99", [HONEST, *many], [HONEST, *reversed(many)])


def test_an_address_in_the_network_of_a_flood_is_not_the_flood() -> None:
    """One other address of its network asks for much, and so do those of other networks."""
    flood = ["192.0.2.7", "198.51.100.7", "203.0.113.7"]
    rest = [flood[2], flood[1], flood[2], flood[1], flood[0], flood[0]]
    serves(flood[0], [*flood, HONEST, *flood], [HONEST, *rest])


def test_a_trusted_address_comes_first() -> None:
    """Although it has asked more."""
    serves("10.0.0.1", [HONEST, HONEST, "10.1.0.1"], [HONEST, HONEST, "10.1.0.1"], trusted=[HONEST])


def test_a_trusted_address_does_not_come_first_for_ever() -> None:
    """A client that goes wrong on its machine may not keep out those that were never seen."""

    async def test() -> None:
        clients = Clients()
        clients.turns.trust(HONEST)
        await clients.ask("10.0.0.1")
        for _ in range(TRUSTED_REQUESTS // WAITING_PER_ADDRESS + 1):
            await clients.ask(*[HONEST] * WAITING_PER_ADDRESS)
        await clients.ask("10.1.0.1")
        await clients.end()
        assert clients.served[1] == "10.1.0.1"

    run(test)


def test_a_full_room_has_a_place_for_who_asked_least() -> None:
    """The one who has asked most loses its own. Each refusal is counted."""

    async def test() -> None:
        clients = Clients()
        flood = addresses(WAITING // 2)
        await clients.ask("10.9.0.1", *flood, *flood, flood[0])
        assert clients.refused == [flood[0]]
        await clients.ask(HONEST)
        assert len(clients.refused) == clients.turns.refused == 2
        await clients.end()
        assert clients.served[1] == HONEST

    run(test)


def test_an_address_has_few_places() -> None:
    """Also if there is room."""

    async def test() -> None:
        clients = Clients()
        await clients.ask(*[HONEST] * (WAITING_PER_ADDRESS + 2))
        assert len(clients.refused) == 2
        await clients.end()
        assert len(clients.served) == WAITING_PER_ADDRESS

    run(test)


def test_an_address_has_places_for_its_burst() -> None:
    """Clients behind one address may all be new at once."""

    async def test() -> None:
        clients = Clients(address_rate=PER_ADDRESS)
        await clients.ask(*[HONEST] * 10)
        await clients.end()
        assert clients.refused == []

    run(test)


def test_who_waits_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fairness, "WAIT_SECONDS", 0.01)

    async def test() -> None:
        clients = Clients()
        await clients.ask("10.0.0.1", "10.1.0.1")
        await asyncio.sleep(0.05)
        assert clients.refused == ["10.1.0.1"]
        await clients.end()

    run(test)


def test_an_address_has_its_burst_and_then_its_rate() -> None:
    """What is refused does not count."""

    async def test() -> None:
        clients = Clients(100, address_rate=PER_ADDRESS)
        clients.may_end.set()
        for seconds, served in ((0.0, 10), (0.5, 10), (0.5, 11), (100.0, 21)):
            clients.clock.advance(seconds)
            await clients.ask(*["10.0.0.1"] * 30)
            assert len(clients.served) == served
        await clients.end()

    run(test)


def test_all_addresses_have_a_burst_and_then_a_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    """At which those that wait are served."""
    monkeypatch.setattr(fairness, "WAIT_SECONDS", 1.0)

    async def test() -> None:
        clients = Clients(100, TOTAL)
        clients.may_end.set()
        await clients.ask(*addresses(25))
        assert len(clients.served) == TOTAL.burst
        assert clients.refused == []
        clients.clock.advance(1.0)
        await clients.end()
        assert len(clients.served) == TOTAL.burst + TOTAL.per_second
        assert len(clients.refused) == 2

    run(test)


def test_what_is_remembered_is_bounded() -> None:
    """However many addresses there are."""

    async def test() -> None:
        clients = Clients(1, address_rate=PER_ADDRESS)
        clients.may_end.set()
        for number in range(3 * MAX_REMEMBERED):
            address = f"10.{number // 62500}.{number // 250 % 250}.{number % 250}"
            async with clients.turns.turn(address):
                clients.turns.trust(address)
        for remembered in (clients.turns._asked, clients.turns._paid_by_address, clients.turns._trusted):
            assert len(remembered) <= 2 * MAX_REMEMBERED + 2

    run(test)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.0/24"),
        ("::ffff:192.0.2.7", "192.0.2.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("fe80::1%eth0", "fe80::/48"),
        ("testclient", "network of testclient"),
        ("", "network of "),
    ],
)
def test_network_of_an_address(address: str, network: str) -> None:
    """Also of IPv4 on a socket of IPv6."""
    assert network_of(address) == network


def test_share_of_an_address_is_its_own_or_that_of_its_network() -> None:
    usage = Usage()
    for number in (*range(16), 1, 1, 1, 1):
        usage.add(f"192.0.2.{number}")
    assert usage.share("192.0.2.1") == 5
    assert usage.share("192.0.2.2") == 20 / ADDRESSES_PER_NETWORK


@pytest.mark.parametrize("steps", range(4))
def test_a_request_that_is_cancelled_leaves_its_turn_to_others(steps: int) -> None:
    """While it waits, when it gets its turn, and while it has it."""

    async def test() -> None:
        clients = Clients()
        await clients.ask("10.0.0.1")
        await clients.ask("10.0.1.1")
        first, second = clients._asking
        if steps:
            first.cancel()
        for _ in range(steps - 1):
            await asyncio.sleep(0)
        second.cancel()
        await clients.settle()
        clients._asking.clear()
        first.cancel()
        await clients.settle()
        await clients.ask(HONEST)
        assert clients.served[-1] == HONEST

    run(test)
