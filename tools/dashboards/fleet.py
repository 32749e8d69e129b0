"""Ray fleet overview: is all well, and where is it not? Its tables lead to the dashboards of the kinds."""

from tools.dashboards.panels import (
    ORANGE,
    RED,
    SOME_ARE_BAD,
    SOME_ARE_WORTH_A_LOOK,
    Column,
    Json,
    Panel,
    Query,
    Row,
    Variable,
    address,
    bars,
    dashboard,
    lines,
    stat,
    table,
)
from tools.dashboards.queries import (
    FLEET,
    KINDS,
    counted,
    of_any_kind,
    running_jobs,
    unready_services,
    unstarted_jobs,
    waiting_clusters,
    worded,
)

OBJECT = ("namespace", "name")
OBJECT_OF_KIND = ("kind", *OBJECT)

ANY_KIND = {"name": address("kuberay-${__data.fields.kind}")}

NAMESPACE = (
    "/d/kuberay-RayCluster?${datasource:queryparam}&var-namespace=${__data.fields.namespace}&${__url_time_range}"
)

STUCK = ((600, ORANGE), (1800, RED))
SHARE = "percentunit"


def overview() -> Json:
    return dashboard(
        "kuberay-fleet",
        "Ray fleet overview",
        "All RayClusters, RayJobs and RayServices that the KubeRay exporter sees. Needs its recording rules.",
        [
            Variable(
                "namespace", "Namespace", 'label_values({__name__=~"kuberay_(cluster|job|service)_info"}, namespace)'
            )
        ],
        [
            Row("Is all well?", _numbers()),
            Row("What is wrong, and since when?", _tables()),
            Row("Which states are they in?", _states()),
            Row("What happened?", _events()),
            Row("How long does it take?", _durations()),
            Row("Who uses it?", [_namespaces()]),
        ],
    )


def _numbers() -> list[Panel]:
    failed = FLEET.increase("kuberay_jobs_failed_total", window="$__range")
    running = FLEET.count("kuberay_job_deployment_status", where='deployment_status="Running"')
    return [
        stat(
            "How many alerts fire?",
            "Alerts on Ray's objects and on the exporter.",
            counted(_alerts()),
            steps=SOME_ARE_BAD,
        ),
        stat("How many clusters?", "RayClusters that there are.", FLEET.count("kuberay_cluster_info")),
        stat(
            "How many clusters wait?",
            "RayClusters that do not have all their pods for the first time yet, or again after a resume.",
            counted(waiting_clusters(FLEET)),
            steps=SOME_ARE_WORTH_A_LOOK,
        ),
        stat("How many jobs run?", "RayJobs whose state is Running.", running),
        stat(
            "How many jobs failed?",
            "RayJobs that failed or were rejected in the time shown.",
            f"round({failed}) or vector(0)",
            steps=SOME_ARE_WORTH_A_LOOK,
        ),
        stat("How many services?", "RayServices that there are.", FLEET.count("kuberay_service_info")),
        stat(
            "How many services are not ready?",
            "RayServices that users get no answer from; suspended ones are not meant.",
            counted(unready_services(FLEET)),
            steps=SOME_ARE_BAD,
        ),
        stat(
            "How many GPUs are asked for?",
            "GPUs that the desired pods of all RayClusters ask for.",
            f"sum({FLEET.each('kuberay_cluster_desired_gpus')}) or vector(0)",
        ),
    ]


def _alerts() -> str:
    """For how long the alerts that fire have been noticed."""
    alerts = 'alertname=~"(Ray|KubeRay).+"'
    firing = FLEET.of("ALERTS", f'{alerts}, alertstate="firing"')
    since = f"{FLEET.of('ALERTS_FOR_STATE', alerts)} and ignoring (alertstate) {firing}"
    # Most alerts are on one kind, and their names begin with it.
    kind = f'label_replace({since}, "kind", "$1", "alertname", "(Ray(?:Cluster|Job|Service)).+")'
    return f"time() - min by (alertname, severity, kind, namespace, name, uid) ({kind})"


def _tables() -> list[Panel]:
    unseen = (
        f"time() - {of_any_kind('kuberay_{}_created_timestamp_seconds')}"
        " unless on (namespace, uid)"
        " (kuberay_cluster_desired_workers or kuberay_job_failed_attempts or kuberay_service_serve_endpoints)"
        " unless on (namespace, uid)"
        ' {__name__=~"kuberay_(cluster|job|service)_managed_by", managed_by="kueue.x-k8s.io/multikueue"}'
    )
    return [
        table(
            "Which alerts fire?",
            "As Prometheus' rules have them; docs/runbooks.md of the exporter says what each means.",
            ["severity", "alertname", *OBJECT_OF_KIND],
            [Column("for", _alerts(), "s")],
            links=ANY_KIND,
            width=24,
        ),
        table(
            "Which clusters wait for their pods?",
            "RayClusters that are not provisioned, and for how long, since their beginning or their resume.",
            OBJECT,
            [Column("waiting", waiting_clusters(FLEET), "s", STUCK)],
            links={"name": address("kuberay-RayCluster")},
            sort="waiting",
            width=8,
        ),
        table(
            "Which jobs do not begin?",
            "RayJobs that do not run yet, and for how long they have been there. Suspended: it may wait for Kueue.",
            [*OBJECT, "deployment_status"],
            [Column("waiting", unstarted_jobs(FLEET), "s", STUCK)],
            links={"name": address("kuberay-RayJob")},
            sort="waiting",
            width=8,
        ),
        table(
            "Which jobs run longest?",
            "RayJobs that are Running, and for how long, the start of their cluster included.",
            OBJECT,
            [Column("running", f"topk(50, {running_jobs(FLEET)})", "s", ((3600, ORANGE), (86400, RED)))],
            links={"name": address("kuberay-RayJob")},
            sort="running",
            width=8,
        ),
        table(
            "Which services are not ready?",
            "RayServices whose condition Ready is not true, and for how long. The reason is the condition's.",
            [*OBJECT, "reason"],
            [Column("not ready", unready_services(FLEET), "s", STUCK)],
            infos=[_reasons()],
            links={"name": address("kuberay-RayService")},
            sort="not ready",
            width=8,
        ),
        table(
            "What was deleted and does not go?",
            "Objects in deletion, and for how long: a finalizer holds them.",
            OBJECT_OF_KIND,
            [Column("deleting", f"time() - {of_any_kind('kuberay_{}_deletion_timestamp_seconds')}", "s", STUCK)],
            links=ANY_KIND,
            sort="deleting",
            width=8,
        ),
        table(
            "What does the operator not look at?",
            "Objects without a status, and for how long they have existed: the operator is down, or leaves them out.",
            OBJECT_OF_KIND,
            [Column("unseen", unseen, "s", ((60, ORANGE), (300, RED)))],
            links=ANY_KIND,
            sort="unseen",
            width=8,
        ),
    ]


