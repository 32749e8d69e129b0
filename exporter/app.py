"""The wiring, and nothing else: kube → collectors → exposition → web."""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from exporter import __version__
from exporter.collectors import KINDS
from exporter.collectors.collector import Collector
from exporter.collectors.table import AnyKind
from exporter.collectors.totals import Totals
from exporter.config import Config
from exporter.exposition.exposition import Exposition
from exporter.feed import Feed
from exporter.kube.api_transport import ApiTransport, LoadAccess
from exporter.kube.informer import Informer
from exporter.kube.transport import Transport
from exporter.status import Status
from exporter.telemetry import Telemetry
from exporter.web.application import Endpoints
from exporter.web.server import Server, format_address, listen, serve_until_signal

API_GROUP = "/apis/ray.io/v1"

THREADS_END_SECONDS = 2.0
"""How long to wait for threads at the end; they are daemons, and a hung server may hold one."""

log = logging.getLogger(__name__)


class Exporter:
    """Everything between the API server and the web: informers, feeds, own metrics, endpoints."""

    def __init__(self, config: Config, transport: Transport) -> None:
        kinds = [kind for kind in KINDS if kind.plural in config.collectors]
        self.telemetry = Telemetry(kind.plural for kind in kinds)
        self.informers: list[Informer[Any]] = []
        self.feeds = [self._connect(kind, config, transport) for kind in kinds]
        self.telemetry.watch_informers(self.informers)
        self.exposition = Exposition(self.feeds, self.telemetry.registry, config.is_exported)
        self.endpoints = Endpoints(self.exposition, Status(self.informers), self.telemetry.observe_scrape)

    def start(self) -> None:
        for informer in self.informers:
            informer.start()

    def stop(self) -> None:
        """End all threads, within THREADS_END_SECONDS where the server lets them."""
        for informer in self.informers:
            informer.stop()
        deadline = time.monotonic() + THREADS_END_SECONDS
        for informer in self.informers:
            informer.join(max(0.0, deadline - time.monotonic()))

    def _connect(self, kind: AnyKind, config: Config, transport: Transport) -> Feed[Any]:
        """Make a kind's feed, and an informer for each namespace that fills it."""
        informers: list[Informer[Any]] = []
        observer = self.telemetry.observer(kind.plural)
        feed = Feed(
            Collector(kind, partial(_all_objects, informers), config.is_exported, config.user_labels(kind.plural)),
            Totals(kind, config.histogram_buckets, config.is_exported),
            observer.collect_failed,
            retain_seconds=config.retain_deleted_seconds,
        )
        informers.extend(
            Informer(
                transport,
                collection_path(kind.plural, namespace),
                kind.resource,
                feed,
                observer,
                resource=kind.plural,
                namespace=namespace,
                page_size=config.page_size,
            )
            for namespace in config.namespaces or ("",)
        )
        self.informers += informers
        return feed


def collection_path(plural: str, namespace: str) -> str:
    """Return the API's path of a collection, cluster-wide where the namespace is empty."""
    return f"{API_GROUP}/namespaces/{namespace}/{plural}" if namespace else f"{API_GROUP}/{plural}"


def _all_objects(informers: list[Informer[Any]]) -> Iterator[Any]:
    for informer in informers:
        yield from informer.cache.objects()


def serve(config: Config, load: LoadAccess, on_listening: Callable[[str], None] = lambda _: None) -> None:
    """Run the exporter until SIGTERM or SIGINT.

    `load` says where the API server is and who the exporter is there; `on_listening` is told the
    address of `/metrics` as soon as requests are accepted.

    Raises:
        ConfigError: an address cannot be listened on, or the kubeconfig is not usable.
        CredentialsError: there is nothing to reach a cluster with.
    """
    transport = ApiTransport(load, connections=len(config.collectors) * max(1, len(config.namespaces)))
    exporter = Exporter(config, transport)
    endpoints = exporter.endpoints
    listeners = [(listen("--metrics-addr", *config.metrics_address), endpoints.application())]
    if config.probe_address is not None:
        probes = listen("--health-probe-bind-address", *config.probe_address)
        listeners.append((probes, endpoints.probe_application()))
    log.info("kuberay-exporter %s", __version__, extra={"api_server": transport.host})
    addresses = [format_address(*socket_.getsockname()[:2]) for socket_, _ in listeners]
    for address in addresses:
        log.info("listening", extra={"address": address})
    on_listening(addresses[0])
    try:
        exporter.start()
        asyncio.run(serve_until_signal(Server(listeners), endpoints.drain))
    finally:
        # The loop has given its handlers back: a second signal must not end what is ending with another code.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        exporter.stop()
    log.info("stopped")
