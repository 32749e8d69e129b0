"""The dashboard `KubeRay / Clusters`: states, conditions, workers and resources of RayClusters."""

from tools.dashboards.board import Row, address, dashboard, object_variables
from tools.dashboards.causes import pod_panels, warning_panels
from tools.dashboards.nine import provisioning
from tools.dashboards.panels import (
    GREEN,
    ORANGE,
    ORANGE_FROM_ONE,
    RED,
    RED_FROM_ONE,
    Column,
    Json,
    Panel,
    Query,
    bars,
    gauges,
    lines,
    stat,
    table,
    timeline,
)
from tools.dashboards.queries import (
    AS_KUBERAY_COUNTS,
    BY_NAMESPACE,
    FLEET,
    NAMED,
    QUANTILES,
    count_or_zero,
    empty_as,
    suspended_only,
    waiting_clusters,
    without_suspended,
)

OBJECT = ("namespace", "name")

OWN = address("kuberay-RayCluster")
OWNER = address("kuberay-${__data.fields.owner_kind}", name="owner_name")


def board() -> Json:
    return dashboard(
        "kuberay-RayCluster",
        "KubeRay / Clusters",
        "States, conditions, workers and resources of RayClusters. Requires the exporter's recording rules.",
        object_variables("RayCluster", "kuberay_cluster_info"),
        [
            Row("Summary", _numbers()),
            Row("Inventory", [_list()]),
            Row("Warnings", warning_panels("RayCluster")),
            Row("States and conditions", _states()),
            Row("Provisioning", provisioning(NAMED)),
            Row("Workers and resources", _workers()),
            Row("Worker groups", _groups(), is_collapsed=True),
            Row("Pods", pod_panels("RayCluster"), is_collapsed=True),
            Row("Lifecycle", _lifecycle(), is_collapsed=True),
        ],
    )


def _numbers() -> list[Panel]:
    unready = NAMED.each("kuberay_cluster_status_condition", where='condition="HeadPodReady", status!="true"')
    resting = "unless on (namespace, uid) namespace_uid:kuberay_cluster_at_rest:max"
    failing = NAMED.count("kuberay_cluster_status_condition", where='condition="ReplicaFailure", status="true"')
    missing = NAMED.of("namespace_name_uid:kuberay_cluster_missing_workers:max")
    return [
        stat("Clusters", "Number of RayClusters.", NAMED.count("kuberay_cluster_info"), width=2),
        stat(
            "Waiting",
            "Number of RayClusters that wait for their pods after creation or after they were resumed.",
            count_or_zero(waiting_clusters(NAMED)),
            steps=ORANGE_FROM_ONE,
            width=2,
        ),
        stat(
            "Head not ready",
            "Number of RayClusters whose head pod is missing or not ready, without suspended ones.",
            count_or_zero(f"{unready} {resting}"),
            steps=RED_FROM_ONE,
        ),
        stat(
            "Replica failures",
            "Number of RayClusters whose pods the operator cannot create or delete: condition ReplicaFailure.",
            failing,
            steps=RED_FROM_ONE,
        ),
        stat(
            "Missing workers",
            "Number of desired workers that are not ready. Workers that only have no Serve replica do not count.",
            f"sum({missing}) or vector(0)",
            steps=ORANGE_FROM_ONE,
        ),
        stat(
            "Suspended",
            "Number of RayClusters that users or Kueue suspended: spec.suspend.",
            f"sum({NAMED.each('kuberay_cluster_suspended')}) or vector(0)",
            width=2,
        ),
        stat(
            "Cores requested",
            "CPU cores that all desired pods request, without suspended clusters.",
            f"sum({without_suspended(NAMED, 'kuberay_cluster_desired_cpu_cores')}) or vector(0)",
        ),
        stat(
            "GPUs requested",
            f"GPUs that all desired pods request, without suspended clusters. {AS_KUBERAY_COUNTS}",
            f"sum({without_suspended(NAMED, 'kuberay_cluster_desired_gpus')}) or vector(0)",
        ),
        stat(
            "GPUs queued",
            f"GPUs that suspended clusters will request when they are resumed. {AS_KUBERAY_COUNTS}",
            f"sum({suspended_only(NAMED, 'kuberay_cluster_desired_gpus')}) or vector(0)",
        ),
    ]


