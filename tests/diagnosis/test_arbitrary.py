"""Any objects that an API server could hold: never a crash, always JSON, and nothing that controls a terminal."""

import json
from datetime import UTC, datetime
from typing import Any

import click
import msgspec
from hypothesis import given
from hypothesis import strategies as st

from exporter.diagnosis.causes import Cause
from exporter.diagnosis.fleet import Known
from exporter.diagnosis.views import page_of, view_of
from exporter.explain import report
from exporter.explain.inputs import RAY_TYPES, Objects
from exporter.web.snapshot import make_snapshot
from tests.test_arbitrary import OBJECTS, mostly

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
MESSAGES = st.text() | st.sampled_from(["exceeded quota: q", 'image "x"', "3 Insufficient cpu", "a\x1b[2J", "x" * 2000])
NAMES = st.sampled_from("ab")


def related(obj: dict[str, Any], name: str, message: Any) -> dict[str, Any]:
    """Return an object that belongs to others of its list, with a message wherever there can be one."""
    labels = {"ray.io/cluster": name, "ray.io/node-type": "head", "ray.io/originated-from-cr-name": name}
    obj = obj | {"metadata": obj["metadata"] | {"name": name, "namespace": "ns", "labels": labels}}
    status = obj.get("status")
    if isinstance(status, dict):
        obj["status"] = status | {"message": message, "rayClusterName": name}
        for condition in status.get("conditions") or ():
            if isinstance(condition, dict):
                condition["message"] = message
    return obj


RELATED = st.builds(related, OBJECTS, NAMES, mostly(MESSAGES))


@given(st.lists(st.tuples(st.sampled_from([*RAY_TYPES, "Pod", "Event"]), RELATED), max_size=8))
def test_any_objects_are_diagnosed(objects: list[tuple[str, dict[str, Any]]]) -> None:
    """Each that can be decoded has a view and a page; causes are from the list, and texts have a bounded length."""
    collected = Objects(lambda _: None)
    for kind, manifest in objects:
        collected.add(kind, json.dumps(manifest).encode())
    fleet = collected.fleet(Known())
    snapshot = make_snapshot(fleet, NOW)
    assert len(snapshot.entries) == len(fleet)
    for obj in fleet:
        page = json.loads(msgspec.json.encode(page_of(obj, fleet, NOW)))
        for finding in page["object"]["findings"]:
            assert finding["cause"] in set(Cause)
            assert len(finding["sentence"]) < 2000
        text = "".join(click.unstyle(line) for line in report.chain(view_of(obj, fleet, NOW), fleet.known, fleet, NOW))
        assert text.isprintable()
