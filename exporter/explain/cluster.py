"""Reads from an API server what a diagnosis needs: lists, with the user's own permissions."""

import random
from collections.abc import Callable, Mapping
from typing import NamedTuple

from exporter.diagnosis.fleet import Fleet, Known
from exporter.errors import ApiError, ConfigError, StatusError
from exporter.explain.inputs import Objects
from exporter.kube.list_watch import ListWatch
from exporter.kube.transport import Transport
from exporter.resources import API_GROUP, API_VERSION

PAGE_SIZE = 500

_RAY_ROOT = f"apis/{API_GROUP}/{API_VERSION}"


class Source(NamedTuple):
    """One list.

    Attributes:
        is_optional: the kind may be missing in a cluster, without anyone being told.
    """

    kind: str
    plural: str
    root: str = _RAY_ROOT
    selectors: Mapping[str, str] = {}
    is_optional: bool = False

    def path(self, namespace: str) -> str:
        scope = f"namespaces/{namespace}/" if namespace else ""
        return f"/{self.root}/{scope}{self.plural}"


SOURCES = (
    Source("RayCluster", "rayclusters"),
    Source("RayJob", "rayjobs"),
    Source("RayService", "rayservices"),
    Source("RayCronJob", "raycronjobs", is_optional=True),
    Source("Pod", "pods", "api/v1", {"labelSelector": "ray.io/node-type"}),
    Source("Pod", "pods", "api/v1", {"labelSelector": "ray.io/originated-from-crd=RayJob,!ray.io/node-type"}),
    Source("Event", "events", "api/v1", {"fieldSelector": f"involvedObject.apiVersion={API_GROUP}/{API_VERSION}"}),
)


def read_fleet(transport: Transport, namespace: str, report: Callable[[str], None]) -> Fleet:
    """Return what could be read of a namespace, or of all if it is empty.

    `report` is called with a line for each kind that could not be read, and each object that was skipped.

    Raises:
        ConfigError: no kind of ray.io could be read.
    """
    objects, unread = Objects(report), dict[str, str]()
    for source in SOURCES:
        if reason := _read(transport, source, namespace, objects):
            unread.setdefault(source.kind, reason)
            if not source.is_optional:
                report(f"couldn't read {source.plural}, so they are left out: {reason}")
    if all(source.kind in unread for source in SOURCES if source.root == _RAY_ROOT):
        raise ConfigError(f"couldn't read any kind of {API_GROUP}: {unread['RayCluster']}")
    known = Known(
        clusters="RayCluster" not in unread,
        pods="Pod" not in unread,
        events="Event" not in unread,
        remedy="this needs the permission to list them",
    )
    return objects.fleet(known)


def _read(transport: Transport, source: Source, namespace: str, objects: Objects) -> str:
    """Add the objects of one list; return why it could not be read, "" if it could."""
    rng = random.Random()  # noqa: S311 - only a watch uses it
    path = source.path(namespace)
    pages = ListWatch(transport, path, rng=rng, page_size=PAGE_SIZE, selectors=source.selectors).pages()
    try:
        for page in pages:
            for item in page.items or ():
                objects.add(source.kind, item)
    except StatusError as exc:
        if exc.is_not_served:
            return "not installed in this cluster"
        is_hint = exc.code == 403 and not namespace
        return f"{exc}; with permissions in one namespace only, name it with -n" if is_hint else str(exc)
    except ApiError as exc:
        return str(exc)
    return ""
