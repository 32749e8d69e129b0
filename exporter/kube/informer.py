"""One collection kept up to date by a thread of its own."""

import logging
import random
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Generic, TypeVar

from exporter.clock import Clock
from exporter.kube import wire
from exporter.kube.backoff import Backoff, Outage
from exporter.kube.failure_log import ResourceLogger, informer_log_limit
from exporter.kube.list_watch import IDLE_TIMEOUT_SECONDS, ListWatch
from exporter.kube.reflector import Reflector, ReflectorMetrics
from exporter.kube.store import EventHandler, Store, StoreUpdater
from exporter.kube.sync_state import InformerState

if TYPE_CHECKING:
    # `render` derives what `serve` does, without the client, which takes as long to import as the rest.
    from exporter.kube.client.api_transport import ApiTransport

T = TypeVar("T", bound=wire.Object)

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class InformerSettings(Generic[T]):
    """What one informer lists and watches.

    Attributes:
        plural, namespace: name it in logs and metrics; an empty namespace is all of them.
        path: of the collection.
        object_type: the msgspec type to decode.
        page_size: objects in one page of a list.
        selection: distinguishes several informers of one plural and namespace; empty if there is only one.
        selectors: parameters of every request, such as `labelSelector`.
        idle_timeout_seconds: after which a silent watch is closed; None if the server sends no bookmarks.
    """

    plural: str
    path: str
    object_type: type[T]
    namespace: str = ""
    page_size: int = 500
    selection: str = ""
    selectors: Mapping[str, str] = field(default_factory=dict)
    idle_timeout_seconds: float | None = IDLE_TIMEOUT_SECONDS

    @property
    def name(self) -> str:
        name = f"{self.plural} ({self.selection})" if self.selection else self.plural
        return f"{name} in {self.namespace}" if self.namespace else name

    @property
    def log_fields(self) -> dict[str, str]:
        fields = {"resource": self.plural, "selection": self.selection, "namespace": self.namespace}
        return {name: value for name, value in fields.items() if value}


class SharedByInformers:
    """What all informers of a process share. Any thread may use it."""

    def __init__(self, clock: Clock, rng: random.Random | None = None) -> None:
        self.clock = clock
        # One generator: its state is larger than the rest of an informer.
        self.rng = rng or random.Random()  # noqa: S311 - jitter is not a secret
        self.outage = Outage()
        self.log_limit = informer_log_limit(clock)


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
        self._log = ResourceLogger(_log, settings.log_fields, shared.log_limit)
        self._list_watch = ListWatch(
            transport,
            settings.path,
            page_size=settings.page_size,
            selectors=settings.selectors,
            idle_timeout_seconds=settings.idle_timeout_seconds,
        )
        self._backoff = Backoff(self._clock, shared.rng, shared.outage, self._list_watch.stopping)
        self._metrics = metrics
        self._reflector = Reflector(
            InformerState(settings.name),
            self._list_watch,
            settings.object_type,
            StoreUpdater(store, handler),
            metrics,
            self._log,
            clock=self._clock,
            backoff=self._backoff,
        )

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
        self._list_watch.stop()

    def run(self) -> None:
        """Do the work of the thread, until `stop`."""
        self._log.info("starting")
        while not self._list_watch.stopping.is_set():
            try:
                self._reflector.run()
            except Exception:  # noqa: BLE001 - a fault of ours must not end the thread: counted, logged, listed again
                self._metrics.crashed()
                self._log.exception("the informer crashed, listing again")
                self._clock.wait(self._list_watch.stopping, self._backoff.next_seconds())
