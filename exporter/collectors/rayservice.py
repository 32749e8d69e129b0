"""RayService's metrics.

The first three are the operator's (v1.7.0, `controllers/ray/metrics/ray_service_metrics.go`).
"""

from collections.abc import Iterator

from exporter.collectors.conditions import condition_rows, condition_truth
from exporter.collectors.metadata import (
    created_row,
    deletion_row,
    labels_row,
    life_totals,
    managed_by_row,
    suspended_row,
)
from exporter.collectors.table import NOT_YET, Happened, Kind, Row, Total, remember_nothing
from exporter.collectors.values import number, of_status, one
from exporter.resources.meta import find_condition
from exporter.resources.rayservice import ClusterRole, RayService, RayServiceStatus
from exporter.resources.times import elapsed_seconds

FIRST_START = (None, "", "Initializing", "InitializingTimeout")
"""Reasons of a Ready that has never been True. ZeroServeEndpoints is said of services that were ready before."""


def roles(status: RayServiceStatus) -> Iterator[tuple[str, ClusterRole]]:
    """Yield the service's clusters: the one that serves, and the one that is being prepared."""
    for role, cluster in (("active", status.active), ("pending", status.pending)):
        if cluster is not None:
            yield role, cluster


def first_ready(service: RayService) -> Happened:
    """Tell whether the service has become ready, and how long after its creation.

    The time is stored nowhere: Ready's last transition is that of the first start only if it was seen not
    ready until then, and if nothing says that it had been ready, or suspended, before.
    """
    ready = find_condition(service.status, "Ready")
    if find_condition(service.status, "Suspending") or find_condition(service.status, "Suspended"):
        return Happened()
    if ready is None:
        return NOT_YET
    if not ready.is_true:
        return NOT_YET if ready.reason in FIRST_START else Happened()
    return Happened(seconds=elapsed_seconds(service.metadata.creation_timestamp, ready.last_transition_time))


RAYSERVICES: Kind[RayService, None] = Kind(
    plural="rayservices",
    name="RayService",
    resource=RayService,
    remember=remember_nothing,
    rows=(
        Row(
            name="kuberay_service_info",
            help="Metadata information about RayService custom resources",
            source="metadata",
            values=lambda _service, _: one(),
            is_stable=True,
        ),
        Row(
            name="kuberay_service_condition_ready",
            help="Describes whether the RayService is ready. Ready means users can send requests to the "
            "underlying cluster and the number of serve endpoints is greater than 0.",
            labels=("condition",),
            source="status.conditions[Ready].status",
            values=lambda service, _: one(condition_truth(service.status, "Ready")),
            is_stable=True,
        ),
        Row(
            name="kuberay_service_condition_upgrade_in_progress",
            help="Describes whether the RayService is performing a zero-downtime upgrade.",
            labels=("condition",),
            source="status.conditions[UpgradeInProgress].status",
            values=lambda service, _: one(condition_truth(service.status, "UpgradeInProgress")),
            is_stable=True,
        ),
        created_row("kuberay_service"),
        deletion_row("kuberay_service"),
        *condition_rows("kuberay_service"),
        Row(
            name="kuberay_service_serve_endpoints",
            help="Endpoints that serve requests (status.numServeEndpoints).",
            source="status.numServeEndpoints",
            series="0 or 1",
            values=of_status(lambda status: number(status.serve_endpoints or 0)),
        ),
        Row(
            name="kuberay_service_cluster_info",
            help="Always 1; joins the service with its RayClusters, by role (status.activeServiceStatus, "
            "status.pendingServiceStatus).",
            labels=("role", "ray_io_cluster"),
            source="status.{active,pending}ServiceStatus.rayClusterName",
            series="0 to 2",
            values=of_status(
                lambda status: [
                    ((role, cluster.ray_cluster_name), 1) for role, cluster in roles(status) if cluster.ray_cluster_name
                ]
            ),
        ),
        Row(
            name="kuberay_service_target_capacity_ratio",
            help="Share of its capacity that each cluster should serve with, in incremental upgrades (targetCapacity).",
            labels=("role",),
            source="status.{active,pending}ServiceStatus.targetCapacity / 100",
            series="0 to 2",
            values=of_status(
                lambda status: [
                    ((role,), cluster.target_capacity / 100)
                    for role, cluster in roles(status)
                    if cluster.target_capacity is not None
                ]
            ),
        ),
        Row(
            name="kuberay_service_traffic_routed_ratio",
            help="Share of the traffic that each cluster gets, in incremental upgrades (trafficRoutedPercent).",
            labels=("role",),
            source="status.{active,pending}ServiceStatus.trafficRoutedPercent / 100",
            series="0 to 2",
            values=of_status(
                lambda status: [
                    ((role,), cluster.traffic_routed_percent / 100)
                    for role, cluster in roles(status)
                    if cluster.traffic_routed_percent is not None
                ]
            ),
        ),
        Row(
            name="kuberay_service_application_status",
            help="Always 1; the status of each Serve application is a label (applicationStatuses).",
            labels=("role", "application", "status"),
            source="status.{active,pending}ServiceStatus.applicationStatuses[].status",
            series="1 an application and role",
            values=of_status(
                lambda status: [
                    ((role, name, (application and application.status) or ""), 1)
                    for role, cluster in roles(status)
                    for name, application in (cluster.applications or {}).items()
                ]
            ),
        ),
        Row(
            name="kuberay_service_deployment_status",
            help="Always 1; the status of each Serve deployment is a label (serveDeploymentStatuses).",
            labels=("role", "application", "deployment", "status"),
            source="status.{active,pending}ServiceStatus.applicationStatuses[].serveDeploymentStatuses[].status",
            series="1 a deployment and role",
            values=of_status(
                lambda status: [
                    ((role, name, deployment, (state and state.status) or ""), 1)
                    for role, cluster in roles(status)
                    for name, application in (cluster.applications or {}).items()
                    for deployment, state in ((application and application.deployments) or {}).items()
                ]
            ),
        ),
        suspended_row("kuberay_service"),
        managed_by_row("kuberay_service"),
        labels_row("kuberay_service"),
    ),
    totals=(
        *life_totals("kuberay_services"),
        Total(
            name="kuberay_services_startup_duration_seconds",
            help="Time from a service's creation to its first Ready, of services that were seen not ready before.",
            source="status.conditions[Ready].lastTransitionTime - metadata.creationTimestamp",
            happened=first_ready,
            is_histogram=True,
            is_awaited=True,
        ),
    ),
)
