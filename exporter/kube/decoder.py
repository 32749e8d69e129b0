"""Raw objects to typed ones; those that cannot be decoded are counted and logged."""

import logging
from typing import Generic, TypeVar

import msgspec

from exporter.errors import DecodeError
from exporter.kube import wire
from exporter.kube.failure_log import ResourceLogger
from exporter.kube.metrics import ReflectorMetrics
from exporter.kube.store import Store

T = TypeVar("T", bound=wire.Object)


class ObjectDecoder(Generic[T]):
    """Decodes objects of one type. For one thread."""

    def __init__(self, type_: type[T], store: Store[T], metrics: ReflectorMetrics, logger: ResourceLogger) -> None:
        """`store` tells which objects were undecodable before."""
        self._decoder = msgspec.json.Decoder(type_)
        self._store = store
        self._metrics = metrics
        self._log = logger

    def decode(self, raw: msgspec.Raw) -> T | wire.Metadata:
        """Return the object, or what identifies it if it cannot be decoded: possibly nothing."""
        try:
            obj = wire.decode(self._decoder, raw)
        except DecodeError as error:
            return self._undecodable(raw, str(error))
        version = obj.metadata.resource_version
        if version and not wire.version_number(version):
            return self._undecodable(raw, f"resourceVersion {version[:40]!r} is not a number")
        return obj

    def _undecodable(self, raw: msgspec.Raw, reason: str) -> wire.Metadata:
        self._metrics.decode_failed()
        metadata = wire.identify(raw)
        # Logged once per object, not per version: its writer may continue to write it.
        level = logging.DEBUG if metadata.uid in self._store.undecodable_uids else logging.WARNING
        self._log.log(level, "couldn't decode %r, keeping its last valid version: %s", metadata.key, reason)
        return metadata
