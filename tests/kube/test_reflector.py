"""The reflector's rules, one test each, against a real server over real sockets."""

import logging
import time

import pytest

from exporter.kube.list_watch import WATCH_SECONDS
from exporter.kube.sync_state import SyncState
from tests.support.faults import FaultServer
from tests.support.recordings import answer
from tests.support.watching import job, wait_until, watched


def recorded(name: str) -> dict[str, object]:
    status, headers, body = answer(name)
    return {"status": status, "headers": headers, "body": body}


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


@pytest.fixture(autouse=True)
def _all_levels(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="exporter")


# Lists.


def ahead(server: FaultServer) -> None:
    """Let the server say that it is at a version which is higher than those in answers that a test has made up."""
    server.answer_next(200, b'{"metadata":{"resourceVersion":"1000"},"items":[]}', verb="check", times=None)


def test_lists_in_pages_of_one_version() -> None:
    """Pages of the size given, linked by continue tokens, resourceVersion unset."""
    with watched(*(f"job-{i}" for i in range(25)), page_size=10) as own:
        own.start()
        own.wait_for(*(f"job-{i}" for i in range(25)))
        lists = own.server.seen("list")
        assert [request.query.get("limit") for request in lists] == ["10", "10", "10"]
        assert ["continue" in request.query for request in lists] == [False, True, True]
        assert not any("resourceVersion" in request.query for request in lists)
        assert own.view.steps == [(own.view.steps[0][0], [])], "all pages in one step"
        assert own.counts["list_started"] == 1


def test_lists_from_the_beginning_when_a_continue_token_expires() -> None:
    """410 in the middle of a list: what was read of it does not count."""
    with watched(*(f"job-{i}" for i in range(15)), page_size=10) as own:
        own.server.answer_next(200, _page_with_stale_token(), verb="list")
        own.server.answer_recorded(recorded("410-expired-continue"), verb="list")
        own.start()
        own.wait_for(*(f"job-{i}" for i in range(15)))
        assert own.counts["list_failed"] == 1
        assert len(own.view.steps) == 1


def _page_with_stale_token() -> bytes:
    return b'{"metadata":{"resourceVersion":"1","continue":"stale"},"items":[{"metadata":{"name":"x","uid":"x"}}]}'


def test_a_list_that_goes_round_in_circles_is_a_failure() -> None:
    """The same continue token twice would never end."""
    with watched("a") as own:
        own.server.answer_next(200, _page_with_stale_token(), verb="list", times=2)
        own.start()
        own.wait_for("a")
        assert own.counts["list_failed"] == 1


def test_a_list_is_the_truth_whatever_its_versions() -> None:
    """After a restored etcd versions are lower: objects go and come as the list says."""
    with watched("a") as own:
        snapshot = own.store.save()
        own.store.create("rayjobs", job("b"))
        own.start()
        own.wait_for("a", "b")
        own.store.restore(snapshot)
        own.store.create("rayjobs", job("c"))
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch")
        own.server.expire_tokens()
        own.wait_for("a", "c")


def test_a_second_list_tells_only_differences() -> None:
    """An object with the same uid and version keeps its lines; the rest is one step."""
    with watched("same", "gone", "changed") as own:
        own.start()
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch")
        cut = own.server.cut_after(0)
        own.store.delete("rayjobs", "ns", "gone")
        cut.wait_until_used()
        own.store.update("rayjobs", job("changed", {"jobDeploymentStatus": "Running"}))
        own.store.create("rayjobs", job("new"))
        own.wait_for("same", "changed", "new")
        assert own.view.steps[1:] == [(["changed", "new"], ["gone"])]


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda server: server.cut_answer(50), id="cut"),
        pytest.param(lambda server: server.wrong_content_length(100), id="shorter than its Content-Length"),
        pytest.param(lambda server: server.answer_next(200, b"<html>login</html>", verb="list"), id="HTML"),
        pytest.param(lambda server: server.answer_next(200, b"{}", verb="list"), id="empty object"),
        pytest.param(lambda server: server.answer_next(200, b'{"items":[]}', verb="list"), id="no metadata"),
        pytest.param(lambda server: server.answer_next(500, b"oops", verb="list"), id="500"),
        pytest.param(lambda server: server.answer_next(302, headers=(("Location", "/"),), verb="list"), id="302"),
        pytest.param(lambda server: server.answer_recorded(recorded("504-future-version"), verb="list"), id="504"),
        pytest.param(
            lambda server: server.answer_recorded(recorded("429-watch-initializing"), verb="list"), id="429"
        ),
    ],
)  # fmt: skip
def test_a_failed_list_is_tried_again_and_takes_nothing_away(spoil, caplog: pytest.LogCaptureFixture) -> None:  # type: ignore[no-untyped-def]
    """Whatever the answer is if not a list; one warning, and a word when it works again."""
    with watched("a", "b") as own:
        own.start()
        own.wait_for("a", "b")
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch")
        spoil(own.server)
        own.server.cut_after(0)
        own.store.delete("rayjobs", "ns", "b")
        own.wait_for("a")
        assert own.view.steps[1:] == [([], ["b"])]
        assert own.counts["list_failed"] == 1
        assert [text for text in warnings_in(caplog) if text.startswith("list failed")]
        wait_until(lambda: "list succeeded again" in caplog.text)


