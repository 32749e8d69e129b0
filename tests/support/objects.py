"""Custom resources for tests, as the JSON that an API server would send."""

import json
from collections.abc import Collection
from typing import Any

import msgspec
from prometheus_client import CollectorRegistry

from exporter.exposition.exposition import Exposition
from exporter.exposition.text import Format
from exporter.families.object_families import ObjectFamilies
from exporter.families.table import AnyKind
from exporter.pipeline.metrics_store import MetricsStore
from tests.support.metrics_stores import metrics_store

CREATED = "2026-11-23T10:00:00Z"
JOB_START, JOB_END = "2026-11-23T10:00:10Z", "2026-11-23T10:01:10Z"


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


def job_in_state(
    state: str | None = None, *, start: str | None = JOB_START, end: str | None = None, **more: Any
) -> dict[str, Any]:
    """Return a job in this state; `failed` goes into the status, `managedFields` into the metadata."""
    fields = {"jobDeploymentStatus": state, "startTime": start, "endTime": end, "failed": more.pop("failed", None)}
    return manifest({key: value for key, value in fields.items() if value is not None}, **more)


def condition(type_: str, status: str, at: str = CREATED, **more: str) -> dict[str, Any]:
    return {"type": type_, "status": status, "lastTransitionTime": at, **more}


def decode(kind: AnyKind, version: dict[str, Any]) -> Any:
    return msgspec.json.decode(json.dumps(version), type=kind.object_type)


def text(store: MetricsStore[Any]) -> str:
    return bytes(Exposition([store], CollectorRegistry()).body(Format.TEXT)).decode()


def exposition(
    kind: AnyKind,
    *versions: dict[str, Any],
    only: Collection[str] = (),
    received_at: float | None = None,
    user_labels: tuple[str, ...] = (),
) -> str:
    """Return what is printed after these versions of objects were received, of `only` these families if any."""
    objects = ObjectFamilies(kind, lambda name: not only or name in only, user_labels)
    store = metrics_store(objects, receipt_time=lambda: received_at)
    for version in versions:
        store.on_change([decode(kind, version)], [])
    return text(store)


def series(kind: AnyKind, family: str, *versions: dict[str, Any], **options: Any) -> list[str]:
    """Return the lines of one family."""
    return [line for line in exposition(kind, *versions, only=[family], **options).splitlines() if line[0] != "#"]
