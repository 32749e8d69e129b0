"""RayService's metrics.

The first three are the operator's (v1.7.0, `controllers/ray/metrics/ray_service_metrics.go`).
"""

from collections.abc import Callable

from exporter.collectors.conditions import condition_rows, condition_truth
from exporter.collectors.rollouts import ROLLOUTS, Rollouts, remember_rollouts
from exporter.families.metadata import created_row, deletion_row, labels_row, lifecycle_counters, managed_by_row
from exporter.families.table import NO_OCCURRENCE, Kind, LifecycleMetric, Occurrence, Row
from exporter.families.values import Values, info, number, of_spec, of_status, one, timestamp, truth
from exporter.resources.meta import find_condition
from exporter.resources.rayservice import (
    ClusterUpgradeOptions,
    RayService,
    RayServiceSpec,
    RayServiceStatus,
    RayServiceStatuses,
)
from exporter.resources.times import elapsed_seconds

FIRST_START = (None, "", "Initializing", "InitializingTimeout")
"""Reasons of a Ready condition that has never been True. ZeroServeEndpoints is written after it was."""


def by_role(values: Callable[[RayServiceStatus], Values]) -> Callable[[RayService, object], Values]:
    """Read from the status of each cluster: the active one, and the pending one of an upgrade."""

    def of_clusters(status: RayServiceStatuses) -> Values:
        clusters = (("active", status.active_service_status), ("pending", status.pending_service_status))
        return [
            ((role, *labels), value)
            for role, cluster in clusters
            if cluster is not None
            for labels, value in values(cluster)
        ]

    return of_status(of_clusters)


def application_states(cluster: RayServiceStatus) -> Values:
    """Return the status of each Serve application of a cluster."""
    applications = (cluster.application_statuses or {}).items()
    return [((name, (application and application.status) or ""), 1) for name, application in applications]


def deployment_states(cluster: RayServiceStatus) -> Values:
    """Return the status of each Serve deployment of a cluster."""
    return [
        ((name, deployment, (state and state.status) or ""), 1)
        for name, application in (cluster.application_statuses or {}).items()
        for deployment, state in ((application and application.serve_deployment_statuses) or {}).items()
    ]


def upgrade_option(value: Callable[[ClusterUpgradeOptions], float | None]) -> Callable[[RayService, object], Values]:
    """Read from the options of an incremental upgrade; no series without them."""

    def of_options(spec: RayServiceSpec) -> Values:
        options = spec.upgrade_strategy and spec.upgrade_strategy.cluster_upgrade_options
        return number(value(options)) if options else []

    return of_spec(of_options)


def percent(value: int | None) -> float | None:
    """Return a percentage as a ratio."""
    return None if value is None else value / 100


def first_ready(service: RayService) -> Occurrence:
    """Tell whether the service has become ready, and how long after its creation.

    The time is stored nowhere: the last transition of Ready is that of the first start only if the service
    was seen not ready until then, and if nothing shows that it had been ready or suspended before.
    """
    ready = find_condition(service.status, "Ready")
    if find_condition(service.status, "Suspending") or find_condition(service.status, "Suspended"):
        return Occurrence()
    if ready is None:
        return NO_OCCURRENCE
    if not ready.is_true:
        return NO_OCCURRENCE if ready.reason in FIRST_START else Occurrence()
    return Occurrence(seconds=elapsed_seconds(service.metadata.creation_timestamp, ready.last_transition_time))


