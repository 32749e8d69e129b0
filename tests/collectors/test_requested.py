"""What clusters request: nothing while they are suspended."""

from typing import Any

import pytest

from tests.support.clusters import ASKED, Clusters, cluster
from tests.support.objects import condition, manifest


@pytest.mark.parametrize(
    "suspended",
    [
        pytest.param(cluster(spec={"suspend": True}, **ASKED), id="spec.suspend"),
        pytest.param(cluster(spec={"idleSuspend": True}, **ASKED), id="spec.idleSuspend"),
        pytest.param(cluster(conditions=[condition("RayClusterSuspended", "True")], **ASKED), id="condition"),
        pytest.param(manifest(uid="1", name="c1"), id="no status"),
    ],
)
def test_a_suspended_cluster_asks_for_nothing(suspended: dict[str, Any]) -> None:
    """Its counters stay and stand still; its status names the desired amounts all the time."""
    clusters = Clusters().on_list(cluster(**ASKED)).after(10).change(suspended).after(1000)
    assert clusters.counter("cluster_requested_gpu") == 80
    assert clusters.change(cluster(**ASKED)).after(5).counter("cluster_requested_gpu") == 120
    assert clusters.counter("clusters_requested_gpu") == 120


@pytest.mark.parametrize(
    "conditions",
    [
        pytest.param({"conditions": [condition("RayClusterSuspended", "False")]}, id="condition"),
        pytest.param({}, id="no conditions, before KubeRay 1.3"),
    ],
)
def test_a_cluster_that_resumes_asks_for_its_pods(conditions: dict[str, Any]) -> None:
    """Its state is `suspended` until it is ready."""
    suspended = cluster(spec={"suspend": True}, state="suspended", **ASKED)
    resuming = cluster(state="suspended", **conditions, **ASKED)
    clusters = Clusters().on_list(suspended).after(100).change(resuming).after(10)
    assert clusters.counter("cluster_requested_gpu") == 80
