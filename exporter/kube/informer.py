"""One collection kept up to date by a thread of its own."""

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Generic, TypeVar

from exporter.kube import wire
from exporter.kube.backoff import SharedByInformers
from exporter.kube.list_watch import InformerSettings
from exporter.kube.reflector import Reflector, ReflectorMetrics
from exporter.kube.store import EventHandler, Store
from exporter.kube.sync_state import InformerState

if TYPE_CHECKING:
    # `render` derives what `serve` does, without the client, which takes as long to import as the rest.
    from exporter.kube.client.api_transport import ApiTransport

T = TypeVar("T", bound=wire.Object)


class Informer(threading.Thread, Generic[T]):
    """A thread with a reflector that keeps a store equal to the API. Any thread may call.

    The thread is a daemon: if the server neither answers nor closes the connection, the process still ends.
    """

    def __init__(
        self,
        transport: "ApiTransport",
        settings: InformerSettings[T],
        store: Store[T],
        handler: EventHandler[T],
        metrics: ReflectorMetrics,
        *,
        shared: SharedByInformers,
    ) -> None:
        name = "-".join(filter(None, ("informer", settings.plural, settings.selection, settings.namespace)))
        super().__init__(name=name, daemon=True)
        self.settings = settings
        self._store = store
        self._clock = shared.clock
        self._reflector = Reflector(transport, settings, store, handler, metrics, shared)

    def state(self) -> InformerState:
        """Return its state now, without waiting."""
        state = self._reflector.state
        failing_since = state.failing_since
        return replace(
            state,
            is_alive=self.is_alive(),
            failing_seconds=0.0 if failing_since is None else self._clock.monotonic() - failing_since,
            objects=len(self._store),
            undecodable=self._store.undecodable,
        )

    def mark_incomplete(self) -> None:
        """Let a kind whose lists all fail count as complete, so that the others are served."""
        self._reflector.state.mark_incomplete()

    def stop(self) -> None:
        """Ask the thread to end, without waiting for it."""
        self._reflector.stop()

    def run(self) -> None:
        """Do the work of the thread, until `stop`."""
        self._reflector.run()
