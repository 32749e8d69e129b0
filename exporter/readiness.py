"""Whether the exporter is ready, alive and in sync, from the states of its informers."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from exporter.kube.informer import Informer
from exporter.kube.sync_state import InformerState, SyncState
from exporter.logs.configuration import escaped
from exporter.web.status import KindStatus

HOLD_BACK_SECONDS = 30.0
"""How long a kind that cannot be listed, such as one with a broken conversion webhook, holds back the others."""

STALE_SECONDS = 5.0
"""How long a watch that was closed may take to be opened again: usually far less than a second."""

MAX_REASONS = 3
"""Maximum number of different reasons in an answer."""


class InformerStatus:
    """The `ExporterStatus` of the web part. Reads what informers write: no locks, no waiting.

    Its answers change nothing. `tick` is called every second, by one thread: only here are all informers known.
    """

    def __init__(self, informers: Sequence[Informer[Any]], time: Callable[[], float] = time.time) -> None:
        self._informers = informers
        self._time = time
        # Unix seconds at which the watches that are not open now were seen to be closed. Written by `tick`.
        self._closed_at: dict[str, float] = {}

    def tick(self) -> None:
        """Note which watches are closed, and let kinds whose lists have failed for long hold back no others."""
        now = self._time()
        closed = [state.name for state in self._states() if state.sync is SyncState.SYNCED and not state.is_connected]
        self._closed_at = {name: self._closed_at.get(name, now) for name in closed}
        states = {informer: informer.state() for informer in self._informers}
        # A kind that fails although others do not is not worth waiting for.
        if any(state.is_connected or state.sync is SyncState.NOT_INSTALLED for state in states.values()):
            for informer, state in states.items():
                if state.failing_seconds >= HOLD_BACK_SECONDS:
                    informer.mark_incomplete()

    def why_not_ready(self) -> str | None:
        """An answer before every kind is complete would look like "all objects deleted"."""
        states = self._states()
        waiting = [state for state in states if not state.sync.is_complete]
        if waiting:
            return f"not listed yet: {', '.join(state.name for state in waiting)}{_reasons(waiting)}"
        if states and all(state.sync is SyncState.REFUSED for state in states):
            return "the API server refuses every list: check the RBAC and the credentials of the exporter"
        return None

    def incomplete(self) -> list[str]:
        return [
            f"{state.name}: {state.sync.value}"
            for state in self._states()
            if state.sync in (SyncState.REFUSED, SyncState.INCOMPLETE)
        ]

    def why_not_alive(self) -> str | None:
        ended = [state.name for state in self._states() if not state.is_alive]
        return f"thread ended: {', '.join(ended)}" if ended else None

    def kinds(self) -> list[KindStatus]:
        return [self._kind(state) for state in self._states()]

    def _kind(self, state: InformerState) -> KindStatus:
        closed_at = self._closed_at.get(state.name)
        is_stale = closed_at is not None and self._time() - closed_at >= STALE_SECONDS
        return KindStatus(
            state.name,
            state.objects,
            _describe(state),
            last_event_time=state.last_event_time,
            stale_since=closed_at if is_stale else None,
            problem=_problem(state),
        )

    def _states(self) -> list[InformerState]:
        return [informer.state() for informer in self._informers]


def _reasons(waiting: Sequence[InformerState]) -> str:
    """Return why these could not be listed, each reason once: usually all have the same one."""
    failures = list(dict.fromkeys(state.failure for state in waiting if state.failure))
    more = f"; and {len(failures) - MAX_REASONS} more reasons" if len(failures) > MAX_REASONS else ""
    # A server's own words, which may have what controls a terminal.
    return escaped(f" ({'; '.join(failures[:MAX_REASONS])}{more})") if failures else ""


def _problem(state: InformerState) -> str:
    if state.sync is SyncState.REFUSED:
        advice = "let the exporter's ServiceAccount list and watch them (chart value rbac), or leave out the collector"
        return f"{state.name} are missing: the API server refuses the list; {advice}"
    if state.sync is SyncState.INCOMPLETE:
        return f"{state.name} are missing: every list fails ({state.failure})"
    if state.undecodable:
        return f"{state.undecodable} of {state.name} cannot be decoded: see the log of the exporter"
    return ""


def _describe(state: InformerState) -> str:
    if state.sync is SyncState.SYNCED:
        return "synced, watching" if state.is_connected else "synced, but not connected"
    return str(state.sync.value)
