"""RayCluster: a head pod and groups of workers."""

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from msgspec import Struct, field
from msgspec.structs import force_setattr

from exporter.resources.meta import Condition, Integer, ObjectMeta, Shared, SharedStrings, cut_parts
from exporter.resources.pod_request import PodRequest, PodTemplate, bounded
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.times import Time

MAX_GATES = 16
"""Maximum number of gates of one worker group."""

MAX_CORES = 1e9
"""Maximum number of CPU cores, GPUs or TPUs of a cluster."""

MAX_BYTES = 1e18
"""Maximum memory of a cluster."""


class HeadInfo(SharedStrings, frozen=True, gc=False, rename="camel"):
    """What runs the head: a pod, and the service in front of it."""

    pod_name: str | None = None
    service_name: str | None = None


class ScaleGate(SharedStrings, frozen=True, gc=False):
    """What keeps a group from growing, such as a quota (KubeRay after v1.7)."""

    name: Shared = ""


class ScaleStrategy(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`scaleStrategy` of a group; the pods to delete are not decoded."""

    scale_gate: tuple[ScaleGate, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale_gate and len(self.scale_gate) > MAX_GATES:
            cut_parts.entries += len(self.scale_gate) - MAX_GATES
            force_setattr(self, "scale_gate", self.scale_gate[:MAX_GATES])


class WorkerGroupSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """A group of equal workers: `replicas` times `num_of_hosts` pods."""

    group_name: Shared = ""
    replicas: Integer | None = None
    min_replicas: Integer | None = None
    max_replicas: Integer | None = None
    num_of_hosts: Integer | None = None
    suspend: bool | None = None
    scale_strategy: ScaleStrategy | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scale_strategy is not None and not self.scale_strategy.scale_gate:
            # Empty in nearly every object that the operator has filled in.
            force_setattr(self, "scale_strategy", None)


class RayClusterSpec(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`spec`.

    Attributes:
        idle_suspend: requested by Ray's autoscaler instead of the user. Not in v1.7: any JSON is accepted, or a
            form that KubeRay chooses later would make the whole object undecodable.
    """

    ray_version: Shared | None = None
    enable_in_tree_autoscaling: bool | None = None
    suspend: bool | None = None
    idle_suspend: Any = None
    managed_by: Shared | None = None
    worker_group_specs: tuple[WorkerGroupSpec, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        force_setattr(self, "idle_suspend", True if self.idle_suspend is True else None)

    @property
    def is_suspended(self) -> bool:
        """Whether suspension is requested, in either way."""
        return bool(self.suspend or self.idle_suspend)


class PodGroup(WorkerGroupSpec, frozen=True, gc=False, rename="camel"):
    """A group, or the head; of its template only what its pods request is kept, None if that is nothing."""

    template: PodTemplate | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.template is not None:
            force_setattr(self, "template", self.template.request)

    @property
    def pod(self) -> PodRequest:
        """What each of its pods requests."""
        return cast("PodRequest", self.template or PodRequest())


class PodGroupsSpec(RayClusterSpec, frozen=True, gc=False, rename="camel"):
    """`spec` with what the pods request; of a head that requests nothing, nothing is kept."""

    head_group_spec: PodGroup | None = None
    worker_group_specs: tuple[PodGroup, ...] | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.head_group_spec and not self.head_group_spec.template:
            force_setattr(self, "head_group_spec", None)

    def bound_names(self, namespace: str) -> None:
        """Keep a bounded number of names of extended resources, while the object is decoded."""
        groups = [group for group in self.worker_group_specs or () if group.template]
        if self.head_group_spec:
            groups.insert(0, self.head_group_spec)
        if groups:
            for group, pod in zip(groups, bounded([group.pod for group in groups], namespace), strict=True):
                force_setattr(group, "template", pod)


class RayClusterStatus(SharedStrings, frozen=True, gc=False, rename="camel"):
    """`status`. An absent integer is 0 and an absent string is "" (Go's `omitempty`).

    Attributes:
        state_transition_times: when the cluster last entered each `state`.
    """

    conditions: tuple[Condition, ...] | None = None
    state: Shared | None = None
    state_transition_times: Mapping[str, Time | None] | None = None
    desired_worker_replicas: Integer | None = None
    min_worker_replicas: Integer | None = None
    max_worker_replicas: Integer | None = None
    ready_worker_replicas: Integer | None = None
    available_worker_replicas: Integer | None = None
    desired_cpu: Quantity | None = field(default=None, name="desiredCPU")
    desired_memory: Quantity | None = None
    desired_gpu: Quantity | None = field(default=None, name="desiredGPU")
    desired_tpu: Quantity | None = field(default=None, name="desiredTPU")
    head: HeadInfo | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for quantity in (self.desired_cpu, self.desired_gpu, self.desired_tpu):
            check_quantity(quantity, MAX_CORES)
        check_quantity(self.desired_memory, MAX_BYTES)


def check_quantity(quantity: Quantity | None, maximum: float) -> None:
    """Raise ValueError, which makes the object undecodable: later it would be a fault of the exporter."""
    if quantity is not None and abs(parse_quantity(quantity)) > maximum:
        raise ValueError(f"quantity {quantity!r} is larger than {maximum:g}")


class RayCluster(Struct, frozen=True, gc=False):
    """One RayCluster."""

    kind: ClassVar[str] = "RayCluster"
    metadata: ObjectMeta
    spec: PodGroupsSpec | None = None
    status: RayClusterStatus | None = None

    def __post_init__(self) -> None:
        if isinstance(self.spec, PodGroupsSpec):
            self.spec.bound_names(self.metadata.namespace)
