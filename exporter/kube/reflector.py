"""List, then watch, repeatedly: keeps a store equal to the API server (client-go's semantics).

The rules of lists are in `lister.py`, those of watches in `watcher.py`, and how long to wait in `retries.py`.
Does not promise that every version of an object is seen: of the changes between the end of one watch
and the next list, only the result is seen.
"""

from typing import Generic, TypeVar

from exporter.clock import Clock
from exporter.kube import wire
from exporter.kube.decoder import ObjectDecoder
from exporter.kube.failure_log import ResourceLogger
from exporter.kube.list_watch import ListWatch, Stopped
from exporter.kube.lister import Lister
from exporter.kube.metrics import ReflectorMetrics
from exporter.kube.retries import Retries
from exporter.kube.store import Store, StoreUpdater
from exporter.kube.sync_state import ReflectorState
from exporter.kube.watcher import Watcher

T = TypeVar("T", bound=wire.Object)


class Reflector(Generic[T]):
    """Keeps a store equal to one collection of the API. `run` is for one thread; any may read `state`."""

    def __init__(
        self,
        list_watch: ListWatch,
        type_: type[T],
        store: Store[T],
        updater: StoreUpdater[T],
        metrics: ReflectorMetrics,
        logger: ResourceLogger,
        *,
        clock: Clock,
        retries: Retries,
    ) -> None:
        self.state = ReflectorState()
        self._retries = retries
        decoder = ObjectDecoder(type_, store, metrics, logger)
        parts = (list_watch, store, updater, decoder, self.state, retries, metrics, logger, clock)
        self._lister = Lister(*parts)
        self._watcher = Watcher(*parts)

    def run(self) -> None:
        """List and watch until the list-watch is stopped; every failure of the API is handled in here."""
        try:
            self._retries.before_first_request()
            while True:
                self._lister.list_until_done()
                self._watcher.watch_until_outdated()
        except Stopped:
            pass
        finally:
            self.state.is_connected = False
