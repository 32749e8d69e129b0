"""The wiring, and nothing else: kube → collectors → exposition → web."""

import asyncio
import gc
import logging
import sys
import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry

from exporter import __version__
from exporter.clock import SystemClock
from exporter.collectors.event import EVENTS
from exporter.collectors.rayjob import RAYJOBS
from exporter.config import Config
from exporter.errors import ConfigError
from exporter.exposition.exposition import Exposition
from exporter.kinds import DECLARATIONS
from exporter.kube.backoff import SharedByInformers
from exporter.kube.client.api_transport import ApiTransport, LoadAccess
from exporter.pipeline.job_log import JobLog
from exporter.pipeline.shown_objects import ShownObjects
from exporter.pipeline.watched_kind import WatchedKind, event_totals, informer_places, watched_kinds
from exporter.protection import Protection
from exporter.readiness import InformerStatus
from exporter.system.descriptors import reserve_descriptors
from exporter.telemetry import Telemetry
from exporter.web.api import ObjectsApi
from exporter.web.application import Endpoints
from exporter.web.auth.token_auth import REVIEWED_AT_ONCE
from exporter.web.listener import MAX_CONNECTIONS, Listener, format_address, listen
from exporter.web.page import Page, PageSettings
from exporter.web.server import Server, serve_until_signal
from exporter.web.snapshot import Snapshots

THREADS_END_SECONDS = 2.0
"""How long to wait for threads at the end; they are daemons, and a hung server may block one."""

MAX_REVIEWS = 2 * REVIEWED_AT_ONCE

THREAD_STACK_BYTES = 1024 * 1024

MAX_WATCHES = 1050
"""Each is a thread and a connection. With more, answers to probes would take seconds."""

PROBE_CONNECTIONS = 64
"""Of --health-probe-bind-address, in addition to those of --metrics-addr."""

GC_THRESHOLDS = (50_000, 20, 50)
"""Of Python's collector of cyclic garbage, of which there is little: with the defaults it looks through all objects
again and again while they are listed, which takes a tenth of the start."""

SWITCH_SECONDS = 0.001
"""How long another thread may run before the one that answers gets its turn: with Python's 5 ms, each of many chunks
that are decompressed and sent would wait for so long."""

TICK_SECONDS = 1.0
"""Interval of what changes because time passes: series that expire, kinds that no longer hold back the others."""

log = logging.getLogger(__name__)


class Exporter:
    """Everything between the API server and the web: informers, metrics stores, own metrics, endpoints."""

    def __init__(self, config: Config, transport: ApiTransport, *, hides_reasons: bool = False) -> None:
        kinds = watched_kinds(config)
        self.telemetry = Telemetry((kind.plural for kind in kinds), config.shard)
        events = event_totals(config, self.telemetry.of_kind(EVENTS.plural)) if EVENTS in kinds else None
        shared = SharedByInformers(SystemClock())
        self.shown = shown = ShownObjects(config.shard) if config.has_web_ui else None
        job_log = JobLog(config.user_labels(RAYJOBS.plural)) if config.log_jobs else None
        watched = [
            WatchedKind(kind, config, transport, self.telemetry.of_kind(kind.plural), shared, events, shown, job_log)
            for kind in kinds
        ]
        self.metrics_stores = [kind.metrics_store for kind in watched]
        self.informers = [informer for kind in watched for informer in kind.informers]
        self.telemetry.register_informers(self.informers)
        # Refuses a family that two of them have. `/metrics` prints the same, from the rendered lines.
        self.registry = CollectorRegistry(auto_describe=True)
        self.registry.register(self.telemetry.registry)
        for store in self.metrics_stores:
            self.registry.register(store)
        self.exposition = Exposition(self.metrics_stores, self.telemetry.registry, config.family_filter)
        self._status = status = InformerStatus(self.informers)
        api = page = None
        if shown is not None:
            shown.watch(self.informers)
            snapshots = Snapshots(shown.fleet)
            api = ObjectsApi(snapshots, status)
            labels = {kind.name: config.user_labels(kind.tables.plural) for kind in DECLARATIONS}
            page = Page(snapshots, status, PageSettings(config.cluster_name, config.links, labels, config.shard))
        self.endpoints = Endpoints(
            self.exposition,
            status,
            self.telemetry.observe_scrape,
            api,
            page,
            hides_reasons=hides_reasons,
            count_refused=self.telemetry.scrapes_refused.inc,
        )

        self._stopping = threading.Event()
        self._ticks = threading.Thread(target=self._tick, name="ticks", daemon=True)

    def start(self) -> None:
        # Hundreds of namespaces are hundreds of threads, none of which needs the usual 8 MiB of stack.
        threading.stack_size(THREAD_STACK_BYTES)
        self._ticks.start()
        for informer in self.informers:
            informer.start()

    def stop(self) -> None:
        """End all threads, within THREADS_END_SECONDS unless the server blocks one."""
        self._stopping.set()
        for informer in self.informers:
            informer.stop()
        deadline = time.monotonic() + THREADS_END_SECONDS
        for informer in self.informers:
            informer.join(max(0.0, deadline - time.monotonic()))

    def _tick(self) -> None:
        while not self._stopping.wait(TICK_SECONDS):
            self._status.tick()
            for store in self.metrics_stores:
                store.expire()


