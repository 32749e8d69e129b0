"""What is worth showing of each kind, as structs that become the JSON of docs/api.md."""

from datetime import datetime

from msgspec import Struct, field
from msgspec.structs import replace

from exporter.diagnosis.common import QUEUE_LABEL, met
from exporter.diagnosis.related import CRON_JOB_LABEL, ORIGIN_KIND_LABEL, ORIGIN_NAME_LABEL
from exporter.resources.detailed import (
    DetailedAppStatus,
    DetailedRayCluster,
    DetailedRayClusterStatus,
    DetailedRayJob,
    DetailedRayJobStatus,
    DetailedRayService,
    DetailedRayServiceStatus,
)
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.times import elapsed_seconds

UNLIMITED = 2**31 - 1
"""KubeRay's maximum of workers where the user has set none."""

MAX_APPLICATIONS = 50
MAX_DEPLOYMENTS = 50


class Workers(Struct, frozen=True, omit_defaults=True):
    """Worker replicas of a cluster; `ready` is None if KubeRay has counted only those that are running."""

    desired: int | None = None
    ready: int | None = None
    available: int | None = None
    min: int | None = None
    max: int | None = None


class Requested(Struct, frozen=True, omit_defaults=True):
    """Resources that all desired pods of a cluster request."""

    cpu: float | None = None
    memory_bytes: float | None = field(default=None, name="memoryBytes")
    gpu: float | None = None
    tpu: float | None = None


class ObjectName(Struct, frozen=True):
    """The object that another one was created for, or that an Event is about."""

    kind: str
    name: str


class ClusterDetails(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What the API shows of a RayCluster in addition to its state."""

    ray_version: str | None = None
    workers: Workers | None = None
    requested: Requested | None = None
    head_pod: str | None = None
    owner: ObjectName | None = None
    autoscaling: bool | None = None
    provisioned_at: datetime | None = None


class Step(Struct, frozen=True):
    """A state of a job, and when it was entered."""

    state: str
    time: datetime


class JobDetails(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What the API shows of a RayJob in addition to its state."""

    deployment_status: str | None = None
    job_status: str | None = None
    reason: str | None = None
    ray_cluster: str | None = None
    job_id: str | None = None
    submission_mode: str | None = None
    start_time: datetime | None = None
    end_time: datetime | None = None
    duration_seconds: float | None = None
    failed: int | None = None
    succeeded: int | None = None
    backoff_limit: int | None = None
    active_deadline_seconds: int | None = None
    cron_job: str | None = None
    queue: str | None = None
    timeline: tuple[Step, ...] = ()


class Application(Struct, frozen=True, omit_defaults=True):
    """One Serve application, or a deployment of it."""

    name: str
    status: str | None = None
    deployments: tuple["Application", ...] = ()


class Role(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """The active or the pending cluster of a service."""

    ray_cluster: str | None = None
    target_capacity: int | None = None
    traffic_routed_percent: int | None = None
    applications: tuple[Application, ...] = ()


class ServiceDetails(Struct, frozen=True, omit_defaults=True, rename="camel"):
    """What the API shows of a RayService in addition to its state."""

    serve_endpoints: int | None = None
    active: Role | None = None
    pending: Role | None = None


def gpus(cluster: DetailedRayCluster) -> float:
    """Return how many GPUs a cluster requests."""
    return _number(cluster.status.desired_gpu if cluster.status else None) or 0.0


def cluster_details(cluster: DetailedRayCluster) -> ClusterDetails:
    """Return the details of a cluster."""
    meta, spec, status = cluster.metadata, cluster.spec, cluster.status
    provisioned = met(status, "RayClusterProvisioned")
    kind, name = meta.label(ORIGIN_KIND_LABEL), meta.label(ORIGIN_NAME_LABEL)
    details = ClusterDetails(
        ray_version=spec.ray_version if spec else None,
        owner=ObjectName(kind, name) if kind and name else None,
        autoscaling=spec.enable_in_tree_autoscaling if spec else None,
        provisioned_at=provisioned.last_transition_time if provisioned else None,
    )
    if status is None:
        return details
    return replace(
        details,
        workers=Workers(
            desired=status.desired_worker_replicas or 0,
            ready=status.ready_worker_replicas or (None if _counts_available_only(status) else 0),
            available=status.available_worker_replicas or 0,
            min=status.min_worker_replicas or 0,
            max=None if status.max_worker_replicas == UNLIMITED else status.max_worker_replicas,
        ),
        requested=Requested(
            *map(_number, (status.desired_cpu, status.desired_memory, status.desired_gpu, status.desired_tpu))
        ),
        head_pod=(status.head.pod_name or None) if status.head else None,
    )


def _counts_available_only(status: DetailedRayClusterStatus) -> bool:
    """Return whether a number of ready workers that is 0 says nothing: KubeRay before 1.2 does not write it."""
    return bool(status.available_worker_replicas and not status.conditions)


def job_details(job: DetailedRayJob) -> JobDetails:
    """Return the details of a job."""
    meta, spec, status = job.metadata, job.spec, job.status or DetailedRayJobStatus()
    is_finished = status.job_deployment_status in ("Complete", "Failed")
    return JobDetails(
        deployment_status=status.job_deployment_status or None,
        job_status=status.job_status or None,
        reason=status.reason or None,
        ray_cluster=status.ray_cluster_name or None,
        job_id=status.job_id or None,
        submission_mode=spec.submission_mode if spec else None,
        start_time=status.start_time,
        end_time=status.end_time,
        # Of a running attempt it would change with every second.
        duration_seconds=elapsed_seconds(status.start_time, status.end_time) if is_finished else None,
        failed=status.failed or 0,
        succeeded=status.succeeded or 0,
        backoff_limit=spec.backoff_limit if spec else None,
        active_deadline_seconds=spec.active_deadline_seconds if spec else None,
        cron_job=meta.label(CRON_JOB_LABEL) or None,
        queue=meta.label(QUEUE_LABEL) or None,
        timeline=_timeline(job, status),
    )


def _timeline(job: DetailedRayJob, status: DetailedRayJobStatus) -> tuple[Step, ...]:
    info = status.ray_job_info
    steps = [
        ("Created", job.metadata.creation_timestamp),
        ("Initializing", status.start_time),
        ("Running", info.start_time if info else None),
        ("Ended", info.end_time if info else None),
        (status.job_deployment_status or "Finished", status.end_time),
    ]
    return tuple(sorted((Step(state, time) for state, time in steps if time), key=lambda step: step.time))


def service_details(service: DetailedRayService) -> ServiceDetails:
    """Return the details of a service."""
    status = service.status
    if status is None:
        return ServiceDetails()
    return ServiceDetails(
        serve_endpoints=status.num_serve_endpoints or 0,
        active=_role(status.active_service_status),
        pending=_role(status.pending_service_status),
    )


def _role(status: DetailedRayServiceStatus | None) -> Role | None:
    if status is None or not (status.ray_cluster_name or status.application_statuses):
        return None
    applications = tuple(
        Application(name, one.status if one else None, _deployments(one))
        for name, one in list((status.application_statuses or {}).items())[:MAX_APPLICATIONS]
    )
    return Role(status.ray_cluster_name, status.target_capacity, status.traffic_routed_percent, applications)


def _deployments(application: DetailedAppStatus | None) -> tuple[Application, ...]:
    deployments = (application and application.serve_deployment_statuses) or {}
    return tuple(
        Application(name, one.status if one else None) for name, one in list(deployments.items())[:MAX_DEPLOYMENTS]
    )


def _number(quantity: Quantity | None) -> float | None:
    return None if quantity is None else parse_quantity(quantity)
