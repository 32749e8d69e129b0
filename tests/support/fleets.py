"""Fleets for tests of the diagnosis: from objects written here, and from recorded files."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from exporter.commands.documents import items
from exporter.commands.explain.inputs import Objects, fleet_of_items
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.resources.detailed import DetailedObject
from tests.support.objects import CREATED

DIAGNOSIS = Path(__file__).parents[1] / "testdata" / "diagnosis"
NOW = datetime.fromisoformat(CREATED).astimezone(UTC) + timedelta(minutes=14)

Manifest = dict[str, Any]


def ago(**elapsed: float) -> str:
    """Return a time before NOW, as it is written in objects: `ago(minutes=3)`."""
    return (NOW - timedelta(**elapsed)).strftime("%Y-%m-%dT%H:%M:%SZ")


def fleet_of(*objects: tuple[str, Manifest], known: Known | None = None) -> Fleet:
    """Return a fleet of objects, each with its kind; a wrong one fails the test."""
    skipped: list[str] = []
    collected = Objects(skipped.append)
    for kind, manifest in objects:
        collected.add(kind, json.dumps(manifest).encode())
    assert not skipped
    return collected.fleet(known or Known())


def diagnosed(*objects: tuple[str, Manifest], known: Known | None = None, now: datetime = NOW) -> tuple[Finding, ...]:
    """Return the findings of the first object."""
    fleet = fleet_of(*objects, known=known)
    kind, manifest = objects[0]
    obj = fleet.find(kind, manifest["metadata"]["namespace"], manifest["metadata"]["name"])
    assert obj is not None
    return fleet.kind(obj).diagnose(obj, fleet.related(obj), now)


def findings(*objects: tuple[str, Manifest], known: Known | None = None) -> list[str]:
    """Return severity and cause of each finding of the first object, at NOW: `warning unschedulable`."""
    return [_short(finding) for finding in diagnosed(*objects, known=known)]


def pod(name: str, cluster: str = "a", node_type: str = "worker", **status: Any) -> tuple[str, Manifest]:
    """Return a pod of a cluster in namespace `ns`."""
    labels = {"ray.io/cluster": cluster, "ray.io/node-type": node_type, "ray.io/group": "g"}
    return "Pod", _pod(name, labels, status)


def submitter(name: str, job: str = "a", **status: Any) -> tuple[str, Manifest]:
    """Return a submitter pod of a job in namespace `ns`."""
    return "Pod", _pod(name, {"ray.io/originated-from-cr-name": job}, status)


def waiting(reason: str, message: str = "", **container: Any) -> Manifest:
    """Return the status of a pod whose container waits."""
    state = {"waiting": {"reason": reason, "message": message}}
    return {"phase": "Pending", "containerStatuses": [{"name": "ray", "state": state, **container}]}


def event(
    kind: str, name: str, reason: str, at: str, message: str = "", type_: str = "Warning"
) -> tuple[str, Manifest]:
    """Return an Event about an object in namespace `ns`."""
    metadata = {"name": f"{name}.{reason}.{at}", "namespace": "ns", "uid": f"e-{reason}-{at}"}
    about = {"kind": kind, "name": name, "namespace": "ns"}
    return "Event", {
        "metadata": metadata,
        "involvedObject": about,
        "type": type_,
        "reason": reason,
        "message": message,
        "eventTime": at,
    }


def recorded(name: str) -> tuple[Fleet, datetime]:
    """Return the objects of a recorded moment, and its time."""
    data = (DIAGNOSIS / f"{name}.json").read_bytes()
    return load(data), datetime.fromtimestamp(json.loads(data)["metadata"]["capturedAt"], UTC)


def load(data: bytes) -> Fleet:
    """Return the objects of a file."""
    return fleet_of_items(items(data), "", lambda _: None)


def causes(fleet: Fleet, now: datetime) -> Mapping[str, list[str]]:
    """Return severity and cause of each finding, by object, of objects that have any."""
    found = {_name(obj): list(map(_short, fleet.kind(obj).diagnose(obj, fleet.related(obj), now))) for obj in fleet}
    return {name: short for name, short in found.items() if short}


def _pod(name: str, labels: Mapping[str, str], status: Mapping[str, Any]) -> Manifest:
    metadata = {"name": name, "namespace": "ns", "uid": f"pod-{name}", "labels": labels, "creationTimestamp": CREATED}
    return {"metadata": metadata, "status": status}


def _short(finding: Finding) -> str:
    return f"{finding.severity.value} {finding.cause.value}"


def _name(obj: DetailedObject) -> str:
    return f"{type(obj).__name__.removeprefix('Detailed')} {obj.metadata.name}"