# Watches.


def test_watches_from_the_lists_version_with_bookmarks() -> None:
    """And asks for a time that is drawn anew."""
    with watched("a") as own:
        own.start()
        (watch,) = own.server.seen("watch")
        assert watch.query["resourceVersion"] == str(own.store.version)
        assert watch.query["allowWatchBookmarks"] == "true"
        assert WATCH_SECONDS[0] <= int(watch.query["timeoutSeconds"]) <= WATCH_SECONDS[1]


def test_follows_added_modified_and_deleted() -> None:
    """Each event is one step."""
    with watched() as own:
        own.start()
        own.store.create("rayjobs", job("a"))
        own.wait_for("a")
        own.store.update("rayjobs", job("a", {"jobDeploymentStatus": "Running"}))
        wait_until(lambda: own.view.state_of("a") == "Running")
        own.store.delete("rayjobs", "ns", "a")
        own.wait_for()
        assert own.counts["event_received"] == 3
        assert own.requests("list") == own.requests("watch") == 1


def test_a_recreated_object_of_the_same_name_is_another_one() -> None:
    """Identity is by uid."""
    with watched("a") as own:
        own.start()
        (old,) = own.view.objects
        own.store.delete("rayjobs", "ns", "a")
        own.store.create("rayjobs", job("a"))
        wait_until(lambda: own.view.objects and old not in own.view.objects)
        assert own.view.names == {"a"}


def test_an_event_counts_as_soon_as_its_line_is_complete() -> None:
    """However it is cut into packets, and without waiting for more."""
    with watched() as own:
        own.start()
        own.server.split_line(size=1)
        own.store.create("rayjobs", job("a"))
        own.wait_for("a")


def test_an_answer_without_chunks_is_followed_as_it_comes() -> None:
    """A proxy may send the stream until it closes the connection, with or without a length."""
    line = b'{"type":"ADDED","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"99"}}}\n'
    with watched() as own:
        own.server.answer_next(200, line, verb="watch")
        own.informer.start()
        own.wait_for("x")


def test_a_bookmark_moves_the_version() -> None:
    """The next watch goes on from it."""
    with watched("a", bookmark_seconds=0.05) as own:
        own.start()
        own.store.create("rayservices", {"metadata": {"name": "s", "namespace": "ns"}})
        version = str(own.store.version)
        wait_until(lambda: own.reflector.state.version == version)
        own.server.cut_after(0)
        own.server.wait_for_requests(2, "watch", "rayjobs")
        assert own.server.seen("watch")[1].query["resourceVersion"] == version
        assert own.requests("list") == 1


def test_an_equal_version_of_an_object_is_ignored() -> None:
    """The same event again tells the sink nothing."""
    with watched() as own:
        own.start()
        own.store.create("rayjobs", job("a"))
        own.wait_for("a")
        again = b'{"type":"MODIFIED","object":{"metadata":{"name":"a","uid":"%b","resourceVersion":"%b"}}}\n'
        (obj,) = own.view.objects.values()
        own.server.garbage(again % (obj.metadata.uid.encode(), obj.metadata.resource_version.encode()))
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        assert own.view.steps[1:] == [(["a"], []), (["b"], [])]
        assert own.requests("list") == 1


@pytest.mark.parametrize("type_", ["ADDED", "MODIFIED", "DELETED", "BOOKMARK"])
def test_a_lower_version_than_the_last_makes_it_list(type_: str) -> None:
    """The server's history is not the one that was watched."""
    with watched("a", "b") as own:
        own.start()
        line = b'{"type":"%b","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"1"}}}\n'
        own.server.garbage(line % type_.encode())
        own.store.create("rayjobs", job("c"))
        own.wait_for("a", "b", "c")
        own.server.wait_for_requests(2, "list")
        assert own.counts["watch_failed"] == 0


