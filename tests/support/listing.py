"""A list-watch of jobs of given sizes, on the fault server."""

from collections.abc import Iterator
from contextlib import contextmanager

from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.list_watch import InformerSettings, ListWatch
from exporter.resources.rayjob import RayJob
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.faults import FaultServer
from tests.support.watching import job

PATH = "/apis/ray.io/v1/rayjobs"


@contextmanager
def listing(*sizes: int, page_size: int = 500, path: str = PATH) -> Iterator[tuple[ListWatch, FaultServer]]:
    """A list-watch of a server with a job for each size, in this order."""
    store = ObjectStore()
    for number, size in enumerate(sizes):
        store.create("rayjobs", job(f"{number:04}", spec={"entrypoint": "x" * size}))
    with FaultServer(store) as server:
        transport = ApiTransport(lambda: anonymous(server.url), connections=1)
        yield ListWatch(transport, InformerSettings("rayjobs", path, RayJob, page_size=page_size)), server
