"""Delays after failures: every retry has one, and they grow."""

from tests.support.recordings import recorded
from tests.support.watching import wait_until, watched


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
