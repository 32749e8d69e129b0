"""One informer on the fault server: what it holds, counts, logs and requests."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest

from exporter.kube.backoff import SharedByInformers
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.informer import Informer
from exporter.kube.list_watch import InformerSettings
from exporter.kube.store import Store
from exporter.kube.sync_state import SyncState
from exporter.resources.rayjob import RayJob
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.clocks import FakeClock
from tests.support.faults import FaultServer

DEADLINE_SECONDS = 30.0


def wait_until(
    condition: Callable[[], object],
    what: str = "",
    deadline_seconds: float = DEADLINE_SECONDS,
    every_seconds: float = 0.002,
) -> None:
    """Wait for a condition; a test that waits longer than the deadline fails."""
    deadline = time.monotonic() + deadline_seconds
    while not condition():
        assert time.monotonic() < deadline, f"still not so after {deadline_seconds} s: {what or condition}"
        time.sleep(every_seconds)


def job(name: str, status: dict[str, Any] | None = None, *, namespace: str = "ns", **more: Any) -> dict[str, Any]:
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": {"name": name, "namespace": namespace},
        "status": status or {},
    } | more


class View:
    """An event handler that keeps the present objects by uid, each step, and the sizes of first lists."""

    def __init__(self) -> None:
        self.objects: dict[str, RayJob] = {}
        self.steps: list[tuple[list[str], list[str]]] = []
        self.baselines: list[tuple[int, int]] = []

    def on_list(self, present: Sequence[RayJob], undecodable: Collection[str]) -> None:
        self.baselines.append((len(present), len(undecodable)))
        self.on_change(present, [])

    def on_change(self, changed: Sequence[RayJob], removed: Sequence[RayJob]) -> None:
        gone = {obj.metadata.uid for obj in removed}
        self.objects = {uid: obj for uid, obj in self.objects.items() if uid not in gone}
        self.objects |= {obj.metadata.uid: obj for obj in changed}
        self.steps.append(([obj.metadata.name for obj in changed], [obj.metadata.name for obj in removed]))

    @property
    def names(self) -> set[str]:
        return {obj.metadata.name for obj in self.objects.values()}

    def state_of(self, name: str) -> str | None:
        statuses = [obj.status for obj in self.objects.values() if obj.metadata.name == name]
        return statuses[0].job_deployment_status if statuses and statuses[0] else None


class Counts:
    """Metrics of a reflector that count by the name of the method."""

    def __init__(self) -> None:
        self.counted: Counter[str] = Counter()

    def __getattr__(self, name: str) -> Callable[..., None]:
        return lambda count=1: self.counted.update({name: count})

    def __getitem__(self, name: str) -> int:
        return self.counted[name]


class Watched:
    """An informer of RayJobs, the server that it watches, and everything that tests look at."""

    def __init__(self, server: FaultServer, clock: FakeClock, view: View | None = None, **settings: Any) -> None:
        self.server = server
        self.store = server.store
        self.clock = clock
        self.view = view or View()
        self.counts = Counts()
        self.held: Store[RayJob] = Store()
        url = server.url
        self.transport = ApiTransport(lambda: anonymous(url), connections=2)
        self.informer: Informer[RayJob] = Informer(
            self.transport,
            InformerSettings("rayjobs", "/apis/ray.io/v1/rayjobs", RayJob, **settings),
            self.held,
            self.view,
            self.counts,
            shared=SharedByInformers(clock, random.Random(1)),
        )

    @property
    def reflector(self) -> Any:
        return self.informer._reflector

    @property
    def sync_state(self) -> SyncState:
        return self.informer.state().sync

    def start(self) -> None:
        """Start, and wait for the first list and a watch."""
        self.informer.start()
        wait_until(lambda: self.sync_state is SyncState.SYNCED, "synced")
        self.server.wait_for_watch("rayjobs")

    def wait_for(self, *names: str) -> None:
        """Wait until exactly these jobs are held."""
        wait_until(lambda: self.view.names == set(names), f"{set(names)}, but {self.view.names}")

    def requests(self, verb: str) -> int:
        return len(self.server.seen(verb, "rayjobs"))


@contextmanager
def watched(*names: str, bookmark_seconds: float = 60.0, **settings: Any) -> Iterator[Watched]:
    """An informer, not started, on a server with jobs of these names; nothing is left running after it."""
    store = ObjectStore()
    for name in names:
        store.create("rayjobs", job(name))
    before = threading.active_count()
    with FaultServer(store, bookmark_seconds=bookmark_seconds) as server:
        own = Watched(server, FakeClock(), **settings)
        try:
            yield own
        finally:
            own.informer.stop()
            server.clear_faults()
            own.informer.join(DEADLINE_SECONDS)
            assert not own.informer.state().is_alive
    wait_until(lambda: threading.active_count() <= before, "all threads ended")


def warnings_in(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]


def let_version_be_higher(server: FaultServer) -> None:
    """Let the server report a version that is higher than those in the answers that a test has written."""
    server.answer_next(200, b'{"metadata":{"resourceVersion":"1000"},"items":[]}', verb="check", times=None)
