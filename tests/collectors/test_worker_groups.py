"""Worker groups: the desired number of replicas, by the operator's rules."""

from typing import Any

import msgspec
import pytest

from exporter.collectors.worker_groups import NO_LIMIT, desired_replicas, limit
from exporter.resources.raycluster import WorkerGroupSpec


@pytest.mark.parametrize(
    ("group", "desired"),
    [
        ({}, 0),
        ({"minReplicas": 2}, 2),
        ({"replicas": 3}, 3),
        ({"replicas": 0, "minReplicas": 1}, 1),
        ({"replicas": 9, "maxReplicas": 5}, 5),
        ({"replicas": 9, "maxReplicas": 0}, 0),
        ({"replicas": 3, "minReplicas": 7, "maxReplicas": 5}, 7),
        ({"replicas": 9, "minReplicas": 7, "maxReplicas": 5}, 5),
        ({"replicas": 3, "minReplicas": 1, "suspend": True}, 0),
    ],
)
def test_desired_replicas(group: dict[str, Any], desired: int) -> None:
    """As GetWorkerGroupDesiredReplicas computes it, also if the limits contradict each other."""
    assert desired_replicas(msgspec.convert(group, WorkerGroupSpec)) == desired


def test_a_group_without_an_upper_limit() -> None:
    """The operator writes the largest int32 in that case; any lower number is a limit."""
    assert limit(NO_LIMIT) is None
    assert limit(NO_LIMIT - 1) == NO_LIMIT - 1
    assert limit(0) == 0
    assert limit(None) is None