def test_unknown_events_are_counted_and_skipped() -> None:
    """The stream goes on."""
    with watched() as own:
        own.start()
        own.server.garbage(b'{"type":"SOMETHING","object":{}}\n')
        own.store.create("rayjobs", job("a"))
        own.wait_for("a")
        assert own.counts["decode_failed"] == 1
        assert own.requests("watch") == 1


def test_a_long_line_is_an_event_like_any_other() -> None:
    """A few megabytes: as long as etcd lets objects be."""
    with watched() as own:
        own.start()
        own.server.long_line(4_000_000)
        own.store.create("rayjobs", job("a", spec={"padding": "x" * 1_500_000}))
        own.wait_for("a")
        assert own.requests("watch") == 1


def test_lists_again_when_the_version_is_too_old() -> None:
    """HTTP 200 and an ERROR event of code 410: neither a failure nor a warning."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch")
        own.informer.start()
        own.server.wait_for_requests(2, "list")
        own.server.wait_for_watch("rayjobs")
        assert own.counts["watch_failed"] == own.counts["list_failed"] == 0


def test_lists_again_when_the_answer_to_a_watch_is_410() -> None:
    """The same words as an HTTP status, from a proxy or another server: no failure, no further tries."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("410-list-exact-too-old"), verb="watch")
        own.informer.start()
        own.server.wait_for_requests(2, "list")
        own.server.wait_for_watch("rayjobs")
        assert own.requests("watch") == 2
        assert own.counts["watch_failed"] == 0


def test_lists_at_once_when_the_version_is_too_old_after_a_long_time() -> None:
    """After an outage, say, when the next delay would be a long one: the server works, and nothing is in a row."""
    with watched("a") as own:
        own.start()
        own.clock.advance(31)
        own.server.garbage(b'{"type":"ERROR","object":{"code":410}}\n')
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        assert own.clock.waits == []


def test_an_endless_row_of_410_is_not_a_hot_loop() -> None:
    """List, 410, list, 410 …: each time after a delay of the back-off."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch", times=8)
        own.informer.start()
        own.server.wait_for_requests(9, "list")
        assert len(own.clock.waits) == 8
        assert sum(own.clock.waits) > 8


def test_a_clean_end_is_nothing_to_talk_about(caplog: pytest.LogCaptureFixture) -> None:
    """Watches end every five to ten minutes: the next one goes on from the last version, nothing is counted."""
    line = b'{"type":"ADDED","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"99"}}}\n'
    with watched() as own:
        ahead(own.server)
        own.server.answer_next(200, line, verb="watch")
        own.start()
        assert [watch.query["resourceVersion"] for watch in own.server.seen("watch")] == ["1", "99"]
        assert own.counts["watch_failed"] == 0
        assert warnings_in(caplog) == []
        after_sync = [record for record in caplog.records if record.levelno > logging.DEBUG][2:]
        assert after_sync == []


def test_a_watch_that_ends_at_once_without_an_event_is_a_failure() -> None:
    """Or it would be opened again in a hot loop."""
    with watched() as own:
        own.server.answer_next(200, b"", verb="watch", times=3)
        own.start()
        assert own.counts["watch_failed"] == 3
        assert len(own.clock.waits) == 3


def test_short_watches_with_an_event_each_are_not_a_hot_loop() -> None:
    """On a busy cluster behind a proxy that ends every stream: at most one a second, and not a failure."""
    line = b'{"type":"ADDED","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"%d"}}}\n'
    with watched() as own:
        ahead(own.server)
        for version in range(10, 20):
            own.server.answer_next(200, line % version, verb="watch")
        own.start()
        assert own.clock.waits == [1.0] * 10
        assert own.counts["watch_failed"] == 0


def test_short_watches_with_a_bookmark_each_are_failures() -> None:
    """A bookmark is no event: versions move on a busy cluster whatever happens to this kind."""
    line = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%d"}}}\n'
    with watched() as own:
        ahead(own.server)
        for version in range(10, 13):
            own.server.answer_next(200, line % version, verb="watch")
        own.start()
        assert own.counts["watch_failed"] == 3
        assert len(own.clock.waits) == 3


def test_is_not_connected_between_watches() -> None:
    """After a clean end, until the next answer."""
    with watched("a") as own:
        line = b'{"type":"ADDED","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"99"}}}\n'
        own.server.answer_next(200, line, verb="watch")
        stalled = own.server.stall_answer(verb="watch")
        own.informer.start()
        stalled.wait_until_used()
        assert not own.reflector.state.is_connected
        stalled.release()
        wait_until(lambda: own.reflector.state.is_connected)


def test_an_error_event_is_no_news() -> None:
    """The time of the last news does not move while nothing is followed."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("watch-from-zero-unsupported"), verb="watch", times=None)
        own.informer.start()
        wait_until(lambda: own.counts["watch_failed"] > 5)
        own.informer.stop()
        own.informer.join(5)
        assert own.counts["event_received"] > 5
        assert own.reflector.state.last_event_time == own.reflector.state.last_sync_time


