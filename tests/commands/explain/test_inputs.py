"""Files of objects in, a fleet out: which objects are taken, which are skipped, which are errors."""

import json
from typing import Any

import pytest

from exporter.commands.documents import NO_UID, items
from exporter.commands.explain.inputs import fleet_of_items
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.errors import InputError
from tests.support.objects import manifest
from tests.support.workloads import workload

RAY = "ray.io/v1"


def document(kind: str, api_version: str, name: str = "a", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "ns", "uid": name}, **more}


def file(*objects: dict[str, Any]) -> bytes:
    return json.dumps({"kind": "List", "apiVersion": "v1", "items": objects}).encode()


def read(*files: bytes, namespace: str = "") -> tuple[Fleet, list[str]]:
    """Return the fleet of files, and the lines on standard error."""
    said: list[str] = []
    return fleet_of_items((item for data in files for item in items(data)), namespace, said.append), said


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
        ("Event", "events.k8s.io/v1", True),
        ("Event", "example.com/v1", False),
        ("ConfigMap", "v1", False),
    ],
)
def test_kinds_that_are_taken(kind: str, api_version: str, taken: bool) -> None:
    """By kind and group; others are ignored."""
    fleet, _ = read(file(document("RayJob", RAY), document(kind, api_version, "b")))
    is_taken = {
        "RayCluster": fleet.known.clusters,
        "Pod": fleet.known.pods,
        "Event": fleet.known.events,
    }.get(kind, len(fleet) == 2)
    assert is_taken is taken


def test_lists_in_lists_are_read() -> None:
    """As `jq -s` makes them of several answers."""
    inner = json.loads(file(document("RayJob", RAY, "b"), document("RayJob", RAY, "c")))
    fleet, _ = read(file(document("RayJob", RAY, "a"), inner))
    assert [obj.metadata.name for obj in fleet] == ["a", "b", "c"]


@pytest.mark.parametrize(
    ("obj", "line"),
    [
        (document("RayJob", RAY, spec=7), "skipped RayJob ns/a: Expected `object | null`, got `int` - at `$.spec`"),
        (
            {"kind": "Pod", "apiVersion": "v1", "metadata": 7},
            "skipped Pod (no name): Expected `object`, got `int` - at `$.metadata`",
        ),
        (
            {"kind": "RayJob", "apiVersion": RAY, "metadata": {"name": "a", "namespace": "ns"}},
            f"skipped RayJob ns/a: {NO_UID}",
        ),
    ],
)
def test_an_object_that_cannot_be_decoded_is_skipped(obj: dict[str, Any], line: str) -> None:
    """With one line; the others are read."""
    fleet, said = read(file(obj, document("RayJob", RAY, "b")))
    assert said[:-1] == [line]
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
    fleet, _ = read(*(file(document(kind, api_version)) for kind, api_version in contents))
    assert fleet.known == known


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no objects in it"),
        (b"---\n", "no objects in it"),
        (b"[]", "no objects in it"),
        (b"text", "not a Kubernetes object: Expected `object`, got `str`"),
        (b'{"kind": "List", "items": [null]}', "not a Kubernetes object: Expected `object`, got `null`"),
        (b"<!DOCTYPE html><html></html>", "HTML or XML, such as the answer of a proxy, in place of JSON or YAML"),
    ],
)
def test_wrong_files(data: bytes, message: str) -> None:
    """An empty file is one, too: it would otherwise look like a healthy cluster."""
    with pytest.raises(InputError) as raised:
        read(file(document("RayJob", RAY)), data)
    assert str(raised.value) == message


STATUS = {"kind": "Status", "apiVersion": "v1", "code": 403, "message": 'rayjobs is forbidden: User "x"'}


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (file(), "an empty List (1)"),
        (b'{"kind": "RayJobList", "apiVersion": "ray.io/v1", "items": null}', "an empty RayJobList (1)"),
        (b"items: []", "an empty List (1)"),
        (b"{}", "an object without a kind (1)"),
        (b'{"items": [{"metadata": {}}, {}]}', "an object without a kind (2)"),
        (file(document("Pod", "v1"), document("Pod", "v1", "b"), document("Job", "batch/v1")), "Pod of v1 (2), Job"),
        (file(document("RayJob", "")), "RayJob without an apiVersion (1)"),
        (json.dumps(STATUS).encode(), 'a Status of the API server, 403: rayjobs is forbidden: User "x" (1)'),
        (b'{"type": "ERROR", "object": ' + json.dumps(STATUS).encode() + b"}", "a Status of the API server, 403: "),
        (b'{"kind": "Table", "apiVersion": "meta.k8s.io/v1", "rows": [{"object": {}}]}', "a Table, which `kubectl get"),
        (file(document("RayJob", RAY, spec=7)), "RayJob of ray.io/v1 that was skipped (1)"),
        (json.dumps({"type": "DELETED", "object": document("RayJob", RAY)}).encode(), "RayJob of ray.io/v1 that was d"),
    ],
)
def test_input_without_an_object_of_kuberay(data: bytes, found: str) -> None:
    """It is an error that names what was found: "no findings" would look like a healthy cluster."""
    with pytest.raises(InputError) as raised:
        read(data)
    prefix = "no RayCluster or RayJob or RayService or RayCronJob in the input, only "
    assert str(raised.value).startswith(prefix + found)


