"""Reasons that kubelet and the scheduler write."""

import pytest

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.waiting import CONFIG_REASONS, IMAGE_REASONS, cause_of_reason, image, obstacles, quoted

TAINT = "taints of the nodes that the pod does not tolerate"
AFFINITY = "no node matches the pod's node selector or affinity"


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (None, None),
        ("", None),
        ("ContainerCreating", None),
        ("PodInitializing", None),
        ("Completed", None),
        ("ErrImagePull", Cause.IMAGE_PULL),
        ("ImagePullBackOff", Cause.IMAGE_PULL),
        ("InvalidImageName", Cause.IMAGE_PULL),
        ("CreateContainerConfigError", Cause.CONTAINER_CONFIG),
        ("RunContainerError", Cause.CONTAINER_CONFIG),
        ("CrashLoopBackOff", Cause.CRASH_LOOP),
    ],
)
def test_cause_of_reason(reason: str | None, expected: Cause | None) -> None:
    """A reason of an ordinary start has no cause."""
    assert cause_of_reason(reason) is expected


def test_reasons_have_one_cause() -> None:
    """No reason is both about an image and about a container."""
    assert IMAGE_REASONS.isdisjoint(CONFIG_REASONS)


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("", "the scheduler gives no reason"),
        ("no nodes available to schedule pods.", "no nodes available to schedule pods"),
        ("0/3 nodes are available: 3 Insufficient nvidia.com/gpu.", "insufficient nvidia.com/gpu"),
        ("0/3 nodes: 1 Insufficient memory, 2 Insufficient cpu.", "insufficient cpu, insufficient memory"),
        ("0/3 nodes: 1 Insufficient cpu, 3 Insufficient cpu.", "insufficient cpu"),
        (
            "1 Insufficient e, 1 Insufficient d, 1 Insufficient c, 1 Insufficient b, 1 Insufficient a.",
            "insufficient a, insufficient b, insufficient c, insufficient d, insufficient e",
        ),
        ("0/3 nodes: 3 Insufficient cpu. preemption: 0/3 nodes: 3 Insufficient memory.", "insufficient cpu"),
        ("preemption: 3 Insufficient memory.", "preemption: 3 Insufficient memory"),
        ("0/3 nodes: 3 node(s) had untolerated taint {gpu: true}.", TAINT),
        ("0/3 nodes: 3 node(s) didn't match Pod's node affinity/selector.", AFFINITY),
        ("0/3 nodes: 3 node(s) were unschedulable.", "nodes that are cordoned"),
        ("0/3 nodes: 1 node(s) had volume node affinity conflict.", "a volume that is bound to another zone"),
        ("0/3 nodes: pod has unbound immediate PersistentVolumeClaims.", "a PersistentVolumeClaim that is not bound"),
        ('0/3 nodes: PersistentVolumeClaim: persistentvolumeclaim "x".', "a PersistentVolumeClaim that is not bound"),
        ("0/3 nodes: 3 node(s) didn't match pod topology spread constraints.", "topology spread constraints"),
        ("0/3 nodes: 3 node(s) didn't match pod anti-affinity rules.", "anti-affinity rules"),
        ("0/3 nodes: 3 Too many pods.", "nodes that have their maximum number of pods"),
        (
            "0/3 nodes: 1 didn't match Pod's node affinity/selector, 1 untolerated taint {a: b}, 1 Insufficient cpu.",
            f"insufficient cpu, {TAINT}, {AFFINITY}",
        ),
    ],
)
def test_obstacles(message: str, expected: str) -> None:
    """Resources by name, then other obstacles, each once; else the message itself."""
    assert obstacles(message) == expected


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], ""),
        (["rpc error"], ""),
        (['Back-off pulling image "rayproject/ray:9": not found'], " rayproject/ray:9"),
        (["", 'image "a:1"', 'image "b:2"'], " a:1"),
        (['image ""'], ""),
    ],
)
def test_image(messages: list[str], expected: str) -> None:
    """The image of the first message that names one."""
    assert image(messages) == expected


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (None, ""),
        ("", ""),
        ("  two\n lines. ", "two lines"),
        ("end...", "end"),
        ("x" * 160, "x" * 160),
        ("x" * 160 + ".", "x" * 160),
        ("x" * 161, "x" * 159 + "…"),
    ],
)
def test_quoted(message: str | None, expected: str) -> None:
    """One line of at most 160 characters, without its full stop."""
    assert quoted(message) == expected
