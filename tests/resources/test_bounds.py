"""What is kept of an object, whatever was written into it: nothing of any field of any kind without a maximum."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec
import pytest
from msgspec import inspect

from exporter.kinds import DECLARATIONS
from exporter.resources.meta import MAX_ENTRIES, MAX_MAP_SIZE, MAX_STRING_BYTES, ObjectMeta, cut_parts
from exporter.resources.raycluster import RayCluster
from exporter.resources.rayjob import ManagedFieldsEntry
from exporter.resources.rayservice import RayService
from tests.support.objects import condition, manifest

TYPES = [*(d.tables.object_type for d in DECLARATIONS), *(d.detailed_type for d in DECLARATIONS)]

CHECKED_BY_THE_SERVER = {
    "name": "a",
    "uid": "1",
    "labels": {"a": "b"},
    "resourceVersion": "1",
    "manager": "m",
    "subresource": "s",
}
"""Of its metadata; the number of its labels has a test of its own (families/test_limits.py)."""

LONG = "x" * 3000


def hostile(type_: inspect.Type, depth: int = 0) -> Any:
    """Return JSON of a type with strings, lists and maps that are too long wherever it may have some."""
    match type_:
        case inspect.UnionType(types) if any(isinstance(t, inspect.FloatType) for t in types):
            # A quantity: a longer one makes the object undecodable.
            return "1"
        case inspect.UnionType(types):
            return hostile(next(t for t in types if not isinstance(t, inspect.NoneType)), depth)
        case inspect.Metadata(inner):
            return hostile(inner, depth)
        case inspect.StructType(cls, fields):
            fixed = CHECKED_BY_THE_SERVER if issubclass(cls, (ObjectMeta, ManagedFieldsEntry)) else {}
            return {f.encode_name: fixed.get(f.encode_name) or hostile(f.type, depth + 1) for f in fields}
        case inspect.VarTupleType(item):
            return [hostile(item, depth + 1)] * (MAX_ENTRIES + 50 if depth < 3 else 20)
        case inspect.DictType(_, value):
            return {f"{n:03}{LONG}": hostile(value, depth + 1) for n in range(200 if depth < 3 else 3)}
        case inspect.StrType():
            return LONG
        case inspect.DateTimeType():
            return "2026-11-23T10:00:00Z"
        case inspect.BoolType():
            return True
        case _:
            return 1


def parts(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield every string, list and map of a decoded object."""
    if isinstance(value, str | tuple | Mapping):
        yield path, value
    if isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            yield from parts(getattr(value, name), f"{path}.{name}")
    elif isinstance(value, tuple):
        for one in value:
            yield from parts(one, f"{path}[]")
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from parts(key, f"{path}.key")
            yield from parts(one, f"{path}.value")


def is_bounded(path: str, value: Any) -> bool:
    if isinstance(value, str):
        # The beginning and the end of the message of an Event are kept.
        return len(value.encode()) <= MAX_STRING_BYTES * (2 if path == "Event.message" else 1)
    return len(value) <= MAX_ENTRIES if isinstance(value, tuple) else sum(map(len, value)) < MAX_MAP_SIZE


@pytest.mark.parametrize("type_", TYPES, ids=lambda type_: type_.__name__)
def test_no_field_of_any_kind_is_without_a_maximum(type_: type[Any]) -> None:
    """Also of one that is added later: the values are made from the types."""
    obj = msgspec.json.decode(json.dumps(hostile(inspect.type_info(type_))), type=type_)
    assert [path for path, value in parts(obj, type_.__name__) if not is_bounded(path, value)] == []


def test_conditions_beyond_the_maximum_are_omitted_and_counted() -> None:
    """The first ones stay."""
    cut_parts.reset()
    conditions = [condition(f"C{number}", "True") for number in range(1200)]
    cluster = msgspec.convert(manifest({"conditions": conditions}), RayCluster)
    assert cluster.status is not None
    assert [c.type for c in cluster.status.conditions or ()] == [f"C{number}" for number in range(MAX_ENTRIES)]
    assert cut_parts.entries == 1200 - MAX_ENTRIES


def test_deployments_of_all_applications_have_one_maximum() -> None:
    """1,000 of usual names fit; a thousand applications do not multiply them."""

    def kept(applications: int, deployments: int) -> int:
        names = {f"deployment-{number:05}": {"status": "HEALTHY"} for number in range(deployments)}
        status = {
            "activeServiceStatus": {
                "applicationStatuses": {f"a{n}": {"serveDeploymentStatuses": names} for n in range(applications)}
            }
        }
        service = msgspec.convert(manifest(status), RayService)
        assert service.status is not None
        assert service.status.active_service_status is not None
        return sum(
            len((application and application.serve_deployment_statuses) or ())
            for application in (service.status.active_service_status.application_statuses or {}).values()
        )

    cut_parts.reset()
    assert (kept(1, 1000), kept(10, 100), cut_parts.entries) == (1000, 1000, 0)
    most = kept(100, 100)
    assert 1000 < most <= MAX_MAP_SIZE // 64
    assert cut_parts.entries == 100 * 100 - most


def test_long_strings_that_begin_alike_stay_different() -> None:
    """Two groups of workers must not become one; each cut is counted."""
    cut_parts.reset()
    groups = [{"groupName": LONG + end} for end in "ab"]
    spec = msgspec.convert(manifest() | {"spec": {"workerGroupSpecs": groups}}, RayCluster).spec
    assert spec is not None
    names = {group.group_name for group in spec.worker_group_specs or ()}
    assert len(names) == cut_parts.strings == 2
