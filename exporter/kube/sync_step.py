"""What a lister and a watcher have in common: the collection that they work on."""

from typing import ClassVar, Generic, TypeVar

from exporter.clock import Clock
from exporter.kube import wire
from exporter.kube.decoder import ObjectDecoder
from exporter.kube.failure_log import FailureLog, ResourceLogger
from exporter.kube.list_watch import ListWatch
from exporter.kube.metrics import ReflectorMetrics
from exporter.kube.retries import Retries
from exporter.kube.store import Store, StoreUpdater
from exporter.kube.sync_state import ReflectorState

T = TypeVar("T", bound=wire.Object)


class SyncStep(Generic[T]):
    """Works on the store of one collection, with failures of its own. For one thread."""

    request: ClassVar[str]
    """The verb of its requests, for the log."""

    def __init__(
        self,
        list_watch: ListWatch,
        store: Store[T],
        updater: StoreUpdater[T],
        decoder: ObjectDecoder[T],
        state: ReflectorState,
        retries: Retries,
        metrics: ReflectorMetrics,
        logger: ResourceLogger,
        clock: Clock,
    ) -> None:
        self._list_watch = list_watch
        self._store = store
        self._updater = updater
        self._decoder = decoder
        self._state = state
        self._retries = retries
        self._metrics = metrics
        self._log = logger
        self._clock = clock
        self._failures = FailureLog(self.request, logger)
