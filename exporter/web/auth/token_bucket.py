"""How many reviews clients may cause: a rate for each client address, and one for all together."""

from collections import OrderedDict

from exporter.clock import Clock

PER_ADDRESS = 1.0
BURST_PER_ADDRESS = 10.0
TOTAL = 3.0
BURST = 20.0
"""Reviews of unknown tokens a second. A Prometheus needs one when it starts, and one when its token is renewed."""

MAX_ADDRESSES = 1000


class TokenBucket:
    """Fills up by `rate` a second to `burst`; each use takes one."""

    def __init__(self, rate: float, burst: float, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._level = burst
        self._filled_at = now

    def level(self, now: float) -> float:
        self._level = min(self._burst, self._level + max(0.0, now - self._filled_at) * self._rate)
        self._filled_at = now
        return self._level

    def take(self) -> None:
        self._level -= 1


class ReviewRates:
    """One client that sends random tokens uses up its own rate, and leaves most of the common one to others."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._total = TokenBucket(TOTAL, BURST, clock.monotonic())
        self._by_address: OrderedDict[str, TokenBucket] = OrderedDict()

    def take(self, address: str) -> bool:
        """Count one review; False if there were too many."""
        now = self._clock.monotonic()
        bucket = self._by_address.pop(address, None) or TokenBucket(PER_ADDRESS, BURST_PER_ADDRESS, now)
        self._by_address[address] = bucket
        if len(self._by_address) > MAX_ADDRESSES:
            self._by_address.popitem(last=False)
        if min(bucket.level(now), self._total.level(now)) < 1:
            return False
        bucket.take()
        self._total.take()
        return True
