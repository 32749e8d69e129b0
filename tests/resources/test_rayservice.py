"""RayService: pointers of Go stay unknown, and messages are not kept."""

import msgspec
import pytest

from exporter.collectors.rayservice import RAYSERVICES
from tests.support.objects import decode, manifest


def test_absent_percentages_are_unknown_and_0_is_known() -> None:
    """They are pointers in Go: 0 means that no traffic is routed there."""
    status = {"activeServiceStatus": {"trafficRoutedPercent": 0}, "pendingServiceStatus": {}}
    service = decode(RAYSERVICES, manifest(status))
    assert service.status.active_service_status.traffic_routed_percent == 0
    assert service.status.pending_service_status.traffic_routed_percent is None


def test_messages_of_applications_are_not_kept() -> None:
    """They are long, and may contain what users wrote."""
    app = {
        "status": "RUNNING",
        "message": "SECRET",
        "serveDeploymentStatuses": {"d": {"status": "HEALTHY", "message": "SECRET"}},
    }
    service = decode(
        RAYSERVICES, manifest({"activeServiceStatus": {"applicationStatuses": {"app": app, "none": None}}})
    )
    assert b"SECRET" not in msgspec.json.encode(service)
    assert service.status.active_service_status.application_statuses["none"] is None


@pytest.mark.parametrize("strategy", [None, {}, {"type": None, "clusterUpgradeOptions": None}])
def test_a_service_without_upgrade_options_is_decoded(strategy: object) -> None:
    """Those of older releases have none."""
    upgrade = decode(RAYSERVICES, manifest() | {"spec": {"upgradeStrategy": strategy}}).spec.upgrade_strategy
    assert upgrade is None or (upgrade.type, upgrade.cluster_upgrade_options) == (None, None)
