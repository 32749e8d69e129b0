"""The dashboard `KubeRay / Nine`: what the operator's nine metrics show, without rules and without other metrics.

Its panels are those that the dashboards of the kinds have, too; `scope` is what the variables of a dashboard select.
"""

from tools.dashboards.board import Row, Variable, dashboard
from tools.dashboards.panels import ORANGE_FROM_ONE, RED_FROM_ONE, Column, Json, Panel, Query, lines, stat, table
from tools.dashboards.queries import FLEET, Scope, empty_as

OBJECT = ("namespace", "name")

PROVISIONED = "kuberay_cluster_condition_provisioned"
STATE = "kuberay_job_deployment_status"
EXECUTION = "kuberay_job_execution_duration_seconds"
READY = "kuberay_service_condition_ready"
UPGRADING = "kuberay_service_condition_upgrade_in_progress"

NAMESPACES = 'label_values({__name__=~"kuberay_(cluster|job|service)_info"}, namespace)'


def board() -> Json:
    return dashboard(
        "kuberay-nine",
        "KubeRay / Nine",
        "The KubeRay operator's nine metrics. Requires neither rules nor other metrics.",
        [Variable("namespace", "Namespace", NAMESPACES)],
        [
            Row("RayClusters", [_count("Clusters", "RayClusters", "kuberay_cluster_info"), *provisioning(FLEET)]),
            Row("RayJobs", _jobs()),
            Row("RayServices", _services()),
        ],
    )


def _count(title: str, objects: str, family: str, where: str = "") -> Panel:
    return stat(title, f"Number of {objects}.", FLEET.count(family, where=where), width=4)


def provisioning(scope: Scope) -> list[Panel]:
    """Return the panels of what is provisioned, and of how long that took."""
    durations = scope.each("kuberay_cluster_provisioned_duration_seconds")
    return [
        stat(
            "Provisioned",
            "Number of RayClusters whose pods were all ready at one time.",
            scope.count(PROVISIONED, where='condition="true"'),
            width=4,
        ),
        stat(
            "Not provisioned",
            "Number of RayClusters that have never been provisioned, including suspended ones.",
            scope.count(PROVISIONED, where='condition="false"'),
            steps=ORANGE_FROM_ONE,
            width=4,
        ),
        stat(
            "Average provisioning",
            "Average time from the creation of the existing RayClusters until they were provisioned.",
            f"avg({durations})",
            unit="s",
            width=4,
        ),
        stat(
            "p99 provisioning",
            "Time within which 99% of the existing RayClusters were provisioned.",
            f"quantile(0.99, {durations})",
            unit="s",
            width=4,
        ),
        lines(
            "Clusters by owner",
            "RayClusters by the kind of their owner, None if a user created them.",
            Query("{{owner_kind}}", scope.count("kuberay_cluster_info", "owner_kind")),
            stacked=True,
            width=24,
        ),
    ]


def average_execution(scope: Scope, width: int) -> Panel:
    """Return the panel of the average duration of attempts."""
    return stat(
        "Average duration",
        "Average duration of the finished attempts of the existing RayJobs, including the start of the cluster.",
        f"avg({scope.each(EXECUTION, 'job_deployment_status', 'retry_count')})",
        unit="s",
        width=width,
    )


def _jobs() -> list[Panel]:
    return [
        _count("Jobs", "RayJobs, including finished ones", "kuberay_job_info"),
        average_execution(FLEET, width=4),
        lines(
            "Jobs by status",
            "RayJobs by KubeRay's deployment status.",
            Query(
                "{{deployment_status}}", empty_as("New", FLEET.count(STATE, "deployment_status"), "deployment_status")
            ),
            stacked=True,
            width=16,
        ),
        table(
            "Failed jobs",
            "RayJobs in state Failed.",
            OBJECT,
            [Column("failed", FLEET.each(STATE, where='deployment_status="Failed"'), "short", RED_FROM_ONE)],
        ),
        table(
            "Retried attempts",
            "Failed attempts of RayJobs that were retried since the exporter started, with their durations.",
            [*OBJECT, "retry_count"],
            [Column("duration", FLEET.each(EXECUTION, "retry_count", where='job_deployment_status="Retrying"'), "s")],
        ),
    ]


def services_not_ready(scope: Scope, width: int) -> Panel:
    """Return the list of services that are not ready."""
    return table(
        "Services not ready",
        "RayServices whose condition Ready is not true, including suspended ones.",
        OBJECT,
        [Column("not ready", scope.each(READY, where='condition="false"'), "short", RED_FROM_ONE)],
        width=width,
    )


def _services() -> list[Panel]:
    return [
        _count("Services", "RayServices", "kuberay_service_info"),
        _count("Ready", "RayServices that are ready", READY, 'condition="true"'),
        _count("Upgrading", "RayServices that are being upgraded", UPGRADING, 'condition="true"'),
        services_not_ready(FLEET, width=12),
    ]