def test_a_silent_watch_is_closed_and_opened_again_from_the_last_version() -> None:
    """A half-open connection: no byte for longer than two bookmarks should take."""
    with watched("a", idle_timeout_seconds=0.2) as own:
        own.start()
        own.server.stall()
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        assert own.counts["list_started"] == own.counts["watch_failed"] == 1
        first, second, *_ = own.server.seen("watch")
        assert second.query["resourceVersion"] == first.query["resourceVersion"]


def test_a_restored_backup_is_found_after_a_watch_that_was_closed_cleanly() -> None:
    """A watch from a future version gets neither events nor bookmarks: the version is checked before each watch."""
    with watched("a") as own:
        snapshot = own.store.save()
        own.store.create("rayjobs", job("b"))
        own.start()
        own.wait_for("a", "b")
        own.store.restore(snapshot)
        own.wait_for("a")


def test_older_history_is_found_behind_a_load_balancer() -> None:
    """It answers 503 while the server is away, and connections are never refused."""
    with watched("a") as own:
        snapshot = own.store.save()
        own.store.create("rayjobs", job("lost"))
        own.start()
        own.wait_for("a", "lost")
        own.server.answer_next(503, verb="watch", times=2)
        own.store.restore(snapshot)
        own.wait_for("a")


def test_older_history_is_found_after_an_outage_even_when_it_has_caught_up_since() -> None:
    """The server comes back behind the watched version: what happened in between would never be told."""
    with watched("a") as own:
        snapshot = own.store.save()
        own.store.create("rayjobs", job("lost"))
        own.start()
        own.wait_for("a", "lost")
        port = int(own.server.url.rsplit(":", 1)[1])
        own.server.stop()
        wait_until(lambda: len(own.clock.waits) > 2, "the outage is noticed")
        own.store.restore(snapshot)
        with type(own.server)(own.store, port=port):
            own.wait_for("a")
            own.store.create("rayjobs", job("b"))
            own.store.create("rayjobs", job("c"))
            own.wait_for("a", "b", "c")
            own.informer.stop()


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda server: server.cut_after(0), id="cut before a line"),
        pytest.param(lambda server: server.cut_after(40), id="cut in the middle of a line"),
        pytest.param(lambda server: server.half_line(), id="clean end in the middle of a line"),
        pytest.param(lambda server: server.garbage(b"\x00 not json\n"), id="garbage"),
        pytest.param(lambda server: server.garbage(b'{"type":"DELETED","object":[]}\n'), id="an object that is none"),
        pytest.param(lambda server: server.garbage(b'{"type":"ERROR","object":{"code":500}}\n'), id="ERROR 500"),
        pytest.param(lambda server: server.garbage(b'{"type":"ERROR","object":7}\n'), id="ERROR without status"),
    ],
)
def test_a_broken_watch_goes_on_from_the_last_version(spoil) -> None:  # type: ignore[no-untyped-def]
    """No event is lost, and no list is needed."""
    with watched("a") as own:
        own.start()
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        spoil(own.server)
        own.store.create("rayjobs", job("c"))
        own.wait_for("a", "b", "c")
        assert own.requests("list") == 1
        assert own.counts["watch_failed"] == 1
        assert own.view.steps[1:] == [(["b"], []), (["c"], [])]


