"""Pod: of labels and conditions only what is read is kept."""

from typing import Any

import msgspec
import pytest

from exporter.resources.pod import USED_CONDITIONS, ContainerStatus, Pod
from tests.support.objects import condition, manifest


def pod(status: dict[str, Any] | None = None, labels: dict[str, str] | None = None) -> Pod:
    return msgspec.convert(manifest(status, labels=labels), Pod)


def test_kuberays_labels_become_fields() -> None:
    """The others are dropped; an absent one is empty."""
    labels = {"ray.io/cluster": "c", "ray.io/node-type": "worker", "ray.io/group": "g", "team": "x"}
    metadata = pod(labels=labels).metadata
    assert (metadata.ray_cluster, metadata.node_type, metadata.group, metadata.ray_job) == ("c", "worker", "g", "")
    assert metadata.labels is None
    assert pod().metadata.ray_cluster == ""


def test_only_used_conditions_are_kept() -> None:
    """Each controller may add its own."""
    status = pod({"conditions": [condition(type_, "True") for type_ in ("Other", *USED_CONDITIONS)]}).status
    assert status is not None
    assert tuple(one.type for one in status.conditions or ()) == USED_CONDITIONS


@pytest.mark.parametrize("last", [None, {}, {"terminated": None}])
def test_a_container_that_never_ended_has_no_last_state(last: Any) -> None:
    """The API server sends an empty object for each of them."""
    status = msgspec.convert({"lastState": last}, ContainerStatus)
    assert status.last_state is None
    assert status.before.terminated is None


def test_a_container_without_a_state_waits_without_a_reason() -> None:
    """As kubectl reads it."""
    now = msgspec.convert({}, ContainerStatus).now
    assert (now.waiting, now.running, now.terminated) == (None, None, None)


def test_environments_and_images_are_not_kept() -> None:
    """They may contain secrets, and are most of a pod's memory."""
    raw = manifest({"containerStatuses": [{"name": "a", "image": "SECRET", "imageID": "SECRET"}]}) | {
        "spec": {"nodeName": "n", "containers": [{"env": [{"name": "A", "value": "SECRET"}]}], "volumes": ["SECRET"]}
    }
    assert b"SECRET" not in msgspec.json.encode(msgspec.convert(raw, Pod))
