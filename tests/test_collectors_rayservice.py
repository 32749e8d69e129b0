"""RayService's families: object in, exact exposition out."""

from typing import Any

import pytest
from objects import condition, exposition, manifest

from exporter.collectors.rayservice import RAYSERVICES

HEADERS = (
    "# HELP kuberay_service_info Metadata information about RayService custom resources",
    "# TYPE kuberay_service_info gauge",
    "# HELP kuberay_service_condition_ready Describes whether the RayService is ready. Ready means users can "
    "send requests to the underlying cluster and the number of serve endpoints is greater than 0.",
    "# TYPE kuberay_service_condition_ready gauge",
    "# HELP kuberay_service_condition_upgrade_in_progress Describes whether the RayService is performing a "
    "zero-downtime upgrade.",
    "# TYPE kuberay_service_condition_upgrade_in_progress gauge",
)


@pytest.mark.parametrize(
    ("status", "ready", "upgrading"),
    [
        pytest.param(None, "false", "false", id="no status"),
        pytest.param({"conditions": []}, "false", "false", id="no conditions"),
        pytest.param(
            {"conditions": [condition("Ready", "False"), condition("UpgradeInProgress", "Unknown")]},
            "false",
            "false",
            id="starting",
        ),
        pytest.param(
            {"conditions": [condition("Ready", "True"), condition("UpgradeInProgress", "False")]},
            "true",
            "false",
            id="ready",
        ),
        pytest.param(
            {"conditions": [condition("Ready", "True"), condition("UpgradeInProgress", "True")]},
            "true",
            "true",
            id="upgrading",
        ),
    ],
)
def test_a_service_prints_three_families(status: dict[str, Any] | None, ready: str, upgrading: str) -> None:
    """The whole exposition of one service, to the letter."""
    series = (
        'kuberay_service_info{name="a",namespace="ns",uid="1"} 1',
        f'kuberay_service_condition_ready{{condition="{ready}",name="a",namespace="ns",uid="1"}} 1',
        f'kuberay_service_condition_upgrade_in_progress{{condition="{upgrading}",name="a",namespace="ns",uid="1"}} 1',
    )
    expected = [line for i in range(3) for line in (HEADERS[2 * i], HEADERS[2 * i + 1], series[i])]
    assert exposition(RAYSERVICES, manifest(status)).splitlines() == expected