@pytest.mark.parametrize("name", ["watch-list-unsupported", "watch-from-zero-unsupported"])
def test_a_watch_that_keeps_failing_is_tried_three_times_more_and_then_listed(name: str) -> None:
    """An ERROR event of code 500, as recorded; each try after a delay."""
    with watched("a") as own:
        own.server.answer_recorded(recorded(name), verb="watch", times=4)
        own.informer.start()
        own.server.wait_for_requests(2, "list")
        own.server.wait_for_watch("rayjobs")
        assert own.requests("watch") == 5
        assert own.counts["watch_failed"] == 4
        assert len(own.clock.waits) == 4


def test_does_not_list_again_on_429() -> None:
    """A server that has just started will know the version; Retry-After is heeded."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("429-watch-initializing"), verb="watch", times=10)
        own.start()
        assert own.requests("list") == 1
        assert len(own.clock.waits) == 10
        assert all(wait >= 1 for wait in own.clock.waits)


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


# Refusals and missing kinds.


@pytest.mark.parametrize("name", ["403-list", "401-no-such-token"])
def test_a_kind_that_may_not_be_listed_is_complete_after_three_refusals(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Told once, as an error; from the third on it is tried every 30 s."""
    with watched("a") as own:
        own.server.answer_recorded(recorded(name), verb="list", times=6)
        own.informer.start()
        own.wait_for("a")
        assert own.counts["list_failed"] == 6
        assert own.clock.waits[2:6] == [30, 30, 30, 30]
        assert all(wait < 30 for wait in own.clock.waits[:2])
        assert [record.levelname for record in caplog.records if "list failed," in record.message] == ["ERROR"]


def test_completeness_and_refusal_are_told_apart() -> None:
    """Complete without objects, refused, not synced; and all of it over once listing is allowed."""
    with watched("a") as own:
        refusal = own.server.answer_recorded(recorded("403-list"), verb="list", times=None)
        own.informer.start()
        wait_until(lambda: own.sync_state.is_complete)
        assert own.counts["list_failed"] >= 3
        assert own.sync_state is SyncState.REFUSED
        refusal.cancel()
        own.wait_for("a")
        wait_until(lambda: own.sync_state is SyncState.SYNCED)


def test_a_refusal_is_not_forgotten_when_the_server_goes_away() -> None:
    """Refused, then an outage: still refused, or `/metrics` would say "no objects"."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("403-list"), verb="list", times=3)
        own.server.answer_next(500, verb="list", times=None)
        own.informer.start()
        wait_until(lambda: own.counts["list_failed"] > 6)
        assert own.sync_state is SyncState.REFUSED


def test_a_refusal_after_a_sync_takes_nothing_away() -> None:
    """The last state stays; the exporter says that it is not connected."""
    with watched("a") as own:
        own.start()
        own.server.answer_recorded(recorded("403-watch"), verb="watch", times=None)
        own.server.answer_recorded(recorded("403-list"), verb="list", times=None)
        own.server.cut_after(0)
        own.store.create("rayjobs", job("b"))
        wait_until(lambda: own.counts["list_failed"] > 4)
        assert own.view.names == {"a"}
        assert own.sync_state is SyncState.SYNCED
        assert not own.reflector.state.is_connected


def test_the_right_to_list_without_the_right_to_watch_still_serves(caplog: pytest.LogCaptureFixture) -> None:
    """Listed again and again, slowly, and told once."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("403-watch"), verb="watch", times=None)
        own.informer.start()
        own.server.wait_for_requests(3, "list")
        assert len([text for text in warnings_in(caplog) if text.startswith("watch failed,")]) == 1
        assert set(own.clock.waits[3:7]) == {30}


