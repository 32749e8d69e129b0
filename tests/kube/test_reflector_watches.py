"""Watches: each event is one step, and a watch that ends is continued from the last version."""

import logging
from base64 import b64encode

import pytest

from exporter.kube.list_watch import WATCH_SECONDS
from tests.support.recordings import recorded
from tests.support.watching import job, let_version_be_higher, wait_until, warnings_in, watched


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
        # A moment only: its version is one that the server does not have yet, so that the next watch leads to a list.
        wait_until(lambda: (["x"], []) in own.view.steps, "x is seen")


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
    """The event handler is not called for the same event again."""
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


@pytest.mark.parametrize("name", ["410-watch-too-old", "410-list-exact-too-old"])
def test_lists_again_when_the_version_is_too_old(name: str) -> None:
    """An ERROR event of code 410, or the same as an HTTP status, from a proxy: no failure, no further retries."""
    with watched("a") as own:
        own.server.answer_recorded(recorded(name), verb="watch")
        own.informer.start()
        own.server.wait_for_requests(2, "list")
        own.server.wait_for_watch("rayjobs")
        assert own.requests("watch") == 2
        assert own.counts["watch_failed"] == own.counts["list_failed"] == 0


def test_lists_at_once_when_the_version_is_too_old_after_a_long_time() -> None:
    """After an outage, say, when the next delay would be a long one: the server works, and nothing is in a row."""
    with watched("a") as own:
        own.start()
        own.clock.advance(31)
        own.server.garbage(b'{"type":"ERROR","object":{"code":410}}\n')
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        assert own.clock.waits == []


def test_a_clean_end_is_neither_logged_nor_counted(caplog: pytest.LogCaptureFixture) -> None:
    """Watches end every five to ten minutes: the next one goes on from the last version, nothing is counted."""
    line = b'{"type":"ADDED","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"99"}}}\n'
    with watched() as own:
        let_version_be_higher(own.server)
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
        let_version_be_higher(own.server)
        for version in range(10, 20):
            own.server.answer_next(200, line % version, verb="watch")
        own.start()
        assert own.clock.waits == [1.0] * 10
        assert own.counts["watch_failed"] == 0


def test_short_watches_with_a_bookmark_each_are_failures() -> None:
    """A bookmark is no event: versions move on a busy cluster whatever happens to this kind."""
    line = b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"%d"}}}\n'
    with watched() as own:
        let_version_be_higher(own.server)
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


def test_an_error_event_does_not_count_as_received() -> None:
    """The time of the last event stays while no watch is followed."""
    with watched("a") as own:
        own.server.answer_recorded(recorded("watch-from-zero-unsupported"), verb="watch", times=None)
        own.informer.start()
        wait_until(lambda: own.counts["watch_failed"] > 5)
        own.informer.stop()
        own.informer.join(5)
        assert own.counts["event_received"] > 5
        assert own.reflector.state.last_event_time == own.reflector.state.last_sync_time


def test_an_error_event_is_logged_without_what_it_repeats_of_the_credentials(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Its answer is 200, and its message is logged like that of an error's body."""
    with watched("a") as own:
        own.transport._access.passwords = ("S3CRET-passw0rd",)
        line = b'{"type":"ERROR","object":{"kind":"Status","code":500,"message":"no: %b"}}\n'
        own.server.answer_next(200, line % b64encode(b"S3CRET-passw0rd"), verb="watch")
        own.start()
        wait_until(lambda: "watch failed, retrying: 500: no: [redacted]" in caplog.text)
    assert b64encode(b"S3CRET-passw0rd").decode() not in caplog.text


def test_a_failed_check_of_the_version_is_no_failed_watch() -> None:
    """It is retried like one, but no watch was requested."""
    with watched("a") as own:
        own.server.answer_next(500, verb="check", times=3)
        own.start()
        own.server.cut_after(0)
        own.store.create("rayjobs", job("b"))
        own.wait_for("a", "b")
        assert len(own.clock.waits) >= 3
        assert own.counts["watch_failed"] == 1


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
