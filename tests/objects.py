"""Custom resources for tests, as the JSON that an API server would send."""

import json
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from exporter.collectors.collector import Collector, Kind
from exporter.exposition.exposition import Exposition
from exporter.exposition.families import Format
from exporter.feed import Feed

CREATED = "2026-11-23T10:00:00Z"


def manifest(
    status: dict[str, Any] | None = None,
    *,
    name: str = "a",
    uid: str = "1",
    version: str = "1",
    **metadata: Any,
) -> dict[str, Any]:
    """Return an object in namespace `ns`; `metadata` adds to its metadata, or overrides it."""
    base = {
        "name": name,
        "namespace": "ns",
        "uid": uid,
        "resourceVersion": version,
        "creationTimestamp": CREATED,
    }
    return {"metadata": base | metadata} | ({} if status is None else {"status": status})


def condition(type_: str, status: str, at: str = CREATED, **more: str) -> dict[str, Any]:
    return {"type": type_, "status": status, "lastTransitionTime": at, **more}


def exposition(kind: Kind[Any, Any], *versions: dict[str, Any], received_at: float | None = None) -> str:
    """Return what is printed after these versions of objects were received one after the other."""
    present: dict[str, Any] = {}
    collector = Collector(kind, present.values)
    feed = Feed(collector, _fail, clock=lambda: received_at)
    for version in versions:
        obj = msgspec.json.decode(json.dumps(version), type=kind.resource)
        present[obj.metadata.uid] = obj
        feed.update([obj], [])
    return Exposition([feed.book], CollectorRegistry()).body(Format.TEXT).decode()


def series(kind: Kind[Any, Any], family: str, *versions: dict[str, Any], received_at: float | None = None) -> list[str]:
    """Return the lines of one family."""
    lines = exposition(kind, *versions, received_at=received_at).splitlines()
    return [line for line in lines if line.startswith((f"{family} ", f"{family}{{"))]


def _fail() -> None:
    raise AssertionError("the collector failed on an object")
