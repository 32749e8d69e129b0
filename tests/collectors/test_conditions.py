"""Conditions, and what counts as true."""

from typing import Any

import pytest

from exporter.collectors.conditions import condition_rows, condition_truth
from exporter.collectors.raycluster import RAYCLUSTERS
from tests.support.objects import condition, decode, manifest

PROVISIONED = "RayClusterProvisioned"


@pytest.mark.parametrize(
    ("status", "truth"),
    [
        (None, "false"),
        ({}, "false"),
        ({"conditions": []}, "false"),
        ({"conditions": [condition("Other", "True")]}, "false"),
        ({"conditions": [condition(PROVISIONED, "Unknown")]}, "false"),
        ({"conditions": [condition(PROVISIONED, "true")]}, "false"),
        ({"conditions": [{"type": PROVISIONED}]}, "false"),
        ({"conditions": [condition("Other", "False"), condition(PROVISIONED, "True")]}, "true"),
        ({"conditions": [condition(PROVISIONED, "True"), condition(PROVISIONED, "False")]}, "true"),
    ],
)
def test_only_the_status_true_is_true(status: dict[str, Any] | None, truth: str) -> None:
    """Whatever else is written, and if nothing is; of two conditions of a type the first counts."""
    assert condition_truth(decode(RAYCLUSTERS, manifest(status)).status, PROVISIONED) == truth


def test_families_of_conditions_begin_with_the_kinds_prefix() -> None:
    """Every kind has the same three."""
    assert [row.name for row in condition_rows("kuberay_x")] == [
        "kuberay_x_status_condition",
        "kuberay_x_status_condition_reason",
        "kuberay_x_status_condition_transition_timestamp_seconds",
    ]
