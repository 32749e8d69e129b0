"""Rollouts of RayServices: what must be remembered to measure upgrades and to count rollbacks.

A condition shows its last transition only. The start of an upgrade is gone from the object when it ends, and
a rollback leaves nothing at all.
"""

from datetime import datetime
from typing import NamedTuple

from exporter.families.table import NO_OCCURRENCE, LifecycleMetric, Occurrence
from exporter.resources.meta import find_condition
from exporter.resources.rayservice import RayService
from exporter.resources.times import elapsed_seconds

NO_PENDING_CLUSTER = "NoPendingCluster"
"""Reason of UpgradeInProgress after an upgrade or its rollback; a suspension ends an upgrade with another one."""


class Rollouts(NamedTuple):
    """What has been seen of one service.

    Attributes:
        upgrade_start: when the upgrade that is in progress started.
        upgrades: number of upgrades whose start and end were seen.
        upgrade_seconds: duration of the last one, None if the times contradict each other.
        rollback_start: when the rollback that is in progress started.
        is_rolling_back: whether one is in progress.
        rollbacks: number of rollbacks.
    """

    upgrade_start: datetime | None = None
    upgrades: int = 0
    upgrade_seconds: float | None = None
    rollback_start: datetime | None = None
    is_rolling_back: bool = False
    rollbacks: int = 0


NOTHING = Rollouts()


def remember_rollouts(service: RayService, remembered: Rollouts | None, _received_at: float | None) -> Rollouts | None:
    """Take a version of a service into account; nothing is remembered until something has occurred."""
    before = remembered or NOTHING
    after = _rollback(service, _upgrade(service, before))
    return remembered if after == before else after


def _upgrade(service: RayService, before: Rollouts) -> Rollouts:
    condition = find_condition(service.status, "UpgradeInProgress")
    if condition is not None and condition.is_true:
        return before._replace(upgrade_start=condition.last_transition_time)
    if before.upgrade_start is None:
        return before
    ended = before._replace(upgrade_start=None)
    if condition is None or condition.status != "False" or condition.reason != NO_PENDING_CLUSTER:
        return ended
    seconds = elapsed_seconds(before.upgrade_start, condition.last_transition_time)
    return ended._replace(upgrades=before.upgrades + 1, upgrade_seconds=seconds)


def _rollback(service: RayService, before: Rollouts) -> Rollouts:
    condition = find_condition(service.status, "RollbackInProgress")
    if condition is None or not condition.is_true:
        return before._replace(is_rolling_back=False, rollback_start=None)
    start = condition.last_transition_time
    if before.is_rolling_back and before.rollback_start == start:
        return before
    return before._replace(is_rolling_back=True, rollback_start=start, rollbacks=before.rollbacks + 1)


def upgraded(rollouts: Rollouts) -> Occurrence:
    """Tell how many upgrades have ended, and how long the last one took."""
    return Occurrence(rollouts.upgrades, seconds=rollouts.upgrade_seconds) if rollouts.upgrades else NO_OCCURRENCE


# Rows in a few lines each.
# fmt: off
ROLLOUTS: tuple[LifecycleMetric[RayService, Rollouts], ...] = (
    LifecycleMetric("kuberay_services_upgrade_duration_seconds",
        "Time in seconds from the start of an upgrade to its end, rolled back or not, of services not suspended",
        "status.conditions[UpgradeInProgress].lastTransitionTime",
        lambda _service, rollouts: upgraded(rollouts or NOTHING), is_histogram=True),
    LifecycleMetric("kuberay_services_rollbacks_total", "Number of rollbacks of upgrades",
        "status.conditions[RollbackInProgress].status",
        lambda _service, rollouts: Occurrence((rollouts or NOTHING).rollbacks)),
)
# fmt: on
"""Rows of the service's lifecycle table."""
