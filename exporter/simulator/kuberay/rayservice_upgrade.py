"""The incremental upgrade of a RayService: capacity and traffic move in steps, forth or back.

Follows the operator's reconcileServeTargetCapacity and calculateTrafficRoutedPercent (v1.7.0): the pending
cluster's capacity grows, traffic follows up to it, then the active cluster's capacity shrinks.
"""

from __future__ import annotations

from typing import Final

from exporter.simulator.api_conventions import stamp
from exporter.simulator.kuberay.rayservice import Service
from exporter.simulator.kuberay.world import Stays

_SURGE: Final = 40
_STEP: Final = 20
_INTERVAL_SECONDS: Final = 10.0


def migrate(service: Service, up_to: int = 100) -> Stays:
    """Move to the pending cluster until it has `up_to` percent of the traffic."""
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


def upgrade(service: Service) -> Stays:
    """The whole way, and the switch."""
    yield from migrate(service)
    yield from service.finish_upgrade()


def roll_back(service: Service) -> Stays:
    """The user takes the change back half-way: traffic returns, then the pending cluster goes."""
    message = "Goal state reverted to original cluster, rolling back."
    service.revert()
    yield 0.02
    service.observe()
    service.set("RollbackInProgress", "True", "DesiredClusterSpecChanged", message)
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
    service.drop_pending()


def _complete(service: Service) -> None:
    service.endpoints = 2
    service.unset("RollbackInProgress")
    service.no_pending("Rollback complete, active Ray cluster exists and no pending Ray cluster")
    service.active = {**service.active, "applicationStatuses": service.apps("RUNNING", "HEALTHY")}
    service.write()


def _capacity(service: Service, active: int, pending: int) -> None:
    service.active = {**service.active, "targetCapacity": active}
    service.pending = {**service.pending, "targetCapacity": pending}
    service.write()


def _traffic(service: Service, active: int) -> None:
    now = stamp(service.world.now)
    service.active = {**service.active, "trafficRoutedPercent": active, "lastTrafficMigratedTime": now}
    service.pending = {
        **service.pending,
        "trafficRoutedPercent": 100 - active,
        "lastTrafficMigratedTime": now,
    }
    service.endpoints = 4
    service.write()