def test_objects_of_another_namespace_are_left_out() -> None:
    """A wrong namespace is an error that names the right one."""
    data = file(document("RayJob", RAY), document("Pod", "v1"))
    assert len(read(data, namespace="ns")[0]) == 1
    with pytest.raises(InputError, match=r"RayCronJob in namespace 'n' in the input, only RayJob of ray.io/v1 in name"):
        read(data, namespace="n")


@pytest.mark.parametrize("separator", ["\n", "\n---\n"])
def test_items_of_a_typed_list_take_its_kind(separator: str) -> None:
    """As `kubectl get --raw` and client libraries write them; an empty list says that there are no such objects."""
    item = {"metadata": document("", "")["metadata"]}
    lists = [
        {"kind": "RayJobList", "apiVersion": RAY, "items": [item]},
        {"kind": "RayClusterList", "apiVersion": RAY, "items": [item]},
        {"kind": "PodList", "apiVersion": "v1", "items": None},
        {"kind": "EventList", "apiVersion": "v1", "metadata": {}},
    ]
    # JSON is YAML, too.
    prefix = "# a comment\n" if "-" in separator else ""
    fleet, said = read((prefix + separator.join(map(json.dumps, lists))).encode())
    assert len(fleet) == 2
    assert (fleet.known, said) == (Known(), [])


def test_events_of_both_groups_are_the_same() -> None:
    """`kubectl get events.events.k8s.io` has the objects of `kubectl get events`, but other names of their fields."""
    about = {"kind": "RayJob", "name": "a", "namespace": "ns", "uid": "a"}
    core = {"involvedObject": about, "message": "x", "count": 3, "lastTimestamp": "2026-11-23T10:00:00Z"}
    new = {"regarding": about, "note": "x", "deprecatedCount": 3, "deprecatedLastTimestamp": "2026-11-23T10:00:00Z"}
    found = []
    for group, fields in (("v1", core), ("events.k8s.io/v1", new)):
        fleet, _ = read(file(document("RayJob", RAY), document("Event", group, "e", type="Warning", **fields)))
        (obj,) = fleet
        found.append(fleet.related(obj).events)
    assert found[0] == found[1]
    assert [(event.message, event.count) for event in found[0]] == [("x", 3)]


def test_a_watch_shows_the_last_version_of_each_object() -> None:
    """As of `kubectl get --watch --output-watch-events -o json`, or of a request with `watch=1`."""
    versions = [
        ("ADDED", document("RayJob", RAY, "a")),
        ("ADDED", document("RayJob", RAY, "b")),
        ("MODIFIED", document("RayJob", RAY, "a", status={"jobDeploymentStatus": "Running"})),
        ("BOOKMARK", {"kind": "RayJob", "apiVersion": RAY, "metadata": {"resourceVersion": "1"}}),
        ("DELETED", document("RayJob", RAY, "b")),
    ]
    fleet, _ = read(b"\n".join(json.dumps({"type": type_, "object": obj}).encode() for type_, obj in versions))
    (obj,) = fleet
    assert (obj.metadata.name, fleet.kind(obj).state_of(obj).name) == ("a", "Running")


def test_what_the_input_does_not_show_is_said_once() -> None:
    """Without pods and Events some causes cannot be seen."""
    _, said = read(file(document("RayJob", RAY), document("RayCluster", RAY)))
    (line,) = said
    assert line.startswith("not in the input: pods, Events; some causes can't be seen without them. ")
    assert "kubectl get rayclusters,rayjobs,rayservices,pods,events -A -o json" in line


def test_workloads_of_ray_are_read_from_files() -> None:
    """Those of other frameworks, or of another group, are not."""
    waiting = {"type": "QuotaReserved", "status": "False", "reason": "Inadmissible", "message": "no such queue"}
    job = {"apiVersion": "ray.io/v1", "kind": "RayJob"} | manifest({"jobDeploymentStatus": "Suspended"}, uid="owner")
    own = {"apiVersion": "kueue.x-k8s.io/v1beta1", "kind": "Workload"} | workload(waiting)
    other = own | workload(name="other", uid="2", owner=("Job", "a"), api_version="batch/v1")
    fleet, _ = read(file(job, own, other, own | {"apiVersion": "example.com/v1", "metadata": {}}))
    obj = fleet.find("RayJob", "ns", "a")
    assert obj is not None
    assert fleet.known.workloads
    found = fleet.related(obj).workload
    assert found is not None
    assert found.metadata.name == "rayjob-a"
