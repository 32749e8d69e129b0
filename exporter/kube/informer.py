"""One collection kept up to date by a thread of its own."""

import logging
import random
import threading
from typing import Generic, TypeVar

from exporter.kube import wire
from exporter.kube.backoff import Backoff
from exporter.kube.cache import Cache, Sink
from exporter.kube.clock import Clock, SystemClock
from exporter.kube.collection import SILENCE_SECONDS, Collection
from exporter.kube.reflector import Observer, Reflector
from exporter.kube.transport import Transport
from exporter.kube.troubles import ResourceLogger

T = TypeVar("T", bound=wire.Object)

_log = logging.getLogger(__name__)


class Informer(Generic[T]):
    """A thread, a cache, and a reflector that keeps it equal to the API. Any thread may call.

    The thread is a daemon: where the server neither answers nor closes, it must not keep the
    process from ending.
    """

    def __init__(
        self,
        transport: Transport,
        path: str,
        type_: type[T],
        sink: Sink[T],
        observer: Observer,
        *,
        resource: str,
        namespace: str = "",
        page_size: int = 500,
        silence_seconds: float = SILENCE_SECONDS,
        clock: Clock | None = None,
        rng: random.Random | None = None,
    ) -> None:
        """`path` is the collection's; `resource` and `namespace` (all: empty) name it in the log."""
        clock = clock or SystemClock()
        rng = rng or random.Random()  # noqa: S311 - jitter is not a secret
        self.resource = resource
        self.namespace = namespace
        fields = {"resource": resource} | ({"namespace": namespace} if namespace else {})
        logger = ResourceLogger(_log, fields)
        self.cache = Cache(sink)
        self._collection = Collection(transport, path, rng=rng, page_size=page_size, silence_seconds=silence_seconds)
        self._clock = clock
        self._backoff = Backoff(clock, rng)
        self._observer = observer
        self._log = logger
        self.reflector = Reflector(
            self._collection, type_, self.cache, observer, logger, clock=clock, backoff=self._backoff
        )
        name = "-".join(filter(None, ("informer", resource, namespace)))
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs; it never ends by itself."""
        return self._thread.is_alive()

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end, without waiting for it."""
        self._collection.stop()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        self._log.info("starting")
        while not self._collection.stopping.is_set():
            try:
                self.reflector.run()
            except Exception:  # noqa: BLE001 - a fault of ours must not end the thread: counted, logged, listed again
                self._observer.collect_failed()
                self._log.exception("the informer failed, listing again")
                self._clock.wait(self._collection.stopping, self._backoff.next_seconds())
