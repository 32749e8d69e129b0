"""An informer's thread: it survives faults of the exporter, and ends when it is stopped."""

import time

import pytest

from tests.support.watching import watched


def test_a_fault_of_the_event_handler_does_not_end_the_thread(caplog: pytest.LogCaptureFixture) -> None:
    """Counted, logged with its traceback, and listed again after a delay."""
    with watched("a") as own:
        on_change, failures = own.view.on_change, [ValueError("a bug")] * 3
        own.view.on_change = lambda *step: (_ for _ in ()).throw(failures.pop()) if failures else on_change(*step)  # type: ignore[method-assign]
        own.start()
        own.wait_for("a")
        assert own.counts["crashed"] == 3
        assert len(own.clock.waits) == 3
        assert "ValueError: a bug" in caplog.text


@pytest.mark.parametrize("where", ["watching", "waiting for a page", "in the middle of a page"])
def test_stops_within_two_seconds(where: str) -> None:
    """Closing would not wake a blocked read; a thread that still waits for headers is a daemon."""
    with watched("a") as own:
        if where == "watching":
            own.start()
        elif where == "waiting for a page":
            own.server.slow(1.0, verb="list")
            own.informer.start()
            own.server.wait_for_requests(1, "list")
        else:
            own.server.answer_next(200, b"{", headers=(("Content-Length", "100000"),), verb="list")
            own.informer.start()
            own.server.wait_for_requests(1, "list")
        started = time.monotonic()
        own.informer.stop()
        own.informer.join(2)
        assert not own.informer.state().is_alive
        assert time.monotonic() - started < 2
