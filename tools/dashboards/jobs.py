"""RayJob: how do jobs end, how long do they take, and what are they doing now?"""

from tools.dashboards.panels import (
    GREEN,
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
    gauges,
    heatmap,
    lines,
    stat,
    table,
)
from tools.dashboards.queries import (
    BY_NAMESPACE,
    FLEET,
    NAMED,
    QUANTILES,
    counted,
    running_jobs,
    unstarted_jobs,
    worded,
)

OBJECT = ("namespace", "name")

OWN = address("kuberay-RayJob")
CLUSTER = address("kuberay-RayCluster", name="ray_io_cluster")

STATE = "kuberay_job_deployment_status"


def jobs() -> Json:
    return dashboard(
        "kuberay-RayJob",
        "RayJob",
        "States, durations, failures and attempts of RayJobs. Needs the exporter's recording rules.",
        [
            Variable("namespace", "Namespace", "label_values(kuberay_job_info, namespace)"),
            Variable("name", "RayJob", 'label_values(kuberay_job_info{namespace=~"$namespace"}, name)'),
        ],
        [
            Row("Are they well?", _numbers()),
            Row("What are they doing now?", _present()),
            Row("How has that changed?", _states()),
            Row("What comes of them?", _ends()),
            Row("Are they fast?", _durations()),
            Row("Which are tried again, and which come by schedule?", _attempts()),
        ],
    )


def _numbers() -> list[Panel]:
    failed = FLEET.increase("kuberay_jobs_failed_total", window="$__range")
    lost = FLEET.increase("kuberay_jobs_failed_attempts_total", window="$__range")
    finished = "kuberay_jobs_finished_total"
    succeeded = FLEET.increase(finished, window="$__range", where='status="Succeeded"')
    ended = FLEET.increase(finished, window="$__range", where='status!="Stopped"')
    return [
        stat("How many jobs?", "RayJobs that there are, ended ones too.", NAMED.count("kuberay_job_info")),
        stat(
            "How many run?", "RayJobs whose state is Running.", NAMED.count(STATE, where='deployment_status="Running"')
        ),
        stat(
            "How many have not begun?",
            "New, initializing, waiting, retrying or suspended.",
            counted(unstarted_jobs(NAMED)),
        ),
        stat(
            "How many are there that failed?",
            "RayJobs in the state Failed or ValidationFailed, whenever that was.",
            NAMED.count(STATE, where='deployment_status=~"Failed|ValidationFailed"'),
            steps=SOME_ARE_WORTH_A_LOOK,
        ),
        stat(
            "How many failed?",
            f"RayJobs that failed or were rejected in the time shown. {BY_NAMESPACE}",
            f"round({failed}) or vector(0)",
            steps=SOME_ARE_BAD,
        ),
        stat(
            "How many attempts failed?",
            f"In the time shown, retried ones included. {BY_NAMESPACE}",
            f"round({lost}) or vector(0)",
            steps=SOME_ARE_WORTH_A_LOOK,
        ),
        stat(
            "Which share succeeded?",
            f"Of those that ended by themselves in the time shown. {BY_NAMESPACE}",
            f"{succeeded} / ({ended} > 0)",
            unit="percentunit",
            steps=((0.5, ORANGE), (0.9, GREEN)),
            lowest=RED,
            width=6,
        ),
    ]


def _present() -> list[Panel]:
    where = NAMED.each("kuberay_job_cluster_info", "ray_io_cluster", "submission_mode")
    running = f'on (namespace, uid) {STATE}{{deployment_status="Running"}}'
    return [
        table(
            "Which jobs run, and for how long?",
            "Running ones, the start of their cluster included, and their deadline. Click the cluster for its workers.",
            [*OBJECT, "ray_io_cluster", "submission_mode"],
            [
                Column("running", running_jobs(NAMED), "s", ((3600, ORANGE), (86400, RED))),
                Column("deadline", f"{NAMED.each('kuberay_job_active_deadline_seconds')} and {running}", "s"),
                Column("failed attempts", f"{NAMED.each('kuberay_job_failed_attempts')} and {running}", "short"),
            ],
            infos=[f"{where} and {running}"],
            links={"name": OWN, "ray_io_cluster": CLUSTER},
            sort="running",
            width=14,
        ),
        table(
            "Which have not begun, and for how long?",
            "Since their creation. Initializing: its cluster is being made. Suspended: it may wait for Kueue.",
            [*OBJECT, "deployment_status"],
            [Column("waiting", unstarted_jobs(NAMED), "s", ((600, ORANGE), (1200, RED)))],
            links={"name": OWN},
            sort="waiting",
            width=10,
        ),
        table(
            "Which have ended, how, and when?",
            "RayJobs with a time of their end, the last attempt of each; deleted ones for --retain-deleted.",
            [*OBJECT, "job_deployment_status", "reason"],
            [
                Column("ago", f"time() - {NAMED.each('kuberay_job_end_timestamp_seconds')}", "s"),
                Column("took", _ended_durations(), "s"),
            ],
            infos=[NAMED.each("kuberay_job_failure", "reason", where='reason!="ValidationFailed"')],
            links={"name": OWN},
            sort="ago",
            ascending=True,
            width=24,
        ),
    ]


def _ended_durations() -> str:
    ended = 'job_deployment_status=~"Complete|Failed"'
    return NAMED.each("kuberay_job_execution_duration_seconds", "job_deployment_status", where=ended)


