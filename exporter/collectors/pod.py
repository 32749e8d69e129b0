"""Pods of Ray: heads, workers and job submitters. What kubectl shows of them, and why containers ended.

Pods of Redis cleanup jobs have the label `ray.io/node-type`, too, but run no Ray: they are not selected.
"""

from collections.abc import Iterator
from datetime import datetime

from exporter.families.metadata import created_row
from exporter.families.table import (
    NO_OCCURRENCE,
    OTHER,
    Kind,
    LifecycleMetric,
    Occurrence,
    Row,
    Selection,
    remember_nothing,
)
from exporter.families.values import Values, info, number, one, timestamp, truth
from exporter.resources.meta import Condition, find_condition
from exporter.resources.pod import ContainerStatus, Pod, PodStatus, Terminated
from exporter.resources.pod_status import EVICTED, TERMINATED_REASONS, is_known, pod_status
from exporter.resources.times import elapsed_seconds

HEAD, WORKER, SUBMITTER = "head", "worker", "submitter"
NODE_TYPES = (HEAD, WORKER, SUBMITTER)

NODES = Selection(name="nodes", label_selector=f"ray.io/node-type in ({HEAD},{WORKER})")
SUBMITTERS = Selection(name="submitters", label_selector="ray.io/originated-from-crd=RayJob,!ray.io/node-type")
"""A pod is in one of the two at most. KubeRay labels submitters with their RayJob, but with no node type."""

REASONS = ("OOMKilled", "Error", EVICTED, "Completed", "DeadlineExceeded", OTHER)
"""Reasons for the end of a container or pod that totals distinguish."""


def node_type(pod: Pod) -> str:
    """Return the pod's part in Ray: a submitter has no label for it."""
    return pod.metadata.node_type or SUBMITTER


def pod_info(pod: Pod) -> Values:
    """Yield the labels that join a pod with its cluster, its group and its node."""
    node = pod.spec.node_name if pod.spec else None
    return one(pod.metadata.ray_cluster, node_type(pod), pod.metadata.group, node or "")


def owner(pod: Pod) -> Values:
    """Return the RayJob that a submitter was created for; heads and workers have their cluster in the info."""
    return info("RayJob" if pod.metadata.ray_job else None, pod.metadata.ray_job)


def bounded_status(pod: Pod) -> str:
    """Return the pod's status, or `other` if it is not a known one."""
    status = pod_status(pod)
    return status if is_known(status) else OTHER


def condition(pod: Pod, type_: str) -> Condition | None:
    """Return the condition of this type, or None."""
    return find_condition(pod.status, type_)


def true_since(pod: Pod, type_: str) -> datetime | None:
    """Return the time at which a condition became true; None if it is not."""
    found = condition(pod, type_)
    return found.last_transition_time if found is not None and found.is_true else None


def containers(pod: Pod) -> tuple[ContainerStatus, ...]:
    """Return the states of all containers, init containers first."""
    status = pod.status or PodStatus()
    return (*(status.init_container_statuses or ()), *(status.container_statuses or ()))


def restarts(pod: Pod) -> int:
    """Return the number of restarts of all containers, init containers included."""
    return sum(max(container.restart_count or 0, 0) for container in containers(pod))


def terminations(pod: Pod) -> Iterator[Terminated]:
    """Yield the last end of each container; init containers that succeeded are omitted."""
    status = pod.status or PodStatus()
    for container in containers(pod):
        is_init = container in (status.init_container_statuses or ())
        for state in (container.now, container.before):
            if state.terminated is not None and not (is_init and not state.terminated.exit_code):
                yield state.terminated


def last_termination(pod: Pod) -> Terminated | None:
    """Return the last end of any of the pod's containers that has a time."""
    ended = [end for end in terminations(pod) if end.finished_at is not None]
    return max(ended, key=lambda end: end.finished_at.timestamp() if end.finished_at else 0.0, default=None)