def _reasons() -> str:
    """The reasons of those services that are not ready, and of no other."""
    reasons = FLEET.each("kuberay_service_status_condition_reason", "reason", where='condition="Ready"')
    return f"{reasons} and on (namespace, uid) ({unready_services(FLEET)})"


def _states() -> list[Panel]:
    clusters = worded(FLEET.count("kuberay_cluster_state", "state"), "state", "not ready")
    jobs = worded(FLEET.count("kuberay_job_deployment_status", "deployment_status"), "deployment_status", "New")
    return [
        lines(
            "Which states are clusters in?",
            "RayClusters by their state; a resumed one is called suspended until it is ready.",
            Query("{{state}}", clusters),
            stacked=True,
            width=8,
        ),
        lines(
            "Which states are jobs in?",
            "RayJobs by their deployment status.",
            Query("{{deployment_status}}", jobs),
            stacked=True,
            width=8,
        ),
        lines(
            "Are services ready?",
            "RayServices by their condition Ready.",
            Query("ready", FLEET.count("kuberay_service_condition_ready", where='condition="true"')),
            Query("not ready", FLEET.count("kuberay_service_condition_ready", where='condition="false"')),
            stacked=True,
            width=8,
        ),
    ]


def _events() -> list[Panel]:
    return [
        bars(
            "How did jobs end?",
            "RayJobs that ended, by outcome.",
            Query("{{status}}", f"{FLEET.increase('kuberay_jobs_finished_total', 'status')} > 0"),
            width=8,
        ),
        bars(
            "Why did jobs fail?",
            "RayJobs that failed or were rejected, by KubeRay's reason.",
            Query("{{reason}}", f"{FLEET.increase('kuberay_jobs_failed_total', 'reason')} > 0"),
            width=8,
        ),
        lines(
            "Which share of the jobs succeeds?",
            "Of the RayJobs that ended by themselves within an hour; stopped ones count neither way.",
            Query("{{namespace}}", FLEET.of("namespace:kuberay_jobs_succeeded_per_finished:ratio_increase1h")),
            unit=SHARE,
            most=1,
            width=8,
        ),
        bars(
            "How many objects came?",
            "Objects that were created.",
            *(Query(f"{word}s", f"{FLEET.increase(f'kuberay_{word}s_created_total')} > 0") for word in KINDS.values()),
        ),
        bars(
            "How many objects went?",
            "Objects that were deleted.",
            *(Query(f"{word}s", f"{FLEET.increase(f'kuberay_{word}s_deleted_total')} > 0") for word in KINDS.values()),
        ),
    ]


def _durations() -> list[Panel]:
    jobs = FLEET.of("namespace_status:kuberay_jobs_duration_seconds:p90_rate1h", 'status="Succeeded"')
    return [
        lines(
            "How long do jobs take?",
            "Nine of ten RayJobs that succeeded within an hour took less, the start of their cluster included.",
            Query("{{namespace}}", jobs),
            unit="s",
            width=8,
        ),
        lines(
            "How long do clusters take to get their pods?",
            "Nine of ten RayClusters that were provisioned within an hour took less.",
            Query("{{namespace}}", FLEET.of("namespace:kuberay_clusters_provisioning_duration_seconds:p90_rate1h")),
            unit="s",
            width=8,
        ),
        lines(
            "How long do services take to start?",
            "Nine of ten RayServices that became ready for the first time within an hour took less.",
            Query("p90", FLEET.quantile(0.9, "kuberay_services_startup_duration_seconds")),
            unit="s",
            width=8,
        ),
    ]


def _namespaces() -> Panel:
    def total(family: str) -> str:
        return f"sum by (namespace) ({FLEET.each(family)})"

    return table(
        "How much does each namespace use?",
        "What there is, and what the desired pods of its RayClusters ask for.",
        ["namespace"],
        [
            Column("clusters", FLEET.count("kuberay_cluster_info", "namespace"), "short"),
            Column("jobs", FLEET.count("kuberay_job_info", "namespace"), "short"),
            Column("services", FLEET.count("kuberay_service_info", "namespace"), "short"),
            Column("workers", total("kuberay_cluster_ready_workers"), "short"),
            Column("CPU cores", total("kuberay_cluster_desired_cpu_cores"), "short"),
            Column("memory", total("kuberay_cluster_desired_memory_bytes"), "bytes"),
            Column("GPUs", total("kuberay_cluster_desired_gpus"), "short"),
        ],
        links={"namespace": NAMESPACE},
        sort="GPUs",
        width=24,
    )
