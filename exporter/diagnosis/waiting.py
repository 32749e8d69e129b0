"""Reasons that kubelet and the scheduler write, and the causes that they show."""

import re
from collections.abc import Iterable

from exporter.diagnosis.causes import Cause

IMAGE_REASONS = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
CONFIG_REASONS = frozenset(
    {
        "CreateContainerConfigError",
        "CreateContainerError",
        "RunContainerError",
        "ContainerCannotRun",
        "StartError",
        "PreCreateHookError",
        "PreStartHookError",
        "PostStartHookError",
        "CreatePodSandboxError",
    }
)
CRASH_LOOP = "CrashLoopBackOff"
OOM_KILLED = "OOMKilled"
EXCEEDED_QUOTA = "exceeded quota"

_INSUFFICIENT = re.compile(r"[Ii]nsufficient ([\w./-]*\w)")
_IMAGE = re.compile(r'image "([^"]+)"')
_OTHER_OBSTACLES = {
    "untolerated taint": "taints of the nodes that the pod does not tolerate",
    "node affinity/selector": "no node matches the pod's node selector or affinity",
    "unschedulable": "nodes that are cordoned",
    "volume node affinity": "a volume that is bound to another zone",
    "PersistentVolumeClaim": "a PersistentVolumeClaim that is not bound",
    "persistentvolumeclaim": "a PersistentVolumeClaim that is not bound",
    "topology spread": "topology spread constraints",
    "anti-affinity": "anti-affinity rules",
    "Too many pods": "nodes that have their maximum number of pods",
}
_MAX_QUOTED = 160


def cause_of_reason(reason: str | None) -> Cause | None:
    """Return the cause that a waiting reason shows; None for reasons of an ordinary start."""
    if reason in IMAGE_REASONS:
        return Cause.IMAGE_PULL
    if reason in CONFIG_REASONS:
        return Cause.CONTAINER_CONFIG
    return Cause.CRASH_LOOP if reason == CRASH_LOOP else None


def obstacles(message: str) -> str:
    """Return what a scheduler's message says is missing: `insufficient nvidia.com/gpu`."""
    # What follows is about preemption, and repeats the same with other numbers.
    filtered, _, _ = message.partition("preemption:")
    resources = sorted(set(_INSUFFICIENT.findall(filtered)))
    found = [f"insufficient {name}" for name in resources]
    found += dict.fromkeys(text for words, text in _OTHER_OBSTACLES.items() if words in filtered)
    return ", ".join(found) or quoted(message) or "the scheduler gives no reason"


def image(messages: Iterable[str]) -> str:
    """Return the image that a kubelet's message names, with a space before it; "" if it names none."""
    for message in messages:
        if match := _IMAGE.search(message):
            return f" {match[1]}"
    return ""


def quoted(message: str | None) -> str:
    """Return the beginning of a message, for a sentence; the evidence has more of it."""
    line = " ".join((message or "").split()).rstrip(".")
    return line if len(line) <= _MAX_QUOTED else f"{line[: _MAX_QUOTED - 1]}…"
