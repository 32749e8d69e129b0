"""The constant parts of pods: labels and owners that the exporter reads, containers and resources."""

import pytest

from exporter.simulator.kuberay import pod_templates
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.pod_templates import PodTemplate
from exporter.simulator.kuberay.simulated_object import SimulatedObject

CLUSTER = SimulatedObject("rayclusters", "ns", "c", "cluster-uid", 0.0, {})
JOB = SimulatedObject("rayjobs", "ns", "j", "job-uid", 0.0, {})
GPU_SHAPE = Shape(version="2.1", gpus=2)

HEAD = pod_templates.head(CLUSTER, GPU_SHAPE)
WORKER = pod_templates.worker(CLUSTER, GPU_SHAPE, 3)
CPU_WORKER = pod_templates.worker(CLUSTER, Shape(version="2.1"), 0)
CLEANUP = pod_templates.redis_cleanup(CLUSTER, GPU_SHAPE)
SUBMITTER = pod_templates.submitter(JOB, GPU_SHAPE)


@pytest.mark.parametrize(
    ("template", "labels"),
    [
        (
            HEAD,
            {
                "cluster": "c",
                "group": "headgroup",
                "identifier": "c-head",
                "is-ray-node": "yes",
                "node-type": "head",
            },
        ),
        (
            WORKER,
            {
                "cluster": "c",
                "group": "gpu-group",
                "identifier": "c-worker",
                "is-ray-node": "yes",
                "node-type": "worker",
                "worker-group-replica-index": "3",
            },
        ),
        (
            CLEANUP,
            {
                "cluster": "c",
                "group": "headgroup",
                "identifier": "c-head",
                "is-ray-node": "yes",
                "node-type": "redis-cleanup",
            },
        ),
        (SUBMITTER, {"originated-from-cr-name": "j", "originated-from-crd": "RayJob"}),
    ],
)
def test_labels_of_ray(template: PodTemplate, labels: dict[str, str]) -> None:
    """A submitter has no node type and no cluster."""
    found = {key: value for key, value in template.labels.items() if key.startswith("ray.io/")}
    assert found == {f"ray.io/{key}": value for key, value in labels.items()}
    assert template.labels["app.kubernetes.io/created-by"] == "kuberay-operator"


@pytest.mark.parametrize(
    ("template", "prefix", "container", "image", "gpus", "qos", "restart_policy"),
    [
        (HEAD, "c-head-", "ray-head", "rayproject/ray:2.1", None, "Guaranteed", "Always"),
        (WORKER, "c-gpu-group-worker-", "ray-worker", "rayproject/ray:2.1-gpu", "2", "Guaranteed", "Always"),
        (CPU_WORKER, "c-small-group-worker-", "ray-worker", "rayproject/ray:2.1", None, "Guaranteed", "Always"),
        (CLEANUP, "c-redis-cleanup-", "ray-head", "rayproject/ray:2.1", None, "Guaranteed", "Never"),
        (SUBMITTER, "j-", "ray-job-submitter", "rayproject/ray:2.1", None, "Burstable", "Never"),
    ],
)
def test_containers(
    template: PodTemplate, prefix: str, container: str, image: str, gpus: str | None, qos: str, restart_policy: str
) -> None:
    """GPUs are those of workers; only a submitter may use more than it requests."""
    spec = template.spec("node-1")
    (main,) = spec["containers"]
    assert (template.prefix, main["name"], main["image"]) == (prefix, container, image)
    assert main["resources"]["limits"].get("nvidia.com/gpu") == gpus
    assert (template.qos, spec["restartPolicy"], template.needs_gpu) == (qos, restart_policy, gpus is not None)


@pytest.mark.parametrize(("node", "expected"), [("", None), ("node-1", "node-1")])
def test_a_node_is_in_the_spec_when_it_is_known(node: str, expected: str | None) -> None:
    """An empty one is no node."""
    assert HEAD.spec(node).get("nodeName") == expected


@pytest.mark.parametrize(
    ("template", "names"),
    [(WORKER, ["wait-gcs-ready"]), (CPU_WORKER, ["wait-gcs-ready"]), (HEAD, []), (CLEANUP, []), (SUBMITTER, [])],
)
def test_only_workers_have_an_init_container(template: PodTemplate, names: list[str]) -> None:
    """They wait for their head."""
    assert [container["name"] for container in template.spec("").get("initContainers", [])] == names


@pytest.mark.parametrize(
    ("template", "api_version", "kind", "name"),
    [
        (HEAD, "ray.io/v1", "RayCluster", "c"),
        (WORKER, "ray.io/v1", "RayCluster", "c"),
        (CLEANUP, "batch/v1", "Job", "c-redis-cleanup"),
        (SUBMITTER, "batch/v1", "Job", "j"),
    ],
)
def test_owners(template: PodTemplate, api_version: str, kind: str, name: str) -> None:
    """A Job's uid is that of its labels, and differs from that of its own owner."""
    owner = template.owner
    assert (owner["apiVersion"], owner["kind"], owner["name"], owner["controller"]) == (api_version, kind, name, True)
    if kind == "Job":
        uid = template.labels["batch.kubernetes.io/controller-uid"]
        assert owner["uid"] == uid == template.labels["controller-uid"]
        assert template.labels["job-name"] == template.labels["batch.kubernetes.io/job-name"] == name
        assert uid not in ("cluster-uid", "job-uid")
    else:
        assert owner["uid"] == "cluster-uid"
        assert "job-name" not in template.labels
