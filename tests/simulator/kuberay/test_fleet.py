"""Tenants, and random sizes and versions."""

from ipaddress import ip_address

from exporter.simulator.kuberay import fleet
from exporter.simulator.kuberay.manifests import NO_LIMIT
from tests.support.scenario import new_world


def test_only_queued_objects_name_a_queue_and_the_default_namespace_has_no_team() -> None:
    """As users label their objects."""
    world, _ = new_world()
    tenants = {tenant.namespace: tenant for tenant in (fleet.random_tenant(world) for _ in range(300))}
    assert tenants["default"].labels() == {}
    assert tenants["default"].labels(queued=True) == {"kueue.x-k8s.io/queue-name": "user-queue"}
    assert tenants["team-nlp"].labels().keys() == {"team", "cost-center"}
    assert "kueue.x-k8s.io/queue-name" in tenants["team-nlp"].labels(queued=True)


def test_sizes_are_within_their_limits() -> None:
    """Some autoscaled clusters have no upper limit; others always have one."""
    world, _ = new_world()
    shapes = [fleet.random_shape(world, autoscaling=True) for _ in range(300)]
    assert all(shape.min_replicas <= shape.replicas <= shape.max_replicas for shape in shapes)
    assert {NO_LIMIT} < {shape.max_replicas for shape in shapes}
    assert all(fleet.random_shape(world).max_replicas < NO_LIMIT for _ in range(300))
    assert fleet.random_shape(world, workers=0).replicas == 0


def test_another_version_is_another() -> None:
    """An upgrade of Ray; the size stays."""
    world, _ = new_world()
    shape = fleet.random_shape(world)
    other = fleet.with_other_version(world, shape)
    assert other.version != shape.version
    assert other.replicas == shape.replicas


def test_addresses_are_private() -> None:
    """None that exists anywhere else."""
    world, _ = new_world()
    assert all(ip_address(fleet.random_ip(world)).is_private for _ in range(50))