def _list() -> Panel:
    return table(
        "Cluster list",
        f"All RayClusters. The name links to the cluster, the owner to its owner. {AS_KUBERAY_COUNTS}",
        [*OBJECT, "state", "owner_kind", "owner_name", "ray_version"],
        [
            Column("age", f"time() - {NAMED.each('kuberay_cluster_created_timestamp_seconds')}", "s"),
            Column(
                "provisioning time", NAMED.each("kuberay_cluster_provisioned_duration_seconds"), "s", ((600, ORANGE),)
            ),
            Column("desired workers", NAMED.each("kuberay_cluster_desired_workers"), "short"),
            Column("ready workers", NAMED.each("kuberay_cluster_ready_workers"), "short"),
            Column("CPU cores", NAMED.each("kuberay_cluster_desired_cpu_cores"), "short"),
            Column("memory", NAMED.each("kuberay_cluster_desired_memory_bytes"), "bytes"),
            Column("GPUs", NAMED.each("kuberay_cluster_desired_gpus"), "short"),
        ],
        label_queries=[
            empty_as("not ready", NAMED.each("kuberay_cluster_state", "state"), "state"),
            NAMED.each("kuberay_cluster_owner", "owner_kind", "owner_name"),
            NAMED.each("kuberay_cluster_version_info", "ray_version"),
        ],
        links={"name": OWN, "owner_name": OWNER},
        sort="age",
        width=24,
        height=10,
    )


def _states() -> list[Panel]:
    condition = "kuberay_cluster_status_condition"
    states = empty_as("not ready", NAMED.count("kuberay_cluster_state", "state"), "state")
    ready = NAMED.each(condition, where='condition="HeadPodReady", status="true"')
    unready = NAMED.each(condition, where='condition="HeadPodReady", status!="true"')
    return [
        lines(
            "Cluster states",
            "RayClusters by state. After a resume, the state stays suspended until the cluster is ready.",
            Query("{{state}}", states),
            stacked=True,
            width=8,
        ),
        table(
            "Clusters waiting for pods",
            "RayClusters that are not provisioned, with the time since they were created or resumed.",
            OBJECT,
            [Column("waiting time", waiting_clusters(NAMED), "s", ((600, ORANGE), (900, RED)))],
            links={"name": OWN},
            sort="waiting time",
            width=8,
        ),
        table(
            "Head pods",
            "Names of the head's pod and service, for use with kubectl.",
            [*OBJECT, "head_pod", "head_service"],
            [Column("ready workers", NAMED.each("kuberay_cluster_ready_workers"), "short")],
            label_queries=[NAMED.each("kuberay_cluster_head_info", "head_pod", "head_service")],
            links={"name": OWN},
            width=8,
        ),
        table(
            "Conditions",
            "All conditions with their status, their reason and the time since the status changed.",
            [*OBJECT, "condition", "status", "reason"],
            [
                Column(
                    "time in status",
                    f"time() - {NAMED.each(f'{condition}_transition_timestamp_seconds', 'condition')}",
                    "s",
                )
            ],
            label_queries=[
                NAMED.each(condition, "condition", "status"),
                NAMED.each(f"{condition}_reason", "condition", "reason"),
            ],
            links={"name": OWN},
            width=12,
        ),
        timeline(
            "Head readiness",
            "Condition HeadPodReady over time, for at most 20 clusters. Use the name filter to see others.",
            Query("{{namespace}}/{{name}}", f"topk(20, {ready} or {unready} * 0)"),
            {1: ("ready", GREEN), 0: ("not ready", RED)},
            width=12,
        ),
    ]


