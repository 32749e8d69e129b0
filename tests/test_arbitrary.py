"""Any JSON that an API server could hold as an object of these kinds: never a crash, always a valid exposition."""

import json
from typing import Any

import msgspec
from bodies import parse
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry

from exporter.collectors import KINDS
from exporter.collectors.collector import Collector
from exporter.errors import DecodeError
from exporter.exposition.exposition import Exposition
from exporter.exposition.families import Format
from exporter.feed import Feed
from exporter.kube import wire

ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
TIMES = st.datetimes().map(lambda time: time.isoformat() + "Z") | st.sampled_from(
    [
        "2026-11-23T10:00:00Z",
        "2026-11-23T11:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-14:00",
        "never",
        "",
    ]
)
STATES = st.sampled_from(["", "Initializing", "Running", "Complete", "Failed", "Retrying", "Suspended"]) | st.text()


def mapping(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A mapping with any of these fields, mostly as they should be, and others."""
    expected = st.fixed_dictionaries({}, optional={name: field | ANY_JSON for name, field in fields.items()})
    return st.builds(lambda known, other: other | known, expected, st.dictionaries(st.text(), ANY_JSON, max_size=2))


CONDITIONS = st.lists(
    mapping(
        type=st.sampled_from(["RayClusterProvisioned", "RayClusterSuspended", "Ready", "UpgradeInProgress"]),
        status=st.sampled_from(["True", "False", "Unknown"]),
        lastTransitionTime=TIMES,
    ),
    max_size=4,
)
OBJECTS = st.fixed_dictionaries(
    {
        "metadata": st.fixed_dictionaries(
            {"name": st.text(min_size=1), "uid": st.sampled_from("abc"), "namespace": st.text()},
            optional={
                "resourceVersion": st.text(),
                "creationTimestamp": TIMES,
                "labels": mapping(**{"ray.io/originated-from-crd": st.text()}),
                "managedFields": st.lists(
                    mapping(manager=st.just("kuberay-operator"), subresource=st.just("status"), time=TIMES), max_size=3
                ),
            },
        )
    },
    optional={
        "status": mapping(
            conditions=CONDITIONS,
            stateTransitionTimes=mapping(ready=TIMES),
            jobDeploymentStatus=STATES,
            startTime=TIMES,
            endTime=TIMES,
            failed=st.integers(),
        ),
        "spec": ANY_JSON,
    },
)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(KINDS), OBJECTS), max_size=8), st.none() | st.floats(0, 2e9))
def test_any_objects_in_any_order(received: list[tuple[Any, Any]], received_at: float | None) -> None:
    """Each is decoded or refused; what is printed is valid in both formats, and `collect` agrees with it."""
    present: dict[str, dict[str, Any]] = {kind.plural: {} for kind in KINDS}
    feeds = {
        kind.plural: Feed(Collector(kind, present[kind.plural].values), _fail, clock=lambda: received_at)
        for kind in KINDS
    }
    for kind, version in received:
        data = json.dumps(version).encode()
        try:
            obj = wire.decode(msgspec.json.Decoder(kind.resource), data)
        except DecodeError:
            continue
        present[kind.plural][obj.metadata.uid] = obj
        feeds[kind.plural].update([obj], [])
    registry = CollectorRegistry()
    for feed in feeds.values():
        registry.register(feed.collector)
    fast = Exposition([feed.book for feed in feeds.values()], CollectorRegistry())
    slow = Exposition([], registry)
    families = parse(fast.body(Format.OPENMETRICS), openmetrics=True)
    assert parse(fast.body(Format.TEXT)) == families == parse(slow.body(Format.TEXT))
    infos = [family.series for name, family in families.items() if name.endswith("_info")]
    assert sum(map(len, infos)) == sum(map(len, present.values()))


@settings(max_examples=300)
@given(st.binary() | ANY_JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_as_an_object(data: bytes) -> None:
    """Decoded or refused with our own error, whatever they are."""
    for kind in KINDS:
        try:
            wire.decode(msgspec.json.Decoder(kind.resource), data)
        except DecodeError:
            wire.identify(data)


def _fail() -> None:
    raise AssertionError("the collector failed on an object")
