"""Reasons that kubelet and schedulers write, and what they mean."""

import re
from collections.abc import Iterable, Mapping

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.phrases import one_line, quoted

_CONFIG = Cause.CONTAINER_CONFIG

WAITING_REASONS: Mapping[str, Cause] = {
    **dict.fromkeys(("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName"), Cause.IMAGE_PULL),
    **dict.fromkeys(("ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed"), Cause.IMAGE_PULL),
    **dict.fromkeys(("CreateContainerConfigError", "CreateContainerError", "RunContainerError"), _CONFIG),
    **dict.fromkeys(("PreCreateHookError", "PreStartHookError", "PostStartHookError"), _CONFIG),
    **dict.fromkeys(("ContainerCannotRun", "StartError", "CreatePodSandboxError"), _CONFIG),
    "CrashLoopBackOff": Cause.CRASH_LOOP,
}  # fmt: skip
"""Reasons that are not of an ordinary start."""

ORDINARY_WAITING = ("", "ContainerCreating", "PodInitializing")
NEVER_STARTED = ("StartError", "ContainerCannotRun", "RunContainerError")

POD_REASONS: Mapping[str, Cause] = {
    **dict.fromkeys(("Evicted", "Preempting", "Preempted", "TerminationByKubelet"), Cause.EVICTED),
    **dict.fromkeys(("NodeLost", "NodeShutdown", "Shutdown", "Terminated", "NodeStatusUnknown"), Cause.NODE_LOST),
    **dict.fromkeys(("UnexpectedAdmissionError", "NodeAffinity", "TopologyAffinityError"), Cause.POD_REJECTED),
    **dict.fromkeys(("PodOSNotSupported", "AppArmor", "SysctlForbidden", "InvalidNodeInfo"), Cause.POD_REJECTED),
}
"""A pod's own `status.reason`; `OutOf…` is POD_REJECTED too, and any other is POD_FAILED."""

EVENT_CAUSES: Mapping[str, Cause] = {
    **dict.fromkeys(("FailedMount", "FailedAttachVolume", "FailedMapVolume", "VolumeResizeFailed"), Cause.POD_SETUP),
    **dict.fromkeys(("FailedCreatePodSandBox", "FailedPodSandBoxStatus", "NetworkNotReady"), Cause.POD_SETUP),
    "FailedPrepareDynamicResources": Cause.POD_SETUP,
    **dict.fromkeys(("FailedScheduling", "Unschedulable"), Cause.UNSCHEDULABLE),
    "NodeNotReady": Cause.NODE_LOST,
}
"""Warning Events about a pod; any other is WARNING_EVENT."""

HARMLESS_REASONS = ("DNSConfigForming", "MissingClusterDNS")
"""Warning Events of every pod on a node with many or no name servers: its pods start and run nevertheless."""

SCALE_UP_REASONS = {"TriggeredScaleUp": True, "Nominated": True, "NotTriggerScaleUp": False, "FailedScaleUp": False}
"""Events of cluster-autoscaler, GKE and Karpenter: whether a node for the pod is on its way."""

EXCEEDED_QUOTA = "exceeded quota"
PULL_RATE = "pull QPS exceeded"
"""Kubelet's own limit of pulls in a second; it tries again by itself within seconds."""

