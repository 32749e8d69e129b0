"""RayCluster: a head pod and groups of workers."""

from msgspec import Struct, field

from exporter.resources.meta import Condition, Integer, ObjectMeta, share
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.times import Time


class HeadInfo(Struct, frozen=True, gc=False, rename="camel"):
    """What runs the head: a pod, and the service in front of it."""

    pod_name: str | None = None
    service_name: str | None = None


class RayClusterSpec(Struct, frozen=True, gc=False, rename="camel"):
    ray_version: str | None = None
    enable_in_tree_autoscaling: bool | None = None
    suspend: bool | None = None
    managed_by: str | None = None

    def __post_init__(self) -> None:
        share(self, "ray_version", "managed_by")


class RayClusterStatus(Struct, frozen=True, gc=False, rename="camel"):
    """`status`. An absent integer is 0 and an absent string is "" (Go's `omitempty`).

    Attributes:
        state_transition_times: when the cluster last entered each `state`.
    """

    conditions: tuple[Condition, ...] | None = None
    state: str | None = None
    state_transition_times: dict[str, Time | None] | None = None
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
        share(self, "state")
        for quantity in (self.desired_cpu, self.desired_memory, self.desired_gpu, self.desired_tpu):
            if quantity is not None:
                # An invalid one makes the object undecodable here; later it would be a fault of the exporter.
                parse_quantity(quantity)


class RayCluster(Struct, frozen=True, gc=False):
    metadata: ObjectMeta
    spec: RayClusterSpec | None = None
    status: RayClusterStatus | None = None