def _states() -> list[Panel]:
    return [
        lines(
            "Which states are they in?",
            "RayJobs by their deployment status, which is KubeRay's.",
            Query("{{deployment_status}}", worded(NAMED.count(STATE, "deployment_status"), "deployment_status", "New")),
            stacked=True,
        ),
        lines(
            "What does Ray say?",
            "RayJobs by the status of the Ray job, which Ray tells KubeRay.",
            Query("{{job_status}}", worded(NAMED.count("kuberay_job_status", "job_status"), "job_status", "unknown")),
            stacked=True,
        ),
    ]


def _ends() -> list[Panel]:
    by_reason = FLEET.increase("kuberay_jobs_failed_total", "reason", window="$__range")
    return [
        bars(
            "How do they end?",
            f"RayJobs that ended, by outcome. {BY_NAMESPACE}",
            Query("{{status}}", f"{FLEET.increase('kuberay_jobs_finished_total', 'status')} > 0"),
            width=8,
        ),
        bars(
            "When do they fail, and why?",
            f"RayJobs that failed or were rejected, by KubeRay's reason. {BY_NAMESPACE}",
            Query("{{reason}}", f"{FLEET.increase('kuberay_jobs_failed_total', 'reason')} > 0"),
            width=8,
        ),
        gauges(
            "Why do most of them fail?",
            f"In the time shown, by KubeRay's reason. {BY_NAMESPACE}",
            Query("{{reason}}", f"sort_desc(round({by_reason}) > 0)"),
            width=8,
        ),
        lines(
            "Which share succeeds?",
            f"Of those that ended by themselves within an hour; stopped ones count neither way. {BY_NAMESPACE}",
            Query("{{namespace}}", FLEET.of("namespace:kuberay_jobs_succeeded_per_finished:ratio_increase1h")),
            unit="percentunit",
            most=1,
        ),
        bars(
            "How many come and go?",
            f"RayJobs that were created and deleted. {BY_NAMESPACE}",
            Query("created", f"{FLEET.increase('kuberay_jobs_created_total')} > 0"),
            Query("deleted", f"{FLEET.increase('kuberay_jobs_deleted_total')} > 0"),
        ),
    ]


def _durations() -> list[Panel]:
    histogram = "kuberay_jobs_duration_seconds"
    buckets = f"sum by (le) (increase({FLEET.of(f'{histogram}_bucket')}[$__rate_interval]))"
    start = NAMED.each("kuberay_job_ray_start_timestamp_seconds")
    return [
        lines(
            "How long do they take?",
            f"All that ended within an hour, the start of their cluster included. {BY_NAMESPACE}",
            *(Query(name, FLEET.quantile(share, histogram)) for name, share in QUANTILES.items()),
            unit="s",
        ),
        heatmap(
            "How are their durations spread?",
            f"How many ended in each interval of time, by how long they took. {BY_NAMESPACE}",
            buckets,
            unit="s",
        ),
        lines(
            "Where do half of them take longer?",
            f"The median of those that ended within an hour, by outcome. {BY_NAMESPACE}",
            Query("{{namespace}}, {{status}}", FLEET.of(f"namespace_status:{histogram}:p50_rate1h")),
            unit="s",
            width=8,
        ),
        lines(
            "Where do the slowest take longest?",
            f"All but the slowest hundredth took less, by outcome. {BY_NAMESPACE}",
            Query("{{namespace}}, {{status}}", FLEET.of(f"namespace_status:{histogram}:p99_rate1h")),
            unit="s",
            width=8,
        ),
        table(
            "Who waits longest for Ray to start?",
            "From the beginning of the present attempt to the start of the Ray job: the cluster and the submission.",
            OBJECT,
            [Column("start-up", f"{start} - {NAMED.each('kuberay_job_start_timestamp_seconds')} >= 0", "s")],
            links={"name": OWN},
            sort="start-up",
            width=8,
        ),
    ]


def _attempts() -> list[Panel]:
    attempts = NAMED.each("kuberay_job_failed_attempts")
    schedules = "kuberay_cronjob_info"
    return [
        table(
            "Which jobs lost attempts?",
            "RayJobs of which an attempt failed, and how many may fail before the job does.",
            [*OBJECT, "deployment_status"],
            [
                Column("failed attempts", f"{attempts} > 0", "short", SOME_ARE_WORTH_A_LOOK),
                Column(
                    "allowed",
                    f"{NAMED.each('kuberay_job_backoff_limit')} and on (namespace, uid) {attempts} > 0",
                    "short",
                ),
            ],
            infos=[f"{NAMED.each(STATE, 'deployment_status')} and on (namespace, uid) {attempts} > 0"],
            links={"name": OWN},
            sort="failed attempts",
            width=8,
        ),
        bars(
            "When do attempts fail?",
            f"Attempts that failed, retried ones included. {BY_NAMESPACE}",
            Query("{{namespace}}", f"{FLEET.increase('kuberay_jobs_failed_attempts_total', 'namespace')} > 0"),
            width=8,
        ),
        table(
            "When did schedules last make a job?",
            "RayCronJobs, if the exporter's --collectors name raycronjobs. Suspended ones make none.",
            [*OBJECT, "schedule", "time_zone"],
            [
                Column("ago", f"time() - {FLEET.each('kuberay_cronjob_last_schedule_timestamp_seconds')}", "s"),
                Column("suspended", FLEET.each("kuberay_cronjob_suspended"), "bool_yes_no"),
            ],
            infos=[FLEET.each(schedules, "schedule", "time_zone")],
            sort="ago",
            width=8,
        ),
    ]
