"""Is the exporter ready, alive, in sync? Read from the informers, for probes and people."""

from collections.abc import Sequence
from typing import Any

from exporter.kube.informer import Informer
from exporter.kube.reflector import Reflector
from exporter.web.state import ResourceState


class Status:
    """What `web` asks (its `State`). Reads attributes that informers write: no locks, no waiting."""

    def __init__(self, informers: Sequence[Informer[Any]]) -> None:
        self._informers = informers

    def why_not_ready(self) -> str | None:
        """An answer before all is known would look like "all objects deleted"."""
        waiting = [informer for informer in self._informers if not informer.reflector.is_complete]
        if waiting:
            return f"not listed yet: {', '.join(map(_name, waiting))}"
        if all(informer.reflector.is_refused for informer in self._informers):
            return "the API server refuses to list anything: check the exporter's RBAC and credentials"
        return None

    def why_not_alive(self) -> str | None:
        dead = [informer for informer in self._informers if not informer.is_alive]
        return f"thread ended: {', '.join(map(_name, dead))}" if dead else None

    def resources(self) -> list[ResourceState]:
        return [
            ResourceState(_name(informer), len(informer.cache), _describe(informer.reflector))
            for informer in self._informers
        ]


def _name(informer: Informer[Any]) -> str:
    return f"{informer.resource} in {informer.namespace}" if informer.namespace else informer.resource


def _describe(reflector: Reflector[Any]) -> str:
    if reflector.is_synced:
        return "synced, watching" if reflector.is_connected else "synced, but not connected"
    if reflector.is_refused:
        return "refused by the API server"
    return "not installed" if reflector.is_complete else "not listed yet"
