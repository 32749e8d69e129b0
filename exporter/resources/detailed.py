"""The kinds with what a diagnosis reads in addition to the metrics: messages, finalizers, deadlines.

The types of the metrics stay without these fields, so that an exporter without the page and its API
holds no message. A message is kept with at most MAX_MESSAGE_LENGTH characters, and of one object at
most MAX_MESSAGES in a list, whatever was written into it.
"""

from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Protocol

from msgspec import Struct
from msgspec.structs import force_setattr

from exporter.resources.event import Event
from exporter.resources.meta import Condition, Message, ObjectMeta, Shared, SharedStrings, cut
from exporter.resources.pod import ContainerState, ContainerStatus, Pod, PodSpec, PodStatus, Terminated, Waiting
from exporter.resources.raycluster import RayCluster, RayClusterStatus
from exporter.resources.raycronjob import RayCronJob
from exporter.resources.rayjob import RayJob, RayJobMeta, RayJobSpec, RayJobStatus
from exporter.resources.rayservice import (
    AppStatus,
    RayService,
    RayServiceStatus,
    RayServiceStatuses,
    ServeDeploymentStatus,
)
from exporter.resources.times import Time
from exporter.resources.workload import AdmissionCheckState, Workload, WorkloadStatus

MAX_MESSAGES = 16
"""Of the conditions, Serve applications or deployments of one object."""

MAX_FINALIZERS = 8


def _drop_more(structs: Iterable[Any] | None, maximum: int = MAX_MESSAGES) -> None:
    """Drop the messages of a list but the first ones: what is well often has none."""
    with_message = [struct for struct in structs or () if struct is not None and struct.message]
    for struct in with_message[maximum:]:
        force_setattr(struct, "message", None)


def _cut_finalizers(meta: Struct) -> None:
    """Keep a few finalizers of an object that is being deleted; before, they explain nothing."""
    finalizers = getattr(meta, "finalizers", None)
    if finalizers is not None:
        is_deleted = getattr(meta, "deletion_timestamp", None) is not None
        kept = tuple(cut(name) for name in finalizers[:MAX_FINALIZERS]) if is_deleted else ()
        force_setattr(meta, "finalizers", kept or None)


class DetailedMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    finalizers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _cut_finalizers(self)


class DetailedCondition(Condition, frozen=True, gc=False, rename="camel"):
    message: Message | None = None


class DetailedRayClusterStatus(RayClusterStatus, frozen=True, gc=False, rename="camel"):
    """A status with messages.

    Attributes:
        last_update_time: when the operator last changed the status.
    """

    conditions: tuple[DetailedCondition, ...] | None = None
    reason: Message | None = None
    last_update_time: Time | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _drop_more(self.conditions)


class DetailedRayCluster(RayCluster, frozen=True, gc=False):
    metadata: DetailedMeta
    status: DetailedRayClusterStatus | None = None


class DetailedRayJobMeta(RayJobMeta, frozen=True, gc=False, rename="camel"):
    finalizers: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _cut_finalizers(self)


class DetailedRayJobSpec(RayJobSpec, frozen=True, gc=False, rename="camel"):
    cluster_selector: Mapping[str, str] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.cluster_selector is not None:
            # Only whether there is one is read.
            force_setattr(self, "cluster_selector", _SELECTOR if self.cluster_selector else None)

    @property
    def selects_cluster(self) -> bool:
        """The job runs on an existing cluster, which was not created for it."""
        return bool(self.cluster_selector)


_SELECTOR: Mapping[str, str] = {"ray.io/cluster": ""}


class DetailedRayJobStatus(RayJobStatus, frozen=True, gc=False, rename="camel"):
    message: Message | None = None


class DetailedRayJob(RayJob, frozen=True, gc=False):
    metadata: DetailedRayJobMeta
    spec: DetailedRayJobSpec | None = None
    status: DetailedRayJobStatus | None = None


class DetailedDeploymentStatus(ServeDeploymentStatus, frozen=True, gc=False):
    message: Message | None = None


