"""Delays after failures: every retry has one, and they grow."""

import logging
import random
import threading

import pytest

from exporter.errors import ConnectError, StatusError
from exporter.kube.backoff import Backoff
from exporter.kube.failure_log import FailureLog, ResourceLogger
from exporter.kube.list_watch import Stopped
from exporter.kube.log_budget import LogBudget
from exporter.kube.retries import REMAINING_SHARE, TURN_CHECK_SECONDS, Retries
from exporter.kube.retry_budget import RETRIES_PER_SECOND, RetryBudget
from tests.support.clocks import FakeClock
from tests.support.recordings import recorded
from tests.support.watching import wait_until, watched

pytestmark = pytest.mark.usefixtures("all_levels")


def test_an_endless_row_of_410_is_not_a_hot_loop() -> None:
    """List, 410, list, 410 …: each time after a delay of the back-off."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch", times=8)
        own.informer.start()
        own.server.wait_for_requests(9, "list")
        assert len(own.clock.waits) == 8
        assert sum(own.clock.waits) > 8


def test_no_failure_makes_a_busy_loop() -> None:
    """Every request after a failure is preceded by a delay, and the delays grow."""
    with watched("a") as own:
        own.server.answer_next(500, verb="list", times=None)
        own.informer.start()
        wait_until(lambda: own.requests("list") > 40)
        requests, waits = own.requests("list"), list(own.clock.waits)
        assert len(waits) >= requests - 1
        assert sum(waits[10:]) / len(waits[10:]) > 10


def retries(clock: FakeClock, budget: RetryBudget | None = None, stop: threading.Event | None = None) -> Retries:
    return Retries(clock, Backoff(clock, random.Random(1)), budget or RetryBudget(clock), stop or threading.Event())


def failure_log(refusals: int = 0) -> FailureLog:
    failures = FailureLog("list", ResourceLogger(logging.getLogger("test"), {}, LogBudget(FakeClock())))
    failures.refusals = refusals
    return failures


def test_refusals_that_persist_are_retried_every_30_seconds() -> None:
    """The first two after the ordinary delay: RBAC may just be installed."""
    clock = FakeClock()
    for refusals in (1, 2, 3, 4):
        retries(clock).after_failure(StatusError(403, "forbidden"), failure_log(refusals))
    assert all(wait < 1 for wait in clock.waits[:2])
    assert clock.waits[2:] == [30.0, 30.0]


def test_a_retry_after_is_respected() -> None:
    """Of an answer; other failures have none."""
    clock = FakeClock()
    retries(clock).after_failure(StatusError(429, "busy", 7.0), failure_log())
    retries(clock).after_failure(ConnectError("refused"), failure_log())
    assert clock.waits[0] == 7.0
    assert clock.waits[1] < 1


def test_the_first_request_waits_only_while_the_api_server_fails() -> None:
    """A new informer of an exporter that cannot connect has no reason to try at once."""
    clock = FakeClock()
    budget = RetryBudget(clock)
    retries(clock, budget).before_first_request()
    assert clock.waits == []
    budget.reserve(0.0)
    retries(clock, budget).before_first_request()
    assert clock.waits != []


class RecoveringClock(FakeClock):
    """Another informer succeeds during the third wait."""

    def __init__(self) -> None:
        super().__init__()
        self.budget = RetryBudget(self)

    def wait(self, stop: threading.Event, seconds: float) -> bool:
        if len(self.waits) == 2:
            self.budget.succeeded()
        return super().wait(stop, seconds)


def test_waiting_for_a_turn_is_shortened_when_the_api_server_works_again() -> None:
    """900 informers have failed: they do not wait for their turns, but do not list all at once either."""
    clock = RecoveringClock()
    for _ in range(900):
        clock.budget.reserve(0.0)
    retries(clock, clock.budget).after_failure(ConnectError("refused"), failure_log())
    own, *checks, last = clock.waits
    assert checks == [TURN_CHECK_SECONDS] * 2
    turn = 900 / RETRIES_PER_SECOND - own
    assert last == pytest.approx((turn - sum(checks)) * REMAINING_SHARE, abs=1.5)


@pytest.mark.parametrize("wait", ["wait", "before_next_list"])
def test_every_wait_ends_when_it_is_stopped(wait: str) -> None:
    """By an exception, which the reflector's loop ends with."""
    stop = threading.Event()
    stop.set()
    stopped = retries(FakeClock(), stop=stop)
    with pytest.raises(Stopped):
        stopped.wait(1.0) if wait == "wait" else stopped.before_next_list()
