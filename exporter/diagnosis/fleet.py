"""What belongs together: objects, their clusters, pods and Events, found by name."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import TypeVar

from msgspec import Struct

from exporter.resources.detailed import (
    DetailedObject,
    DetailedPod,
    DetailedRayCluster,
    DetailedRayCronJob,
    DetailedRayJob,
    DetailedRayService,
)
from exporter.resources.event import Event

_T = TypeVar("_T")

MAX_EVENTS = 20
"""Of one object: the newest."""

MAX_PODS = 1000
"""Of one cluster, in a diagnosis."""

MAX_JOBS = 1000
"""Of one RayCronJob: the newest."""

NAMES = {
    DetailedRayCluster: "RayCluster",
    DetailedRayJob: "RayJob",
    DetailedRayService: "RayService",
    DetailedRayCronJob: "RayCronJob",
}
"""The `kind` of each type, in the order in which they are listed."""

_JOB_SUFFIXES = {"RayJob": "", "RayCluster": "-redis-cleanup"}
"""Names of the Jobs that run submitters and cleanups, after the object's own name."""

CRON_JOB_LABEL = "ray.io/cronjob-name"
ORIGIN_KIND_LABEL = "ray.io/originated-from-crd"
ORIGIN_NAME_LABEL = "ray.io/originated-from-cr-name"


def kind_of(obj: DetailedObject) -> str:
    """Return the `kind` field of an object."""
    return NAMES[type(obj)]


class Known(Struct, frozen=True):
    """Which kinds could be read: what is absent of another one proves nothing.

    Attributes:
        clusters, pods, events: they could be read, in the namespaces of the objects.
        remedy: how to have pods and Events read, as the end of a sentence.
    """

    clusters: bool = True
    pods: bool = True
    events: bool = True
    remedy: str = "add pods and events to the input"


class Related(Struct, frozen=True):
    """What belongs to one object.

    Attributes:
        clusters: the RayClusters that it names, which exist, each with what belongs to it.
        pods: of the cluster itself, or the submitters of a job.
        events: about the object, or the Job that runs its submitter or its cleanup; the newest first, at most
            MAX_EVENTS.
        pod_events: about each of these pods, the newest first.
        jobs: of a RayCronJob, the newest first, at most MAX_JOBS.
        known: which kinds could be read.
    """

    clusters: tuple[tuple[DetailedRayCluster, "Related"], ...] = ()
    pods: tuple[DetailedPod, ...] = ()
    events: tuple[Event, ...] = ()
    pod_events: Mapping[str, tuple[Event, ...]] = {}
    jobs: tuple[DetailedRayJob, ...] = ()
    known: Known = Known()

    def cluster(self, name: str | None) -> "tuple[DetailedRayCluster, Related] | None":
        """Return the cluster of this name, and what belongs to it."""
        return next((pair for pair in self.clusters if name and pair[0].metadata.name == name), None)

    def event(self, *reasons: str) -> Event | None:
        """Return the newest Event with one of these reasons."""
        return next((event for event in self.events if event.reason in reasons), None)

    @property
    def head(self) -> DetailedPod | None:
        """The head pod that is not being deleted."""
        heads = (pod for pod in self.pods if pod.metadata.node_type == "head")
        return next((pod for pod in heads if pod.metadata.deletion_timestamp is None), None)


