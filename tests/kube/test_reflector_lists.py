"""Lists: in pages, repeated until one succeeds, and applied as a difference; refused and missing kinds."""

import pytest

from exporter.kube.sync_state import SyncState
from tests.support.recordings import recorded
from tests.support.stores import install, restore, save, uninstall
from tests.support.watching import job, wait_until, warnings_in, watched


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
        snapshot = save(own.store)
        own.store.create("rayjobs", job("b"))
        own.start()
        own.wait_for("a", "b")
        # The next watch may be opened as soon as the restore has ended this one.
        own.server.answer_recorded(recorded("410-watch-too-old"), verb="watch")
        restore(own.store, snapshot)
        own.store.create("rayjobs", job("c"))
        own.server.expire_tokens()
        own.wait_for("a", "c")


def test_a_second_list_reports_only_differences() -> None:
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
    """Whatever the answer is if not a list; one warning, and one line when a list succeeds again."""
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


@pytest.mark.parametrize("name", ["403-list", "401-no-such-token"])
def test_a_kind_that_may_not_be_listed_is_complete_after_three_refusals(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Logged once, as an error; from the third refusal on it is retried every 30 s."""
    with watched("a") as own:
        own.server.answer_recorded(recorded(name), verb="list", times=6)
        own.informer.start()
        own.wait_for("a")
        assert own.counts["list_failed"] == 6
        assert own.clock.waits[2:6] == [30, 30, 30, 30]
        assert all(wait < 30 for wait in own.clock.waits[:2])
        assert [record.levelname for record in caplog.records if "list failed," in record.message] == ["ERROR"]


def test_a_refused_kind_is_complete_but_not_synced() -> None:
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


@pytest.mark.parametrize("name", ["404-crd-missing", "404-no-such-group", "404-no-such-version"])
def test_a_kind_that_is_not_installed_is_complete_and_looked_for(name: str, caplog: pytest.LogCaptureFixture) -> None:
    """Every 30 s, without a failure being counted; logged once."""
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
    """Only two in a row, 30 s apart, count."""
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
    """DELETED for every object, a clean end, 404; then it is listed and watched again."""
    with watched("a", "b") as own:
        own.start()
        uninstall(own.store, "rayjobs")
        own.wait_for()
        wait_until(lambda: own.sync_state is SyncState.NOT_INSTALLED)
        install(own.store, "rayjobs")
        own.store.create("rayjobs", job("c"))
        own.wait_for("c")
