"""Messages of kubelet and schedulers."""

import pytest

from exporter.diagnosis.waiting import exceeded_quota, image, obstacles, pull_error

AFFINITY = "no node matches the pod's node selector or affinity"
NODES = "0/9 nodes are available:"


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "the scheduler gives no reason"),
        ("no nodes available to schedule pods.", "no nodes available to schedule pods"),
        (f"{NODES} 3 Insufficient nvidia.com/gpu.", "insufficient nvidia.com/gpu"),
        (f"{NODES} 3 node(s) had untolerated taint(s).", "untolerated taints"),
        (f"{NODES} 1 Insufficient memory, 2 Insufficient cpu.", "insufficient memory, insufficient cpu"),
        (f"{NODES} 1 Insufficient cpu, 3 Insufficient cpu.", "insufficient cpu"),
        (f"{NODES} 3 Insufficient cpu. preemption: {NODES} 3 Insufficient memory.", "insufficient cpu"),
        (f"{NODES} 3 Insufficient cpu. no new claims to deallocate, preemption: {NODES} 3 no.", "insufficient cpu"),
        (f"{NODES} 3 node(s) had untolerated taint {{gpu: true}}.", "untolerated taint {gpu: true}"),
        (f"{NODES} 3 node(s) had taint {{a: }}, that the pod didn't tolerate.", "untolerated taint {a: }"),
        (f"{NODES} 3 node(s) didn't match Pod's node affinity/selector.", AFFINITY),
        (f"{NODES} 3 node(s) didn't match node selector.", AFFINITY),
        (f"{NODES} 3 node(s) were unschedulable.", "nodes that are cordoned"),
        (f"{NODES} 1 node(s) had volume node affinity conflict.", "a volume that is bound to another zone"),
        (f"{NODES} pod has unbound immediate PersistentVolumeClaims.", "a PersistentVolumeClaim that is not bound"),
        (f'{NODES} persistentvolumeclaim "x" not found.', 'persistentvolumeclaim "x" not found'),
        (f"{NODES} 3 node(s) didn't match pod topology spread constraints.", "topology spread constraints"),
        (f"{NODES} 3 node(s) didn't match pod anti-affinity rules.", "anti-affinity rules"),
        (f"{NODES} 3 Too many pods.", "nodes that have their maximum number of pods"),
        (
            f"{NODES} 1 node(s) were unschedulable, 2 node(s) had dragons, 6 Insufficient cpu.",
            "insufficient cpu, nodes that are cordoned, node(s) had dragons",
        ),
        ("all nodes are unavailable: 3 Insufficient cpu.", "insufficient cpu"),
        ("the node is unschedulable for now", "the node is unschedulable for now"),
        ("pod group is not ready, 3 Pending", "the gang is not complete (pod group is not ready, 3 Pending)"),
        ("Request 'p' does not fit in queue 'q'", "its queue is full (Request 'p' does not fit in queue 'q')"),
    ],
)
def test_obstacles(message: str, expected: str) -> None:
    """Whole phrases of kube-scheduler, resources first; gangs and queues by their own; else the message as it is."""
    assert obstacles(message) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (
            "no: exceeded quota: small, requested: memory=8Gi,pods=1, used: memory=4Gi,pods=4, limited: pods=4",
            "memory, pods (quota small, requested memory=8Gi,pods=1, used memory=4Gi,pods=4, limited pods=4)",
        ),
        ("exceeded quota: q, requested: cpu=1, used: cpu=3.5. Again", "cpu (quota q, requested cpu=1, used cpu=3.5)"),
        ("exceeded quota: q", "q"),
        ("exceeded quota", ""),
    ],
)
def test_exceeded_quota(message: str, expected: str) -> None:
    """The resources come first."""
    assert exceeded_quota(message) == expected


@pytest.mark.parametrize(
    ("message", "name", "error"),
    [
        ("", "", ""),
        ('Back-off pulling image "rayproject/ray:9": not found', "rayproject/ray:9", "not found"),
        ('failed to pull image "x:1": 401 unauthorized', "x:1", "unauthorized"),
        ('Failed to pull image "x:1": zu viele Anfragen', "x:1", ""),
        ('image ""', "", ""),
    ],
)
def test_image(message: str, name: str, error: str) -> None:
    """The image that a message names, and why it was refused if the phrase is known."""
    assert (image([message]), pull_error(message)) == (name, error)
