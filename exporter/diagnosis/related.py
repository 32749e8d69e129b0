"""What belongs to an object: its clusters, pods and Events, and which kinds could be read."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from msgspec import Struct, field

from exporter.diagnosis.finding import Finding
from exporter.resources.detailed import DetailedPod, DetailedRayCluster, DetailedRayJob, DetailedWorkload
from exporter.resources.event import Event
from exporter.shard import Shard

CRON_JOB_LABEL: Final = "ray.io/cronjob-name"
ORIGIN_KIND_LABEL: Final = "ray.io/originated-from-crd"
ORIGIN_NAME_LABEL: Final = "ray.io/originated-from-cr-name"


class Known(Struct, frozen=True):
    """Which kinds could be read: what is absent of another one proves nothing.

    Attributes:
        clusters, pods, events, workloads: they could be read, in the namespaces of the objects.
        is_listed: an API server listed them, so what is absent does not exist; a file may have a part of the pods.
        shard: whose namespaces were read; None: all.
        remedy: how to have pods and Events read, as the end of a sentence.
    """

    clusters: bool = True
    pods: bool = True
    events: bool = True
    is_listed: bool = False
    workloads: bool = False
    remedy: str = "add pods and events to the input"
    shard: Shard | None = None


class Related(Struct, frozen=True):
    """What belongs to one object.

    Attributes:
        clusters: the RayClusters that it names, which exist, each with what belongs to it.
        pods: of the cluster itself, or the submitters of a job.
        events: about the object, or the Job that runs its submitter or its cleanup; the newest first, at most
            MAX_EVENTS.
        pod_events: about each of these pods, the newest first.
        jobs: of a RayCronJob, the newest first, at most MAX_JOBS.
        workload: Kueue's Workload of the object, or of the one that a cluster was created for.
        known: which kinds could be read.
        found: what `cluster_findings` has returned: a job or service asks for the same as its cluster.
    """

    clusters: tuple[tuple[DetailedRayCluster, "Related"], ...] = ()
    pods: tuple[DetailedPod, ...] = ()
    events: tuple[Event, ...] = ()
    pod_events: Mapping[str, tuple[Event, ...]] = {}
    jobs: tuple[DetailedRayJob, ...] = ()
    workload: DetailedWorkload | None = None
    known: Known = Known()
    found: dict[tuple[datetime, bool], tuple[Finding, ...]] = field(default_factory=dict)

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
