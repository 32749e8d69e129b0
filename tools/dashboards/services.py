"""The dashboard `KubeRay / Services`: readiness, upgrades and applications of RayServices."""

from tools.dashboards.board import Row, address, dashboard, object_variables
from tools.dashboards.causes import pod_panels, warning_panels
from tools.dashboards.nine import services_not_ready
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
    lines,
    stat,
    table,
    timeline,
)
from tools.dashboards.queries import BY_NAMESPACE, FLEET, NAMED, QUANTILES, count_or_zero, unready_services

OBJECT = ("namespace", "name")

OWN = address("kuberay-RayService")
CLUSTER = address("kuberay-RayCluster", name="ray_io_cluster")

CONDITION = "kuberay_service_status_condition"
APPLICATION = "kuberay_service_application_status"
DEPLOYMENT = "kuberay_service_deployment_status"
UNHEALTHY = 'status=~"UNHEALTHY|DEPLOY_FAILED"'


def board() -> Json:
    return dashboard(
        "kuberay-RayService",
        "KubeRay / Services",
        "Readiness, upgrades and applications of RayServices. Requires the exporter's recording rules.",
        object_variables("RayService", "kuberay_service_info"),
        [
            Row("Summary", _numbers()),
            Row("Readiness", _readiness()),
            Row("Upgrades", _upgrades()),
            Row("Applications", _applications()),
            Row("Warnings", warning_panels("RayService")),
            Row("Pods", pod_panels("RayService"), is_collapsed=True),
            Row("Lifecycle", _lifecycle(), is_collapsed=True),
        ],
    )


def _numbers() -> list[Panel]:
    endpoints = f"sum({NAMED.each('kuberay_service_serve_endpoints')}) or vector(0)"
    without = NAMED.of("namespace_name_uid:kuberay_service_without_endpoints:max")
    return [
        stat("Services", "Number of RayServices.", NAMED.count("kuberay_service_info")),
        stat(
            "Ready",
            "Number of RayServices whose condition Ready is true.",
            NAMED.count(CONDITION, where='condition="Ready", status="true"'),
        ),
        stat(
            "Not ready",
            "Number of RayServices that are not ready, without suspended ones.",
            count_or_zero(unready_services(NAMED)),
            steps=RED_FROM_ONE,
        ),
        stat(
            "No endpoints",
            "Number of RayServices with an active cluster and no serve endpoint.",
            count_or_zero(without),
            steps=RED_FROM_ONE,
        ),
        stat(
            "Upgrading",
            "Number of RayServices with an active and a pending cluster: condition UpgradeInProgress.",
            NAMED.count(CONDITION, where='condition="UpgradeInProgress", status="true"'),
        ),
        stat(
            "Rolling back",
            "Number of RayServices whose incremental upgrade is rolled back: condition RollbackInProgress.",
            NAMED.count(CONDITION, where='condition="RollbackInProgress", status="true"'),
            steps=ORANGE_FROM_ONE,
        ),
        stat("Endpoints", "Number of serve endpoints of the selected RayServices.", endpoints),
        stat(
            "Unhealthy apps",
            "Number of Serve applications with status UNHEALTHY or DEPLOY_FAILED.",
            count_or_zero(NAMED.each(APPLICATION, "role", "application", where=UNHEALTHY)),
            steps=RED_FROM_ONE,
        ),
    ]


def _readiness() -> list[Panel]:
    ready = NAMED.each("kuberay_service_condition_ready", where='condition="true"')
    unready = NAMED.each("kuberay_service_condition_ready", where='condition="false"')
    since = NAMED.each(f"{CONDITION}_transition_timestamp_seconds", "status", where='condition="Ready"')
    return [
        timeline(
            "Readiness over time",
            "Condition Ready over time, for at most 20 services. Use the name filter to see others.",
            Query("{{namespace}}/{{name}}", f"topk(20, {ready} or {unready} * 0)"),
            {1: ("ready", GREEN), 0: ("not ready", RED)},
            width=12,
        ),
        lines(
            "Endpoints by service",
            "Number of serve endpoints by RayService.",
            Query("{{namespace}}/{{name}}", NAMED.each("kuberay_service_serve_endpoints")),
        ),
        table(
            "Service list",
            "All RayServices with the status of condition Ready, its reason and the time since it changed.",
            [*OBJECT, "status", "reason"],
            [
                Column("time in status", f"time() - {since}", "s"),
                Column("endpoints", NAMED.each("kuberay_service_serve_endpoints"), "short"),
                Column("suspended", NAMED.each("kuberay_service_suspended"), "bool_yes_no"),
            ],
            label_queries=[NAMED.each(f"{CONDITION}_reason", "reason", where='condition="Ready"')],
            links={"name": OWN},
            sort="time in status",
        ),
        table(
            "Active and pending clusters",
            "RayClusters of each service. A pending cluster becomes active when the upgrade finishes.",
            [*OBJECT, "role", "ray_io_cluster"],
            [
                Column(
                    "endpoints",
                    f"{NAMED.each('kuberay_service_cluster_info', 'ray_io_cluster', 'role')}"
                    f" * on (namespace, uid) group_left () {_endpoints()}",
                    "short",
                )
            ],
            links={"name": OWN, "ray_io_cluster": CLUSTER},
        ),
        services_not_ready(NAMED, width=12),
    ]


