"""Delays after failures, and the retries of many informers together."""

import heapq
import random
import threading
from collections.abc import Callable

import pytest

from exporter.errors import ConnectError, StatusError
from exporter.kube.backoff import (
    MAX_SECONDS,
    OUTAGE_RETRIES_PER_SECOND,
    RECOVERY_RETRIES_PER_SECOND,
    Backoff,
    Outage,
    SharedByInformers,
    Stopped,
)
from tests.support.clocks import FakeClock


class Highest(random.Random):
    """Always draws the bound: what is left is the rule."""

    def uniform(self, a: float, b: float) -> float:
        return max(a, b)


def backoff_of(clock: FakeClock, rng: random.Random | None = None, outage: Outage | None = None) -> Backoff:
    return Backoff(clock, rng or random.Random(1), outage or Outage(), threading.Event())


def test_doubles_from_800_ms_to_30_s() -> None:
    """The bounds are client-go's."""
    backoff = backoff_of(FakeClock(), Highest())
    assert [backoff.next_seconds() for _ in range(8)] == [0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30, 30]


def test_draws_between_nothing_and_the_bound() -> None:
    """Full jitter: many exporters do not come back in step."""
    backoff = backoff_of(FakeClock())
    delays = [backoff.next_seconds() for _ in range(500)][6:]
    assert all(0 <= delay <= 30 for delay in delays)
    assert min(delays) < 3
    assert max(delays) > 27


def test_starts_again_after_two_minutes_of_health() -> None:
    """Health counts from the end of the last delay, not from its beginning."""
    clock = FakeClock()
    backoff = backoff_of(clock, Highest())
    for _ in range(7):
        backoff.next_seconds()
    clock.advance(30 + 119)
    assert backoff.next_seconds() == 30
    clock.advance(30 + 121)
    assert backoff.next_seconds() == 0.8


def test_heeds_retry_after_up_to_its_own_highest_bound() -> None:
    """A server that says "in an hour" does not make the exporter blind for an hour."""
    backoff = backoff_of(FakeClock(), Highest())
    assert backoff.next_seconds(at_least=5) == 5
    assert backoff.next_seconds(at_least=3600) == 30
    assert backoff.next_seconds(at_least=0.1) == 3.2


def test_refusals_that_persist_are_retried_every_30_seconds() -> None:
    """The first two after the ordinary delay: RBAC may just be installed."""
    clock = FakeClock()
    for refusals in (1, 2, 3, 4):
        backoff_of(clock).wait_after(StatusError(403, "forbidden"), refusals)
    assert all(wait < 1 for wait in clock.waits[:2])
    assert clock.waits[2:] == [30.0, 30.0]


def test_a_retry_after_is_respected() -> None:
    """Of an answer; other failures have none."""
    clock = FakeClock()
    backoff_of(clock).wait_after(StatusError(429, "busy", 7.0), 0)
    backoff_of(clock).wait_after(ConnectError("refused"), 0)
    assert clock.waits[0] == 7.0
    assert clock.waits[1] < 1


def test_the_first_request_waits_only_while_the_api_server_fails() -> None:
    """A new informer of an exporter that cannot connect has no reason to try at once."""
    clock = FakeClock()
    outage = Outage()
    first = backoff_of(clock, outage=outage)
    first.wait_to_start(0.0)
    assert clock.waits == []
    first.wait_after(ConnectError("refused"), 0)
    clock.waits.clear()
    backoff_of(clock, outage=outage).wait_to_start(0.0)
    assert clock.waits != []
    first.succeeded()
    clock.waits.clear()
    backoff_of(clock, outage=outage).wait_to_start(0.0)
    assert clock.waits == []


def test_what_has_not_started_counts_as_waiting() -> None:
    """Otherwise hundreds that start one after the other would each retry as if those so far were all."""
    outage, waiting = Outage(), list[int]()

    class Clock(FakeClock):
        def wait(self, stop: threading.Event, seconds: float) -> bool:
            waiting.append(len(outage.waiting))
            return super().wait(stop, seconds)

    backoff_of(Clock(), outage=outage).wait_to_start(7.0)
    assert (waiting, outage.waiting) == ([1], set())


@pytest.mark.parametrize(
    "wait", [lambda b: b.wait(1.0), lambda b: b.wait_to_start(1.0), lambda b: b.wait_after(ConnectError("refused"), 0)]
)
def test_every_wait_ends_when_it_is_stopped(wait: Callable[[Backoff], None]) -> None:
    """By an exception, which the reflector's loop ends with."""
    stopping = threading.Event()
    stopping.set()
    with pytest.raises(Stopped):
        wait(Backoff(FakeClock(), random.Random(1), Outage(), stopping))


def requests_of(informers: int, outage_seconds: float) -> list[float]:
    """Return the seconds at which informers send requests that fail until the outage is over, and then succeed once."""
    clock, outage, rng = FakeClock(0.0), Outage(), random.Random(1)
    backoffs = [backoff_of(clock, rng, outage) for _ in range(informers)]
    delays = [backoff.retry_delays() for backoff in backoffs]
    # When the current delay of each informer ends.
    due = [(next(of_informer), number) for number, of_informer in enumerate(delays)]
    heapq.heapify(due)
    requests = []
    while due:
        clock.now, number = heapq.heappop(due)
        seconds = next(delays[number], None)
        if seconds is None:
            requests.append(clock.now)
            if clock.now >= outage_seconds:
                backoffs[number].succeeded()
                continue
            delays[number] = backoffs[number].retry_delays()
            seconds = next(delays[number])
        heapq.heappush(due, (clock.now + seconds, number))
    return requests


@pytest.mark.parametrize("informers", [30, 100, 300, 900, 3000])
def test_many_informers_retry_at_one_rate_in_all(informers: int) -> None:
    """From the first second on, however many namespaces are watched."""
    requests = requests_of(informers, 300)
    for first in range(300 // 6):
        in_six_seconds = sum(6 * first <= at < 6 * first + 6 for at in requests)
        assert in_six_seconds / 6 < 1.6 * OUTAGE_RETRIES_PER_SECOND
    assert sum(at < 300 for at in requests) / 300 < 1.1 * OUTAGE_RETRIES_PER_SECOND


@pytest.mark.parametrize("outage_seconds", [2, 20, 300])
def test_lists_of_many_informers_after_an_outage_are_spread(outage_seconds: float) -> None:
    """They are not all sent at once, but each within a minute."""
    after = [at - outage_seconds for at in requests_of(900, outage_seconds) if at >= outage_seconds]
    assert len(after) == 900
    assert max(after) < 60
    for second in range(60):
        assert sum(second <= at < second + 1 for at in after) < 1.6 * RECOVERY_RETRIES_PER_SECOND


def test_an_informer_that_fails_alone_retries_after_each_delay() -> None:
    """However many others there are: those that succeed do not delay it."""
    clock = FakeClock()
    backoff = backoff_of(clock)
    for _ in range(20):
        backoff.wait_after(ConnectError("refused"), 0)
    assert len(clock.waits) == 20
    assert max(clock.waits) <= MAX_SECONDS


def test_the_first_requests_of_many_informers_are_spread() -> None:
    """A few namespaces never wait; 999 watches have all begun after 19 s."""
    shared = SharedByInformers(FakeClock())
    delays = [shared.start_delay() for _ in range(999)]
    assert delays[:50] == [0.0] * 50
    assert delays[50:53] == [0.02, 0.04, 0.06]
    assert 18 < delays[-1] < 19
