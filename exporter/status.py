"""Whether the exporter is ready, alive and in sync, from the states of its informers."""

from collections.abc import Sequence
from typing import Any

from exporter.kube.informer import Informer, InformerState
from exporter.kube.reflector import SyncState
from exporter.web.status import KindStatus


class InformerStatus:
    """The `ExporterStatus` of the web part. Reads what informers write: no locks, no waiting."""

    def __init__(self, informers: Sequence[Informer[Any]]) -> None:
        self._informers = informers

    def why_not_ready(self) -> str | None:
        """An answer before every kind is complete would look like "all objects deleted"."""
        states = self._states()
        waiting = [state.name for state in states if not state.sync.is_complete]
        if waiting:
            return f"not listed yet: {', '.join(waiting)}"
        if all(state.sync is SyncState.REFUSED for state in states):
            return "the API server refuses every list: check the RBAC and the credentials of the exporter"
        return None

    def why_not_alive(self) -> str | None:
        ended = [state.name for state in self._states() if not state.is_alive]
        return f"thread ended: {', '.join(ended)}" if ended else None

    def kinds(self) -> list[KindStatus]:
        return [KindStatus(state.name, state.objects, _describe(state)) for state in self._states()]

    def _states(self) -> list[InformerState]:
        return [informer.state() for informer in self._informers]


def _describe(state: InformerState) -> str:
    if state.sync is SyncState.SYNCED:
        return "synced, watching" if state.is_connected else "synced, but not connected"
    return str(state.sync.value)
