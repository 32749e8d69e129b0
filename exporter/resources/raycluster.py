"""RayCluster: a head pod and groups of workers."""

from msgspec import Struct, field

from exporter.resources.meta import Condition, ObjectMeta
from exporter.resources.times import Time


class RayClusterLabels(Struct, frozen=True, gc=False):
    """The labels that the operator puts on clusters it makes for a RayJob or a RayService."""

    originated_from_crd: str | None = field(default=None, name="ray.io/originated-from-crd")


class RayClusterMeta(ObjectMeta, frozen=True, gc=False):
    labels: RayClusterLabels | None = None


class StateTransitionTimes(Struct, frozen=True, gc=False):
    """When the cluster last entered each `status.state`."""

    ready: Time | None = None
    suspended: Time | None = None


class RayClusterStatus(Struct, frozen=True, gc=False):
    conditions: tuple[Condition, ...] | None = None
    state_transition_times: StateTransitionTimes | None = field(default=None, name="stateTransitionTimes")


class RayCluster(Struct, frozen=True, gc=False):
    metadata: RayClusterMeta
    status: RayClusterStatus | None = None
