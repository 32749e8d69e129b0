"""Informers in a given state, without a thread."""

from dataclasses import dataclass, replace

from exporter.kube.list_watch import InformerSettings
from exporter.kube.sync_state import InformerState, SyncState
from exporter.resources.rayjob import RayJob

LISTING = InformerState("rayjobs", SyncState.LISTING, True, False, 0.0, "", 0, 0, 0.0, 0.0)
SYNCED = replace(LISTING, name="rayclusters", sync=SyncState.SYNCED, is_connected=True, objects=7)


@dataclass(eq=False)
class FakeInformer:
    """An informer in a given state."""

    current: InformerState
    plural: str = "rayjobs"

    @property
    def settings(self) -> InformerSettings[RayJob]:
        return InformerSettings(self.plural, f"/apis/ray.io/v1/{self.plural}", RayJob)

    def state(self) -> InformerState:
        return self.current

    def mark_incomplete(self) -> None:
        if self.current.sync is SyncState.LISTING:
            self.current = replace(self.current, sync=SyncState.INCOMPLETE)