def _workers() -> list[Panel]:
    missing = NAMED.of("namespace_name_uid:kuberay_cluster_missing_workers:max")
    return [
        lines(
            "Workers",
            "Workers of the selected RayClusters. Suspended clusters count only as queued.",
            Query("desired", f"sum({without_suspended(NAMED, 'kuberay_cluster_desired_workers')})"),
            Query("ready", f"sum({NAMED.each('kuberay_cluster_ready_workers')})"),
            Query("available", f"sum({NAMED.each('kuberay_cluster_available_workers')})"),
            Query("minimum", f"sum({without_suspended(NAMED, 'kuberay_cluster_min_workers')})"),
            Query("queued", f"sum({suspended_only(NAMED, 'kuberay_cluster_desired_workers')})"),
            width=8,
        ),
        table(
            "Missing workers by cluster",
            "RayClusters with fewer ready workers than desired. Workers that only have no Serve replica do not count.",
            OBJECT,
            [Column("missing", missing, "short", ORANGE_FROM_ONE)],
            links={"name": OWN},
            sort="missing",
            width=8,
        ),
        table(
            "At worker limit",
            "RayClusters whose autoscaler requests the maximum number of workers.",
            OBJECT,
            [Column("workers", _at_limit(), "short")],
            links={"name": OWN},
            sort="workers",
            width=8,
        ),
        lines(
            "Cores and GPUs requested",
            f"Requests of all desired pods, without suspended clusters but for those queued. {AS_KUBERAY_COUNTS}",
            Query("CPU cores", f"sum({without_suspended(NAMED, 'kuberay_cluster_desired_cpu_cores')})"),
            Query("GPUs", f"sum({without_suspended(NAMED, 'kuberay_cluster_desired_gpus')})"),
            Query("TPUs", f"sum({without_suspended(NAMED, 'kuberay_cluster_desired_tpus')})"),
            Query("GPUs, queued", f"sum({suspended_only(NAMED, 'kuberay_cluster_desired_gpus')})"),
            width=8,
        ),
        lines(
            "Memory requested",
            "Memory that all desired pods of the selected RayClusters request, without suspended clusters.",
            Query(
                "{{namespace}}",
                f"sum by (namespace) ({without_suspended(NAMED, 'kuberay_cluster_desired_memory_bytes')})",
            ),
            unit="bytes",
            stacked=True,
            width=8,
        ),
        gauges(
            "Ray versions",
            "Number of RayClusters by spec.rayVersion.",
            Query("{{ray_version}}", NAMED.count("kuberay_cluster_version_info", "ray_version")),
            width=8,
        ),
    ]


def _at_limit() -> str:
    return (
        f"{without_suspended(NAMED, 'kuberay_cluster_desired_workers')} >= {NAMED.each('kuberay_cluster_max_workers')}"
        " and on (namespace, uid) kuberay_cluster_autoscaling_enabled == 1"
    )


def _groups() -> list[Panel]:
    group = "kuberay_cluster_group"
    ended = 'label_replace(kuberay_job_end_timestamp_seconds, "owner_name", "$1", "name", "(.+)")'
    owned = NAMED.each("kuberay_cluster_owner", "owner_name", where='owner_kind="RayJob"')
    left_behind = (
        f"{owned} * on (namespace, owner_name) group_left ()"
        f" (time() - max by (namespace, owner_name) ({ended}))"
        " unless on (namespace, uid) namespace_uid:kuberay_cluster_at_rest:max"
    )
    return [
        table(
            "Replicas by group",
            "Replicas of each worker group as the spec requests them, and the pods of each replica.",
            [*OBJECT, "group"],
            [
                Column("desired", NAMED.each(f"{group}_desired_replicas", "group"), "short"),
                Column("minimum", NAMED.each(f"{group}_min_replicas", "group"), "short"),
                Column("maximum", NAMED.each(f"{group}_max_replicas", "group"), "short"),
                Column("hosts", NAMED.each(f"{group}_hosts", "group"), "short"),
                Column("suspended", NAMED.each(f"{group}_suspended", "group"), "bool_yes_no"),
            ],
            links={"name": OWN},
            width=16,
        ),
        table(
            "Left behind by ended jobs",
            "RayClusters that still exist after their RayJob ended, with the time since its end.",
            [*OBJECT, "owner_name"],
            [Column("time since the end", left_behind, "s")],
            links={"name": OWN},
            sort="time since the end",
            width=8,
        ),
    ]


def _lifecycle() -> list[Panel]:
    histogram = "kuberay_clusters_provisioning_duration_seconds"
    return [
        lines(
            "Provisioning time",
            f"Time from creation until all pods are ready for the first time, over the last hour. {BY_NAMESPACE}",
            *(Query(name, FLEET.quantile(share, histogram)) for name, share in QUANTILES.items()),
            unit="s",
            width=8,
        ),
        lines(
            "p90 time by namespace",
            f"90th percentile of the provisioning time over the last hour. {BY_NAMESPACE}",
            Query("{{namespace}}", FLEET.of(f"namespace:{histogram}:p90_rate1h")),
            unit="s",
            width=8,
        ),
        bars(
            "Created and deleted",
            f"Number of RayClusters created and deleted. {BY_NAMESPACE}",
            Query("created", f"{FLEET.increase('kuberay_clusters_created_total')} > 0"),
            Query("deleted", f"{FLEET.increase('kuberay_clusters_deleted_total')} > 0"),
            width=8,
        ),
    ]
