"""Panels on why something is stuck: Warnings of controllers and statuses of pods.

They are empty without the collectors `events` and `pods`, which the chart runs by default.
"""

from tools.dashboards.board import address
from tools.dashboards.panels import ORANGE, ORANGE_FROM_ONE, RED, Column, Panel, Query, bars, lines, table
from tools.dashboards.queries import (
    BY_NAMESPACE,
    FLEET,
    KINDS,
    NAMED,
    WINDOW,
    unready_services,
    unstarted_jobs,
    waiting_clusters,
)

OBJECT = ("namespace", "name")

LAST_WARNING = "kuberay_event_last_timestamp_seconds"
NOT_RUNNING = "namespace_ray_io_cluster_status:kuberay_pods_not_running:count"
POD = ("namespace", "uid", "pod", "ray_io_cluster", "node_type")

NEEDS_EVENTS = "Requires the collector events."
NEEDS_PODS = "Requires the collector pods."

STUCK = ((600, ORANGE), (1800, RED))


def warning_panels(kind: str) -> list[Panel]:
    """Return the row `Warnings` of the dashboard of a kind."""
    of_kind = f'kind="{kind}"'
    last = NAMED.each(LAST_WARNING, "reason", where=of_kind)
    counted = FLEET.increase("kuberay_events_total", "reason", where=f'{of_kind}, type="Warning"')
    return [
        table(
            "Last Warnings",
            f"Time since the last Warning of each reason about an object, for one hour. {NEEDS_EVENTS}",
            [*OBJECT, "reason"],
            [Column("time since", f"time() - {last}", "s")],
            links={"name": address(f"kuberay-{kind}")},
            sort="time since",
            ascending=True,
        ),
        bars(
            "Warnings by reason",
            f"Occurrences of Warnings. {NEEDS_EVENTS} {BY_NAMESPACE}",
            Query("{{reason}}", f"{counted} > 0"),
        ),
    ]


def pod_panels(kind: str) -> list[Panel]:
    """Return the row `Pods` of the dashboard of a kind: the pods of its selected objects."""
    pods = f"({_pods_of(kind)})"
    status = _of_pods("kuberay_pod_status", "status")
    waiting = _of_pods("kuberay_pod_status", "status", where='status!~"Running|Completed|Succeeded"')
    ended = _of_pods("kuberay_pod_last_termination", "reason", "exit_code")
    age = f"(time() - {_of_pods('kuberay_pod_created_timestamp_seconds')})"
    since_end = f"(time() - {_of_pods('kuberay_pod_last_termination_timestamp_seconds')})"
    # Two targets may show two statuses of a pod at one moment, but no more than one name, cluster and type.
    of_pods = f"on (namespace, uid) group_left (pod, ray_io_cluster, node_type) {pods}"
    by_pod = "on (namespace, uid) group_left ()"
    links = {"ray_io_cluster": address("kuberay-RayCluster", name="ray_io_cluster")}
    return [
        lines(
            "Pods by status",
            f"Pods as kubectl prints their status. {NEEDS_PODS}",
            Query("{{status}}", f"count by (status) ({status} * {of_pods})"),
            stacked=True,
            width=8,
        ),
        table(
            "Pods not running",
            f"Pods with a status other than Running and Completed, with their age. {NEEDS_PODS}",
            ["namespace", "pod", "ray_io_cluster", "node_type", "status"],
            [Column("age", f"{waiting} * {of_pods} * {by_pod} {age}", "s", STUCK)],
            links=links,
            sort="age",
            width=16,
        ),
        table(
            "Last ends of containers",
            f"Pods that exist and whose containers have ended, with the last reason and exit code. {NEEDS_PODS}",
            ["namespace", "pod", "ray_io_cluster", "node_type", "reason", "exit_code"],
            [
                Column("time since", f"{ended} * {of_pods} * {by_pod} {since_end}", "s"),
                Column(
                    "restarts",
                    f"{ended} * {of_pods} * {by_pod} {_of_pods('kuberay_pod_container_restarts_total')}",
                    "short",
                    ORANGE_FROM_ONE,
                ),
            ],
            links=links,
            sort="time since",
            ascending=True,
            width=16,
        ),
        lines(
            "p90 pod startup",
            f"90th percentile of the time from creation to scheduled and to ready, by node type. {NEEDS_PODS} "
            f"{BY_NAMESPACE}",
            Query("{{node_type}}, scheduled", _p90("kuberay_pods_scheduling_duration_seconds")),
            Query("{{node_type}}, ready", _p90("kuberay_pods_startup_duration_seconds")),
            unit="s",
            width=8,
        ),
    ]


