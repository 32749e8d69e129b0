"""JSON of objects in, a fleet out. What cannot be decoded is reported and skipped."""

from collections.abc import Callable
from typing import Any

import msgspec

from exporter.diagnosis.fleet import Fleet, Known
from exporter.documents import decode_document, documents
from exporter.errors import DecodeError, InputError
from exporter.kube import wire
from exporter.resources import API_GROUP
from exporter.resources.detailed import (
    DetailedEvent,
    DetailedPod,
    DetailedRayCluster,
    DetailedRayCronJob,
    DetailedRayJob,
    DetailedRayService,
)

RAY_TYPES: dict[str, Any] = {
    "RayCluster": DetailedRayCluster,
    "RayJob": DetailedRayJob,
    "RayService": DetailedRayService,
    "RayCronJob": DetailedRayCronJob,
}
_TYPES: dict[str, Any] = {**RAY_TYPES, "Pod": DetailedPod, "Event": DetailedEvent}
_DECODERS = {kind: msgspec.json.Decoder(type_) for kind, type_ in _TYPES.items()}


class Objects:
    """Objects of all kinds that a diagnosis reads, decoded one by one."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """`report` is called with a line for each object that is skipped."""
        self._report = report
        self._by_kind: dict[str, list[Any]] = {kind: [] for kind in _TYPES}

    def add(self, kind: str, data: bytes | msgspec.Raw) -> None:
        """Add one object of a kind that is one of `_TYPES`."""
        try:
            self._by_kind[kind].append(wire.decode(_DECODERS[kind], data))
        except DecodeError as exc:
            self._report(f"skipped {kind} {wire.identify(data).key}: {exc}")

    def add_file(self, data: bytes) -> None:
        """Add the objects of a file, JSON or YAML; other kinds are ignored. Raises InputError."""
        found = list(documents(data))
        if not found:
            raise InputError("no objects in it")
        for document in found:
            self._add_document(document)

    def kinds(self) -> set[str]:
        """Return the kinds of which there is an object."""
        return {kind for kind, objects in self._by_kind.items() if objects}

    def fleet(self, known: Known) -> Fleet:
        fleet = Fleet(known)
        for kind in RAY_TYPES:
            fleet.add_objects(self._by_kind[kind])
        fleet.add_pods(self._by_kind["Pod"])
        fleet.add_events(self._by_kind["Event"])
        return fleet

    def _add_document(self, data: bytes | msgspec.Raw) -> None:
        document = decode_document(data)
        if document.items is not None:
            for item in document.items:
                self._add_document(item)
        elif document.kind in RAY_TYPES:
            if document.api_version.startswith(f"{API_GROUP}/"):
                self.add(document.kind, data)
        elif document.kind in _TYPES and document.api_version == "v1":
            self.add(document.kind, data)


def fleet_of_files(contents: list[bytes], report: Callable[[str], None]) -> Fleet:
    """Return the fleet of files; a kind of which they have no object counts as not read. Raises InputError."""
    objects = Objects(report)
    for data in contents:
        objects.add_file(data)
    kinds = objects.kinds()
    known = Known(clusters="RayCluster" in kinds, pods="Pod" in kinds, events="Event" in kinds)
    return objects.fleet(known)
