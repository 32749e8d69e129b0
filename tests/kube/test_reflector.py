"""Lists and watches together: outages, restored backups, rights that only allow lists, and delays."""

import pytest

from exporter.kube.sync_state import SyncState
from tests.support.recordings import recorded
from tests.support.stores import restore, save
from tests.support.watching import job, wait_until, warnings_in, watched


def test_a_restored_backup_is_found_after_a_watch_that_was_closed_cleanly() -> None:
    """A watch from a future version gets neither events nor bookmarks: the version is checked before each watch."""
    with watched("a") as own:
        snapshot = save(own.store)
        own.store.create("rayjobs", job("b"))
        own.start()
        own.wait_for("a", "b")
        restore(own.store, snapshot)
        own.wait_for("a")


def test_older_history_is_found_behind_a_load_balancer() -> None:
    """It answers 503 while the server is away, and connections are never refused."""
    with watched("a") as own:
        snapshot = save(own.store)
        own.store.create("rayjobs", job("lost"))
        own.start()
        own.wait_for("a", "lost")
        own.server.answer_next(503, verb="watch", times=2)
        restore(own.store, snapshot)
        own.wait_for("a")


def test_older_history_is_found_after_an_outage_even_when_it_has_caught_up_since() -> None:
    """The server comes back behind the watched version: what happened in between would never be sent."""
    with watched("a") as own:
        snapshot = save(own.store)
        own.store.create("rayjobs", job("lost"))
        own.start()
        own.wait_for("a", "lost")
        port = int(own.server.url.rsplit(":", 1)[1])
        own.server.stop()
        wait_until(lambda: len(own.clock.waits) > 2, "the outage is noticed")
        restore(own.store, snapshot)
        with type(own.server)(own.store, port=port):
            own.wait_for("a")
            own.store.create("rayjobs", job("b"))
            own.store.create("rayjobs", job("c"))
            own.wait_for("a", "b", "c")
            own.informer.stop()


def test_does_not_list_again_when_the_connection_is_refused(caplog: pytest.LogCaptureFixture) -> None:
    """An outage of any length: nothing disappears, one warning is logged, and no restart is needed."""
    with watched("a") as own:
        own.start()
        port = int(own.server.url.rsplit(":", 1)[1])
        own.server.stop()
        wait_until(lambda: len(own.clock.waits) > 20, "many tries")
        assert own.view.names == {"a"}
        assert not own.reflector.state.is_connected
        assert own.sync_state is SyncState.SYNCED
        assert len([text for text in warnings_in(caplog) if "refused" in text]) == 1
        lists = own.counts["list_started"]
        own.store.create("rayjobs", job("b"))
        with type(own.server)(own.store, port=port) as again:
            own.wait_for("a", "b")
            again.wait_for_watch("rayjobs")
            assert (len(again.seen("check")), again.seen("list")) == (1, []), "its version is asked for"
            own.informer.stop()
        assert own.counts["list_started"] == lists == 1


def test_the_right_to_list_without_the_right_to_watch_still_serves(caplog: pytest.LogCaptureFixture) -> None:
    """Listed again and again, slowly, and logged once."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("403-watch"), verb="watch", times=None)
        own.informer.start()
        own.server.wait_for_requests(3, "list")
        assert len([text for text in warnings_in(caplog) if text.startswith("watch failed,")]) == 1
        assert set(own.clock.waits[3:7]) == {30}


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
