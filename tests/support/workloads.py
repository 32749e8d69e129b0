"""Workloads of Kueue for tests: five as Kueue writes them, and small ones made of conditions."""

import copy
from pathlib import Path
from typing import Any

import yaml

from tests.support.objects import manifest

_FILE = Path(__file__).parents[1] / "testdata" / "workloads.yaml"
# As JSON has them: times are strings.
_VALUES = list(yaml.load_all(_FILE.read_text(), yaml.BaseLoader))
WAITING, TOO_LARGE, ADMITTED_AGAIN, BACKOFF, OPEN_CHECK = range(5)


def _typed(value: Any, key: str = "") -> Any:
    if isinstance(value, dict):
        return {name: _typed(part, name) for name, part in value.items()}
    if isinstance(value, list):
        return [_typed(part) for part in value]
    if key in ("controller", "active"):
        return value == "true"
    return int(value) if key in ("priority", "count") else value


def recorded_workload(number: int, **spec: Any) -> dict[str, Any]:
    """Return a copy of one of the five, as an API server sends it."""
    workload = copy.deepcopy(_typed(_VALUES[number]))
    workload["metadata"]["resourceVersion"] = "1"
    workload["spec"] |= spec
    return {"apiVersion": "kueue.x-k8s.io/v1beta2", "kind": "Workload", **workload}


FIVE = tuple(map(recorded_workload, range(5)))


def deactivated() -> dict[str, Any]:
    """Return the one in a backoff after the limit of its requeues."""
    workload = recorded_workload(BACKOFF, active=False)
    evicted = workload["status"]["conditions"][0]
    evicted["reason"] = "DeactivatedDueToRequeuingLimitExceeded"
    evicted["message"] = "The workload is deactivated by exceeding the maximum number of re-queuing retries"
    del workload["status"]["requeueState"]
    return workload


def owned_by(kind: str, name: str, uid: str = "owner", api_version: str = "ray.io/v1") -> list[dict[str, Any]]:
    return [{"apiVersion": api_version, "kind": kind, "name": name, "uid": uid, "controller": True}]


def workload(
    *conditions: dict[str, Any],
    name: str = "rayjob-a",
    uid: str = "w",
    version: str = "1",
    owner: tuple[str, str] | None = ("RayJob", "a"),
    api_version: str = "ray.io/v1",
    spec: dict[str, Any] | None = None,
    **status: Any,
) -> dict[str, Any]:
    """Return a Workload of a Ray object, or of another one with another `api_version`."""
    owners = owned_by(*owner, api_version=api_version) if owner else []
    base = manifest({"conditions": list(conditions), **status}, name=name, uid=uid, version=version)
    base["metadata"]["ownerReferences"] = owners
    return base | {"spec": {"queueName": "research", "active": True} | (spec or {})}
