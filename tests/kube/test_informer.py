"""An informer's thread: it survives faults of the exporter, and ends when it is stopped."""

import time

import pytest

from exporter.kube.list_watch import InformerSettings
from exporter.kube.sync_state import SyncState
from exporter.resources.rayjob import RayJob
from tests.support.watching import wait_until, watched


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


@pytest.mark.parametrize(
    ("settings", "name", "fields"),
    [
        ({}, "rayjobs", {"resource": "rayjobs"}),
        ({"namespace": "ns"}, "rayjobs in ns", {"resource": "rayjobs", "namespace": "ns"}),
        (
            {"namespace": "ns", "selection": "nodes"},
            "rayjobs (nodes) in ns",
            {"resource": "rayjobs", "selection": "nodes", "namespace": "ns"},
        ),
    ],
)
def test_an_informer_is_named_by_what_it_watches(settings: dict[str, str], name: str, fields: dict[str, str]) -> None:
    """In reasons that people read, and in the fields of its log lines."""
    informer = InformerSettings("rayjobs", "/apis/ray.io/v1/rayjobs", RayJob, **settings)  # type: ignore[arg-type]
    assert (informer.name, informer.log_fields) == (name, fields)


def test_the_state_of_an_informer_before_and_after_its_first_list() -> None:
    """One value, read without waiting."""
    with watched("a", "b") as own:
        state = own.informer.state()
        assert (state.sync, state.is_alive, state.is_connected, state.objects) == (SyncState.LISTING, False, False, 0)
        own.start()
        wait_until(lambda: own.informer.state().is_connected)
        state = own.informer.state()
        assert (state.sync, state.is_alive, state.objects, state.undecodable) == (SyncState.SYNCED, True, 2, 0)
        assert state.last_sync_time == state.last_event_time == own.clock.time()


def test_the_state_says_for_how_long_and_why_lists_fail() -> None:
    """The reason and the seconds are gone with the first list that succeeds."""
    with watched("a") as own:
        fault = own.server.answer_next(500, b"oops", verb="list", times=None)
        own.informer.start()
        wait_until(lambda: own.informer.state().failing_seconds > 5)
        assert "500" in own.informer.state().failure
        fault.cancel()
        own.wait_for("a")
        wait_until(lambda: own.sync_state is SyncState.SYNCED)
        assert (own.informer.state().failing_seconds, own.informer.state().failure) == (0.0, "")


def test_a_kind_that_is_marked_incomplete_is_complete_until_it_is_listed() -> None:
    """So that it does not hold back the others; a list that succeeds is a list like any other."""
    with watched("a") as own:
        fault = own.server.answer_next(500, b"oops", verb="list", times=None)
        own.informer.start()
        own.informer.mark_incomplete()
        assert own.sync_state is SyncState.INCOMPLETE
        fault.cancel()
        wait_until(lambda: own.sync_state is SyncState.SYNCED)
