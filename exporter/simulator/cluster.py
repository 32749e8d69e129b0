"""The whole simulated cluster: an API server and the engine that changes its objects, started and stopped together."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from exporter.simulator.apiserver.server import ApiServer
from exporter.simulator.apiserver.store import ObjectStore
from exporter.simulator.kuberay.engine import Engine


class SimulatedCluster:
    """A context manager: inside the block the API server answers and objects change; no thread is left after it."""

    def __init__(
        self,
        *,
        seed: int,
        speed: float,
        objects: int,
        with_pods: bool = True,
        with_workloads: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`with_pods` adds pods and Events, which several times as much memory is needed for.

        `with_workloads` installs Kueue, with one queue.
        """
        store = ObjectStore(clock=clock, with_workloads=with_workloads)
        self._engine = Engine(
            store,
            seed=seed,
            speed=speed,
            objects=objects,
            with_pods=with_pods,
            with_workloads=with_workloads,
            clock=clock,
        )
        self._server = ApiServer(store)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._engine.run, args=(self._stop,), name="engine", daemon=True)

    @property
    def url(self) -> str:
        return self._server.url

    @property
    def objects(self) -> int:
        """The number of objects in the cluster."""
        return self._engine.objects

    def populate(self, progress: Callable[[int, int], None]) -> None:
        """Create the first population; `progress` gets the number of objects so far and the desired number."""
        self._engine.populate(progress)

    def __enter__(self) -> Self:
        self._server.start()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._server.stop()
