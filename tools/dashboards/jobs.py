"""The dashboard `KubeRay / Jobs`: states, outcomes, durations and retries of RayJobs, and schedules of RayCronJobs."""

from tools.dashboards.board import Row, address, dashboard, object_variables
from tools.dashboards.causes import pod_panels, warning_panels
from tools.dashboards.nine import average_execution
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
    count_or_zero,
    empty_as,
    running_jobs,
    unstarted_jobs,
)

OBJECT = ("namespace", "name")

OWN = address("kuberay-RayJob")
CLUSTER = address("kuberay-RayCluster", name="ray_io_cluster")

STATE = "kuberay_job_deployment_status"

STAGES = {stage: f"kuberay_jobs_{stage}_duration_seconds" for stage in ("queued", "starting", "running", "total")}


def board() -> Json:
    return dashboard(
        "kuberay-RayJob",
        "KubeRay / Jobs",
        "States, outcomes, durations and retries of RayJobs. Requires the exporter's recording rules.",
        object_variables("RayJob", "kuberay_job_info"),
        [
            Row("Summary", _numbers()),
            Row("Current jobs", _current()),
            Row("States", _states()),
            Row("Results", _results()),
            Row("Warnings", warning_panels("RayJob")),
            Row("Pods", pod_panels("RayJob"), is_collapsed=True),
            Row("Durations", _durations()),
            Row("Stages", _stages(), is_collapsed=True),
            Row("Retries and schedules", _attempts(), is_collapsed=True),
        ],
    )


def _numbers() -> list[Panel]:
    failed = FLEET.increase("kuberay_jobs_failed_total", window="$__range")
    lost = FLEET.increase("kuberay_jobs_failed_attempts_total", window="$__range")
    finished = "kuberay_jobs_finished_total"
    succeeded = FLEET.increase(finished, window="$__range", where='status="Succeeded"')
    ended = FLEET.increase(finished, window="$__range", where='status!="Stopped"')
    return [
        stat("Jobs", "Number of RayJobs, including finished ones.", NAMED.count("kuberay_job_info")),
        stat("Running", "Number of RayJobs in state Running.", NAMED.count(STATE, where='deployment_status="Running"')),
        stat(
            "Not started",
            "Number of RayJobs that are new, initializing, waiting, retrying or suspended.",
            count_or_zero(unstarted_jobs(NAMED)),
        ),
        stat(
            "Failed jobs",
            "Number of existing RayJobs in state Failed or ValidationFailed.",
            NAMED.count(STATE, where='deployment_status=~"Failed|ValidationFailed"'),
            steps=ORANGE_FROM_ONE,
        ),
        stat(
            "Recent failures",
            f"Number of RayJobs that failed or were rejected in the selected time range. {BY_NAMESPACE}",
            f"round({failed}) or vector(0)",
            steps=RED_FROM_ONE,
        ),
        stat(
            "Failed attempts",
            f"Number of failed attempts in the selected time range, including those that were retried. {BY_NAMESPACE}",
            f"round({lost}) or vector(0)",
            steps=ORANGE_FROM_ONE,
        ),
        stat(
            "Success rate",
            f"Share of successful RayJobs among those finished in the time range, without stopped ones. {BY_NAMESPACE}",
            f"{succeeded} / ({ended} > 0)",
            unit="percentunit",
            steps=((0.5, ORANGE), (0.9, GREEN)),
            base_colour=RED,
            width=3,
        ),
        average_execution(NAMED, width=3),
    ]


