"""Rollouts of services: upgrades that were seen from start to end, and rollbacks."""

from typing import Any

import pytest

from exporter.collectors.rayservice import RAYSERVICES
from tests.support.lifecycles import (
    END,
    START,
    Lifecycles,
)
from tests.support.objects import CREATED, condition, manifest


def rollout(upgrade: str, at: str, reason: str = "NoPendingCluster", **others: str) -> dict[str, Any]:
    """A service's conditions; `others` are conditions with the time at which they became True."""
    more = [condition(type_, "True", since) for type_, since in others.items()]
    return {"conditions": [condition("UpgradeInProgress", upgrade, at, reason=reason), *more]}


IDLE, UPGRADING, UPGRADED = rollout("False", CREATED), rollout("True", START), rollout("False", END)
ROLLING_BACK = rollout("True", START, RollbackInProgress="2026-11-23T10:00:30Z")


@pytest.mark.parametrize(
    ("first", "steps", "upgrades", "rollbacks"),
    [
        pytest.param(IDLE, [UPGRADING, UPGRADED], 1, 0, id="an upgrade"),
        pytest.param(UPGRADING, [UPGRADED], 1, 0, id="started before the first list: its time is in the object"),
        pytest.param(None, [UPGRADING, UPGRADED], 1, 0, id="of a new service"),
        pytest.param(IDLE, [UPGRADED], 0, 0, id="not seen in progress"),
        pytest.param(UPGRADED, [UPGRADED], 0, 0, id="over before the first list"),
        pytest.param(IDLE, [UPGRADING, ROLLING_BACK, UPGRADED], 1, 1, id="rolled back"),
        pytest.param(ROLLING_BACK, [UPGRADED], 1, 0, id="being rolled back in the first list"),
        pytest.param(None, [ROLLING_BACK], 0, 1, id="new, and being rolled back"),
        pytest.param(
            IDLE,
            [ROLLING_BACK, rollout("True", START, RollbackInProgress=END), UPGRADED],
            1,
            2,
            id="rolled back twice: the end of the first one was not seen",
        ),
        pytest.param(IDLE, [UPGRADING, UPGRADED, UPGRADING, UPGRADED], 2, 0, id="two upgrades"),
        pytest.param(IDLE, [UPGRADING, rollout("False", END, "SuspendInProgress")], 0, 0, id="suspended midway"),
        pytest.param(IDLE, [UPGRADING, rollout("Unknown", END, "NoActiveCluster"), UPGRADED], 0, 0, id="unknown"),
        pytest.param(IDLE, [UPGRADING, {}, UPGRADED], 0, 0, id="the condition vanished"),
    ],
)
def test_the_rollouts_of_a_service(
    first: dict[str, Any] | None, steps: list[dict[str, Any]], upgrades: int, rollbacks: int
) -> None:
    """An upgrade takes a minute; each transition counts once, however often it is seen."""
    lifecycles = Lifecycles(RAYSERVICES).on_list(*[manifest(first)] if first else [])
    for step in [step for step in steps for _ in range(2)]:
        lifecycles.change(manifest(step))
    counted = lifecycles.counted()
    assert counted.get("upgrade_duration_seconds_count", 0) == upgrades
    assert counted.get("upgrade_duration_seconds_sum", 0) == 60 * upgrades
    assert counted.get("rollbacks", 0) == rollbacks


def test_an_upgrade_whose_times_contradict_each_other_is_not_measured() -> None:
    """It ended before it started: there is nothing to observe."""
    lifecycles = (
        Lifecycles(RAYSERVICES).on_list(manifest(rollout("True", END))).change(manifest(rollout("False", START)))
    )
    assert lifecycles.counted() == {}