@pytest.mark.parametrize("name", ["404-crd-missing", "404-no-such-group", "404-no-such-version"])
def test_a_kind_that_is_not_installed_is_complete_and_looked_for(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every 30 s, without a failure being counted, told once."""
    with watched("a") as own:
        own.server.hidden = {"rayjobs"}
        own.server.answer_recorded(recorded(name), verb="list", times=4)
        own.informer.start()
        own.wait_for("a")
        assert own.clock.waits[:4] == [30, 30, 30, 30]
        assert own.counts["list_failed"] == 0
        assert caplog.text.count("not installed") == 1
        assert warnings_in(caplog) == []


def test_objects_stay_at_the_first_404_and_go_at_the_second(caplog: pytest.LogCaptureFixture) -> None:
    """A server that is just starting answers 404 for CRDs that it has not read yet."""
    with watched("a") as own:
        own.start()
        own.server.hidden = {"rayjobs"}
        own.server.answer_recorded(recorded("404-crd-missing"), verb="watch", times=None)
        missing = own.server.answer_recorded(recorded("404-crd-missing"), verb="list", times=None)
        stalled = own.server.stall_answer(verb="list")  # queued behind: used when the 404s are over
        own.server.cut_after(0)
        own.store.create("rayjobs", job("b"))
        wait_until(lambda: own.counts["list_failed"] == 1)
        own.wait_for()
        assert own.view.steps[1:][0] == ([], ["a"])
        assert (own.counts["list_failed"], own.sync_state) == (1, SyncState.NOT_INSTALLED)
        wait_until(lambda: "not installed" in caplog.text)
        assert "succeeded again" not in caplog.text
        missing.cancel()
        stalled.cancel()


def test_a_single_404_takes_nothing_away() -> None:
    """The list 30 s later finds all objects again."""
    with watched("a") as own:
        own.start()
        own.server.hidden = {"rayjobs"}
        own.server.answer_recorded(recorded("404-crd-missing"), verb="watch")
        own.server.answer_recorded(recorded("404-crd-missing"), verb="list")
        own.server.cut_after(0)
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        assert own.view.steps[1:] == [(["b"], [])]
        assert 30 in own.clock.waits


def test_two_404_with_another_failure_between_them_take_nothing_away() -> None:
    """Only two in a row, 30 s apart, are believed."""
    with watched("a") as own:
        own.start()
        own.server.answer_recorded(recorded("404-crd-missing"), verb="watch")
        for status in (404, 500, 404):
            own.server.answer_next(status, b"404 page not found\n", verb="list")
        own.server.cut_after(0)
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        assert own.view.steps[1:] == [(["b"], [])]


def test_a_crd_that_is_deleted_and_installed_again() -> None:
    """DELETED for every object, a clean end, 404; then a new life."""
    with watched("a", "b") as own:
        own.start()
        own.store.uninstall("rayjobs")
        own.wait_for()
        wait_until(lambda: own.sync_state is SyncState.NOT_INSTALLED)
        own.store.install("rayjobs")
        own.store.create("rayjobs", job("c"))
        own.wait_for("c")


# Objects that cannot be decoded.


def test_an_undecodable_object_keeps_its_last_good_version(caplog: pytest.LogCaptureFixture) -> None:
    """Counted, told with its key, and the others are untouched; by event and by list."""
    with watched("a", "b") as own:
        own.start()
        own.store.update("rayjobs", job("a", {"jobDeploymentStatus": "Running"}))
        own.store.update("rayjobs", job("a", {"failed": "many"}))
        own.store.create("rayjobs", job("c"))
        own.wait_for("a", "b", "c")
        assert own.view.state_of("a") == "Running"
        assert own.held.undecodable == own.counts["decode_failed"] == 1
        for i in range(5):
            own.store.update("rayjobs", job("a", {"failed": f"many {i}"}))
        wait_until(lambda: own.counts["decode_failed"] == 6)
        assert len([text for text in warnings_in(caplog) if "couldn't decode 'ns/a'" in text]) == 1
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch")
        own.server.cut_after(0)
        own.store.delete("rayjobs", "ns", "c")
        own.wait_for("a", "b")
        assert own.view.state_of("a") == "Running"
        assert own.held.undecodable == 1
        own.server.wait_for_watch("rayjobs")
        own.store.update("rayjobs", job("a", {"jobDeploymentStatus": "Complete"}))
        wait_until(lambda: own.view.state_of("a") == "Complete")
        assert own.held.undecodable == 0


def test_an_item_of_a_list_without_readable_metadata_does_not_cost_the_others() -> None:
    """Nothing identifies it: it is counted, and that is all."""
    page = b'{"metadata":{"resourceVersion":"1"},"items":[7,{"metadata":{"name":"a","uid":"a"}}]}'
    with watched() as own:
        own.server.answer_next(200, page, verb="list")
        own.start()
        own.wait_for("a")
        assert own.counts["decode_failed"] == own.held.undecodable == 1


# Rates, and the end.


def test_no_failure_makes_a_busy_loop() -> None:
    """Every request after a failure is preceded by a delay, and the delays grow."""
    with watched("a") as own:
        own.server.answer_next(500, verb="list", times=None)
        own.informer.start()
        wait_until(lambda: own.requests("list") > 40)
        requests, waits = own.requests("list"), list(own.clock.waits)
        assert len(waits) >= requests - 1
        assert sum(waits[10:]) / len(waits[10:]) > 10


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
