"""Pod of core/v1: a head, a worker or a job submitter, and why it does not run.

Environment, volumes, images and commands are never decoded.
"""

from msgspec import Struct
from msgspec.structs import force_setattr

from exporter.resources.meta import Condition, Count, Integer, ObjectMeta, ReadLabel, Shared, SharedStrings
from exporter.resources.times import Time

USED_CONDITIONS = ("PodScheduled", "Initialized", "Ready", "DisruptionTarget")

_LABELS: dict[str, ReadLabel] = {
    "ray_cluster": "ray.io/cluster",
    "node_type": "ray.io/node-type",
    "group": "ray.io/group",
    "ray_job": "ray.io/originated-from-cr-name",
}


class PodMeta(ObjectMeta, frozen=True, gc=False, rename="camel"):
    """`metadata`; of the labels only KubeRay's are kept, as fields.

    Attributes:
        ray_cluster, node_type, group: the labels of a head or worker, "" if absent.
        ray_job: the RayJob that a submitter was created for, "" for other pods.
    """

    ray_cluster: Shared = ""
    node_type: Shared = ""
    group: Shared = ""
    ray_job: Shared = ""

    def __post_init__(self) -> None:
        for name, key in _LABELS.items():
            force_setattr(self, name, self.label(key))
        # A dict for each pod, mostly of labels that nothing reads.
        force_setattr(self, "labels", None)
        super().__post_init__()


class InitContainer(SharedStrings, frozen=True, gc=False, rename="camel"):
    """An init container; with the restart policy Always it is a sidecar that starts before the others."""

    name: Shared | None = None
    restart_policy: str | None = None


class PodSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`; containers are not decoded."""

    node_name: Shared | None = None
    init_containers: tuple[InitContainer, ...] | None = None


class Waiting(SharedStrings, frozen=True, gc=False):
    """Why a container does not run."""

    reason: Shared | None = None


class Running(Struct, frozen=True, gc=False, rename="camel"):
    """Since when a container runs."""

    started_at: Time | None = None


class Terminated(SharedStrings, frozen=True, gc=False, rename="camel"):
    """How a container ended. An absent exit code or signal is 0."""

    exit_code: Integer | None = None
    signal: Integer | None = None
    reason: Shared | None = None
    finished_at: Time | None = None


class ContainerState(Struct, frozen=True, gc=False):
    """One of the three is set, or none: then the container waits without a reason."""

    waiting: Waiting | None = None
    running: Running | None = None
    terminated: Terminated | None = None

    @property
    def is_empty(self) -> bool:
        return self.waiting is None and self.running is None and self.terminated is None


NO_STATE = ContainerState()


class ContainerStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """The state of one container, and how its previous run ended. An absent number of restarts is 0."""

    name: Shared | None = None
    ready: bool | None = None
    started: bool | None = None
    restart_count: Count | None = None
    state: ContainerState | None = None
    last_state: ContainerState | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # `{}` of a container that never ended is one object for all of them.
        if self.last_state is not None and self.last_state.is_empty:
            force_setattr(self, "last_state", None)

    @property
    def now(self) -> ContainerState:
        return self.state or NO_STATE

    @property
    def before(self) -> ContainerState:
        return self.last_state or NO_STATE


class PodStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status`; of the conditions only those that are read are kept."""

    phase: Shared | None = None
    reason: Shared | None = None
    conditions: tuple[Condition, ...] | None = None
    init_container_statuses: tuple[ContainerStatus, ...] | None = None
    container_statuses: tuple[ContainerStatus, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.conditions:
            used = tuple(condition for condition in self.conditions if condition.type in USED_CONDITIONS)
            force_setattr(self, "conditions", used)


class Pod(Struct, frozen=True, gc=False):
    """One pod of Ray."""

    metadata: PodMeta
    spec: PodSpec | None = None
    status: PodStatus | None = None
