"""Specs as users write them, and their sizes as the operator computes them."""

import yaml

from exporter.resources.quantities import parse_quantity
from exporter.simulator.kuberay.manifests import Manifests, Shape, runtime_env, serve_config


def test_the_desired_amounts_are_those_of_all_pods() -> None:
    """One head and the replicas; GPUs are those of the workers."""
    shape = Shape(head_milli=1000, head_memory=2, worker_milli=500, worker_memory=1, gpus=2, replicas=3)
    amounts = (shape.desired_cpu, shape.desired_memory, shape.desired_gpu)
    assert [parse_quantity(amount) for amount in amounts] == [2.5, 5 * 2**30, 6]
    assert parse_quantity(shape.scaled(0).desired_cpu) == 1


def test_equal_parts_of_two_specs_are_one_object() -> None:
    """30,000 of them would need gigabytes."""
    manifests = Manifests()
    one, two = (manifests.cluster_spec(Shape(replicas=replicas)) for replicas in (1, 2))
    assert one["headGroupSpec"] is two["headGroupSpec"]
    (group,), (other,) = one["workerGroupSpecs"], two["workerGroupSpecs"]
    assert group["template"] is other["template"]
    assert (group["replicas"], other["replicas"]) == (1, 2)


def test_the_defaults_of_the_operator_are_in_a_filled_spec_only() -> None:
    """It writes them with its finalizer."""
    manifests = Manifests()
    groups = [manifests.worker_group(Shape(), filled=filled) for filled in (False, True)]
    assert ["scaleStrategy" in group for group in groups] == [False, True]


def test_configurations_are_yaml() -> None:
    """As RayService and RayJob have them: text in a field."""
    config = yaml.safe_load(serve_config("app", ("A", "B")))
    (app,) = config["applications"]
    assert [deployment["name"] for deployment in app["deployments"]] == ["A", "B"]
    assert "pip" in yaml.safe_load(runtime_env())