_QUOTA = re.compile(r"exceeded quota: ([^,\s]+), requested: (.*?), used: (.*?)(?:, limited: (.*?))?\.?(?:$|;|\. )")
_IMAGE = re.compile(r'image "([^"]+)"')
_PULL_ERROR = re.compile(
    r"manifest unknown|not found|pull access denied|unauthorized|forbidden|toomanyrequests|no such host|i/o timeout"
    r"|connection refused|x509[^:]*: [^:]+|no space left on device|" + PULL_RATE
)
_NODES = re.compile(r"(?:\d+/\d+|all) nodes are (?:un)?available: (.*?)(?:\. |\.?$|,? *preemption:)")
_CLAUSE = re.compile(r", (?=\d+ |pod |persistentvolumeclaim )")
_AFFINITY = "no node matches the pod's node selector or affinity"
_KUBE_SCHEDULER = (
    (re.compile(r"Insufficient (\S+)"), r"insufficient \1"),
    (re.compile(r"(?:node\(s\) )?had (?:untolerated )?taints? (\{.*?\}).*"), r"untolerated taint \1"),
    (re.compile(r"node\(s\) had untolerated taint\(s\)"), "untolerated taints"),
    (re.compile(r"node\(s\) were unschedulable"), "nodes that are cordoned"),
    (re.compile(r"node\(s\) didn't match (?:Pod's )?node (?:affinity/selector|selector|affinity)"), _AFFINITY),
    (re.compile(r"node\(s\) had volume node affinity conflict"), "a volume that is bound to another zone"),
    (re.compile(r"pod has unbound immediate PersistentVolumeClaims"), "a PersistentVolumeClaim that is not bound"),
    (re.compile(r"node\(s\) didn't match pod topology spread constraints"), "topology spread constraints"),
    (re.compile(r"node\(s\) didn't (?:match pod|satisfy existing pods) anti-affinity rules"), "anti-affinity rules"),
    (re.compile(r"Too many pods"), "nodes that have their maximum number of pods"),
)  # fmt: skip
"""Whole phrases of kube-scheduler in other words; any other phrase stays as it is."""

_GANGS = re.compile(r"pod group is not ready|tasks in gang unschedulable|cannot find enough sibling pods|PodGroup")
"""Phrases of Volcano, coscheduling and KAI about pods that are started together."""

_QUEUES = re.compile(r"does not fit in queue|over quota|exceeds? .*quota", re.IGNORECASE)
"""Phrases of YuniKorn and KAI about their queues."""


def obstacles(message: str) -> str:
    """Return what a scheduler's message says is missing, such as `insufficient nvidia.com/gpu`."""
    line = one_line(message)
    if _GANGS.search(line):
        return f"the gang is not complete ({quoted(line)})"
    if match := _NODES.search(line.partition("…")[0]):
        clauses = (re.sub(r"^\d+ ", "", clause) for clause in _CLAUSE.split(match[1]))
        found = sorted(dict.fromkeys(map(_reworded, clauses)), key=lambda text: not text.startswith("insufficient"))
        return quoted(", ".join(found))
    if _QUEUES.search(line):
        return f"its queue is full ({quoted(line)})"
    return quoted(line) or "the scheduler gives no reason"


def _reworded(clause: str) -> str:
    for phrase, words in _KUBE_SCHEDULER:
        if match := phrase.fullmatch(clause.rstrip(".")):
            return match.expand(words)
    return clause


def exceeded_quota(message: str) -> str:
    """Return `limits.memory (quota small, requested …, used …, limited …)` of a message with EXCEEDED_QUOTA."""
    line = one_line(message)
    match = _QUOTA.search(line)
    if match is None:
        return quoted(line[line.find(EXCEEDED_QUOTA) + len(EXCEEDED_QUOTA) :].lstrip(": "))
    name, *figures = match.groups()
    resources = ", ".join(part.partition("=")[0] for part in figures[0].split(","))
    words = zip(("requested", "used", "limited"), figures, strict=True)
    return f"{resources} ({quoted(', '.join([f'quota {name}', *(f'{word} {text}' for word, text in words if text)]))})"


def image(messages: Iterable[str]) -> str:
    """Return the image that a kubelet's message names; "" if it names none."""
    for message in messages:
        if match := _IMAGE.search(message):
            return match[1]
    return ""


def pull_error(message: str) -> str:
    """Return why the registry or the kubelet refused; "" if the message does not say it in a known phrase."""
    return match[0] if (match := _PULL_ERROR.search(message)) else ""
