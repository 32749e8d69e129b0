"""RayService's metrics (KubeRay v1.7.0, `controllers/ray/metrics/ray_service_metrics.go`)."""

from exporter.collectors.collector import Kind, Row, remember_nothing
from exporter.collectors.values import condition_truth, one
from exporter.resources.rayservice import RayService

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
        ),
        Row(
            name="kuberay_service_condition_ready",
            help="Describes whether the RayService is ready. Ready means users can send requests to the "
            "underlying cluster and the number of serve endpoints is greater than 0.",
            labels=("condition",),
            source="status.conditions[Ready].status",
            values=lambda service, _: one(condition_truth(service.status, "Ready")),
        ),
        Row(
            name="kuberay_service_condition_upgrade_in_progress",
            help="Describes whether the RayService is performing a zero-downtime upgrade.",
            labels=("condition",),
            source="status.conditions[UpgradeInProgress].status",
            values=lambda service, _: one(condition_truth(service.status, "UpgradeInProgress")),
        ),
    ),
)
