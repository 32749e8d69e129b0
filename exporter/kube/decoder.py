"""What is decoded of the objects in lists and watches: those of the shard that are selected, as one type."""

import logging
from typing import Generic, Protocol, TypeVar

import msgspec

from exporter.errors import DecodeError
from exporter.kube import wire
from exporter.kube.failure_log import ResourceLogger
from exporter.kube.list_watch import InformerSettings
from exporter.kube.store import Store
from exporter.resources.meta import cut_parts

T = TypeVar("T", bound=wire.Object)


class DecoderMetrics(Protocol):
    """Counters of one resource. Called from the threads of its informers."""

    def decode_failed(self) -> None: ...
    def labels_cut(self, strings: int, /) -> object: ...
    def series_dropped(self, entries: int, /) -> object: ...


class ObjectDecoder(Generic[T]):
    """Decodes the objects of one collection. For one thread.

    Attributes:
        leaves_out: not all objects of the collection are decoded; otherwise `left_out` need not be called.
    """

    def __init__(
        self, settings: InformerSettings[T], store: Store[T], metrics: DecoderMetrics, log: ResourceLogger
    ) -> None:
        self._decoder = msgspec.json.Decoder(settings.object_type)
        self._partial_decoder = msgspec.json.Decoder(settings.partial_type) if settings.partial_type else None
        self._shard = settings.shard
        self.leaves_out = bool(settings.partial_type or settings.shard)
        self._store = store
        self._metrics = metrics
        self._log = log

    def left_out(self, raw: msgspec.Raw) -> wire.Metadata | None:
        """Return what identifies an object of another shard, or one that is not selected; None of the others."""
        if self._shard and not self._shard.owns((found := wire.identify(raw)).namespace):
            return found
        if self._partial_decoder is None:
            return None
        try:
            metadata = wire.decode(self._partial_decoder, raw).metadata
        except DecodeError:
            # Whatever it is, it counts as undecodable.
            return None
        return None if metadata.is_selected else wire.Metadata(metadata.uid, resource_version=metadata.resource_version)

    def decode(self, raw: msgspec.Raw) -> T | wire.Metadata:
        """Return the object, or what identifies it if it cannot be decoded: possibly nothing."""
        cut_parts.reset()
        try:
            obj = wire.decode(self._decoder, raw)
        except DecodeError as error:
            return self._undecodable(raw, str(error))
        version = obj.metadata.resource_version
        if version and not wire.version_number(version):
            return self._undecodable(raw, f"resourceVersion {version[:40]!r} is not a number")
        if cut_parts.strings or cut_parts.entries:
            self._metrics.labels_cut(cut_parts.strings)
            self._metrics.series_dropped(cut_parts.entries)
        return obj

    def _undecodable(self, raw: msgspec.Raw, reason: str) -> wire.Metadata:
        self._metrics.decode_failed()
        metadata = wire.identify(raw)
        # Logged once per object, not per version: its writer may continue to write it.
        level = logging.DEBUG if metadata.uid in self._store.undecodable_uids else logging.WARNING
        self._log.log(level, "couldn't decode %r, keeping its last valid version: %s", metadata.key, reason)
        return metadata
