"""One simulated RayCluster: provisioned, scaled, suspended, resumed, deleted."""

from exporter.simulator.kuberay import fleet, raycluster
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.world import World
from tests.support.scenario import new_world


def test_a_cluster_belongs_to_what_it_was_created_for() -> None:
    """By labels, which the exporter reads, and by an owner reference."""
    world: World = new_world()[0]
    owner = world.new_object("rayjobs", fleet.random_tenant(world).namespace, "owner", {})
    metadata = raycluster.create_owned(world, owner, "a", Shape(), {}).obj.manifest()["metadata"]
    assert metadata["labels"]["ray.io/originated-from-crd"] == "RayJob"
    assert metadata["labels"]["ray.io/originated-from-cr-name"] == "owner"
    assert [one["uid"] for one in metadata["ownerReferences"]] == [owner.uid]