class Fleet:
    """Objects with an index of what belongs to each. For one thread; it never changes after the last `add…`."""

    def __init__(self, known: Known | None = None) -> None:
        self.known = known or Known()
        self._objects: dict[tuple[str, str, str], DetailedObject] = {}
        self._pods: dict[tuple[str, str], list[DetailedPod]] = defaultdict(list)
        self._submitters: dict[tuple[str, str], list[DetailedPod]] = defaultdict(list)
        self._events: dict[tuple[str, str, str], list[Event]] = defaultdict(list)
        self._has_pod_events = False
        self._cron_jobs: dict[tuple[str, str], list[DetailedRayJob]] = defaultdict(list)

    def __iter__(self) -> Iterator[DetailedObject]:
        return iter(self._objects.values())

    def __len__(self) -> int:
        return len(self._objects)

    def add_objects(self, objects: Iterable[DetailedObject]) -> None:
        for obj in objects:
            meta = obj.metadata
            self._objects[kind_of(obj), meta.namespace, meta.name] = obj
            if isinstance(obj, DetailedRayJob) and (cron_job := meta.label(CRON_JOB_LABEL)):
                self._cron_jobs[meta.namespace, cron_job].append(obj)

    def add_pods(self, pods: Iterable[DetailedPod]) -> None:
        for pod in pods:
            meta = pod.metadata
            if meta.ray_cluster and meta.node_type:
                self._pods[meta.namespace, meta.ray_cluster].append(pod)
            elif meta.ray_job and not meta.node_type:
                self._submitters[meta.namespace, meta.ray_job].append(pod)

    def add_events(self, events: Iterable[Event]) -> None:
        for event in events:
            if (reference := event.involved_object) is not None:
                key = (reference.kind or "", event.metadata.namespace, reference.name or "")
                self._events[key].append(event)
                self._has_pod_events |= reference.kind == "Pod"

    def find(self, kind: str, namespace: str, name: str) -> DetailedObject | None:
        return self._objects.get((kind, namespace, name))

    def related(self, obj: DetailedObject) -> Related:
        """Return what belongs to an object of this fleet."""
        meta = obj.metadata
        events = self._newest_events(obj)
        if isinstance(obj, DetailedRayCluster):
            pods = self._of(self._pods, meta.namespace, meta.name)
            return Related(pods=pods, events=events, pod_events=self._pod_events(pods), known=self.known)
        if isinstance(obj, DetailedRayCronJob):
            jobs = sorted(self._cron_jobs.get((meta.namespace, meta.name), ()), key=_created_at, reverse=True)
            return Related(events=events, jobs=tuple(jobs[:MAX_JOBS]), known=self.known)
        clusters = tuple(self._clusters(meta.namespace, cluster_names(obj)))
        submitters = self._of(self._submitters, meta.namespace, meta.name) if isinstance(obj, DetailedRayJob) else ()
        pod_events = self._pod_events(submitters)
        return Related(clusters=clusters, pods=submitters, events=events, pod_events=pod_events, known=self.known)

    def owner(self, cluster: DetailedRayCluster) -> DetailedObject | None:
        """Return the RayJob or RayService that a cluster was created for, if there is one in the fleet."""
        meta = cluster.metadata
        return self.find(meta.label(ORIGIN_KIND_LABEL), meta.namespace, meta.label(ORIGIN_NAME_LABEL))

    def cron_job(self, obj: DetailedObject) -> DetailedObject | None:
        """Return the RayCronJob that created a job, if there is one in the fleet."""
        name = obj.metadata.label(CRON_JOB_LABEL)
        return self.find("RayCronJob", obj.metadata.namespace, name) if name else None

    def _clusters(self, namespace: str, names: Iterable[str]) -> Iterator[tuple[DetailedRayCluster, Related]]:
        for name in names:
            cluster = self.find("RayCluster", namespace, name)
            if isinstance(cluster, DetailedRayCluster):
                yield cluster, self.related(cluster)

    def _newest_events(self, obj: DetailedObject) -> tuple[Event, ...]:
        kind, meta = kind_of(obj), obj.metadata
        events = self._events_about(kind, meta.namespace, meta.name, meta.uid)
        if kind in _JOB_SUFFIXES:
            events += self._events_about("Job", meta.namespace, meta.name + _JOB_SUFFIXES[kind])
        if not events:
            return ()
        return tuple(sorted(events, key=_last_time, reverse=True)[:MAX_EVENTS])

    def _pod_events(self, pods: Iterable[DetailedPod]) -> dict[str, tuple[Event, ...]]:
        found = {}
        for meta in (pod.metadata for pod in pods) if self._has_pod_events else ():
            if events := self._events_about("Pod", meta.namespace, meta.name, meta.uid):
                found[meta.name] = tuple(sorted(events, key=_last_time, reverse=True)[:MAX_EVENTS])
        return found

    def _events_about(self, kind: str, namespace: str, name: str, uid: str | None = None) -> list[Event]:
        # An Event of a deleted object of the same name is about another object, but says so only by its uid.
        return [
            event
            for event in self._events.get((kind, namespace, name), ())
            if uid is None or event.involved_object is None or event.involved_object.uid in (None, uid)
        ]

    @staticmethod
    def _of(index: Mapping[tuple[str, str], list[_T]], namespace: str, name: str) -> tuple[_T, ...]:
        return tuple(index.get((namespace, name), ())[:MAX_PODS])


def cluster_names(obj: DetailedObject) -> list[str]:
    """Return the names of an object's RayClusters: of a service the active one first."""
    if isinstance(obj, DetailedRayJob):
        return [obj.status.ray_cluster_name] if obj.status and obj.status.ray_cluster_name else []
    if isinstance(obj, DetailedRayService) and obj.status is not None:
        both = (obj.status.active_service_status, obj.status.pending_service_status)
        return [role.ray_cluster_name for role in both if role is not None and role.ray_cluster_name]
    return []


def _created_at(obj: DetailedObject) -> float:
    created = obj.metadata.creation_timestamp
    return created.timestamp() if created else 0.0


def _last_time(event: Event) -> float:
    time: datetime | None = event.last_time
    return time.timestamp() if time else 0.0
