"""Fleets of the objects in files, or of lists of an API server with the user's own permissions.

What cannot be decoded is reported and skipped.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from exporter.collectors.event import EVENTS
from exporter.collectors.workload import WORKLOADS
from exporter.commands.documents import Item, description, nothing_of, why_not
from exporter.commands.explain.report import unread
from exporter.diagnosis.common import QUEUE_LABEL, manager
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.kind import MULTIKUEUE
from exporter.diagnosis.related import Known
from exporter.errors import ApiError, ConfigError, DecodeError, StatusError
from exporter.families.table import AnyKind, Selection
from exporter.kinds import DECLARATIONS, DIAGNOSED, KINDS
from exporter.kube import wire
from exporter.kube.list_watch import InformerSettings, ListWatch
from exporter.resources import API_GROUP
from exporter.resources.event import Event
from exporter.resources.workload import KUEUE_GROUP, OWNER_KINDS, OwnedObject

if TYPE_CHECKING:
    from exporter.kube.client.api_transport import ApiTransport

_DECODERS = {kind.name: msgspec.json.Decoder(kind.detailed_type) for kind in DECLARATIONS}

_OWNED = msgspec.json.Decoder(OwnedObject)

HINT = "All are in the output of: kubectl get rayclusters,rayjobs,rayservices,pods,events -A -o json"

_OF_PODS = Selection("of-pods", field_selector="involvedObject.kind=Pod,type=Warning")
"""Events that the exporter does not watch: they are those of all pods, of which Ray's are kept."""

_LISTS = (
    *((kind, selection) for kind in KINDS if kind is not WORKLOADS for selection in kind.selections),
    (EVENTS, _OF_PODS),
)
"""Pods are read before the Events about them."""


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
            self._report(f"skipped {kind} {wire.identify(data).key}: {why_not(data, exc)}")
            return None
        self._by_kind[kind][_key(obj)] = obj
        return obj

    def remove(self, kind: str, obj: Any) -> None:
        self._by_kind[kind].pop(_key(obj), None)

    def has_pod_of(self, event: Event) -> bool:
        """Return whether the object that an Event is about is a pod that was added."""
        about = event.involved_object
        return about is not None and (event.metadata.namespace, about.name or "") in self._by_kind["Pod"]

    def name_kueue(self) -> bool:
        """Return whether an object is queued by Kueue, or dispatched by it, as it says itself."""
        objects = (obj for kind in DIAGNOSED for obj in self._by_kind[kind].values())
        return any(obj.metadata.label(QUEUE_LABEL) or manager(obj) == MULTIKUEUE for obj in objects)

    def are_suspended(self) -> bool:
        """Return whether Kueue may have suspended an object: it can be set up to queue those without a label, too."""
        objects = ((kind, obj) for kind in OWNER_KINDS for obj in self._by_kind[kind].values())
        return any(DIAGNOSED[kind].state_of(obj).name == "Suspended" for kind, obj in objects)

    def fleet(self, known: Known) -> Fleet:
        fleet = Fleet(DIAGNOSED, known)
        for kind in DIAGNOSED:
            fleet.add_objects(self._by_kind[kind].values())
        fleet.add_pods(self._by_kind["Pod"].values())
        fleet.add_events(self._by_kind["Event"].values())
        # Those of other frameworks have no owner here.
        fleet.add_workloads(self._by_kind["Workload"].values())
        return fleet


def _known(kinds: Collection[str], **more: Any) -> Known:
    clusters, pods, events, workloads = (kind in kinds for kind in ("RayCluster", "Pod", "Event", "Workload"))
    return Known(clusters, pods, events, workloads=workloads, **more)


def _key(obj: Any) -> tuple[str, str]:
    return obj.metadata.namespace, obj.metadata.name


def fleet_of_items(items: Iterable[Item], namespace: str, report: Callable[[str], None]) -> Fleet:
    """Return the objects of a namespace, or of all if it is empty; `report` is called for each that is skipped.

    A kind of which there is neither an object nor a list counts as not read. Raises InputError if nothing is left.
    """
    objects, others, kinds = Objects(report), Counter[str](), set[str]()
    for item in items:
        is_kind_read, note = _add(objects, item, namespace)
        others[description(item) + note] += 1
        if is_kind_read:
            kinds.add(item.kind.removesuffix("List"))
    fleet = objects.fleet(_known(kinds))
    if not len(fleet):
        raise nothing_of(DIAGNOSED, others, f" in namespace '{namespace}'" if namespace else "")
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
    if item.kind == WORKLOADS.name:
        return item.api_version.startswith(f"{KUEUE_GROUP}/")
    return item.kind in _DECODERS and item.api_version == "v1"


def read_fleet(transport: "ApiTransport", namespace: str, report: Callable[[str], None]) -> Fleet:
    """Return what could be read of a namespace, or of all if it is empty.

    `report` is called with a line for each kind that could not be read, and each object that was skipped.

    Raises:
        ConfigError: no kind of ray.io could be read.
    """
    objects, failed = Objects(report), dict[str, str]()
    for kind, selection in _LISTS:
        if reason := _read(transport, kind, selection, namespace, objects):
            failed.setdefault(kind.name, reason)
    more, names_kueue = list[str](), objects.name_kueue()
    if names_kueue or objects.are_suspended():
        reason = _read(transport, WORKLOADS, Selection(), namespace, objects)
        more = [] if reason else [WORKLOADS.name]
        # If no object names it, Kueue may be missing as well.
        if reason and names_kueue:
            failed[WORKLOADS.name] = reason
    if all(kind in failed for kind in DIAGNOSED):
        raise ConfigError(f"couldn't read any kind of {API_GROUP}: {failed['RayCluster']}")
    for kind in KINDS:
        # A kind of KubeRay that is not exported by default is missing in many clusters.
        if kind.name in failed and (kind.is_default or not kind.is_custom_resource):
            report(f"couldn't read {kind.plural}, so they are left out: {failed[kind.name]}")
    remedy = "this needs the permission to list them"
    read = {*(kind.name for kind, _ in _LISTS), *more} - failed.keys()
    return objects.fleet(_known(read, is_listed=True, remedy=remedy))


def _is_of_others(workload: msgspec.Raw) -> bool:
    """Return whether a Workload stands for no Ray object: there can be very many, and none is worth a line."""
    try:
        return not wire.decode(_OWNED, workload).metadata.is_selected
    except DecodeError:
        return False


def _read(transport: "ApiTransport", kind: AnyKind, selection: Selection, namespace: str, objects: Objects) -> str:
    """Add the objects of one list; return why it could not be read, "" if it could."""
    path, older_path = kind.path(namespace), kind.older_path(namespace)
    selectors = selection.parameters
    settings = InformerSettings(kind.plural, path, kind.object_type, older_path=older_path, selectors=selectors)
    try:
        for page in ListWatch(transport, settings).pages():
            for item in page.items or ():
                if kind is WORKLOADS and _is_of_others(item):
                    continue
                obj = objects.add(kind.name, item)
                if selection is _OF_PODS and obj is not None and not objects.has_pod_of(obj):
                    objects.remove(kind.name, obj)
    except StatusError as exc:
        if exc.is_not_served:
            return "not installed in this cluster"
        is_hint = exc.code == 403 and not namespace
        return f"{exc}; with permissions in one namespace only, name it with -n" if is_hint else str(exc)
    except ApiError as exc:
        return str(exc)
    return ""
