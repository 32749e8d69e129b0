"""A pod's status as kubectl's STATUS column has it (`printPod` in pkg/printers/internalversion, v1.36).

The metric, the page and the diagnosis name a pod's state by this function. Two differences to kubectl: a pod that
kubectl calls Pending is `Unschedulable` if the scheduler says so, and an evicted pod is `Evicted` whatever its
containers say.
"""

import re

from exporter.resources.meta import find_condition
from exporter.resources.pod import ContainerState, ContainerStatus, Pod, PodStatus, Terminated

EVICTED = "Evicted"
UNSCHEDULABLE = "Unschedulable"
SCHEDULING_GATED = "SchedulingGated"

WAITING_REASONS = (
    "ContainerCreating", "PodInitializing", "ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName",
    "ImageInspectError", "RegistryUnavailable", "SignatureValidationFailed", "CreateContainerConfigError",
    "CreateContainerError", "RunContainerError", "PreCreateHookError", "PreStartHookError", "PostStartHookError",
    "CreatePodSandboxError", "CrashLoopBackOff",
)  # fmt: skip
"""What kubelet and container runtimes write into `state.waiting.reason`."""

TERMINATED_REASONS = ("OOMKilled", "Error", "Completed", "ContainerCannotRun", "StartError", "ContainerStatusUnknown")
"""What they write into `state.terminated.reason`."""

POD_REASONS = (
    EVICTED, "DeadlineExceeded", "NodeAffinity", "NodeLost", "NodeShutdown", "Preempting", "Shutdown", "Terminated",
    "UnexpectedAdmissionError", "TopologyAffinityError", "PodOSNotSupported", "UnsupportedPodOS", "AppArmor",
    "SysctlForbidden", "InvalidNodeInfo",
    *(f"OutOf{name}" for name in ("cpu", "memory", "pods", "ephemeral-storage", "hugepages-2Mi", "hugepages-1Gi")),
    *(f"OutOf{name}" for name in ("nvidia.com/gpu", "nvidia.com/gpu.shared", "amd.com/gpu", "google.com/tpu")),
    *(f"OutOf{name}" for name in ("aws.amazon.com/neuron", "aws.amazon.com/neuroncore", "habana.ai/gaudi")),
    *(f"OutOf{name}" for name in ("huawei.com/Ascend910", "gpu.intel.com/i915", "gpu.intel.com/xe")),
)  # fmt: skip
"""What kubelet and controllers write into a pod's `status.reason`."""

STATUSES = frozenset(
    {
        *("Running", "Pending", "Succeeded", "Failed", "Unknown", "NotReady", "Terminating"),
        *(UNSCHEDULABLE, SCHEDULING_GATED),
        *WAITING_REASONS,
        *TERMINATED_REASONS,
        *POD_REASONS,
    }
)
_INIT_PREFIX = "Init:"
# At most ten init containers, and the codes that a process can end with.
_NUMBERED = re.compile(r"Init:\d/(\d|10)|(Init:)?(Signal|ExitCode):\d{1,3}", re.ASCII)


def is_known(status: str) -> bool:
    """Return whether a status is one of a bounded number: anyone may write a pod's status."""
    return status.removeprefix(_INIT_PREFIX) in STATUSES or _NUMBERED.fullmatch(status) is not None


def pod_status(pod: Pod) -> str:
    """Return what kubectl prints, with the two differences."""
    status = pod.status or PodStatus()
    phase = status.phase or "Pending"
    is_deleted = pod.metadata.deletion_timestamp is not None
    if is_deleted and status.reason == "NodeLost":
        return "Unknown"
    if is_deleted and phase not in ("Failed", "Succeeded"):
        return "Terminating"
    if status.reason == EVICTED:
        return EVICTED
    reason = _scheduling_reason(status) or _of_containers(pod, status, status.reason or phase)
    return UNSCHEDULABLE if reason == "Pending" and _is_unschedulable(status) else reason


def _scheduling_reason(status: PodStatus) -> str | None:
    """Return SchedulingGated if the pod is: no container of it has a state yet."""
    scheduled = find_condition(status, "PodScheduled")
    return SCHEDULING_GATED if scheduled is not None and scheduled.reason == SCHEDULING_GATED else None


def _is_unschedulable(status: PodStatus) -> bool:
    scheduled = find_condition(status, "PodScheduled")
    return scheduled is not None and not scheduled.is_true and scheduled.reason == UNSCHEDULABLE


def _of_containers(pod: Pod, status: PodStatus, reason: str) -> str:
    initializing = _initializing(pod, status)
    if initializing is not None:
        reason = initializing
        initialized = find_condition(status, "Initialized")
        if initialized is None or not initialized.is_true:
            return reason
    return _of_main_containers(status, reason)


def _initializing(pod: Pod, status: PodStatus) -> str | None:
    """Return the status of the first init container that has not done its work; None if there is none."""
    declared = (pod.spec.init_containers if pod.spec else None) or ()
    restartable = {container.name for container in declared if container.restart_policy == "Always"}
    for index, container in enumerate(status.init_container_statuses or ()):
        terminated, waiting = container.now.terminated, container.now.waiting
        if terminated is not None and not terminated.exit_code:
            continue
        if container.name in restartable and container.started:
            continue
        if terminated is not None:
            return _INIT_PREFIX + _end(terminated)
        if waiting is not None and waiting.reason and waiting.reason != "PodInitializing":
            return _INIT_PREFIX + waiting.reason
        return f"{_INIT_PREFIX}{index}/{len(declared)}"
    return None


def _of_main_containers(status: PodStatus, reason: str) -> str:
    """Return the reason of the first container that has one; kubectl goes from the last to the first."""
    has_running = False
    for container in reversed(status.container_statuses or ()):
        reason = _container_reason(container.now) or reason
        has_running |= _is_running(container)
    if reason == "Completed" and has_running:
        ready = find_condition(status, "Ready")
        return "Running" if ready is not None and ready.is_true else "NotReady"
    return reason


def _container_reason(state: ContainerState) -> str | None:
    if state.waiting is not None and state.waiting.reason:
        return state.waiting.reason
    return None if state.terminated is None else _end(state.terminated)


def _is_running(container: ContainerStatus) -> bool:
    return bool(container.ready) and container.now.running is not None


def _end(terminated: Terminated) -> str:
    """Return why a container ended: the reason, or else the signal or the exit code."""
    if terminated.reason:
        return terminated.reason
    return f"Signal:{terminated.signal}" if terminated.signal else f"ExitCode:{terminated.exit_code or 0}"
