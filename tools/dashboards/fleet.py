"""The dashboard `KubeRay / Fleet`: all kinds on one page. Its tables link to the dashboards of the kinds."""

from tools.dashboards.board import SELECTED, Row, TextVariable, Variable, address, dashboard
from tools.dashboards.causes import cause_table
from tools.dashboards.panels import (
    ORANGE,
    ORANGE_FROM_ONE,
    RED,
    RED_FROM_ONE,
    Column,
    Json,
    Panel,
    Query,
    bars,
    lines,
    stat,
    table,
)
from tools.dashboards.queries import (
    AS_KUBERAY_COUNTS,
    FLEET,
    KINDS,
    Scope,
    count_or_zero,
    empty_as,
    of_any_kind,
    running_jobs,
    suspended_only,
    unready_services,
    unstarted_jobs,
    waiting_clusters,
    without_suspended,
)

OBJECT = ("namespace", "name")
OBJECT_OF_KIND = ("kind", *OBJECT)

ANY_KIND = {"name": address("kuberay-${__data.fields.kind}")}

NAMESPACE = f"/d/kuberay-RayCluster?{SELECTED}&var-namespace=${{__data.fields.namespace}}&${{__url_time_range}}"

STUCK = ((600, ORANGE), (1800, RED))
SHARE = "percentunit"


def board() -> Json:
    return dashboard(
        "kuberay-fleet",
        "KubeRay / Fleet",
        "All RayClusters, RayJobs and RayServices in the selected namespaces. Requires the exporter's recording rules.",
        [
            Variable(
                "namespace", "Namespace", 'label_values({__name__=~"kuberay_(cluster|job|service)_info"}, namespace)'
            )
        ],
        [
            Row("Summary", _numbers()),
            Row("Problems", _problems()),
            Row("States", _states()),
            Row("Events", _events()),
            Row("Durations", _durations(), is_collapsed=True),
            Row("Requested resources", _requested(), is_collapsed=True),
            Row("Namespaces", [_namespaces()], is_collapsed=True),
        ],
        texts=[TextVariable("label", "Label of GPU-hours", "label_team")],
    )


def _numbers() -> list[Panel]:
    failed = FLEET.increase("kuberay_jobs_failed_total", window="$__range")
    running = FLEET.count("kuberay_job_deployment_status", where='deployment_status="Running"')
    return [
        stat(
            "Alerts",
            "Number of firing alerts on Ray objects and on the exporter.",
            count_or_zero(_alerts()),
            steps=RED_FROM_ONE,
            width=2,
        ),
        stat("Clusters", "Number of RayClusters.", FLEET.count("kuberay_cluster_info"), width=2),
        stat(
            "Waiting clusters",
            "Number of RayClusters that wait for their pods after creation or after they were resumed.",
            count_or_zero(waiting_clusters(FLEET)),
            steps=ORANGE_FROM_ONE,
        ),
        stat("Running jobs", "Number of RayJobs in state Running.", running),
        stat(
            "Failed jobs",
            "Number of RayJobs that failed or were rejected in the selected time range.",
            f"round({failed}) or vector(0)",
            steps=ORANGE_FROM_ONE,
        ),
        stat("Services", "Number of RayServices.", FLEET.count("kuberay_service_info"), width=2),
        stat(
            "Unready services",
            "Number of RayServices that are not ready, without suspended ones.",
            count_or_zero(unready_services(FLEET)),
            steps=RED_FROM_ONE,
        ),
        stat(
            "GPUs requested",
            f"GPUs that all desired pods request, without suspended clusters. {AS_KUBERAY_COUNTS}",
            f"sum({without_suspended(FLEET, 'kuberay_cluster_desired_gpus')}) or vector(0)",
        ),
        stat(
            "GPUs queued",
            f"GPUs that suspended RayClusters will request when they are resumed. {AS_KUBERAY_COUNTS}",
            f"sum({suspended_only(FLEET, 'kuberay_cluster_desired_gpus')}) or vector(0)",
        ),
    ]


