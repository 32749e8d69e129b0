"""One kind of the API as it is wired: what is requested, where the objects are held, what becomes of differences."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from exporter.clock import SystemClock
from exporter.collectors.event import EVENTS, EventTotals
from exporter.collectors.rayjob import RAYJOBS
from exporter.config import Config
from exporter.families.integrals import Integrals, LabelledIntegrals
from exporter.families.lifecycle import LifecycleTotals, Totals
from exporter.families.limits import Limits
from exporter.families.object_families import ObjectFamilies
from exporter.families.table import AnyKind, Selection
from exporter.kinds import DIAGNOSED, KINDS
from exporter.kube.backoff import SharedByInformers
from exporter.kube.informer import Informer
from exporter.kube.list_watch import IDLE_TIMEOUT_SECONDS, InformerSettings
from exporter.kube.store import EventHandler, Store
from exporter.pipeline.decoded_type import decoded_type
from exporter.pipeline.event_log import log_event
from exporter.pipeline.job_log import JobLog
from exporter.pipeline.line_budget import LineBudget
from exporter.pipeline.line_sources import IntegralSource, ObjectSource, TotalSource
from exporter.pipeline.metrics_store import MetricsStore
from exporter.pipeline.shown_objects import ShownObjects
from exporter.telemetry import KindMetrics

if TYPE_CHECKING:
    # `render` derives what `serve` does, without the client, which takes as long to import as the rest.
    from exporter.kube.client.api_transport import ApiTransport


class WatchedKind:
    """One kind: informers and their stores, and the metrics store that they all write to.

    Each namespace, and each selection of the kind in it, has an informer of its own.
    """

    def __init__(
        self,
        kind: AnyKind,
        config: Config,
        transport: "ApiTransport",
        metrics: KindMetrics,
        shared: SharedByInformers,
        events: EventTotals | None = None,
        shown: ShownObjects | None = None,
        job_log: JobLog | None = None,
    ) -> None:
        """`events` counts Events, and is given the deletions of what they are about; None: they are not watched.

        `shown` is what the page and its API read; None: they are off, and no message is decoded but for `job_log`.
        """
        stores = {
            place: Store[Any](kind.stored, kind.max_held, metrics.object_dropped)
            for place in informer_places(kind, config)
        }
        totals = events if events and kind is EVENTS else lifecycle_totals(kind, config, metrics)
        deleted = events.object_deleted if events and kind.is_custom_resource else lambda _: None
        self.metrics_store = metrics_store(kind, config, metrics, totals, deleted, job_log)
        handler: EventHandler[Any] = self.metrics_store
        if shown is not None:
            handler = shown.add(kind, stores.values(), handler, metrics.retained_dropped)
        object_type = decoded_type(
            kind,
            self.metrics_store.reads,
            config.user_labels(kind.plural),
            has_messages=shown is not None or (job_log is not None and kind is RAYJOBS),
        )
        self.informers = [
            Informer(
                transport,
                informer_settings(kind, namespace, selection, config, object_type),
                store,
                handler,
                metrics,
                shared=shared,
            )
            for (namespace, selection), store in stores.items()
        ]


def watched_kinds(config: Config) -> list[AnyKind]:
    """Return the kinds to export, in the order in which they are printed."""
    return [kind for kind in KINDS if kind.plural in config.collectors]


def informer_places(kind: AnyKind, config: Config) -> list[tuple[str, Selection]]:
    """Return the namespace (empty: all) and the selection of each informer of a kind."""
    shard = config.shard
    namespaces = [name for name in config.namespaces if shard is None or shard.owns(name)]
    return [(name, selection) for name in (namespaces if config.namespaces else [""]) for selection in kind.selections]


def informer_settings(
    kind: AnyKind, namespace: str, selection: Selection, config: Config, object_type: type[Any]
) -> InformerSettings[Any]:
    """Return what one informer lists and watches."""
    return InformerSettings(
        plural=kind.plural,
        path=kind.path(namespace),
        older_path=kind.older_path(namespace),
        partial_type=kind.partial_type,
        object_type=object_type,
        namespace=namespace,
        page_size=config.page_size,
        selection=selection.name,
        selectors=selection.parameters,
        idle_timeout_seconds=IDLE_TIMEOUT_SECONDS if kind.sends_bookmarks else None,
        # A namespace that has an informer of its own belongs to the shard.
        shard=None if namespace else config.shard,
    )


def metrics_store(
    kind: AnyKind,
    config: Config,
    metrics: KindMetrics,
    totals: Totals[Any],
    deleted: Callable[[str], object],
    job_log: JobLog | None = None,
) -> MetricsStore[Any]:
    """Return where the objects of a kind become lines; `deleted` gets uids of deleted ones."""
    objects = ObjectFamilies(
        kind, config.family_filter, config.user_labels(kind.plural), limits=kind_limits(config, metrics)
    )
    integrals = [Integrals(kind, config.family_filter), LabelledIntegrals(kind, config.family_filter)]
    integrals = [each for each in integrals if each.reads]
    return MetricsStore(
        kind,
        (
            ObjectSource(
                objects,
                receipt_time=SystemClock().time,
                retain_seconds=config.retain_deleted_seconds,
                retained_dropped=metrics.retained_dropped,
                deleted=deleted,
                budget=LineBudget(metrics.series_dropped),
            ),
            TotalSource(totals, objects.remembered),
            *(job_log.sources(kind, integrals, metrics.retained_dropped) if job_log else ()),
            *map(IntegralSource, integrals),
        ),
        metrics.collect_failed,
    )


def kind_limits(config: Config, metrics: KindMetrics) -> Limits:
    """Return the limits on labels and series, which report to the metrics of the kind."""
    return Limits(config.object_series_limit, metrics.labels_cut, metrics.series_dropped)


def lifecycle_totals(kind: AnyKind, config: Config, metrics: KindMetrics) -> Totals[Any]:
    """Return the lifecycle totals of a kind that does not bring its own."""
    return LifecycleTotals(
        kind, config.histogram_buckets, config.family_filter, namespace_dropped=metrics.namespace_dropped
    )


def event_totals(config: Config, metrics: KindMetrics) -> EventTotals:
    """Return the counts of Events, which also log them with --log-events."""
    return EventTotals(
        config.family_filter,
        log_event if config.log_events else lambda _: None,
        kinds=DIAGNOSED,
        limits=kind_limits(config, metrics),
        namespace_dropped=metrics.namespace_dropped,
        retained_dropped=metrics.retained_dropped,
    )