def termination_labels(pod: Pod) -> Values:
    """Yield the reason (a known one, or `other`) and the exit code of the last termination."""
    end = last_termination(pod)
    if end is None:
        return []
    return one(end.reason if end.reason in TERMINATED_REASONS else OTHER, str(end.exit_code or 0))


def termination_time(pod: Pod) -> Values:
    """Yield the time of the last termination, if any is known."""
    end = last_termination(pod)
    return timestamp(end.finished_at if end else None)


def ended(pod: Pod, _: None) -> Occurrence:
    """Tell how often containers of the pod ended and were restarted, and whether the pod itself has ended.

    A version shows the reason of the last end only. Of a pod that is being deleted the end is not counted, unless
    the pod's own reason says that it ended before: it is the deletion that stops the containers.
    """
    status = pod.status or PodStatus()
    has_ended = status.phase in ("Failed", "Succeeded")
    is_ordered = pod.metadata.deletion_timestamp is not None and not status.reason
    times = restarts(pod) + (has_ended and not is_ordered)
    return Occurrence(times, (node_type(pod), _end_reason(pod, status, has_ended))) if times else NO_OCCURRENCE


def _end_reason(pod: Pod, status: PodStatus, has_ended: bool) -> str:
    if has_ended and status.reason:
        reason: str | None = status.reason
    elif status.phase == "Succeeded":
        reason = "Completed"
    else:
        end = last_termination(pod)
        reason = end.reason if end else None
    return reason if reason in REASONS else OTHER


def unseen_ends(labels: tuple[str, ...]) -> tuple[str, ...]:
    """Return the labels of ends before the last one: their reasons were overwritten."""
    return (labels[0], OTHER)


def restarted(pod: Pod, _: None = None) -> Occurrence:
    """Tell how often the containers of the pod were restarted, with the node type."""
    return Occurrence(restarts(pod), (node_type(pod),))


def scheduled(pod: Pod, _: None = None) -> Occurrence:
    """Tell whether the pod was scheduled, with the seconds since its creation."""
    at = true_since(pod, "PodScheduled")
    if at is None:
        return NO_OCCURRENCE
    return Occurrence(1, (node_type(pod),), elapsed_seconds(pod.metadata.creation_timestamp, at))


def became_ready(pod: Pod, _: None = None) -> Occurrence:
    """Tell whether the pod has been ready, with the seconds from its creation to that.

    If it was ready and is not any more, there is no time of the first Ready.
    """
    at = true_since(pod, "Ready")
    if at is not None:
        return Occurrence(1, (node_type(pod),), elapsed_seconds(pod.metadata.creation_timestamp, at))
    return Occurrence(1, (node_type(pod),)) if _was_ready(pod) else NO_OCCURRENCE


def _was_ready(pod: Pod) -> bool:
    """Tell whether Ready became false after a container had started: it is false from the start of a pod on."""
    ready = condition(pod, "Ready")
    if ready is None or ready.last_transition_time is None or pod.status is None:
        return False
    running = [container.now.running for container in pod.status.container_statuses or ()]
    return any(run and run.started_at and run.started_at < ready.last_transition_time for run in running)