def _requested() -> list[Panel]:
    gpus = FLEET.increase("kuberay_clusters_requested_gpu_seconds_total", "namespace")
    cores = FLEET.increase("kuberay_clusters_requested_cpu_core_seconds_total", "namespace")
    by_cluster = f"increase({FLEET.of('kuberay_cluster_requested_gpu_seconds_total')}[$__rate_interval])"
    labels = f"max by (namespace, uid, $label) ({FLEET.of('kuberay_cluster_labels')})"
    labelled = f"max by (namespace, uid) ({by_cluster}) * on (namespace, uid) group_left ($label) {labels}"
    return [
        bars(
            "GPU-hours by namespace",
            f"GPU-hours that RayClusters requested, without suspended clusters. {AS_KUBERAY_COUNTS}",
            Query("{{namespace}}", f"{gpus} / 3600 > 0"),
            width=8,
        ),
        bars(
            "GPU-hours by label",
            "GPU-hours by a label of the RayClusters: the variable above, such as label_team. The exporter needs the "
            f"label in --metric-labels-allowlist. {AS_KUBERAY_COUNTS}",
            Query("{{$label}}", f"sum by ($label) ({labelled}) / 3600 > 0"),
            width=8,
        ),
        bars(
            "Core-hours by namespace",
            "CPU core-hours that RayClusters requested in each interval. Suspended clusters request nothing.",
            Query("{{namespace}}", f"{cores} / 3600 > 0"),
            width=8,
        ),
    ]


def _alerts() -> str:
    """Return the seconds since each firing alert became pending."""
    alerts = 'alertname=~"(Ray|KubeRay).+"'
    # Alerts on the operator have no namespace, and are shown whichever namespace is selected.
    scope = Scope('namespace=~"$namespace|"')
    firing = scope.of("ALERTS", f'{alerts}, alertstate="firing"')
    since = f"{scope.of('ALERTS_FOR_STATE', alerts)} and ignoring (alertstate) {firing}"
    # Most alerts are on one kind, and their name begins with it.
    kind = f'label_replace({since}, "kind", "$1", "alertname", "(Ray(?:Cluster|Job|Service)).+")'
    return f"time() - min by (alertname, severity, kind, namespace, name, uid) ({kind})"


def _problems() -> list[Panel]:
    unreconciled = (
        f"{FLEET.each('namespace_kind_name_uid:kuberay_without_status_age_seconds:max', 'kind')}"
        " unless on (namespace, uid) namespace_uid:kuberay_managed_elsewhere:max"
    )
    return [
        table(
            "Firing alerts",
            "Alerts on Ray objects and on the exporter. docs/runbooks.md of the exporter explains each of them.",
            ["severity", "alertname", *OBJECT_OF_KIND],
            [Column("active time", _alerts(), "s")],
            links=ANY_KIND,
            width=24,
        ),
        cause_table(),
        table(
            "Clusters waiting for pods",
            "RayClusters that are not provisioned, with the time since they were created or resumed.",
            OBJECT,
            [Column("waiting time", waiting_clusters(FLEET), "s", STUCK)],
            links={"name": address("kuberay-RayCluster")},
            sort="waiting time",
            width=8,
        ),
        table(
            "Jobs not started",
            "RayJobs that do not run yet, with the time since the start of their attempt, or since their creation. "
            "Suspended jobs may wait for Kueue.",
            [*OBJECT, "deployment_status"],
            [Column("waiting time", unstarted_jobs(FLEET), "s", STUCK)],
            links={"name": address("kuberay-RayJob")},
            sort="waiting time",
            width=8,
        ),
        table(
            "Longest running jobs",
            "RayJobs in state Running, with their running time. It includes the start of the cluster.",
            OBJECT,
            [Column("running time", f"topk(50, {running_jobs(FLEET)})", "s", ((3600, ORANGE), (86400, RED)))],
            links={"name": address("kuberay-RayJob")},
            sort="running time",
            width=8,
        ),
        table(
            "Services not ready",
            "RayServices whose condition Ready is not true, with the time since then or since they were resumed, and "
            "the reason of the condition.",
            [*OBJECT, "reason"],
            [Column("time not ready", unready_services(FLEET), "s", STUCK)],
            label_queries=[_reasons()],
            links={"name": address("kuberay-RayService")},
            sort="time not ready",
            width=8,
        ),
        table(
            "Stuck deleting",
            "Objects that are being deleted, with the time since the request. A finalizer delays the deletion.",
            OBJECT_OF_KIND,
            [Column("time deleting", f"time() - {of_any_kind('kuberay_{}_deletion_timestamp_seconds')}", "s", STUCK)],
            links=ANY_KIND,
            sort="time deleting",
            width=8,
        ),
        table(
            "Not reconciled",
            "Objects without a status, with their age. The operator is down, or ignores or rejects them.",
            OBJECT_OF_KIND,
            [Column("age", unreconciled, "s", ((60, ORANGE), (300, RED)))],
            links=ANY_KIND,
            sort="age",
            width=8,
        ),
    ]


def _reasons() -> str:
    """Return the reasons of the services that are not ready."""
    reasons = FLEET.each("kuberay_service_status_condition_reason", "reason", where='condition="Ready"')
    return f"{reasons} and on (namespace, uid) ({unready_services(FLEET)})"