def cause_table() -> Panel:
    """Return the fleet's table of what is stuck, since when and why."""
    stuck = f"({_stuck()})"
    causes = _causes()
    with_cause = f"{stuck} * on (namespace, uid) group_left (cause) ({causes} * 0 + 1)"
    without = f"{stuck} unless on (namespace, uid) {causes}"
    return table(
        "Causes",
        "What waits, since when, and why: the most frequent status of its pods, or else its last Warning. Requires the "
        "collectors events and pods.",
        ["kind", *OBJECT, "state", "cause"],
        [Column("waiting time", f"{with_cause} or {without}", "s", STUCK)],
        links={"name": address("kuberay-${__data.fields.kind}")},
        sort="waiting time",
        width=24,
    )


def _of_pods(family: str, *labels: str, where: str = "") -> str:
    return f"max by ({', '.join(('namespace', 'uid', *labels))}) ({FLEET.of(family, where)})"


def _pods_of(kind: str) -> str:
    """Return the selected pods: of a cluster by its name, of a job or service by the clusters that it uses."""
    by = f"max by ({', '.join(POD)})"
    if kind == "RayCluster":
        of_cluster = FLEET.of("kuberay_pod_info", 'ray_io_cluster=~"$name"')
        return f"{by} ({of_cluster})"
    pods = f"{by} ({FLEET.of('kuberay_pod_info')})"
    used = f"{pods} and on (namespace, ray_io_cluster) {NAMED.of(f'kuberay_{KINDS[kind]}_cluster_info')}"
    if kind == "RayService":
        return used
    submitters = FLEET.of("kuberay_pod_owner", 'owner_kind="RayJob", owner_name=~"$name"')
    return f"{used} or {pods} and on (namespace, uid) {submitters}"


def _p90(histogram: str) -> str:
    rate = f"rate({FLEET.of(f'{histogram}_bucket')}[{WINDOW}])"
    return f"histogram_quantile(0.9, sum by (node_type, le) ({rate})) >= 0"


def _stuck() -> str:
    """Return the seconds for which objects wait, with their kind and state."""
    clusters = _labelled(waiting_clusters(FLEET), kind="RayCluster", state="not provisioned")
    jobs = f'label_replace({unstarted_jobs(FLEET)}, "state", "$1", "deployment_status", "(.+)")'
    services = _labelled(unready_services(FLEET), kind="RayService", state="not ready")
    kinds = (clusters, _labelled(jobs, kind="RayJob"), services)
    return f"max by (namespace, kind, name, uid, state) ({' or '.join(kinds)})"


def _labelled(expr: str, **labels: str) -> str:
    for name, value in labels.items():
        expr = f'label_replace({expr}, "{name}", "{value}", "", "")'
    return expr


def _causes() -> str:
    """Return one series for each object with a cause. Statuses of pods come first: their values are higher."""
    statuses = f"topk by (namespace, ray_io_cluster) (1, {FLEET.of(NOT_RUNNING)})"
    cluster = f'label_replace({FLEET.of("kuberay_cluster_info")}, "ray_io_cluster", "$1", "name", "(.+)")'
    users = [cluster, *(FLEET.of(f"kuberay_{word}_cluster_info") for word in ("job", "service"))]
    used = f"max by (namespace, ray_io_cluster, uid) ({' or '.join(users)})"
    pods = f"{used} * on (namespace, ray_io_cluster) group_left (status) {statuses}"
    warnings = f"max by (namespace, uid, reason) ({FLEET.of(LAST_WARNING)}) / 1e12"
    parts = (
        f'label_replace({pods}, "cause", "$1", "status", "(.+)")',
        f'label_replace({warnings}, "cause", "$1", "reason", "(.+)")',
    )
    return f"topk by (namespace, uid) (1, max by (namespace, uid, cause) ({' or '.join(parts)}))"
