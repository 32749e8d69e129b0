"""JSON of objects in, a fleet out. What cannot be decoded is reported and skipped."""

from collections.abc import Callable, Iterable
from typing import Any

import msgspec

from exporter.commands.documents import Item, OtherItems
from exporter.commands.explain.report import unread
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.errors import DecodeError
from exporter.kinds import DECLARATIONS, DIAGNOSED
from exporter.kube import wire
from exporter.resources import API_GROUP
from exporter.resources.event import Event

_DECODERS = {kind.name: msgspec.json.Decoder(kind.detailed_type) for kind in DECLARATIONS}

HINT = "All are in the output of: kubectl get rayclusters,rayjobs,rayservices,pods,events -A -o json"


class Objects:
    """Objects of all kinds that a diagnosis reads, decoded one by one; of each the last version that was added."""

    def __init__(self, report: Callable[[str], None]) -> None:
        """`report` is called with a line for each object that is skipped."""
        self._report = report
        self._by_kind: dict[str, dict[tuple[str, str], Any]] = {kind: {} for kind in _DECODERS}

    def add(self, kind: str, data: bytes | msgspec.Raw) -> Any:
        """Add one object of a kind that is one of `exporter.kinds`; return it, None if it was skipped."""
        try:
            obj = wire.decode(_DECODERS[kind], data)
        except DecodeError as exc:
            self._report(f"skipped {kind} {wire.identify(data).key}: {exc}")
            return None
        self._by_kind[kind][_key(obj)] = obj
        return obj

    def remove(self, kind: str, obj: Any) -> None:
        self._by_kind[kind].pop(_key(obj), None)

    def has_pod_of(self, event: Event) -> bool:
        """Return whether the object that an Event is about is a pod that was added."""
        about = event.involved_object
        return about is not None and (event.metadata.namespace, about.name or "") in self._by_kind["Pod"]

    def fleet(self, known: Known) -> Fleet:
        fleet = Fleet(DIAGNOSED, known)
        for kind in DIAGNOSED:
            fleet.add_objects(self._by_kind[kind].values())
        fleet.add_pods(self._by_kind["Pod"].values())
        fleet.add_events(self._by_kind["Event"].values())
        return fleet


def _key(obj: Any) -> tuple[str, str]:
    return obj.metadata.namespace, obj.metadata.name


def fleet_of_items(items: Iterable[Item], namespace: str, report: Callable[[str], None]) -> Fleet:
    """Return the objects of a namespace, or of all if it is empty; `report` is called for each that is skipped.

    A kind of which there is neither an object nor a list counts as not read. Raises InputError if nothing is left.
    """
    objects, others, kinds = Objects(report), OtherItems(), set[str]()
    for item in items:
        is_kind_read, note = _add(objects, item, namespace)
        others.add(item, note)
        if is_kind_read:
            kinds.add(item.kind.removesuffix("List"))
    fleet = objects.fleet(Known(clusters="RayCluster" in kinds, pods="Pod" in kinds, events="Event" in kinds))
    if not len(fleet):
        raise others.error(DIAGNOSED, f" in namespace '{namespace}'" if namespace else "")
    if missing := unread(fleet.known):
        report(f"not in the input: {missing}; some causes can't be seen without them. {HINT}")
    return fleet


def _add(objects: Objects, item: Item, namespace: str) -> tuple[bool, str]:
    """Add an item that is read; return whether its kind can count as read, and why the item is not there."""
    if not _is_read(item):
        return item.kind.endswith("List"), ""
    if (obj := objects.add(item.kind, item.data)) is None:
        return False, " that was skipped"
    if not item.is_deleted and namespace in ("", obj.metadata.namespace):
        return True, ""
    objects.remove(item.kind, obj)
    return True, " that was deleted" if item.is_deleted else f" in namespace '{obj.metadata.namespace}'"


def _is_read(item: Item) -> bool:
    if item.kind in DIAGNOSED:
        return item.api_version.startswith(f"{API_GROUP}/")
    return item.kind in _DECODERS and item.api_version == "v1"