def _current() -> list[Panel]:
    where = NAMED.each("kuberay_job_cluster_info", "ray_io_cluster", "submission_mode")
    running = f'on (namespace, uid) {STATE}{{deployment_status="Running"}}'
    return [
        table(
            "Running jobs",
            "Running RayJobs with their running time, which includes the start of the cluster, and their deadline.",
            [*OBJECT, "ray_io_cluster", "submission_mode"],
            [
                Column("running time", running_jobs(NAMED), "s", ((3600, ORANGE), (86400, RED))),
                Column("deadline", f"{NAMED.each('kuberay_job_active_deadline_seconds')} and {running}", "s"),
                Column("failed attempts", f"{NAMED.each('kuberay_job_failed_attempts')} and {running}", "short"),
            ],
            label_queries=[f"{where} and {running}"],
            links={"name": OWN, "ray_io_cluster": CLUSTER},
            sort="running time",
            width=14,
        ),
        table(
            "Jobs not started",
            "RayJobs that do not run yet, with the time since the start of their attempt, or since their creation. "
            "Suspended jobs may wait for Kueue.",
            [*OBJECT, "deployment_status"],
            [Column("waiting time", unstarted_jobs(NAMED), "s", ((600, ORANGE), (1200, RED)))],
            links={"name": OWN},
            sort="waiting time",
            width=10,
        ),
        table(
            "Finished jobs",
            "Last attempt of each finished RayJob. Deleted RayJobs stay for the duration of --retain-deleted.",
            [*OBJECT, "job_deployment_status", "reason"],
            [
                Column("time since end", f"time() - {NAMED.each('kuberay_job_end_timestamp_seconds')}", "s"),
                Column("duration", _finished_durations(), "s"),
            ],
            label_queries=[NAMED.each("kuberay_job_failure", "reason", where='reason!="ValidationFailed"')],
            links={"name": OWN},
            sort="time since end",
            ascending=True,
            width=24,
        ),
    ]


def _finished_durations() -> str:
    finished = 'job_deployment_status=~"Complete|Failed"'
    return NAMED.each("kuberay_job_execution_duration_seconds", "job_deployment_status", where=finished)


def _states() -> list[Panel]:
    return [
        lines(
            "Deployment status",
            "RayJobs by KubeRay's deployment status.",
            Query(
                "{{deployment_status}}", empty_as("New", NAMED.count(STATE, "deployment_status"), "deployment_status")
            ),
            stacked=True,
        ),
        lines(
            "Ray job status",
            "RayJobs by the status of the Ray job, as Ray reports it.",
            Query("{{job_status}}", empty_as("unknown", NAMED.count("kuberay_job_status", "job_status"), "job_status")),
            stacked=True,
        ),
    ]


def _results() -> list[Panel]:
    by_reason = FLEET.increase("kuberay_jobs_failed_total", "reason", window="$__range")
    return [
        bars(
            "Outcomes",
            f"Finished RayJobs by outcome. {BY_NAMESPACE}",
            Query("{{status}}", f"{FLEET.increase('kuberay_jobs_finished_total', 'status')} > 0"),
            width=8,
        ),
        bars(
            "Failures by reason",
            f"RayJobs that failed or were rejected, by KubeRay's reason. {BY_NAMESPACE}",
            Query("{{reason}}", f"{FLEET.increase('kuberay_jobs_failed_total', 'reason')} > 0"),
            width=8,
        ),
        gauges(
            "Top failure reasons",
            f"Number of failures in the selected time range, by KubeRay's reason. {BY_NAMESPACE}",
            Query("{{reason}}", f"sort_desc(round({by_reason}) > 0)"),
            width=8,
        ),
        lines(
            "Success rate by namespace",
            f"Share of the RayJobs finished in the last hour that succeeded. Stopped jobs are excluded. {BY_NAMESPACE}",
            Query("{{namespace}}", FLEET.of("namespace:kuberay_jobs_succeeded_per_finished:ratio_increase1h")),
            unit="percentunit",
            maximum=1,
        ),
        bars(
            "Created and deleted",
            f"Number of RayJobs created and deleted. {BY_NAMESPACE}",
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
            "Duration percentiles",
            f"Durations of RayJobs finished in the last hour, including the start of the cluster. {BY_NAMESPACE}",
            *(Query(name, FLEET.quantile(share, histogram)) for name, share in QUANTILES.items()),
            unit="s",
        ),
        heatmap(
            "Duration distribution",
            f"Number of finished RayJobs in each interval, by duration. {BY_NAMESPACE}",
            buckets,
            unit="s",
        ),
        lines(
            "Median duration by namespace",
            f"Median duration of the RayJobs that finished in the last hour, by namespace and outcome. {BY_NAMESPACE}",
            Query("{{namespace}}, {{status}}", FLEET.of(f"namespace_status:{histogram}:p50_rate1h")),
            unit="s",
            width=8,
        ),
        lines(
            "p99 duration by namespace",
            f"99th percentile of the RayJobs that finished in the last hour, by namespace and outcome. {BY_NAMESPACE}",
            Query("{{namespace}}, {{status}}", FLEET.of(f"namespace_status:{histogram}:p99_rate1h")),
            unit="s",
            width=8,
        ),
        table(
            "Longest startup times",
            "Time from the start of the current attempt to the start of the Ray job: cluster start and submission.",
            OBJECT,
            [Column("startup time", f"{start} - {NAMED.each('kuberay_job_start_timestamp_seconds')} >= 0", "s")],
            links={"name": OWN},
            sort="startup time",
            width=8,
        ),
    ]


