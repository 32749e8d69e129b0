"""Objects that cannot be decoded: counted, logged with their key, and no loss for the others."""

import pytest

from tests.support.recordings import recorded
from tests.support.watching import job, wait_until, warnings_in, watched


def test_an_undecodable_object_keeps_its_last_good_version(caplog: pytest.LogCaptureFixture) -> None:
    """Counted, logged with its key, and the others are untouched; by event and by list."""
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
