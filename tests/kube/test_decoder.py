"""Objects that cannot be decoded: counted, logged with their key, and no loss for the others."""

from typing import Any

import msgspec
import pytest

from exporter.kube import wire
from exporter.resources.rayjob import RayJob
from tests.support.recordings import recorded
from tests.support.watching import Watched, job, wait_until, warnings_in, watched


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


def decode(own: Watched, **metadata: Any) -> RayJob | wire.Metadata:
    """Decode a job with these metadata, as the reflector does it."""
    decoded: RayJob | wire.Metadata = own.reflector._decoder.decode(
        msgspec.Raw(msgspec.json.encode({"metadata": metadata}))
    )
    return decoded


@pytest.mark.parametrize("version", ["x", "-1", "1.5", "9" * 30 + "a"])
def test_a_version_that_is_no_number_makes_an_object_undecodable(
    version: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Versions are compared as numbers; the object is still identified."""
    with watched() as own:
        own.start()
        metadata = decode(own, name="a", namespace="ns", uid="1", resourceVersion=version)
        assert isinstance(metadata, wire.Metadata)
        assert (metadata.key, metadata.uid, own.counts["decode_failed"]) == ("ns/a", "1", 1)
    assert f"'ns/a', keeping its last valid version: resourceVersion {version!r} is not a number" in caplog.text


def test_an_object_without_a_version_is_decoded() -> None:
    """In a file there is none."""
    with watched() as own:
        own.start()
        assert isinstance(decode(own, name="a", uid="1"), RayJob)


def test_an_object_that_was_undecodable_before_is_logged_at_debug_level(caplog: pytest.LogCaptureFixture) -> None:
    """Its writer may go on to write it."""
    with watched() as own:
        own.start()
        caplog.clear()
        own.held.undecodable_uids.add("1")
        decode(own, name="a", uid="1", labels=7)
        decode(own, name="b", uid="2", labels=7)
    assert [(record.levelname, "'b'" in record.message) for record in caplog.records] == [
        ("DEBUG", False),
        ("WARNING", True),
    ]


def test_what_is_cut_of_an_object_is_counted() -> None:
    """Once for each version; nothing of an object that is as KubeRay writes it."""
    labels = {f"key-{number:05}": "v" for number in range(5000)}
    with watched() as own:
        own.start()
        one = decode(own, name="a", uid="1", namespace="x" * 5000, labels=labels)
        assert isinstance(one, RayJob)
        omitted = len(labels) - len(one.metadata.labels or {})
        assert (own.counts["labels_cut"], own.counts["series_dropped"]) == (1, omitted)
        assert omitted > 0
        decode(own, name="b", uid="2", labels={"team": "nlp"})
        assert (own.counts["labels_cut"], own.counts["series_dropped"]) == (1, omitted)
