"""The metrics of objects in files, such as the output of `kubectl get … -o json`, without a cluster or a server.

Every form of input becomes JSON of one object, which is then handled like an object from a server.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from exporter.collectors import KINDS
from exporter.collectors.object_families import ObjectFamilies
from exporter.config import UserLabelAllowlist
from exporter.documents import decode_document, documents
from exporter.errors import DecodeError, InputError
from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.kube import wire
from exporter.line_sources import ObjectSource
from exporter.metrics_store import MetricsStore
from exporter.resources import API_GROUP, API_VERSION

MAX_NAMED_KINDS = 5
MAX_KIND_LENGTH = 63

NO_UID = "it has no uid, as it is not from a cluster: print objects with `kubectl get -o yaml` or `-o json`"


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
        self._ignored: Counter[str] = Counter()
        self._has_known = False
        kinds = [kind for kind in KINDS if kind.plural in collectors]
        self._metrics_stores: dict[str, MetricsStore[Any]] = {
            # Files show the current state: nothing has occurred that could be counted, and the time at
            # which they were written is not known.
            kind.name: MetricsStore(
                kind.plural,
                [
                    ObjectSource(
                        ObjectFamilies(kind, family_filter, user_labels(kind.plural)), (), receipt_time=lambda: None
                    )
                ],
                lambda: None,
            )
            for kind in kinds
        }
        self._decoders = {kind.name: msgspec.json.Decoder(kind.object_type) for kind in kinds}

    def add(self, data: bytes) -> None:
        """Add JSON or YAML: a List, objects, or several documents; other kinds are counted.

        Raises:
            InputError: neither JSON nor YAML, or not Kubernetes objects.
        """
        found = list(documents(data))
        if not found:
            raise InputError("no objects in it")
        for document in found:
            self._add_document(document)

    def report_if_nothing_is_known(self) -> None:
        """Report the kinds of the input if none of them is exported."""
        if self._ignored and not self._has_known:
            found = ", ".join(f"{kind} ({count})" for kind, count in self._ignored.most_common(MAX_NAMED_KINDS))
            self._report(f"no {' or '.join(self._metrics_stores)} in the input, only {found}")

    def exposition(self) -> bytes:
        """Return the metrics of all objects in the text format."""
        return bytes(Exposition(list(self._metrics_stores.values()), CollectorRegistry()).body(Format.TEXT))

    def _add_document(self, data: bytes | msgspec.Raw) -> None:
        document = decode_document(data)
        if document.kind == "Table":
            self._has_known = True
            self._report("skipped a Table: print objects with `kubectl get -o json` or `kubectl get -o yaml`")
        elif document.items is not None:
            for item in document.items:
                self._add_document(item)
        elif document.kind in self._metrics_stores and document.api_version.startswith(f"{API_GROUP}/"):
            self._add_object(document.kind, data)
        elif document.kind in self._metrics_stores and not document.api_version:
            self._has_known = True
            name = wire.identify(data).key
            self._report(f"skipped {document.kind} {name}: no apiVersion, which is '{API_GROUP}/{API_VERSION}'")
        elif not document.kind.endswith("List"):
            kind, group = document.kind[:MAX_KIND_LENGTH], document.api_version[:MAX_KIND_LENGTH]
            self._ignored[f"{kind} of {group}" if group else kind] += 1

    def _add_object(self, kind: str, data: bytes | msgspec.Raw) -> None:
        self._has_known = True
        try:
            obj = wire.decode(self._decoders[kind], data)
        except DecodeError as exc:
            metadata = wire.identify(data)
            self._report(f"skipped {kind} {metadata.key}: {exc if metadata.uid else NO_UID}")
            return
        self._metrics_stores[kind].on_change([obj], [])
