"""RayService's families: object in, exact exposition out."""

from typing import Any

import pytest

from exporter.collectors.rayservice import RAYSERVICES
from tests.support.objects import condition, exposition, manifest
from tests.support.parity import NINE

INFO, READY, UPGRADING = (
    "kuberay_service_info",
    "kuberay_service_condition_ready",
    "kuberay_service_condition_upgrade_in_progress",
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
def test_a_service_prints_the_operators_three_families(
    status: dict[str, Any] | None, ready: str, upgrading: str
) -> None:
    """The whole exposition of one service, to the letter."""
    assert exposition(RAYSERVICES, manifest(status), only=NINE) == (
        f"# HELP {INFO} Metadata information about RayService custom resources\n"
        f"# TYPE {INFO} gauge\n"
        f'{INFO}{{name="a",namespace="ns",uid="1"}} 1\n'
        f"# HELP {READY} Describes whether the RayService is ready. Ready means users can send requests to the "
        "underlying cluster and the number of serve endpoints is greater than 0.\n"
        f"# TYPE {READY} gauge\n"
        f'{READY}{{condition="{ready}",name="a",namespace="ns",uid="1"}} 1\n'
        f"# HELP {UPGRADING} Describes whether the RayService is performing a zero-downtime upgrade.\n"
        f"# TYPE {UPGRADING} gauge\n"
        f'{UPGRADING}{{condition="{upgrading}",name="a",namespace="ns",uid="1"}} 1\n'
    )
