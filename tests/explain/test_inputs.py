"""Files of objects in, a fleet out: which objects are taken, which are skipped, which are errors."""

import json
from typing import Any

import pytest

from exporter.diagnosis.fleet import Known
from exporter.errors import InputError
from exporter.explain.inputs import Objects, fleet_of_files

RAY = "ray.io/v1"


def document(kind: str, api_version: str, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "ns", "uid": name}, **more}


def file(*objects: dict[str, Any]) -> bytes:
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": objects}).encode()


@pytest.mark.parametrize(
    ("kind", "api_version", "taken"),
    [
        ("RayCluster", "ray.io/v1", True),
        ("RayJob", "ray.io/v1alpha1", True),
        ("RayService", "ray.io/v1", True),
        ("RayCronJob", "ray.io/v1", True),
        ("RayJob", "", False),
        ("RayJob", "v1", False),
        ("RayJob", "ray.io.example.com/v1", False),
        ("Pod", "v1", True),
        ("Pod", "ray.io/v1", False),
        ("Event", "v1", True),
        ("Event", "events.k8s.io/v1", False),
        ("ConfigMap", "v1", False),
    ],
)
def test_kinds_that_are_taken(kind: str, api_version: str, taken: bool) -> None:
    """By kind and group; others are ignored without a word."""
    said: list[str] = []
    objects = Objects(said.append)
    objects.add_file(file(document(kind, api_version)))
    assert (objects.kinds(), said) == ({kind} if taken else set(), [])


def test_lists_in_lists_are_read() -> None:
    """As `jq -s` makes them of several answers."""
    inner = json.loads(file(document("RayJob", RAY, "b"), document("RayJob", RAY, "c")))
    fleet = fleet_of_files([file(document("RayJob", RAY, "a"), inner)], lambda _: None)
    assert [obj.metadata.name for obj in fleet] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("obj", "line"),
    [
        (document("RayJob", RAY, spec=7), "skipped RayJob ns/a: Expected `object | null`, got `int` - at `$.spec`"),
        (
            {"kind": "Pod", "apiVersion": "v1", "metadata": 7},
            "skipped Pod (no name): Expected `object`, got `int` - at `$.metadata`",
        ),
    ],
)
def test_an_object_that_cannot_be_decoded_is_skipped(obj: dict[str, Any], line: str) -> None:
    """With one line; the others are read."""
    said: list[str] = []
    fleet = fleet_of_files([file(obj, document("RayJob", RAY, "b"))], said.append)
    assert said == [line]
    assert [obj.metadata.name for obj in fleet] == ["b"]


@pytest.mark.parametrize(
    ("contents", "known"),
    [
        ([("RayJob", RAY)], Known(clusters=False, pods=False, events=False)),
        ([("RayCluster", RAY)], Known(clusters=True, pods=False, events=False)),
        ([("RayJob", RAY), ("Pod", "v1")], Known(clusters=False, pods=True, events=False)),
        ([("RayCluster", RAY), ("Event", "v1")], Known(clusters=True, pods=False, events=True)),
    ],
)
def test_kinds_without_an_object_are_not_known(contents: list[tuple[str, str]], known: Known) -> None:
    """Over all files together."""
    files = [file(document(kind, api_version)) for kind, api_version in contents]
    assert fleet_of_files(files, lambda _: None).known == known


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no objects in it"),
        (b"---\n", "no objects in it"),
        (b"[]", "no objects in it"),
        (b"text", "not a Kubernetes object: Expected `object`, got `str`"),
        (b'{"items": []}', "not a Kubernetes object: Object missing required field `kind`"),
        (b'{"kind": "List", "items": [null]}', "not a Kubernetes object: Expected `object`, got `null`"),
    ],
)
def test_wrong_files(data: bytes, message: str) -> None:
    """An empty file is one, too: it would otherwise look like a healthy cluster."""
    with pytest.raises(InputError) as raised:
        fleet_of_files([file(document("RayJob", RAY)), data], lambda _: None)
    assert str(raised.value) == message


def test_an_empty_list_is_no_error() -> None:
    """A cluster can have no objects."""
    assert len(fleet_of_files([file()], lambda _: None)) == 0