def by_node_type(*labels: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """Return each node type with each of these labels."""
    return tuple((node_type, *more) for node_type in NODE_TYPES for more in labels)


# Rows in a few lines each.
# fmt: off
PODS: Kind[Pod, None] = Kind(
    plural="pods",
    name="Pod",
    object_type=Pod,
    remember=remember_nothing,
    is_default=False,
    api_version="v1",
    selections=(NODES, SUBMITTERS),
    name_label="pod",
    rows=(
        Row("kuberay_pod_info",
            "RayCluster, node type (head, worker or submitter), worker group and node, as labels; the value is 1",
            "metadata.labels[ray.io/cluster, ray.io/node-type, ray.io/group], spec.nodeName",
            lambda pod, _: pod_info(pod), labels=("ray_io_cluster", "node_type", "group", "node"), series="1",
            reads="metadata.rayCluster, metadata.nodeType, metadata.group"),
        Row("kuberay_pod_owner", "RayJob that a submitter was created for, as labels; the value is 1",
            "metadata.labels[ray.io/originated-from-cr-name]", lambda pod, _: owner(pod),
            labels=("owner_kind", "owner_name"), reads="metadata.rayJob"),
        Row("kuberay_pod_status",
            "Status of the pod as kubectl prints it, as a label; unknown ones are `other`; the value is 1",
            "status, spec.initContainers, metadata.deletionTimestamp", lambda pod, _: one(bounded_status(pod)),
            labels=("status",), series="1"),
        Row("kuberay_pod_ready", "Whether the pod is ready: 1 if it is, otherwise 0", "status.conditions[Ready].status",
            lambda pod, _: truth((ready := condition(pod, "Ready")) is not None and ready.is_true), series="1"),
        created_row("kuberay_pod"),
        Row("kuberay_pod_scheduled_timestamp_seconds", "Time at which the pod was scheduled to a node, in Unix seconds",
            "status.conditions[PodScheduled].lastTransitionTime",
            lambda pod, _: timestamp(true_since(pod, "PodScheduled"))),
        Row("kuberay_pod_ready_timestamp_seconds",
            "Time at which a pod that is ready last became ready, in Unix seconds",
            "status.conditions[Ready].lastTransitionTime", lambda pod, _: timestamp(true_since(pod, "Ready"))),
        Row("kuberay_pod_container_restarts_total",
            "Number of restarts of the pod's containers, init containers included",
            "status.initContainerStatuses[].restartCount, status.containerStatuses[].restartCount",
            lambda pod, _: number(restarts(pod)), series="1", is_counter=True),
        Row("kuberay_pod_last_termination",
            "Reason and exit code of the last container that ended, as labels; the value is 1",
            "status.containerStatuses[].state.terminated, status.containerStatuses[].lastState.terminated",
            lambda pod, _: termination_labels(pod), labels=("reason", "exit_code"),
            reads="status.initContainerStatuses"),
        Row("kuberay_pod_last_termination_timestamp_seconds",
            "Time at which a container of the pod last ended, in Unix seconds",
            "status.containerStatuses[].state.terminated.finishedAt, "
            "status.containerStatuses[].lastState.terminated.finishedAt", lambda pod, _: termination_time(pod),
            reads="status.initContainerStatuses"),
    ),
    lifecycle=(
        LifecycleMetric("kuberay_pods_terminated_total",
            "Number of container restarts and of pods that ended, by node type and reason; ends that a deletion "
            "causes are not counted",
            "status.containerStatuses[].restartCount, status.phase, status.reason, "
            "status.containerStatuses[].lastState.terminated.reason", ended, labels=("node_type", "reason"),
            known=by_node_type(*((reason,) for reason in REASONS)), unseen_labels=unseen_ends,
            reads="status.initContainerStatuses, metadata.deletionTimestamp, metadata.nodeType"),
        LifecycleMetric("kuberay_pods_restarts_total", "Number of restarts of containers, by node type",
            "status.containerStatuses[].restartCount", restarted, labels=("node_type",), known=by_node_type(()),
            reads="status.initContainerStatuses, metadata.nodeType"),
        LifecycleMetric("kuberay_pods_scheduling_duration_seconds",
            "Time in seconds from the creation of a pod to its scheduling, by node type",
            "status.conditions[PodScheduled].lastTransitionTime - metadata.creationTimestamp", scheduled,
            labels=("node_type",), known=by_node_type(()), is_histogram=True, reads="metadata.nodeType"),
        LifecycleMetric("kuberay_pods_startup_duration_seconds",
            "Time in seconds from the creation of a pod to its first Ready, by node type",
            "status.conditions[Ready].lastTransitionTime - metadata.creationTimestamp", became_ready,
            labels=("node_type",), known=by_node_type(()), is_histogram=True,
            reads="status.containerStatuses, metadata.nodeType"),
    ),
)
# fmt: on
