"""One simulated RayService: started, upgraded, suspended, deleted."""

from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any

import pytest

from exporter.simulator.kuberay import fleet, rayservice, rayservice_upgrade
from exporter.simulator.kuberay.rayservice import SimulatedService
from tests.support.scenario import new_world, objects, run_steps


class Started:
    """A service that is Ready, and every status that is written after that."""

    def __init__(self, *, incremental: bool = False) -> None:
        self.world, self.store = new_world()
        tenant = fleet.random_tenant(self.world)
        self.service: SimulatedService = rayservice.create(self.world, tenant, incremental=incremental)
        list(self.run(self.service.start()))

    def run(self, steps: Iterable[float]) -> Iterator[dict[str, Any]]:
        """Yield the status after each step, and after the last one."""
        for _ in chain(run_steps(self.world, steps, 3600), ["the end"]):
            for obj in objects(self.store, "rayservices"):
                if "status" in obj:
                    yield obj["status"]

    @property
    def clusters(self) -> int:
        return len(objects(self.store, "rayclusters"))


def test_a_service_has_one_cluster_while_it_is_not_suspended() -> None:
    """Another one after an upgrade, and none that is left over."""
    started = Started()
    service, first = started.service, started.service.active["rayClusterName"]
    assert started.clusters == 1
    list(started.run(chain(service.begin_upgrade(), service.provision_pending(), service.finish_upgrade())))
    assert (started.clusters, service.active["rayClusterName"] != first) == (1, True)
    list(started.run(service.suspend()))
    assert started.clusters == 0
    list(started.run(service.resume()))
    assert started.clusters == 1
    list(started.run(service.delete()))
    assert (objects(started.store, "rayservices"), started.clusters) == ([], 0)


@pytest.mark.parametrize("rolls_back", [False, True])
def test_the_traffic_of_an_incremental_upgrade_moves_in_steps(rolls_back: bool) -> None:
    """Always 100 % together; rolled back, it returns to the first cluster."""
    started = Started(incremental=True)
    first = started.service.active["rayClusterName"]
    list(started.run(started.service.begin_upgrade()))
    if rolls_back:
        list(started.run(rayservice_upgrade.migrate(started.service, up_to=60)))
        seen = list(started.run(rayservice_upgrade.roll_back(started.service)))
    else:
        seen = list(started.run(rayservice_upgrade.upgrade(started.service)))
    both = [(one["activeServiceStatus"], one["pendingServiceStatus"]) for one in seen]
    shares = [
        (active["trafficRoutedPercent"], pending["trafficRoutedPercent"])
        for active, pending in both
        if "trafficRoutedPercent" in active and "trafficRoutedPercent" in pending
    ]
    assert {sum(share) for share in shares} == {100}
    assert all(share[0] % 20 == 0 for share in shares)
    assert (started.service.active["rayClusterName"] == first) is rolls_back