def _states() -> list[Panel]:
    clusters = empty_as("not ready", FLEET.count("kuberay_cluster_state", "state"), "state")
    jobs = empty_as("New", FLEET.count("kuberay_job_deployment_status", "deployment_status"), "deployment_status")
    return [
        lines(
            "Cluster states",
            "RayClusters by state. After a resume, the state stays suspended until the cluster is ready.",
            Query("{{state}}", clusters),
            stacked=True,
            width=8,
        ),
        lines(
            "Job states",
            "RayJobs by deployment status.",
            Query("{{deployment_status}}", jobs),
            stacked=True,
            width=8,
        ),
        lines(
            "Service readiness",
            "RayServices by condition Ready.",
            Query("ready", FLEET.count("kuberay_service_condition_ready", where='condition="true"')),
            Query("not ready", FLEET.count("kuberay_service_condition_ready", where='condition="false"')),
            stacked=True,
            width=8,
        ),
    ]


def _events() -> list[Panel]:
    return [
        bars(
            "Job outcomes",
            "Finished RayJobs by outcome.",
            Query("{{status}}", f"{FLEET.increase('kuberay_jobs_finished_total', 'status')} > 0"),
            width=8,
        ),
        bars(
            "Job failures by reason",
            "RayJobs that failed or were rejected, by KubeRay's reason.",
            Query("{{reason}}", f"{FLEET.increase('kuberay_jobs_failed_total', 'reason')} > 0"),
            width=8,
        ),
        lines(
            "Job success rate",
            "Share of the RayJobs finished in the last hour that succeeded, by namespace. Stopped jobs are excluded.",
            Query("{{namespace}}", FLEET.of("namespace:kuberay_jobs_succeeded_per_finished:ratio_increase1h")),
            unit=SHARE,
            maximum=1,
            width=8,
        ),
        bars(
            "Created objects",
            "Number of objects created, by kind.",
            *(Query(f"{word}s", f"{FLEET.increase(f'kuberay_{word}s_created_total')} > 0") for word in KINDS.values()),
        ),
        bars(
            "Deleted objects",
            "Number of objects deleted, by kind.",
            *(Query(f"{word}s", f"{FLEET.increase(f'kuberay_{word}s_deleted_total')} > 0") for word in KINDS.values()),
        ),
    ]


def _durations() -> list[Panel]:
    jobs = FLEET.of("namespace_status:kuberay_jobs_duration_seconds:p90_rate1h", 'status="Succeeded"')
    return [
        lines(
            "p90 job duration",
            "90th percentile of the RayJobs that succeeded in the last hour, including the start of the cluster.",
            Query("{{namespace}}", jobs),
            unit="s",
            width=8,
        ),
        lines(
            "p90 provisioning time",
            "90th percentile of the RayClusters that were provisioned in the last hour, by namespace.",
            Query("{{namespace}}", FLEET.of("namespace:kuberay_clusters_provisioning_duration_seconds:p90_rate1h")),
            unit="s",
            width=8,
        ),
        lines(
            "p90 service startup time",
            "90th percentile of the RayServices that became ready for the first time in the last hour.",
            Query("p90", FLEET.quantile(0.9, "kuberay_services_startup_duration_seconds")),
            unit="s",
            width=8,
        ),
    ]


def _namespaces() -> Panel:
    def total(each: str) -> str:
        return f"sum by (namespace) ({each})"

    return table(
        "Usage by namespace",
        f"Objects, and requests of desired pods. Queued: in suspended clusters. {AS_KUBERAY_COUNTS}",
        ["namespace"],
        [
            Column("clusters", FLEET.count("kuberay_cluster_info", "namespace"), "short"),
            Column("jobs", FLEET.count("kuberay_job_info", "namespace"), "short"),
            Column("services", FLEET.count("kuberay_service_info", "namespace"), "short"),
            Column("ready workers", total(FLEET.each("kuberay_cluster_ready_workers")), "short"),
            Column("CPU cores", total(without_suspended(FLEET, "kuberay_cluster_desired_cpu_cores")), "short"),
            Column("memory", total(without_suspended(FLEET, "kuberay_cluster_desired_memory_bytes")), "bytes"),
            Column("GPUs", total(without_suspended(FLEET, "kuberay_cluster_desired_gpus")), "short"),
            Column("queued GPUs", total(suspended_only(FLEET, "kuberay_cluster_desired_gpus")), "short"),
        ],
        links={"namespace": NAMESPACE},
        sort="GPUs",
        width=24,
    )
