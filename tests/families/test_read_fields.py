"""What is derived again of a new version: only what follows from fields that differ, and all of that."""

import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from exporter.collectors.pod import PODS
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.raycronjob import RAYCRONJOBS
from exporter.collectors.rayjob import RAYJOBS
from exporter.collectors.rayservice import RAYSERVICES
from exporter.collectors.workload import WORKLOADS
from exporter.families.integrals import Integrals, LabelledIntegrals
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from exporter.families.read_fields import ReadFields, fields_of
from exporter.families.table import AnyKind, Kind
from exporter.pipeline.metrics_store import MetricsStore
from tests.support.clocks import FakeClock
from tests.support.metrics_stores import metrics_store
from tests.support.objects import decode, manifest, text
from tests.support.recordings import stream
from tests.support.workloads import FIVE, owned_by

VERSIONS = 400
SCHEDULES = ("@daily", "* * * * *", "not a schedule")
TIMES = ("2026-11-23T10:00:00Z", "2026-11-24T10:00:00Z", None)

Parts = dict[str, dict[str, list[Any]]]
"""By section and field: the values that it has in any version."""


def workload_parts() -> Parts:
    """Return what Kueue writes, and owners of several kinds."""
    parts: Parts = {"metadata": {"creationTimestamp": list(TIMES)}, "spec": {"active": [True, False]}, "status": {}}
    for version in FIVE:
        for section in ("spec", "status"):
            for name, value in version[section].items():
                parts[section].setdefault(name, []).append(value)
    parts["metadata"]["ownerReferences"] = [owned_by("RayJob", "a"), owned_by("RayCluster", "b", "2")]
    parts["spec"]["priorityClassName"] = ["batch"]
    parts["status"]["clusterName"] = ["gpu-east"]
    return parts


def recorded_parts(plural: str) -> Parts:
    """Return what a real operator and API server wrote into objects of a kind."""
    versions = [
        json.loads(line["line"])["object"]
        for line in stream(plural)
        if "line" in line and '"ERROR"' not in line["line"]
    ]
    parts: Parts = {"metadata": {}, "spec": {}, "status": {}}
    for version in versions:
        for section, values in parts.items():
            for name, value in version.get(section, {}).items():
                values.setdefault(name, []).append(value)
    parts["metadata"] |= {"deletionTimestamp": [TIMES[0]], "creationTimestamp": list(TIMES)}
    return parts


CRON_JOB: Parts = {
    "metadata": {"labels": [{"team": "a"}], "deletionTimestamp": list(TIMES), "creationTimestamp": list(TIMES)},
    "spec": {"schedule": list(SCHEDULES), "timeZone": ["Europe/Berlin"], "suspend": [True, False]},
    "status": {"lastScheduleTime": list(TIMES)},
}


def versions(parts: Parts, rng: random.Random) -> Iterator[dict[str, Any]]:
    """Yield versions of one object, of which each differs from the last in a few fields at most."""
    version: dict[str, Any] = {"metadata": {}, "spec": {}, "status": {}}
    for number in range(VERSIONS):
        for _ in range(rng.choice([0, 1, 1, 1, 2, 5])):
            section = rng.choice(list(parts))
            name = rng.choice(sorted(parts[section]))
            if rng.random() < 0.2:
                version.setdefault(section, {}).pop(name, None)
            else:
                version.setdefault(section, {})[name] = rng.choice(parts[section][name])
            if section != "metadata" and rng.random() < 0.03:
                del version[section]
        identity = manifest(uid="1", version=str(number + 1))["metadata"]
        yield version | {"metadata": version["metadata"] | {key: identity[key] for key in identity if key[0] != "c"}}


def store_of(kind: AnyKind, clock: FakeClock) -> MetricsStore[Any]:
    return metrics_store(
        ObjectFamilies(kind, user_labels=("*",)),
        LifecycleTotals(kind, (60.0, 600.0), clock=clock),
        Integrals(kind, clock=clock),
        *([LabelledIntegrals(kind, clock=clock)] if kind is RAYCLUSTERS else []),
        clock=clock,
        receipt_time=lambda: None,
    )


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        *[(kind, recorded_parts(kind.plural)) for kind in (RAYCLUSTERS, RAYJOBS, RAYSERVICES, PODS)],
        (RAYCRONJOBS, CRON_JOB),
        (WORKLOADS, workload_parts()),
    ],
    ids=lambda value: value.plural if isinstance(value, Kind) else "",
)
def test_lines_are_those_of_a_version_that_is_derived_as_a_whole(
    kind: AnyKind, parts: Parts, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Byte for byte, whatever fields change: a row that does not name a field that it reads would keep old lines.

    Also after a deletion, while amounts grow, and if several versions come between two scrapes.
    """
    clock, rng = FakeClock(), random.Random(seed)
    compared, whole = store_of(kind, clock), store_of(kind, clock)
    monkeypatch.setattr(whole, "_fields", Always())
    printed = set()
    for number, version in enumerate(versions(parts, rng)):
        obj = decode(kind, version)
        for store in (compared, whole):
            store.on_change([obj], [])
            if number % 40 == 39:
                store.on_change([], [obj])
        clock.advance(rng.choice([0.0, 0.5, 100.0]))
        if rng.random() < 0.3:
            continue
        body = text(compared)
        assert body == text(whole), "a row reads a field that neither its source nor its reads name"
        printed.add(body)
    assert len(printed) > VERSIONS / 10


class Always:
    """Takes any two versions for ones of different objects."""

    def differing(self, *_: Any) -> None:
        return None


def test_a_version_without_a_difference_in_what_is_read_derives_nothing() -> None:
    """Such as one in which only its number, or the time of its last write, is new."""
    store = store_of(RAYCLUSTERS, FakeClock())
    store.on_change([decode(RAYCLUSTERS, manifest({"state": "ready"}))], [])
    before = text(store)
    store._sources = ()
    store.on_change([decode(RAYCLUSTERS, manifest({"state": "ready", "lastUpdateTime": TIMES[0]}, version="2"))], [])
    assert [obj.metadata.resource_version for obj in store._present.values()] == ["2"]
    assert "kuberay_cluster_state" in before


@pytest.mark.parametrize(
    ("source", "fields"),
    [
        ("status.conditions[Ready].status", {"status.conditions"}),
        ("status.endTime - metadata.creationTimestamp", {"status.endTime", "metadata.creationTimestamp"}),
        ("status.{active,pending}ServiceStatus.x", {"status.activeServiceStatus", "status.pendingServiceStatus"}),
        ("status, spec.initContainers", {"status", "spec.initContainers"}),
        ("time of the status write - status.startTime", {"status.startTime"}),
        ("metadata.labels[ray.io/a, ray.io/b]", {"metadata.labels"}),
        ("objects that disappear", set()),
    ],
)
def test_fields_are_those_that_a_source_names(source: str, fields: set[str]) -> None:
    """The text of the documentation, so that one of the two cannot be wrong alone."""
    assert fields_of(source) == fields


def test_a_field_that_the_type_does_not_have_is_an_error() -> None:
    """A typing error in a source would otherwise keep the lines of the first version."""
    with pytest.raises(KeyError):
        ReadFields(RAYJOBS.object_type, fields_of("status.jobStatuss"))