def _stages() -> list[Panel]:
    started = NAMED.each("kuberay_job_start_timestamp_seconds")
    deadline = NAMED.each("kuberay_job_active_deadline_seconds")
    running = 'kuberay_job_deployment_status{deployment_status="Running"}'
    return [
        *(
            lines(
                f"{name} stage durations",
                f"Durations of the stages of RayJobs in the last hour: queued until the first start, starting until "
                f"Ray's own start, running until its end. {BY_NAMESPACE}",
                *(Query(stage, FLEET.quantile(QUANTILES[share], histogram)) for stage, histogram in STAGES.items()),
                unit="s",
                width=8,
            )
            for name, share in (("Median", "p50"), ("p90", "p90"))
        ),
        table(
            "Deadlines and status checks",
            "Share of the active deadline that running RayJobs have used, and the time for which the operator has got "
            "no job status from the head.",
            OBJECT,
            [
                Column(
                    "used deadline",
                    f"(time() - {started}) / on (namespace, name, uid) {deadline} and on (namespace, uid) {running}",
                    "percentunit",
                ),
                Column(
                    "no status for",
                    f"time() - {NAMED.each('kuberay_job_status_check_failing_since_timestamp_seconds')}",
                    "s",
                ),
            ],
            links={"name": OWN},
            sort="used deadline",
            width=8,
        ),
    ]


def _attempts() -> list[Panel]:
    attempts = NAMED.each("kuberay_job_failed_attempts")
    schedules = "kuberay_cronjob_info"
    return [
        table(
            "Failed attempts by job",
            "RayJobs with failed attempts, and the number of retries allowed by spec.backoffLimit.",
            [*OBJECT, "deployment_status"],
            [
                Column("failed attempts", f"{attempts} > 0", "short", ORANGE_FROM_ONE),
                Column(
                    "allowed retries",
                    f"{NAMED.each('kuberay_job_backoff_limit')} and on (namespace, uid) {attempts} > 0",
                    "short",
                ),
            ],
            label_queries=[f"{NAMED.each(STATE, 'deployment_status')} and on (namespace, uid) {attempts} > 0"],
            links={"name": OWN},
            sort="failed attempts",
            width=8,
        ),
        bars(
            "Failed attempts by namespace",
            f"Number of failed attempts, including those that were retried. {BY_NAMESPACE}",
            Query("{{namespace}}", f"{FLEET.increase('kuberay_jobs_failed_attempts_total', 'namespace')} > 0"),
            width=8,
        ),
        table(
            "Cron schedules",
            "RayCronJobs with the time since their last run. Requires raycronjobs in the exporter's --collectors.",
            [*OBJECT, "schedule", "time_zone"],
            [
                Column(
                    "time since last run",
                    f"time() - {FLEET.each('kuberay_cronjob_last_schedule_timestamp_seconds')}",
                    "s",
                ),
                Column("suspended", FLEET.each("kuberay_cronjob_suspended"), "bool_yes_no"),
            ],
            label_queries=[FLEET.each(schedules, "schedule", "time_zone")],
            sort="time since last run",
            width=8,
        ),
    ]