def serve(config: Config, load: LoadAccess, on_listening: Callable[[str], None] = lambda _: None) -> None:
    """Run the exporter until SIGTERM or SIGINT.

    `load` returns the address of the API server and the credentials for it; `on_listening` is called
    with the address of `/metrics` as soon as requests are accepted.

    Raises:
        ConfigError: an address cannot be listened on, or a kubeconfig or web configuration is not usable.
        CredentialsError: there is nothing to reach a cluster with.
    """
    watches = sum(len(informer_places(kind, config)) for kind in watched_kinds(config))
    if watches > MAX_WATCHES and config.namespaces:
        raise ConfigError(
            f"--watch-namespace: {len(config.namespaces)} namespaces need {watches} watches with these collectors, "
            f"more than {MAX_WATCHES}; leave it out to watch all namespaces, or add --total-shards"
        )
    connections = watches + (MAX_REVIEWS if config.metrics_auth.is_on else 0)
    probes = PROBE_CONNECTIONS if config.probe_address is not None else 0
    max_connections = reserve_descriptors(connections + probes, MAX_CONNECTIONS)
    transport = ApiTransport(load, connections=connections)
    protection = Protection(config, transport)
    exporter = Exporter(config, transport, hides_reasons=protection.is_restricted)
    protection.register_metrics(exporter.telemetry.registry)
    listeners = _listen(config, exporter.endpoints, protection, max_connections)
    fields = {"api_server": transport.host} | ({"shard": str(config.shard)} if config.shard else {})
    log.info("kuberay-exporter %s", __version__, extra=fields)
    addresses = [format_address(*listener.socket.getsockname()[:2]) for listener in listeners]
    for address in addresses:
        log.info("listening", extra={"address": address})
    on_listening(addresses[0])
    gc.set_threshold(*GC_THRESHOLDS)
    sys.setswitchinterval(SWITCH_SECONDS)
    try:
        exporter.start()
        asyncio.run(_serve(listeners, exporter.endpoints, protection))
    finally:
        exporter.stop()
    log.info("stopped")


def _listen(config: Config, endpoints: Endpoints, protection: Protection, max_connections: int) -> list[Listener]:
    application = protection.protect(
        endpoints.application(config.max_requests) if config.collectors else endpoints.probe_application()
    )
    metrics = listen("--metrics-addr", *config.metrics_address)
    listeners = [Listener(metrics, application, protection.tls, max_connections)]
    if config.probe_address is not None:
        # Plain, so that the kubelet needs no certificate.
        probes = listen("--health-probe-bind-address", *config.probe_address)
        listeners.append(Listener(probes, endpoints.probe_application(), max_connections=PROBE_CONNECTIONS))
    return listeners


async def _serve(listeners: list[Listener], endpoints: Endpoints, protection: Protection) -> None:
    servers = [Server(listener) for listener in listeners]
    await serve_until_signal(servers, endpoints.drain, protection.watch(servers[0].renew_connections))
