"""RayCluster's families: object in, exact exposition out."""

from typing import Any

import pytest

from exporter.collectors.raycluster import RAYCLUSTERS
from tests.support.objects import condition, manifest, series

PROVISIONED_AT = "2026-11-23T10:01:30Z"
SUSPENDED_AT = "2026-11-23T11:00:00Z"
RESUMED_AT = "2026-11-23T12:00:00Z"
DURATION = "kuberay_cluster_provisioned_duration_seconds"

PROVISIONING = {"conditions": [condition("RayClusterProvisioned", "False")]}
READY = {
    "conditions": [condition("RayClusterProvisioned", "True", PROVISIONED_AT)],
    "stateTransitionTimes": {"ready": PROVISIONED_AT},
}
SUSPENDED = {
    "conditions": [
        condition("RayClusterProvisioned", "False", SUSPENDED_AT),
        condition("RayClusterSuspended", "True", SUSPENDED_AT),
    ],
    "stateTransitionTimes": {"ready": PROVISIONED_AT, "suspended": SUSPENDED_AT},
}
RESUMING = {
    "conditions": [
        condition("RayClusterProvisioned", "False", SUSPENDED_AT),
        condition("RayClusterSuspended", "False", RESUMED_AT),
    ],
    "stateTransitionTimes": {"ready": PROVISIONED_AT, "suspended": SUSPENDED_AT},
}
RESUMED = {
    "conditions": [
        condition("RayClusterProvisioned", "True", RESUMED_AT),
        condition("RayClusterSuspended", "False", RESUMED_AT),
    ],
    "stateTransitionTimes": {"ready": RESUMED_AT, "suspended": SUSPENDED_AT},
}


@pytest.mark.parametrize(
    ("metadata", "owner"),
    [
        pytest.param({}, "None", id="no labels"),
        pytest.param({"labels": None}, "None", id="null labels"),
        pytest.param({"labels": {"ray.io/originated-from-crd": ""}}, "None", id="empty label"),
        pytest.param({"labels": {"ray.io/originated-from-crd": "RayService"}}, "RayService", id="label"),
        pytest.param({"ownerReferences": [{"kind": "RayJob"}]}, "None", id="ownerReferences play no part"),
    ],
)
def test_owner_kind(metadata: dict[str, Any], owner: str) -> None:
    """The owner is read from one label."""
    (line,) = series(RAYCLUSTERS, "kuberay_cluster_info", manifest(**metadata))
    assert f'owner_kind="{owner}"' in line


@pytest.mark.parametrize(
    ("versions", "seconds"),
    [
        pytest.param([None], None, id="no status"),
        pytest.param([{"stateTransitionTimes": {"ready": PROVISIONED_AT}}], None, id="conditions absent"),
        pytest.param([PROVISIONING], None, id="never provisioned"),
        pytest.param([READY], 90, id="provisioned"),
        pytest.param([PROVISIONING, READY], 90, id="seen being provisioned"),
        pytest.param([READY, SUSPENDED], 90, id="suspended: keeps what was seen"),
        pytest.param([SUSPENDED], 90, id="suspended, never seen provisioned: time of state ready"),
        pytest.param([READY, SUSPENDED, RESUMING], 90, id="resuming: the old value stays"),
        pytest.param([RESUMING], 90, id="resuming, never seen provisioned"),
        pytest.param([READY, SUSPENDED, RESUMING, RESUMED], 7200, id="resumed: measured again"),
        pytest.param([RESUMED], 7200, id="resumed, seen for the first time"),
        pytest.param(
            [{"conditions": [condition("RayClusterProvisioned", "False"), condition("RayClusterSuspended", "True")]}],
            None,
            id="suspended from birth",
        ),
        pytest.param(
            [PROVISIONING | {"stateTransitionTimes": {"ready": PROVISIONED_AT}}],
            None,
            id="never suspended: `ready` alone does not say that it was provisioned",
        ),
        pytest.param(
            [{"conditions": [{"type": "RayClusterProvisioned", "status": "True"}]}], None, id="no transition time"
        ),
        pytest.param(
            [{"conditions": [condition("RayClusterProvisioned", "True", "2026-11-23T09:59:59Z")]}],
            None,
            id="provisioned before created: the clocks disagree",
        ),
    ],
)
def test_provisioned_duration(versions: list[dict[str, Any] | None], seconds: int | None) -> None:
    """Every row of the table of cases, from the versions of one cluster in order."""
    expected = [] if seconds is None else [f'{DURATION}{{name="a",namespace="ns",uid="1"}} {seconds}']
    assert series(RAYCLUSTERS, DURATION, *map(manifest, versions)) == expected


def test_a_remembered_duration_outlives_a_changed_transition_time() -> None:
    """What was seen when the cluster was provisioned wins over what can be derived while suspended."""
    later = SUSPENDED | {"stateTransitionTimes": {"ready": "2026-11-23T10:30:00Z", "suspended": SUSPENDED_AT}}
    (line,) = series(RAYCLUSTERS, DURATION, manifest(READY), manifest(later))
    assert line.endswith(" 90")


def test_a_recreated_cluster_of_the_same_name_remembers_nothing() -> None:
    """Memory is by uid."""
    again = manifest({"conditions": [condition("RayClusterProvisioned", "False")]}, uid="2")
    lines = series(RAYCLUSTERS, DURATION, manifest(READY), again)
    assert [line for line in lines if 'uid="2"' in line] == []


def test_fractions_and_offsets_of_times_are_understood() -> None:
    """Any RFC 3339 time counts, not only the form that Kubernetes writes."""
    status = {"conditions": [condition("RayClusterProvisioned", "True", "2026-11-23T12:00:00.5+02:00")]}
    (line,) = series(RAYCLUSTERS, DURATION, manifest(status))
    assert line.endswith(" 0.5")
