"""One simulated RayCluster: provisioned, scaled, suspended, resumed, deleted."""

from typing import Any

from exporter.simulator.kuberay import fleet, raycluster
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.raycluster import SimulatedCluster
from exporter.simulator.kuberay.simulated_object import SimulatedObject
from exporter.simulator.kuberay.world import Steps, World
from tests.support.scenario import NOW, new_world, objects, run_steps


class Owned:
    """A cluster of a job, and the store that it is written to."""

    def __init__(self) -> None:
        self.world, self.store = new_world()
        owner: SimulatedObject = self.world.new_object("rayjobs", "ns", "owner", {})
        self.cluster: SimulatedCluster = raycluster.create_owned(self.world, owner, "a", Shape(replicas=2), {})

    def run(self, steps: Steps) -> dict[str, Any]:
        """Run the steps; return the status that is written then."""
        list(run_steps(self.world, steps, 3600))
        status: dict[str, Any] = objects(self.store, "rayclusters")[0]["status"]
        return status


def condition_of(status: dict[str, Any], type_: str) -> str | None:
    return next((one["status"] for one in status["conditions"] if one["type"] == type_), None)


def test_a_cluster_is_ready_when_head_and_workers_are() -> None:
    """All of them, for the first time."""
    owned = Owned()
    status = owned.run(owned.cluster.provision(5, 5))
    assert (status["state"], status["readyWorkerReplicas"], status["desiredWorkerReplicas"]) == ("ready", 2, 2)
    assert condition_of(status, "RayClusterProvisioned") == "True"
    assert owned.world.now > NOW + 5


def test_more_workers_are_ready_some_time_after_they_are_wanted() -> None:
    """Fewer are there at once."""
    owned = Owned()
    owned.run(owned.cluster.provision(5, 5))
    status = owned.run(owned.cluster.scale(4))
    assert (status["desiredWorkerReplicas"], status["readyWorkerReplicas"]) == (4, 4)
    assert owned.run(owned.cluster.scale(1))["readyWorkerReplicas"] == 1


def test_a_suspended_cluster_has_no_pods_until_it_is_resumed() -> None:
    """Its desired amounts stay in the status."""
    owned = Owned()
    owned.run(owned.cluster.provision(5, 5))
    suspended = owned.run(owned.cluster.suspend("kueue"))
    assert (suspended["state"], condition_of(suspended, "RayClusterSuspended")) == ("suspended", "True")
    assert "readyWorkerReplicas" not in suspended
    resumed = owned.run(owned.cluster.resume("kueue"))
    assert (resumed["state"], condition_of(resumed, "RayClusterSuspended")) == ("ready", "False")


def test_a_deleted_cluster_is_gone() -> None:
    """From the store and from the count."""
    owned = Owned()
    owned.cluster.delete()
    assert objects(owned.store, "rayclusters") == []


def test_a_cluster_belongs_to_what_it_was_created_for() -> None:
    """By labels, which the exporter reads, and by an owner reference."""
    world: World = new_world()[0]
    owner = world.new_object("rayjobs", fleet.random_tenant(world).namespace, "owner", {})
    metadata = raycluster.create_owned(world, owner, "a", Shape(), {}).obj.manifest()["metadata"]
    assert metadata["labels"]["ray.io/originated-from-crd"] == "RayJob"
    assert metadata["labels"]["ray.io/originated-from-cr-name"] == "owner"
    assert [one["uid"] for one in metadata["ownerReferences"]] == [owner.uid]
