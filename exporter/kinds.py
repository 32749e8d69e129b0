"""All kinds: each is declared here once, and every part of the program takes what it needs of it from here.

The parts of a declaration are in three modules of the kind: its types in `resources`, its metrics in `collectors`,
its findings and states in `diagnosis`. Their details are in `views.details`.
"""

from typing import Any, NamedTuple

from exporter.collectors.event import EVENTS
from exporter.collectors.pod import PODS
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.raycronjob import RAYCRONJOBS
from exporter.collectors.rayjob import RAYJOBS
from exporter.collectors.rayservice import RAYSERVICES
from exporter.collectors.workload import WORKLOADS
from exporter.diagnosis import raycluster, raycronjob, rayjob, rayservice
from exporter.diagnosis.kind import AnyDiagnosedKind, DiagnosedKind
from exporter.families.table import AnyKind
from exporter.resources.detailed import (
    DetailedEvent,
    DetailedPod,
    DetailedRayCluster,
    DetailedRayCronJob,
    DetailedRayJob,
    DetailedRayService,
    DetailedWorkload,
)
from exporter.views.details import cluster_details, cron_job_details, job_details, service_details


class Declaration(NamedTuple):
    """One kind.

    Attributes:
        tables: its name in the API, what is listed and watched of it, and its metrics.
        detailed_type: the type with messages, which the page, its API and `explain` read; it extends that of the
            metrics.
        diagnosed: its states, findings and details; None if its objects are only read to diagnose others.
    """

    tables: AnyKind
    detailed_type: type[Any]
    diagnosed: AnyDiagnosedKind | None = None

    @property
    def name(self) -> str:
        return self.tables.name


DECLARATIONS = (
    Declaration(
        RAYCLUSTERS,
        DetailedRayCluster,
        DiagnosedKind(
            title="Clusters",
            has_status=raycluster.has_status,
            state=raycluster.cluster_state,
            details=cluster_details,
            findings=raycluster.cluster_findings,
            job_suffix="-redis-cleanup",
            is_created_for_others=True,
        ),
    ),
    Declaration(
        RAYJOBS,
        DetailedRayJob,
        DiagnosedKind(
            title="Jobs",
            has_status=rayjob.has_status,
            state=rayjob.job_state,
            details=job_details,
            findings=rayjob.job_findings,
            cluster_names=rayjob.cluster_names,
            job_suffix="",
        ),
    ),
    Declaration(
        RAYSERVICES,
        DetailedRayService,
        DiagnosedKind(
            title="Services",
            has_status=rayservice.has_status,
            state=rayservice.service_state,
            details=service_details,
            findings=rayservice.service_findings,
            cluster_names=rayservice.cluster_names,
        ),
    ),
    Declaration(
        RAYCRONJOBS,
        DetailedRayCronJob,
        DiagnosedKind(
            title="Cron jobs",
            has_status=raycronjob.has_status,
            state=raycronjob.cron_job_state,
            details=cron_job_details,
            findings=raycronjob.cron_job_findings,
        ),
    ),
    Declaration(EVENTS, DetailedEvent),
    Declaration(PODS, DetailedPod),
    Declaration(WORKLOADS, DetailedWorkload),
)

KINDS: tuple[AnyKind, ...] = tuple(kind.tables for kind in DECLARATIONS)
"""Every kind that can be exported, in the order in which it is printed."""

DIAGNOSED: dict[str, AnyDiagnosedKind] = {kind.name: kind.diagnosed for kind in DECLARATIONS if kind.diagnosed}
"""The kinds that are diagnosed, by the `kind` field, in the order in which they are shown."""
