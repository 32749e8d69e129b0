"""One log line for each RayJob that ends, and for each attempt that is retried: what log systems keep of them."""

import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from exporter.collectors.attempts import MAX_ATTEMPTS, RETRYING, status_written_at
from exporter.collectors.job_ends import VALIDATION_FAILED, end_of
from exporter.collectors.raycluster import owner_kind
from exporter.collectors.rayjob import failure_reason
from exporter.collectors.requested import GPU_SECONDS, TPU_SECONDS
from exporter.collectors.stages import attempts_before, queued
from exporter.diagnosis.common import QUEUE_LABEL
from exporter.families.integrals import Integrals
from exporter.families.limits import Shares
from exporter.families.object_families import allowed_labels
from exporter.families.read_fields import fields_of
from exporter.families.table import AnyKind
from exporter.pipeline.event_log import LogFields, time_text
from exporter.pipeline.line_sources import LineSource
from exporter.resources.raycluster import RayCluster
from exporter.resources.rayjob import RayJob, RayJobStatus, RayJobStatusInfo
from exporter.resources.times import elapsed_seconds

LOGGER = "kuberay.jobs"

MAX_DELETED = 10_000
"""Maximum number of deleted clusters of which it is remembered what they requested: about 7 MB."""

_NONE = "", Counter[str]()

_log = logging.getLogger(LOGGER)


class JobRequests(LineSource[RayCluster]):
    """What the clusters of jobs have requested.

    It comes before the integrals that it reads, which forget a deleted cluster. Any thread may call `of_clusters`.
    """

    families, reads = (), frozenset()

    def __init__(self, integrals: Sequence[Integrals[Any]], dropped: Callable[[], object]) -> None:
        """`dropped` is called for each deleted cluster that is forgotten because there are too many."""
        self._integrals, self._dropped = integrals, dropped
        # By namespace and name: the uid of a present cluster; the uid of the last deleted one, and what all of this
        # name have requested that were deleted: if a job's cluster is deleted, the operator creates it again.
        self._uids: dict[tuple[str, str], str] = {}
        self._deleted: dict[tuple[str, str], tuple[str, Counter[str]]] = {}
        self._shares = Shares[tuple[str, str]](MAX_DELETED)

    def observe(self, cluster: RayCluster, changed: Collection[str] | None) -> RayCluster | None:
        return cluster if changed is None and owner_kind(cluster) == RayJob.kind else None

    def update(self, observed: Sequence[RayCluster], removed: Sequence[RayCluster], _: object) -> None:
        for meta in [cluster.metadata for cluster in removed]:
            key = meta.namespace, meta.name
            if self._uids.get(key) == meta.uid:
                _, earlier = self._deleted.get(key, _NONE)
                self._deleted[key] = meta.uid, earlier + self._requested(meta.uid)
                del self._uids[key]
                if (oldest := self._shares.add(meta.namespace, key)) is not None:
                    del self._deleted[oldest]
                    self._dropped()
        for meta in [cluster.metadata for cluster in observed]:
            self._uids[meta.namespace, meta.name] = meta.uid

    def of_clusters(self, namespace: str, names: Iterable[str]) -> Counter[str] | None:
        """Return the seconds of all GPUs and of each extended resource; None if one of the clusters is not known."""
        total = Counter[str]()
        for key in [(namespace, name) for name in names]:
            present = self._requested(uid) if (uid := self._uids.get(key)) else None
            # Last: what is being deleted is here before the integrals forget it.
            deleted, requested = self._deleted.get(key, _NONE)
            if present is None and not deleted:
                return None
            total += requested
            if present is not None and uid != deleted:
                total += present
        return total

    def _requested(self, uid: str) -> Counter[str]:
        return Counter({name: seconds for each in self._integrals for name, seconds in each.seconds_of(uid).items()})


