"""RayCluster: a head pod and groups of workers."""

from msgspec import Struct, field

from exporter.resources.meta import Condition, ObjectMeta, share
from exporter.resources.quantities import Quantity, parse_quantity
from exporter.resources.times import Time


class Head(Struct, frozen=True, gc=False):
    """What runs the head: a pod, and the service in front of it."""

    pod_name: str | None = field(default=None, name="podName")
    service_name: str | None = field(default=None, name="serviceName")


class RayClusterSpec(Struct, frozen=True, gc=False):
    ray_version: str | None = field(default=None, name="rayVersion")
    enable_in_tree_autoscaling: bool | None = field(default=None, name="enableInTreeAutoscaling")
    suspend: bool | None = None
    managed_by: str | None = field(default=None, name="managedBy")

    def __post_init__(self) -> None:
        share(self, "ray_version", "managed_by")


class RayClusterStatus(Struct, frozen=True, gc=False):
    """`status`. An absent integer is 0 and an absent string is "" (Go's `omitempty`).

    Attributes:
        state_transition_times: when the cluster last entered each `state`.
    """

    conditions: tuple[Condition, ...] | None = None
    state: str | None = None
    state_transition_times: dict[str, Time | None] | None = field(default=None, name="stateTransitionTimes")
    desired_workers: int | None = field(default=None, name="desiredWorkerReplicas")
    min_workers: int | None = field(default=None, name="minWorkerReplicas")
    max_workers: int | None = field(default=None, name="maxWorkerReplicas")
    ready_workers: int | None = field(default=None, name="readyWorkerReplicas")
    available_workers: int | None = field(default=None, name="availableWorkerReplicas")
    desired_cpu: Quantity | None = field(default=None, name="desiredCPU")
    desired_memory: Quantity | None = field(default=None, name="desiredMemory")
    desired_gpu: Quantity | None = field(default=None, name="desiredGPU")
    desired_tpu: Quantity | None = field(default=None, name="desiredTPU")
    head: Head | None = None

    def __post_init__(self) -> None:
        share(self, "state")
        for quantity in (self.desired_cpu, self.desired_memory, self.desired_gpu, self.desired_tpu):
            if quantity is not None:
                # Here a bad one makes the object undecodable, and is told; later it would be a fault of ours.
                parse_quantity(quantity)


class RayCluster(Struct, frozen=True, gc=False):
    metadata: ObjectMeta
    spec: RayClusterSpec | None = None
    status: RayClusterStatus | None = None
