"""The one function of this part."""

from collections.abc import Iterable
from datetime import datetime

from exporter.diagnosis.finding import Finding, sorted_findings
from exporter.diagnosis.fleet import Related
from exporter.diagnosis.raycluster import cluster_findings
from exporter.diagnosis.raycronjob import cron_job_findings
from exporter.diagnosis.rayjob import job_findings
from exporter.diagnosis.rayservice import service_findings
from exporter.resources.detailed import (
    DetailedObject,
    DetailedRayCluster,
    DetailedRayJob,
    DetailedRayService,
)


def diagnose(obj: DetailedObject, related: Related, now: datetime) -> tuple[Finding, ...]:
    """Return why an object is not healthy, the worst first; nothing if it is healthy.

    `related` is what belongs to it (`Fleet.related`), and says which kinds could be read. The result
    depends on the arguments only.
    """
    return sorted_findings(tuple(_findings(obj, related, now)))


def _findings(obj: DetailedObject, related: Related, now: datetime) -> Iterable[Finding]:
    if isinstance(obj, DetailedRayCluster):
        return cluster_findings(obj, related, now)
    if isinstance(obj, DetailedRayJob):
        return job_findings(obj, related, now)
    if isinstance(obj, DetailedRayService):
        return service_findings(obj, related, now)
    return cron_job_findings(obj, related, now)
