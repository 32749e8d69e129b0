"""Fairness between clients: what is limited is shared by address and network, and who uses least comes first."""

import asyncio
import math
from collections import Counter, OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import lru_cache
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from starlette.types import Scope

from exporter.clock import Clock

ADDRESSES_PER_NETWORK = 8
"""A network, /24 of IPv4 and /48 of IPv6, may use as much as so many addresses, however many of them it has."""

WAITING_PER_ADDRESS, WAITING = 4, 32
"""Requests that have or wait for a turn, of one address (or its burst), and, without those that have one, of all."""

WAIT_SECONDS = 5.0

MAX_REMEMBERED = 1000
"""Addresses, of each kind; those used least or last are dropped first."""

HALVING_SECONDS = 60.0
"""How often the numbers of requests of all addresses are halved: what was long ago counts little."""

TRUSTED_REQUESTS = 10
"""So many requests of a trusted address come before all others until its number is halved."""


class OverloadedError(Exception):
    """There is no turn for a request; the client has to try again later."""


class Rate(NamedTuple):
    """Requests a second on average, after a burst."""

    per_second: float = math.inf
    burst: float = 1

    def delay(self, paid_until: float, now: float) -> float:
        """Return in how many seconds the next one is allowed; each one moves `paid_until` on."""
        # Rounded: sums of thirds are not exact.
        return round(paid_until - now - (self.burst - 1) / self.per_second, 6)

    def pay(self, paid_until: float, now: float) -> float:
        return max(paid_until, now) + 1 / self.per_second


UNLIMITED = Rate()


class Usage(Counter[str]):
    """What each address uses, and each network."""

    def add(self, address: str) -> None:
        self[address] += 1
        self[network_of(address)] += 1

    def share(self, address: str) -> float:
        """Return what an address uses, or its part of what its network uses if that is more."""
        return max(self[address], self[network_of(address)] / ADDRESSES_PER_NETWORK)


class Turns:
    """Turns to have something checked that takes long. For the event loop's thread.

    Trusted addresses come first, then those that have asked least of late, then those that have asked last: so a flood
    waits for itself, and an address that was never seen does not. If too many wait, who has asked most is refused.

    Attributes:
        refused: number of requests that have got no turn.
    """

    def __init__(self, at_once: int, clock: Clock, rate: Rate = UNLIMITED, address_rate: Rate = UNLIMITED) -> None:
        self.refused = 0
        self._free = at_once
        self._clock = clock
        self._rate, self._paid_until = rate, 0.0
        self._address_rate, self._paid_by_address = address_rate, OrderedDict[str, float]()
        self._asked, self._halved_at = Usage(), clock.monotonic()
        self._trusted = OrderedDict[str, None]()
        self._places = Counter[str]()
        self._waiting: dict[asyncio.Future[bool], str] = {}
        self._timer: asyncio.TimerHandle | None = None

    def trust(self, address: str) -> None:
        """Note that the credentials of a client were right."""
        self._trusted[address] = None
        self._trusted.move_to_end(address)
        if len(self._trusted) > MAX_REMEMBERED:
            self._trusted.popitem(last=False)

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Wait for a turn; raises OverloadedError if there is none in time."""
        turn: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._places[address] += 1
        try:
            if self._may_wait(address):
                self._waiting[turn] = address
                self._start()
                await asyncio.wait([turn], timeout=WAIT_SECONDS)
            if not _has_turn(turn):
                self.refused += 1
                raise OverloadedError
            yield
        finally:
            # Also if the request is cancelled while it waits, or when it has just got its turn.
            self._places -= Counter([address])
            self._waiting.pop(turn, None)
            if _has_turn(turn):
                self._free += 1
                self._start()

    def _may_wait(self, address: str) -> bool:
        """Count a request of an address, and return whether it may wait for a turn."""
        now, paid_until = self._clock.monotonic(), self._paid_by_address.pop(address, 0.0)
        self._count(address, now)
        is_allowed = self._address_rate.delay(paid_until, now) <= 0
        self._paid_by_address[address] = self._address_rate.pay(paid_until, now) if is_allowed else paid_until
        if len(self._paid_by_address) > MAX_REMEMBERED:
            self._paid_by_address.popitem(last=False)
        places = max(WAITING_PER_ADDRESS, self._address_rate.burst)
        return is_allowed and self._places[address] <= places and self._has_room(address)

    def _count(self, address: str, now: float) -> None:
        if now - self._halved_at >= HALVING_SECONDS or len(self._asked) > 2 * MAX_REMEMBERED:
            self._asked = Usage({key: number // 2 for key, number in self._asked.items() if number > 1})
            self._halved_at = now
        self._asked.add(address)

    def _has_room(self, address: str) -> bool:
        """Return whether a request may wait, if need be in the place of one whose address has asked more."""
        if len(self._waiting) < WAITING:
            return True
        most = max(self._waiting, key=self._rank)
        if self._rank(most) < self._rank_of(address):
            return False
        del self._waiting[most]
        most.set_result(False)
        return True

    def _start(self) -> None:
        """Give the next turns, as many as there are."""
        while self._waiting and self._free:
            now = self._clock.monotonic()
            if (delay := self._rate.delay(self._paid_until, now)) > 0:
                if self._timer is None or self._timer.when() <= asyncio.get_running_loop().time():
                    self._timer = asyncio.get_running_loop().call_later(delay, self._start)
                return
            turn = min(reversed(self._waiting), key=self._rank)
            del self._waiting[turn]
            turn.set_result(True)
            self._free -= 1
            self._paid_until = self._rate.pay(self._paid_until, now)

    def _rank(self, turn: "asyncio.Future[bool]") -> tuple[bool, float]:
        return self._rank_of(self._waiting[turn])

    def _rank_of(self, address: str) -> tuple[bool, float]:
        comes_first = address in self._trusted and self._asked[address] <= TRUSTED_REQUESTS
        return not comes_first, self._asked.share(address)


def _has_turn(turn: "asyncio.Future[bool]") -> bool:
    return turn.done() and turn.result()


@lru_cache(MAX_REMEMBERED)
def network_of(address: str) -> str:
    """Return the network of an IP address as text; of what is none, a text of its own."""
    try:
        ip = ip_address(address)
    except ValueError:
        return f"network of {address}"
    ip = getattr(ip, "ipv4_mapped", None) or ip
    return str(ip_network((ip, 24 if ip.version == 4 else 48), strict=False))


def client_address(scope: Scope) -> str:
    """Return a client's IP address, without the port."""
    client = scope.get("client")
    return client[0] if client else ""
