"""The incremental upgrade of a RayService, and its rollback: capacity and traffic change in steps.

It follows the operator's reconcileServeTargetCapacity and calculateTrafficRoutedPercent (v1.7.0): the pending
cluster gets more capacity, then as much traffic, then the active cluster gets less capacity.
"""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import timestamp
from exporter.simulator.kuberay.rayservice import SimulatedService
from exporter.simulator.kuberay.world import Steps

_SURGE: Final = 40
_STEP: Final = 20
_INTERVAL_SECONDS: Final = 10.0


def migrate(service: SimulatedService, up_to: int = 100) -> Steps:
    """Move traffic to the pending cluster until it has `up_to` percent."""
    active, pending, traffic = 100, 0, 0
    while traffic < up_to:
        pending = min(100, pending + _SURGE)
        _capacity(service, active, pending)
        yield 2.0
        while traffic < min(pending, up_to):
            traffic = min(pending, traffic + _STEP)
            _traffic(service, 100 - traffic)
            yield _INTERVAL_SECONDS
        active = max(0, active - _SURGE)
        _capacity(service, active, pending)
        yield 2.0


def upgrade(service: SimulatedService) -> Steps:
    """Move all traffic, then switch the clusters."""
    yield from migrate(service)
    yield from service.finish_upgrade()


def roll_back(service: SimulatedService) -> Steps:
    """The user reverts the change: traffic moves back, then the pending cluster is deleted."""
    message = "Goal state reverted to original cluster, rolling back."
    service.revert_spec()
    yield 0.02
    service.observe_generation()
    service.set_condition("RollbackInProgress", "True", "DesiredClusterSpecChanged", message)
    service.write()
    traffic = service.active["trafficRoutedPercent"]
    _capacity(service, 100, service.pending["targetCapacity"])
    while traffic < 100:
        yield _INTERVAL_SECONDS
        traffic = min(100, traffic + _STEP)
        _traffic(service, traffic)
    for capacity in range(max(0, service.pending["targetCapacity"] - _SURGE), -1, -_SURGE):
        yield 2.0
        _capacity(service, 100, capacity)
    yield 2.0
    _complete(service)
    yield 8.0
    service.delete_pending_cluster()


def _complete(service: SimulatedService) -> None:
    service.endpoints = 2
    service.remove_condition("RollbackInProgress")
    service.clear_pending("Rollback complete, active Ray cluster exists and no pending Ray cluster")
    service.active = {**service.active, "applicationStatuses": service.app_statuses("RUNNING", "HEALTHY")}
    service.write()


def _capacity(service: SimulatedService, active: int, pending: int) -> None:
    service.active = {**service.active, "targetCapacity": active}
    service.pending = {**service.pending, "targetCapacity": pending}
    service.write()


def _traffic(service: SimulatedService, active: int) -> None:
    now = timestamp(service.world.now)
    service.active = {**service.active, "trafficRoutedPercent": active, "lastTrafficMigratedTime": now}
    service.pending = {
        **service.pending,
        "trafficRoutedPercent": 100 - active,
        "lastTrafficMigratedTime": now,
    }
    service.endpoints = 4
    service.write()
