"""What is worth showing of each kind, under the names that docs/api.md lists; what is unknown is absent."""

from typing import Any

from exporter.diagnosis.common import QUEUE_LABEL, met
from exporter.diagnosis.related import CRON_JOB_LABEL, ORIGIN_KIND_LABEL, ORIGIN_NAME_LABEL
from exporter.resources.detailed import (
    DetailedAppStatus,
    DetailedRayCluster,
    DetailedRayClusterStatus,
    DetailedRayCronJob,
    DetailedRayJob,
    DetailedRayJobStatus,
    DetailedRayService,
    DetailedRayServiceStatus,
)
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.times import elapsed_seconds

Details = dict[str, Any]

UNLIMITED = 2**31 - 1
"""KubeRay's maximum of workers where the user has set none."""

MAX_APPLICATIONS = 50
MAX_DEPLOYMENTS = 50


def _present(**values: Any) -> Details:
    """Return what is known of these values."""
    return {name: value for name, value in values.items() if value not in (None, "", [])}


def gpus(cluster: DetailedRayCluster) -> float:
    """Return how many GPUs a cluster requests."""
    return _number(cluster.status.desired_gpu if cluster.status else None) or 0.0


def cluster_details(cluster: DetailedRayCluster) -> Details:
    """Return the details of a cluster."""
    meta, spec, status = cluster.metadata, cluster.spec, cluster.status
    provisioned = met(status, "RayClusterProvisioned")
    kind, name = meta.label(ORIGIN_KIND_LABEL), meta.label(ORIGIN_NAME_LABEL)
    return _present(
        rayVersion=spec.ray_version if spec else None,
        workers=_workers(status) if status else None,
        requested=_requested(status) if status else None,
        headPod=status.head.pod_name if status and status.head else None,
        owner={"kind": kind, "name": name} if kind and name else None,
        autoscaling=spec.enable_in_tree_autoscaling if spec else None,
        provisionedAt=provisioned.last_transition_time if provisioned else None,
    )


def _workers(status: DetailedRayClusterStatus) -> Details:
    # KubeRay before 1.2 counts those that are running, and writes no number of ready ones: 0 would say something.
    is_ready_unknown = status.available_worker_replicas and not status.conditions
    return _present(
        desired=status.desired_worker_replicas or 0,
        ready=status.ready_worker_replicas or (None if is_ready_unknown else 0),
        available=status.available_worker_replicas or 0,
        min=status.min_worker_replicas or 0,
        max=None if status.max_worker_replicas == UNLIMITED else status.max_worker_replicas,
    )


def _requested(status: DetailedRayClusterStatus) -> Details:
    return _present(
        cpu=_number(status.desired_cpu),
        memoryBytes=_number(status.desired_memory),
        gpu=_number(status.desired_gpu),
        tpu=_number(status.desired_tpu),
    )


def _number(quantity: Quantity | None) -> float | None:
    return None if quantity is None else parse_quantity(quantity)


def job_details(job: DetailedRayJob) -> Details:
    """Return the details of a job."""
    meta, spec, status = job.metadata, job.spec, job.status or DetailedRayJobStatus()
    is_finished = status.job_deployment_status in ("Complete", "Failed")
    return _present(
        deploymentStatus=status.job_deployment_status,
        jobStatus=status.job_status,
        reason=status.reason,
        rayCluster=status.ray_cluster_name,
        jobId=status.job_id,
        submissionMode=spec.submission_mode if spec else None,
        startTime=status.start_time,
        endTime=status.end_time,
        # Of a running attempt it would change with every second.
        durationSeconds=elapsed_seconds(status.start_time, status.end_time) if is_finished else None,
        failed=status.failed or 0,
        succeeded=status.succeeded or 0,
        backoffLimit=spec.backoff_limit if spec else None,
        activeDeadlineSeconds=spec.active_deadline_seconds if spec else None,
        cronJob=meta.label(CRON_JOB_LABEL),
        queue=meta.label(QUEUE_LABEL),
        timeline=_timeline(job, status),
    )


def _timeline(job: DetailedRayJob, status: DetailedRayJobStatus) -> list[Details]:
    """Return the states of a job, and when each was entered."""
    info = status.ray_job_info
    steps = [
        ("Created", job.metadata.creation_timestamp),
        ("Initializing", status.start_time),
        ("Running", info.start_time if info else None),
        ("Ended", info.end_time if info else None),
        (status.job_deployment_status or "Finished", status.end_time),
    ]
    return sorted(({"state": state, "time": time} for state, time in steps if time), key=lambda step: step["time"])


def service_details(service: DetailedRayService) -> Details:
    """Return the details of a service."""
    status = service.status
    if status is None:
        return {}
    return _present(
        serveEndpoints=status.num_serve_endpoints or 0,
        active=_role(status.active_service_status),
        pending=_role(status.pending_service_status),
    )


def _role(status: DetailedRayServiceStatus | None) -> Details | None:
    """Return the active or the pending cluster of a service."""
    if status is None or not (status.ray_cluster_name or status.application_statuses):
        return None
    return _present(
        rayCluster=status.ray_cluster_name,
        targetCapacity=status.target_capacity,
        trafficRoutedPercent=status.traffic_routed_percent,
        applications=[
            {"name": name} | (_present(status=one.status, deployments=_deployments(one)) if one else {})
            for name, one in list((status.application_statuses or {}).items())[:MAX_APPLICATIONS]
        ],
    )


def _deployments(application: DetailedAppStatus) -> list[Details]:
    deployments = application.serve_deployment_statuses or {}
    return [
        {"name": name} | _present(status=one.status if one else None)
        for name, one in list(deployments.items())[:MAX_DEPLOYMENTS]
    ]


def cron_job_details(cron_job: DetailedRayCronJob) -> Details:
    """Return the details of a cron job."""
    spec, status = cron_job.spec, cron_job.status
    return _present(
        schedule=spec.schedule if spec else None,
        timeZone=spec.time_zone if spec else None,
        lastScheduleTime=status.last_schedule_time if status else None,
    )
