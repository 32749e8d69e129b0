"""RayService: are services ready, how do upgrades proceed, and how are the applications?"""

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
    lines,
    stat,
    table,
    timeline,
)
from tools.dashboards.queries import BY_NAMESPACE, FLEET, NAMED, QUANTILES, counted, unready_services

OBJECT = ("namespace", "name")

OWN = address("kuberay-RayService")
CLUSTER = address("kuberay-RayCluster", name="ray_io_cluster")

CONDITION = "kuberay_service_status_condition"
APPLICATION = "kuberay_service_application_status"
DEPLOYMENT = "kuberay_service_deployment_status"
BAD = 'status=~"UNHEALTHY|DEPLOY_FAILED"'


def services() -> Json:
    return dashboard(
        "kuberay-RayService",
        "RayService",
        "Readiness, upgrades and applications of RayServices. Needs the exporter's recording rules.",
        [
            Variable("namespace", "Namespace", "label_values(kuberay_service_info, namespace)"),
            Variable("name", "RayService", 'label_values(kuberay_service_info{namespace=~"$namespace"}, name)'),
        ],
        [
            Row("Are they well?", _numbers()),
            Row("Are they ready?", _readiness()),
            Row("How do upgrades proceed?", _upgrades()),
            Row("How are the applications?", _applications()),
            Row("How fast do services come?", _lives()),
        ],
    )


def _numbers() -> list[Panel]:
    endpoints = f"sum({NAMED.each('kuberay_service_serve_endpoints')}) or vector(0)"
    without = NAMED.of("namespace_name_uid:kuberay_service_without_endpoints:max")
    return [
        stat("How many services?", "RayServices that there are.", NAMED.count("kuberay_service_info")),
        stat(
            "How many are ready?",
            "Users get answers.",
            NAMED.count(CONDITION, where='condition="Ready", status="true"'),
        ),
        stat(
            "How many are not ready?",
            "Users get none; suspended ones are not meant.",
            counted(unready_services(NAMED)),
            steps=SOME_ARE_BAD,
        ),
        stat(
            "How many lost all endpoints?",
            "They have an active cluster, so they have served, and nothing serves now.",
            counted(without),
            steps=SOME_ARE_BAD,
        ),
        stat(
            "How many are being upgraded?",
            "Both clusters exist: condition UpgradeInProgress.",
            NAMED.count(CONDITION, where='condition="UpgradeInProgress", status="true"'),
        ),
        stat(
            "How many are rolled back?",
            "An incremental upgrade is being taken back: condition RollbackInProgress.",
            NAMED.count(CONDITION, where='condition="RollbackInProgress", status="true"'),
            steps=SOME_ARE_WORTH_A_LOOK,
        ),
        stat("How many endpoints?", "Endpoints of all chosen RayServices.", endpoints),
        stat(
            "How many applications are bad?",
            "Unhealthy, or not deployed for an error.",
            counted(NAMED.each(APPLICATION, "role", "application", where=BAD)),
            steps=SOME_ARE_BAD,
        ),
    ]


