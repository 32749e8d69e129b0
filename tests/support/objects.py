"""Custom resources for tests, as the JSON that an API server would send."""

import json
from collections.abc import Collection
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from exporter.collectors.collector import Collector
from exporter.collectors.table import AnyKind
from exporter.collectors.totals import Totals
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


def decode(kind: AnyKind, version: dict[str, Any]) -> Any:
    return msgspec.json.decode(json.dumps(version), type=kind.resource)


def text(feed: Feed[Any]) -> str:
    return Exposition([feed], CollectorRegistry()).body(Format.TEXT).decode()


def exposition(
    kind: AnyKind,
    *versions: dict[str, Any],
    only: Collection[str] = (),
    received_at: float | None = None,
    user_labels: tuple[str, ...] = (),
) -> str:
    """Return what is printed after these versions of objects were received, of `only` these families if any."""
    collector = Collector(kind, list, lambda name: not only or name in only, user_labels)
    totals = Totals(kind, is_exported=lambda _: False)
    feed = Feed(collector, totals, _fail, wall_clock=lambda: received_at)
    for version in versions:
        feed.update([decode(kind, version)], [])
    return text(feed)


def series(kind: AnyKind, family: str, *versions: dict[str, Any], **options: Any) -> list[str]:
    """Return the lines of one family."""
    return [line for line in exposition(kind, *versions, only=[family], **options).splitlines() if line[0] != "#"]


def _fail() -> None:
    raise AssertionError("the collector failed on an object")