class JobLog(LineSource[RayJob]):
    """Logs each end of a job, and each attempt that is retried, once.

    What the first list shows is history: it is not logged. What a later list shows is, if it is new.
    """

    families = ()
    reads = fields_of("status.jobDeploymentStatus, status.jobStatus, status.failed, status.rayClusterName")

    def __init__(self, labels: tuple[str, ...]) -> None:
        """`labels` are the keys of the labels of jobs that are logged."""
        self._labels = labels
        self._requests: JobRequests | None = None
        # By uid: how many attempts were retried, how the job has ended, its clusters; None if the first list had it.
        self._seen: dict[str, tuple[int, object, tuple[str, ...] | None]] = {}
        self._undecodable: set[str] = set()

    def sources(
        self, kind: AnyKind, integrals: Sequence[Integrals[Any]], dropped: Callable[[], object]
    ) -> Sequence[LineSource[Any]]:
        """Return what has to receive the objects of a kind before its integrals do; `dropped` as of `JobRequests`."""
        names = {family.name for each in integrals for family in each.object_families}
        if kind.name == RayCluster.kind and GPU_SECONDS in names:
            self._requests = JobRequests(integrals, dropped)
            return (self._requests,)
        return (self,) if kind.name == RayJob.kind else ()

    def observe(self, job: RayJob, changed: Collection[str] | None) -> RayJob | None:
        return job if changed is None or not self.reads.isdisjoint(changed) else None

    def update(
        self, observed: Sequence[RayJob], removed: Sequence[RayJob], undecodable: Collection[str] | None
    ) -> None:
        self._undecodable.update(undecodable or ())
        for job in removed:
            self._seen.pop(job.metadata.uid, None)
        for job in observed:
            uid, status, end = job.metadata.uid, job.status or RayJobStatus(), end_of(job)
            is_old, failed = undecodable is not None or uid in self._undecodable, status.failed or 0
            self._undecodable.discard(uid)
            first = (failed, end, None) if is_old else (0, None, ())
            retried, had_ended, clusters = self._seen.get(uid, first)
            if clusters is not None and status.ray_cluster_name and status.ray_cluster_name not in clusters:
                clusters = (*clusters, status.ray_cluster_name)[-MAX_ATTEMPTS:]
            is_retried = status.job_deployment_status == RETRYING and failed > retried
            if is_retried or (end and not had_ended):
                self._log(job, status, end or RETRYING, clusters)
            self._seen[uid] = failed if is_retried else retried, end, clusters

    def _log(self, job: RayJob, status: RayJobStatus, end: str, clusters: tuple[str, ...] | None) -> None:
        meta, ran, reason = job.metadata, end != VALIDATION_FAILED, failure_reason(status)
        ray = (status.ray_job_info if ran else None) or RayJobStatusInfo()
        started = status.start_time if ran else None
        ended = (status_written_at(job) if end == RETRYING else status.end_time) if ran else None
        requested = self._requests.of_clusters(meta.namespace, clusters) if self._requests and clusters else None
        fields = {
            "uid": meta.uid,
            **allowed_labels(meta.labels, self._labels),
            "queue": meta.label(QUEUE_LABEL),
            "ended": "attempt" if end == RETRYING else "job",
            "status": end,
            "reason": reason or "",
            "message": getattr(status, "message", None) or "",
            "attempts": attempts_before(status) + ran,
            "cluster": status.ray_cluster_name or "",
            "job_id": status.job_id or "",
            "created_at": time_text(meta.creation_timestamp),
            "started_at": time_text(started),
            "ray_started_at": time_text(ray.start_time),
            "ray_ended_at": time_text(ray.end_time),
            "ended_at": time_text(ended),
            "queued_seconds": queued(job).seconds,
            "starting_seconds": elapsed_seconds(started, ray.start_time),
            "running_seconds": elapsed_seconds(ray.start_time, ray.end_time),
            "attempt_seconds": elapsed_seconds(started, ended),
            "total_seconds": elapsed_seconds(meta.creation_timestamp, ended),
        }
        if requested is not None:
            requested.pop(TPU_SECONDS, None)
            fields["gpu_seconds"] = round(requested.pop(GPU_SECONDS, 0))
            fields["requested_seconds"] = {name: round(seconds) for name, seconds in requested.items()} or None
        known = {name: value for name, value in fields.items() if value is not None}
        _log.info(LogFields(job.kind, meta.namespace, meta.name, f"{end}, {reason}" if reason else end, known))