def _endpoints() -> str:
    return f"max by (namespace, uid) ({NAMED.of('kuberay_service_serve_endpoints')})"


def _upgrades() -> list[Panel]:
    since = NAMED.each(
        f"{CONDITION}_transition_timestamp_seconds", where='condition="UpgradeInProgress", status="true"'
    )
    upgrading = 'and on (namespace, uid) kuberay_service_condition_upgrade_in_progress{condition="true"}'
    pending = NAMED.each("kuberay_service_cluster_info", "ray_io_cluster", where='role="pending"')
    return [
        table(
            "Upgrades in progress",
            "RayServices that are being upgraded, with the pending cluster and the time since the upgrade started.",
            [*OBJECT, "ray_io_cluster"],
            [Column("upgrade time", f"time() - {since}", "s", ((600, ORANGE), (1800, RED)))],
            label_queries=[f"{pending} {upgrading}"],
            links={"name": OWN, "ray_io_cluster": CLUSTER},
            sort="upgrade time",
            width=8,
        ),
        lines(
            "Target capacity",
            "Target capacity of each cluster in incremental upgrades, by role.",
            Query("{{namespace}}/{{name}}, {{role}}", NAMED.each("kuberay_service_target_capacity_ratio", "role")),
            unit="percentunit",
            maximum=1,
            width=8,
        ),
        lines(
            "Routed traffic",
            "Share of the requests routed to each cluster in incremental upgrades, by role.",
            Query("{{namespace}}/{{name}}, {{role}}", NAMED.each("kuberay_service_traffic_routed_ratio", "role")),
            unit="percentunit",
            maximum=1,
            width=8,
        ),
    ]


def _applications() -> list[Panel]:
    application = (*OBJECT, "role", "application")
    applications = NAMED.each(APPLICATION, "role", "application", "status")
    deployments = NAMED.each(DEPLOYMENT, "role", "application", "deployment", "status")
    return [
        lines(
            "Application statuses",
            "Serve applications by status, including those on pending clusters.",
            Query("{{status}}", f"count by (status) ({applications})"),
            stacked=True,
        ),
        lines(
            "Deployment statuses",
            "Serve deployments by status, including those on pending clusters.",
            Query("{{status}}", f"count by (status) ({deployments})"),
            stacked=True,
        ),
        table(
            "Application list",
            "Serve applications with their status and the number of their deployments.",
            [*application, "status"],
            [Column("deployments", _deployments(applications), "short")],
            links={"name": OWN},
        ),
        table(
            "Deployments not healthy",
            "Serve deployments whose status is not HEALTHY. They may only be updating.",
            [*application, "deployment", "status"],
            [Column("endpoints", _unhealthy(), "short")],
            links={"name": OWN},
        ),
    ]


def _deployments(applications: str) -> str:
    """Return the number of deployments of each application, with the application's status."""
    deployments = NAMED.each(DEPLOYMENT, "role", "application", "deployment")
    return (
        f"{applications} * on (namespace, uid, role, application) group_left ()"
        f" count by (namespace, uid, role, application) ({deployments})"
    )


def _unhealthy() -> str:
    unhealthy = NAMED.each(DEPLOYMENT, "role", "application", "deployment", "status", where='status!="HEALTHY"')
    return f"{unhealthy} * on (namespace, uid) group_left () {_endpoints()}"


def _lifecycle() -> list[Panel]:
    histogram = "kuberay_services_startup_duration_seconds"
    return [
        lines(
            "Startup time",
            f"Time from creation until the service is ready for the first time, over the last hour. {BY_NAMESPACE}",
            *(Query(name, FLEET.quantile(share, histogram)) for name, share in QUANTILES.items()),
            unit="s",
        ),
        bars(
            "Created and deleted",
            f"Number of RayServices created and deleted. {BY_NAMESPACE}",
            Query("created", f"{FLEET.increase('kuberay_services_created_total')} > 0"),
            Query("deleted", f"{FLEET.increase('kuberay_services_deleted_total')} > 0"),
        ),
    ]
