"""What belongs together: objects, their clusters, pods and Events, found by name."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime

from exporter.diagnosis.kind import AnyDiagnosedKind
from exporter.diagnosis.phrases import NEVER
from exporter.diagnosis.related import CRON_JOB_LABEL, ORIGIN_KIND_LABEL, ORIGIN_NAME_LABEL, Known, Related
from exporter.resources.detailed import (
    DetailedObject,
    DetailedPod,
    DetailedRayCluster,
    DetailedRayCronJob,
    DetailedRayJob,
    DetailedWorkload,
)
from exporter.resources.event import Event
from exporter.resources.meta import ObjectMeta

MAX_EVENTS = 20
"""Of one object: the newest."""

MAX_PODS = 1000
"""Of one cluster, in a diagnosis."""

MAX_JOBS = 1000
"""Of one RayCronJob: the newest."""

_Key = tuple[str, str, str]


class Fleet:
    """Objects with an index of what belongs to each. For one thread; it never changes after the last `add…`."""

    def __init__(self, kinds: Mapping[str, AnyDiagnosedKind], known: Known | None = None) -> None:
        """`kinds` are those of the objects, by the `kind` field."""
        self.known = known or Known()
        self._kinds = kinds
        # By kind, namespace and name: the objects, and what belongs to each of them.
        self._objects: dict[_Key, DetailedObject] = {}
        self._pods: dict[_Key, list[DetailedPod]] = defaultdict(list)
        # By the uid of what they are about, without one by kind, namespace and name.
        self._events: dict[_Key | str, list[Event]] = defaultdict(list)
        self._has_pod_events = False
        self._jobs: dict[_Key, list[DetailedRayJob]] = defaultdict(list)
        # By namespace and the uid of their owner: a reference to another namespace is none.
        self._workloads: dict[tuple[str, str], DetailedWorkload] = {}
        # What was asked for: a cluster belongs to its job or service, too.
        self._related: dict[_Key, Related] = {}

    def __iter__(self) -> Iterator[DetailedObject]:
        return iter(self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    def add_objects(self, objects: Iterable[DetailedObject]) -> None:
        for obj in objects:
            meta = obj.metadata
            self._objects[obj.kind, meta.namespace, meta.name] = obj
            if isinstance(obj, DetailedRayJob) and (cron_job := meta.label(CRON_JOB_LABEL)):
                self._jobs[DetailedRayCronJob.kind, meta.namespace, cron_job].append(obj)

    def add_pods(self, pods: Iterable[DetailedPod]) -> None:
        for pod in pods:
            meta = pod.metadata
            if meta.ray_cluster and meta.node_type:
                self._pods[DetailedRayCluster.kind, meta.namespace, meta.ray_cluster].append(pod)
            elif meta.ray_job and not meta.node_type:
                self._pods[DetailedRayJob.kind, meta.namespace, meta.ray_job].append(pod)

    def add_events(self, events: Iterable[Event]) -> None:
        for event in events:
            if (reference := event.involved_object) is not None:
                # The Job of an object is known by its name only.
                uid = reference.uid if reference.kind != "Job" else None
                key = (reference.kind or "", event.metadata.namespace, reference.name or "")
                self._events[uid or key].append(event)
                self._has_pod_events |= reference.kind == "Pod"

    def add_workloads(self, workloads: Iterable[DetailedWorkload]) -> None:
        for workload in sorted(workloads, key=_precedence):
            if (meta := workload.metadata).owner_uid:
                self._workloads[meta.namespace, meta.owner_uid] = workload

    def kind(self, obj: DetailedObject) -> AnyDiagnosedKind:
        return self._kinds[obj.kind]

    def find(self, kind: str, namespace: str, name: str) -> DetailedObject | None:
        return self._objects.get((kind, namespace, name))

    def related(self, obj: DetailedObject) -> Related:
        """Return what belongs to an object of this fleet."""
        meta, kind = obj.metadata, self.kind(obj)
        key = (obj.kind, meta.namespace, meta.name)
        if (known := self._related.get(key)) is not None:
            return known
        pods = tuple(self._pods.get(key, ())[:MAX_PODS])
        events = self._events_about(obj.kind, meta)
        if kind.job_suffix is not None:
            events += self._events.get(("Job", meta.namespace, meta.name + kind.job_suffix), ())
        jobs = sorted(self._jobs.get(key, ()), key=lambda job: job.metadata.creation_timestamp or NEVER, reverse=True)
        self._related[key] = related = Related(
            clusters=tuple(self._clusters(meta.namespace, kind.cluster_names(obj))),
            pods=pods,
            events=_newest(events),
            pod_events=dict(self._pod_events(pods)) if self._has_pod_events else {},
            jobs=tuple(jobs[:MAX_JOBS]),
            workload=self._workload(obj) if self._workloads else None,
            known=self.known,
        )
        return related

    def creators(self, obj: DetailedObject) -> Iterator[DetailedObject]:
        """Yield the objects of the fleet that an object was created for, as its labels name them."""
        meta = obj.metadata
        names = [(DetailedRayCronJob.kind, meta.label(CRON_JOB_LABEL))]
        if self.kind(obj).is_created_for_others:
            names.insert(0, (meta.label(ORIGIN_KIND_LABEL), meta.label(ORIGIN_NAME_LABEL)))
        for kind, name in names:
            if name and (found := self.find(kind, meta.namespace, name)) is not None:
                yield found

    def _workload(self, obj: DetailedObject) -> DetailedWorkload | None:
        owners = (obj, *(self.creators(obj) if self.kind(obj).is_created_for_others else ()))
        found = (self._workloads.get((owner.metadata.namespace, owner.metadata.uid)) for owner in owners)
        return next(filter(None, found), None)

    def _clusters(self, namespace: str, names: Iterable[str]) -> Iterator[tuple[DetailedRayCluster, Related]]:
        for name in names:
            cluster = self.find(DetailedRayCluster.kind, namespace, name)
            if isinstance(cluster, DetailedRayCluster):
                yield cluster, self.related(cluster)

    def _pod_events(self, pods: Iterable[DetailedPod]) -> Iterator[tuple[str, tuple[Event, ...]]]:
        for meta in (pod.metadata for pod in pods):
            if events := self._events_about("Pod", meta):
                yield meta.name, _newest(events)

    def _events_about(self, kind: str, meta: ObjectMeta) -> list[Event]:
        # An Event of a deleted object of the same name is about another object, but says so only by its uid.
        without_uid = self._events.get((kind, meta.namespace, meta.name), ())
        return [*self._events.get(meta.uid, ()), *without_uid]


def _precedence(workload: DetailedWorkload) -> tuple[bool, bool, datetime]:
    """Sort key of an object's Workloads, the one that counts last: an elastic job that is resized has two."""
    has_quota = workload.is_met("QuotaReserved")
    return workload.state != "finished", has_quota, workload.metadata.creation_timestamp or NEVER


def _newest(events: Iterable[Event]) -> tuple[Event, ...]:
    return tuple(sorted(events, key=lambda event: event.last_time or NEVER, reverse=True)[:MAX_EVENTS])