def _readiness() -> list[Panel]:
    ready = NAMED.each("kuberay_service_condition_ready", where='condition="true"')
    unready = NAMED.each("kuberay_service_condition_ready", where='condition="false"')
    since = NAMED.each(f"{CONDITION}_transition_timestamp_seconds", "status", where='condition="Ready"')
    return [
        timeline(
            "When were they ready?",
            "The condition Ready over time, of up to 20 services; choose one to see more.",
            Query("{{namespace}}/{{name}}", f"topk(20, {ready} or {unready} * 0)"),
            {1: ("ready", GREEN), 0: ("not ready", RED)},
            width=12,
        ),
        lines(
            "How many endpoints serve?",
            "Endpoints by service.",
            Query("{{namespace}}/{{name}}", NAMED.each("kuberay_service_serve_endpoints")),
        ),
        table(
            "Which services are there?",
            "Whether they are ready, why not, and since when.",
            [*OBJECT, "status", "reason"],
            [
                Column("for", f"time() - {since}", "s"),
                Column("endpoints", NAMED.each("kuberay_service_serve_endpoints"), "short"),
                Column("suspended", NAMED.each("kuberay_service_suspended"), "bool_yes_no"),
            ],
            infos=[NAMED.each(f"{CONDITION}_reason", "reason", where='condition="Ready"')],
            links={"name": OWN},
            sort="for",
        ),
        table(
            "Which clusters serve, and which are to?",
            "The active and the pending RayCluster of each service. Click one for its workers.",
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
            "Which upgrades go on, and for how long?",
            "Services with two clusters, and the one that is to serve.",
            [*OBJECT, "ray_io_cluster"],
            [Column("upgrading", f"time() - {since}", "s", ((600, ORANGE), (1800, RED)))],
            infos=[f"{pending} {upgrading}"],
            links={"name": OWN, "ray_io_cluster": CLUSTER},
            sort="upgrading",
            width=8,
        ),
        lines(
            "How much capacity does each cluster get?",
            "In incremental upgrades: the share that it should serve with, by role.",
            Query("{{namespace}}/{{name}}, {{role}}", NAMED.each("kuberay_service_target_capacity_ratio", "role")),
            unit="percentunit",
            most=1,
            width=8,
        ),
        lines(
            "How much traffic does each cluster get?",
            "In incremental upgrades: the share of requests that is routed to it, by role.",
            Query("{{namespace}}/{{name}}, {{role}}", NAMED.each("kuberay_service_traffic_routed_ratio", "role")),
            unit="percentunit",
            most=1,
            width=8,
        ),
    ]


def _applications() -> list[Panel]:
    application = (*OBJECT, "role", "application")
    applications = NAMED.each(APPLICATION, "role", "application", "status")
    deployments = NAMED.each(DEPLOYMENT, "role", "application", "deployment", "status")
    return [
        lines(
            "Which states are applications in?",
            "Serve applications by their status, those of pending clusters too.",
            Query("{{status}}", f"count by (status) ({applications})"),
            stacked=True,
        ),
        lines(
            "Which states are deployments in?",
            "Serve deployments by their status, those of pending clusters too.",
            Query("{{status}}", f"count by (status) ({deployments})"),
            stacked=True,
        ),
        table(
            "How is each application?",
            "On the active cluster users notice; on the pending one an upgrade does not proceed.",
            [*application, "status"],
            [Column("deployments", _deployments(applications), "short")],
            links={"name": OWN},
        ),
        table(
            "Which deployments are not healthy?",
            "Serve deployments in any other status: updating, or in trouble.",
            [*application, "deployment", "status"],
            [Column("endpoints", _unhealthy(), "short")],
            links={"name": OWN},
        ),
    ]


def _deployments(applications: str) -> str:
    """How many deployments each application has, with its status."""
    deployments = NAMED.each(DEPLOYMENT, "role", "application", "deployment")
    return (
        f"{applications} * on (namespace, uid, role, application) group_left ()"
        f" count by (namespace, uid, role, application) ({deployments})"
    )


def _unhealthy() -> str:
    unhealthy = NAMED.each(DEPLOYMENT, "role", "application", "deployment", "status", where='status!="HEALTHY"')
    return f"{unhealthy} * on (namespace, uid) group_left () {_endpoints()}"


def _lives() -> list[Panel]:
    histogram = "kuberay_services_startup_duration_seconds"
    return [
        lines(
            "How long does it take until they are ready?",
            f"From creation to the first time ready, of those within an hour. {BY_NAMESPACE}",
            *(Query(name, FLEET.quantile(share, histogram)) for name, share in QUANTILES.items()),
            unit="s",
        ),
        bars(
            "How many come and go?",
            f"RayServices that were created and deleted. {BY_NAMESPACE}",
            Query("created", f"{FLEET.increase('kuberay_services_created_total')} > 0"),
            Query("deleted", f"{FLEET.increase('kuberay_services_deleted_total')} > 0"),
        ),
    ]
