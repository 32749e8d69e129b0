"""Reads from an API server what a diagnosis needs: lists, with the user's own permissions."""

import random
from collections.abc import Callable

from exporter.collectors.event import EVENTS
from exporter.commands.explain.inputs import Objects
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.errors import ApiError, ConfigError, StatusError
from exporter.families.table import AnyKind, Selection
from exporter.kinds import DIAGNOSED, KINDS
from exporter.kube.list_watch import ListWatch
from exporter.kube.transport import Transport
from exporter.resources import API_GROUP

PAGE_SIZE = 500

_OF_PODS = Selection("of-pods", field_selector="involvedObject.kind=Pod,type=Warning")
"""Events that the exporter does not watch: they are those of all pods, of which Ray's are kept."""

_LISTS = (*((kind, selection) for kind in KINDS for selection in kind.selections), (EVENTS, _OF_PODS))
"""Pods are read before the Events about them."""


def read_fleet(transport: Transport, namespace: str, report: Callable[[str], None]) -> Fleet:
    """Return what could be read of a namespace, or of all if it is empty.

    `report` is called with a line for each kind that could not be read, and each object that was skipped.

    Raises:
        ConfigError: no kind of ray.io could be read.
    """
    objects, unread, lines = Objects(report), dict[str, str](), list[str]()
    for kind, selection in _LISTS:
        if reason := _read(transport, kind, selection, namespace, objects):
            is_said = kind.name in unread
            unread.setdefault(kind.name, reason)
            # A kind of KubeRay that is not exported by default is missing in many clusters.
            if not is_said and (kind.is_default or not kind.is_custom_resource):
                lines.append(f"couldn't read {kind.plural}, so they are left out: {reason}")
    if all(kind in unread for kind in DIAGNOSED):
        raise ConfigError(f"couldn't read any kind of {API_GROUP}: {unread['RayCluster']}")
    for line in lines:
        report(line)
    known = Known(
        clusters="RayCluster" not in unread,
        pods="Pod" not in unread,
        events="Event" not in unread,
        remedy="this needs the permission to list them",
    )
    return objects.fleet(known)


def _read(transport: Transport, kind: AnyKind, selection: Selection, namespace: str, objects: Objects) -> str:
    """Add the objects of one list; return why it could not be read, "" if it could."""
    rng = random.Random()  # noqa: S311 - only a watch uses it
    path, selectors = kind.path(namespace), selection.parameters
    pages = ListWatch(transport, path, rng=rng, page_size=PAGE_SIZE, selectors=selectors).pages()
    try:
        for page in pages:
            for item in page.items or ():
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
