"""The metrics of objects in files, such as the output of `kubectl get … -o json`, without a cluster or a server.

Every form of input becomes JSON of one object, which is then handled like an object from a server.
"""

from collections.abc import Callable, Iterable

import msgspec
from prometheus_client import CollectorRegistry

from exporter.collectors import KINDS
from exporter.collectors.collector import Collector
from exporter.collectors.lifecycle import LifecycleTotals
from exporter.config import UserLabelAllowlist
from exporter.documents import decode_document, documents
from exporter.errors import DecodeError, InputError
from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.kube import wire
from exporter.metrics_store import MetricsStore
from exporter.resources import API_GROUP


class Renderer:
    """Collects objects from any number of inputs, then renders their metrics."""

    def __init__(
        self,
        collectors: Iterable[str],
        family_filter: Callable[[str], bool],
        user_labels: UserLabelAllowlist,
        report: Callable[[str], None],
    ) -> None:
        """`report` is called with a line for each object that had to be skipped."""
        self._report = report
        kinds = [kind for kind in KINDS if kind.plural in collectors]
        self._metrics_stores = {
            kind.name: MetricsStore(
                Collector(kind, family_filter, user_labels(kind.plural)),
                # Files show the current state: nothing has occurred that could be counted.
                LifecycleTotals(kind, family_filter=lambda _: False),
                lambda: None,
                has_receipt_times=False,
            )
            for kind in kinds
        }
        self._decoders = {kind.name: msgspec.json.Decoder(kind.object_type) for kind in kinds}

    def add(self, data: bytes) -> None:
        """Add JSON or YAML: a List, objects, or several documents; other kinds are ignored.

        Raises:
            InputError: neither JSON nor YAML, or not Kubernetes objects.
        """
        found = list(documents(data))
        if not found:
            raise InputError("no objects in it")
        for document in found:
            self._add_document(document)

    def exposition(self) -> bytes:
        """Return the metrics of all objects in the text format."""
        return bytes(Exposition(list(self._metrics_stores.values()), CollectorRegistry()).body(Format.TEXT))

    def _add_document(self, data: bytes | msgspec.Raw) -> None:
        document = decode_document(data)
        if document.items is not None:
            for item in document.items:
                self._add_document(item)
        elif document.kind in self._metrics_stores and document.api_version.startswith(f"{API_GROUP}/"):
            self._add_object(document.kind, data)

    def _add_object(self, kind: str, data: bytes | msgspec.Raw) -> None:
        try:
            obj = wire.decode(self._decoders[kind], data)
        except DecodeError as exc:
            self._report(f"skipped {kind} {wire.identify(data).key}: {exc}")
            return
        self._metrics_stores[kind].on_change([obj], [])
