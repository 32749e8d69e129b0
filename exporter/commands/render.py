"""The metrics of objects in files, such as the output of `kubectl get … -o json`, without a cluster or a server.

Every form of input becomes JSON of one object, which is then handled like an object from a server.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from exporter.commands.documents import Item, description, nothing_of, why_not
from exporter.config import FamilyFilter, UserLabels
from exporter.errors import DecodeError
from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.families.object_families import ObjectFamilies
from exporter.kinds import KINDS
from exporter.kube import wire
from exporter.logs.configuration import escaped
from exporter.pipeline.line_sources import ObjectSource
from exporter.pipeline.metrics_store import MetricsStore
from exporter.resources import API_GROUP, API_VERSION


class Renderer:
    """Collects objects from any number of inputs, then renders their metrics."""

    def __init__(
        self,
        collectors: Iterable[str],
        family_filter: FamilyFilter,
        user_labels: UserLabels,
        report: Callable[[str], None],
    ) -> None:
        """`report` is called with a line for each object that had to be skipped."""
        self._report = report
        self._others = Counter[str]()
        self._is_empty = True
        kinds = [kind for kind in KINDS if kind.plural in collectors]
        self._metrics_stores: dict[str, MetricsStore[Any]] = {
            # Files show the current state: nothing has occurred that could be counted, and the time at
            # which they were written is not known.
            kind.name: MetricsStore(kind, [ObjectSource(families, receipt_time=lambda: None)], lambda: None)
            for kind in kinds
            for families in [ObjectFamilies(kind, family_filter, user_labels(kind.plural))]
        }
        # Without an object: what kubectl prints of a cluster that has none.
        self._lists = {"List", *(f"{kind.name}List" for kind in kinds)}
        self._decoders = {kind.name: msgspec.json.Decoder(kind.object_type) for kind in kinds}

    def add(self, item: Item) -> None:
        """Add one object; one of another kind, or that cannot be decoded, is counted."""
        if item.kind in self._lists:
            self._is_empty = False
            return
        obj = self._decode(item)
        if obj is None:
            return
        self._is_empty = False
        changed, removed = ([], [obj]) if item.is_deleted else ([obj], [])
        self._metrics_stores[item.kind].on_change(changed, removed)

    def check_not_empty(self) -> None:
        """Raise InputError if there was no object that is exported, and no empty list of them."""
        if self._is_empty:
            raise nothing_of(self._metrics_stores, self._others)

    def exposition(self) -> bytes:
        """Return the metrics of all objects in the text format."""
        text = bytes(Exposition(list(self._metrics_stores.values()), CollectorRegistry()).body(Format.TEXT)).decode()
        # For a terminal, which must not obey what is in an object. The format itself knows no such escapes.
        unprintable = {one for one in set(text) - {"\n"} if not one.isprintable()}
        return text.translate({ord(one): "\\" + escaped(one) for one in unprintable}).encode()

    def _decode(self, item: Item) -> Any:
        reason = ""
        if item.kind in self._metrics_stores and item.api_version.startswith(f"{API_GROUP}/"):
            try:
                return wire.decode(self._decoders[item.kind], item.data)
            except DecodeError as exc:
                reason = why_not(item.data, exc)
        elif item.kind in self._metrics_stores and not item.api_version:
            reason = f"no apiVersion, which is '{API_GROUP}/{API_VERSION}'"
        if reason:
            self._report(f"skipped {item.kind} {wire.identify(item.data).key}: {reason}")
        self._others[description(item) + (" that was skipped" if reason else "")] += 1
        return None