class DetailedAppStatus(AppStatus, frozen=True, gc=False, rename="camel"):
    message: Message | None = None
    serve_deployment_statuses: Mapping[str, DetailedDeploymentStatus | None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.serve_deployment_statuses:
            _drop_more(self.serve_deployment_statuses.values())


class DetailedRayServiceStatus(RayServiceStatus, frozen=True, gc=False, rename="camel"):
    application_statuses: Mapping[str, DetailedAppStatus | None] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.application_statuses:
            applications = self.application_statuses.values()
            _drop_more(applications)
            deployments = [one.serve_deployment_statuses or {} for one in applications if one is not None]
            _drop_more((one for of_app in deployments for one in of_app.values()), MAX_MESSAGES**2)


class DetailedRayServiceStatuses(RayServiceStatuses, frozen=True, gc=False, rename="camel"):
    """A status with messages.

    Attributes:
        service_status: the only state before KubeRay 1.3, which has no conditions.
        last_update_time: when the operator last changed the status.
    """

    conditions: tuple[DetailedCondition, ...] | None = None
    active_service_status: DetailedRayServiceStatus | None = None
    pending_service_status: DetailedRayServiceStatus | None = None
    service_status: Shared | None = None
    last_update_time: Time | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _drop_more(self.conditions)


class DetailedRayService(RayService, frozen=True, gc=False):
    metadata: DetailedMeta
    status: DetailedRayServiceStatuses | None = None


class DetailedRayCronJob(RayCronJob, frozen=True, gc=False):
    metadata: DetailedMeta


class DetailedObject(Protocol):
    """An object of any kind that is diagnosed."""

    kind: ClassVar[str]

    @property
    def metadata(self) -> DetailedMeta | DetailedRayJobMeta: ...

    @property
    def spec(self) -> Any: ...

    @property
    def status(self) -> Any: ...


class DetailedWaiting(Waiting, frozen=True, gc=False):
    message: Message | None = None


class DetailedTerminated(Terminated, frozen=True, gc=False, rename="camel"):
    message: Message | None = None


class DetailedContainerState(ContainerState, frozen=True, gc=False):
    waiting: DetailedWaiting | None = None
    terminated: DetailedTerminated | None = None


_NO_STATE = DetailedContainerState()


class DetailedContainerStatus(ContainerStatus, frozen=True, gc=False, rename="camel"):
    state: DetailedContainerState | None = None
    last_state: DetailedContainerState | None = None

    @property
    def now(self) -> DetailedContainerState:
        return self.state or _NO_STATE

    @property
    def before(self) -> DetailedContainerState:
        return self.last_state or _NO_STATE


class DetailedPodStatus(PodStatus, frozen=True, gc=False, rename="camel"):
    message: Message | None = None
    conditions: tuple[DetailedCondition, ...] | None = None
    init_container_statuses: tuple[DetailedContainerStatus, ...] | None = None
    container_statuses: tuple[DetailedContainerStatus, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for condition in self.conditions or ():
            is_well = condition.is_true and condition.type != "DisruptionTarget"
            if is_well or condition.type == "Initialized":
                force_setattr(condition, "message", None)


class NamedContainer(SharedStrings, frozen=True, gc=False):
    name: Shared = ""


class DetailedPodSpec(PodSpec, frozen=True, gc=False, rename="camel"):
    """A spec with the first container only: KubeRay runs Ray in it, and sidecars in the others."""

    containers: tuple[NamedContainer, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        force_setattr(self, "containers", (self.containers or ())[:1])


class DetailedPod(Pod, frozen=True, gc=False):
    spec: DetailedPodSpec | None = None
    status: DetailedPodStatus | None = None


class DetailedEvent(Event, frozen=True, gc=False, rename="camel"):
    message: Message | None = None


class DetailedCheckState(AdmissionCheckState, frozen=True, gc=False):
    message: Message | None = None


class DetailedWorkloadStatus(WorkloadStatus, frozen=True, gc=False, rename="camel"):
    keeps_messages: ClassVar[bool] = True
    admission_checks: tuple[DetailedCheckState, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        _drop_more(self.conditions)
        _drop_more(self.admission_checks)


class DetailedWorkload(Workload, frozen=True, gc=False):
    kind: ClassVar[str] = "Workload"
    status: DetailedWorkloadStatus = DetailedWorkloadStatus()