# Rows in a few lines each.
# fmt: off
RAYSERVICES: Kind[RayService, Rollouts] = Kind(
    plural="rayservices",
    name=RayService.kind,
    object_type=RayService,
    remember=remember_rollouts,
    rows=(
        Row("kuberay_service_info", "Metadata information about RayService custom resources", "metadata",
            lambda _service, _: one(), series="1", is_stable=True),
        Row("kuberay_service_condition_ready",
            "Describes whether the RayService is ready. Ready means users can send requests to the underlying "
            "cluster and the number of serve endpoints is greater than 0.", "status.conditions[Ready].status",
            lambda service, _: one(condition_truth(service.status, "Ready")), labels=("condition",), series="1",
            is_stable=True),
        Row("kuberay_service_condition_upgrade_in_progress",
            "Describes whether the RayService is performing a zero-downtime upgrade.",
            "status.conditions[UpgradeInProgress].status",
            lambda service, _: one(condition_truth(service.status, "UpgradeInProgress")), labels=("condition",),
            series="1", is_stable=True),
        created_row("kuberay_service"),
        deletion_row("kuberay_service"),
        *condition_rows("kuberay_service"),
        Row("kuberay_service_serve_endpoints", "Number of endpoints that serve requests", "status.numServeEndpoints",
            of_status(lambda status: number(status.num_serve_endpoints or 0))),
        Row("kuberay_service_cluster_info",
            "RayCluster of the service by role, active or pending, as a label for joins; the value is 1",
            "status.{active,pending}ServiceStatus.rayClusterName",
            by_role(lambda cluster: info(cluster.ray_cluster_name)), labels=("role", "ray_io_cluster"),
            series="0 to 2"),
        Row("kuberay_service_target_capacity_ratio",
            "Target capacity of each cluster in an incremental upgrade, as a ratio",
            "status.{active,pending}ServiceStatus.targetCapacity / 100",
            by_role(lambda cluster: number(percent(cluster.target_capacity))), labels=("role",), series="0 to 2"),
        Row("kuberay_service_traffic_routed_ratio",
            "Traffic routed to each cluster in an incremental upgrade, as a ratio",
            "status.{active,pending}ServiceStatus.trafficRoutedPercent / 100",
            by_role(lambda cluster: number(percent(cluster.traffic_routed_percent))), labels=("role",),
            series="0 to 2"),
        Row("kuberay_service_last_traffic_migrated_timestamp_seconds",
            "Time at which the traffic routed to each cluster last changed, in Unix seconds",
            "status.{active,pending}ServiceStatus.lastTrafficMigratedTime",
            by_role(lambda cluster: timestamp(cluster.last_traffic_migrated_time)), labels=("role",), series="0 to 2"),
        Row("kuberay_service_upgrade_strategy", "Strategy of upgrades, as a label; the value is 1",
            "spec.upgradeStrategy.type",
            of_spec(lambda spec: info(spec.upgrade_strategy.type if spec.upgrade_strategy else None)),
            labels=("type",)),
        Row("kuberay_service_upgrade_max_surge_ratio",
            "Capacity that each step of an incremental upgrade adds to the new cluster, as a ratio",
            "spec.upgradeStrategy.clusterUpgradeOptions.maxSurgePercent / 100",
            upgrade_option(lambda options: percent(options.max_surge_percent))),
        Row("kuberay_service_upgrade_step_size_ratio",
            "Traffic that each step of an incremental upgrade moves to the new cluster, as a ratio",
            "spec.upgradeStrategy.clusterUpgradeOptions.stepSizePercent / 100",
            upgrade_option(lambda options: percent(options.step_size_percent))),
        Row("kuberay_service_upgrade_interval_seconds", "Time in seconds between two steps of an incremental upgrade",
            "spec.upgradeStrategy.clusterUpgradeOptions.intervalSeconds",
            upgrade_option(lambda options: options.interval_seconds)),
        Row("kuberay_service_application_status", "Status of each Serve application, as a label; the value is 1",
            "status.{active,pending}ServiceStatus.applicationStatuses[].status", by_role(application_states),
            labels=("role", "application", "status"), series="1 per application and role"),
        Row("kuberay_service_deployment_status", "Status of each Serve deployment, as a label; the value is 1",
            "status.{active,pending}ServiceStatus.applicationStatuses[].serveDeploymentStatuses[].status",
            by_role(deployment_states), labels=("role", "application", "deployment", "status"),
            series="1 per deployment and role"),
        Row("kuberay_service_suspended",
            "Whether suspension is requested, of the service or by Kueue of its cluster: 1 if it is, otherwise 0",
            "spec.suspend, spec.rayClusterConfig.suspend",
            lambda service, _: truth(spec.suspend or spec.is_cluster_suspended if (spec := service.spec) else None),
            series="1"),
        managed_by_row("kuberay_service"),
        labels_row("kuberay_service"),
    ),
    lifecycle=(
        *lifecycle_counters("kuberay_services"),
        LifecycleMetric("kuberay_services_startup_duration_seconds",
            "Time in seconds from the creation of a service to its first Ready, if it was seen before",
            "status.conditions[Ready].lastTransitionTime - metadata.creationTimestamp",
            lambda service, _: first_ready(service), is_histogram=True, requires_prior_observation=True),
        *ROLLOUTS,
    ),
)
# fmt: on
