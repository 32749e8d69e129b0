"""The API of objects: parameters, pages, caching, one object."""

import gzip
import json
from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from starlette.testclient import TestClient

from exporter import __version__
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.exposition.exposition import Exposition
from exporter.kinds import DIAGNOSED
from exporter.web.api import ObjectsApi
from exporter.web.application import Endpoints
from exporter.web.snapshot import Snapshots
from tests.support.exporter_status import FakeStatus
from tests.support.fleets import recorded

ROOT = "/api/v1/objects"


class Api:
    """The application with the objects of a recorded cluster."""

    def __init__(self) -> None:
        self.status = FakeStatus()
        self.fleet = recorded("008")[0]
        self.reads = 0
        self.api = ObjectsApi(Snapshots(self._read), self.status)
        endpoints = Endpoints(
            Exposition([], CollectorRegistry()),
            self.status,
            lambda _: None,
            self.api,
        )
        self.client = TestClient(endpoints.application(max_requests=40))

    def _read(self) -> Fleet:
        self.reads += 1
        return self.fleet

    def get(self, path: str = ROOT, **parameters: Any) -> dict[str, Any]:
        answer = self.client.get(path, params=parameters)
        assert answer.status_code == 200
        body: dict[str, Any] = answer.json()
        return body

    def names(self, **parameters: Any) -> list[str]:
        return [item["name"] for item in self.get(**parameters)["items"]]


@pytest.fixture
def api() -> Iterator[Api]:
    api = Api()
    with api.client:
        yield api


def test_list_has_all_objects_worst_first(api: Api) -> None:
    """With the version, the figures of the fleet, and what the exporter watches."""
    body = api.get()
    assert body["apiVersion"] == "v1"
    kinds = [{"name": "rayjobs in <ns>", "state": "watching <b>", "lastEventTime": "2023-11-14T22:13:20Z"}]
    exporter = {"version": __version__, "events": True, "pods": True, "fresh": True, "kinds": kinds}
    assert body["exporter"] == exporter
    assert body["total"] == len(body["items"]) == 26
    assert "continue" not in body
    severities = [item.get("severity", "healthy") for item in body["items"]]
    assert severities == sorted(severities, key=["critical", "warning", "info", "healthy"].index)
    assert body["summary"]["kinds"]["RayJob"]["total"] == 7
    assert body["summary"]["gpus"]["requested"] >= 2


def test_object_of_a_list(api: Api) -> None:
    """State, findings with evidence, details of the kind; absent values are absent."""
    (item,) = api.get(name="GPU-wait")["items"]
    assert (item["kind"], item["state"], item["healthy"]) == ("RayCluster", "Provisioning", False)
    assert item["details"]["workers"] == {"desired": 2, "ready": 1, "available": 1, "min": 0, "max": 10}
    (finding,) = item["findings"]
    assert finding["cause"] == "unschedulable"
    assert finding["evidence"][0]["kind"] == "Pod"
    assert None not in item.values()


@pytest.mark.parametrize(
    ("parameters", "expected"),
    [
        ({"kind": "RayService"}, {"never-ready", "fruit"}),
        ({"kind": ["RayService", "RayJob"], "namespace": "team-vision"}, {"never-ready", "eval"}),
        ({"state": "Suspended"}, {"missing-secret"}),
        ({"state": ["ValidationFailed", "Initializing"], "kind": "RayJob"}, {"bad-job", "lost-cluster"}),
        ({"healthy": "true", "kind": "RayService"}, {"fruit"}),
        ({"healthy": "false", "namespace": "team-small"}, {"no-workers"}),
        ({"name": "no-such-name"}, set()),
    ],
)
def test_filters(api: Api, parameters: dict[str, Any], expected: set[str]) -> None:
    """All of them have to match; a repeated one means any of its values."""
    assert set(api.names(**parameters)) == expected


def test_sorting(api: Api) -> None:
    """By name, by creation with the newest first, by state."""
    names = api.names(sort="name")
    assert names == sorted(names)
    created = [item["createdAt"] for item in api.get(sort="created")["items"]]
    assert created == sorted(created, reverse=True)
    states = [item["state"] for item in api.get(sort="state")["items"]]
    assert states == sorted(states)


def test_pages(api: Api) -> None:
    """Together they have every object once; the last one has no `continue`."""
    names, token = [], ""
    while True:
        body = api.get(limit=10, **({"continue": token} if token else {}))
        names += [(item["kind"], item["name"]) for item in body["items"]]
        assert body["total"] == 26
        if "continue" not in body:
            break
        token = body["continue"]
    assert len(names) == len(set(names)) == 26


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", "limit '0' is not a number from 1 to 1000"),
        ("colour=red", "'colour' is not a parameter"),
    ],
)
def test_wrong_parameters(api: Api, query: str, message: str) -> None:
    """400 with the value, as JSON."""
    answer = api.client.get(f"{ROOT}?{query}")
    assert answer.status_code == 400
    assert message in answer.json()["error"]
    assert api.reads == 0


def test_one_object(api: Api) -> None:
    """With its conditions, pods, Events and related objects."""
    body = api.get(f"{ROOT}/RayJob/team-nlp/no-submitter")
    assert body["object"]["findings"][0]["cause"] == "head-not-answering"
    assert [pod["status"] for pod in body["pods"]] == ["ImagePullBackOff", "Running"]
    assert {event["object"]["kind"] for event in body["events"]} == {"RayJob", "RayCluster"}
    assert body["related"] == [
        {
            "kind": "RayCluster",
            "namespace": "team-nlp",
            "name": "no-submitter-tl7hm",
            "state": "Ready",
            "healthy": True,
        }
    ]
    owner = api.get(f"{ROOT}/RayCluster/team-nlp/no-submitter-tl7hm")["related"]
    assert [reference["name"] for reference in owner] == ["no-submitter"]


def test_lists_that_are_not_watched_are_absent(api: Api) -> None:
    """Absent is not empty."""
    items = list(api.fleet)
    api.fleet = Fleet(DIAGNOSED, Known(pods=False, events=False))
    api.fleet.add_objects(items)
    body = api.get(f"{ROOT}/RayCluster/team-vision/gpu-wait")
    assert (body["exporter"]["events"], body["exporter"]["pods"]) == (False, False)
    assert "pods" not in body
    assert "events" not in body


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("RayJob/team-nlp/none", "there is no RayJob 'none' in namespace 'team-nlp'"),
        ("Pod/team-nlp/none", "kind 'Pod' is not one of"),
    ],
)
def test_missing_object(api: Api, path: str, message: str) -> None:
    """404 with the name, as JSON."""
    answer = api.client.get(f"{ROOT}/{path}")
    assert answer.status_code == 404
    assert message in answer.json()["error"]


def test_etag(api: Api) -> None:
    """Unchanged objects are answered 304, without a body; other parameters have another ETag."""
    first = api.client.get(ROOT)
    again = api.client.get(ROOT, headers={"If-None-Match": f'"other", {first.headers["ETag"]}'})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["ETag"] == first.headers["ETag"]
    assert api.client.get(f"{ROOT}?limit=1").headers["ETag"] != first.headers["ETag"]
    one = api.client.get(f"{ROOT}/RayJob/team-nlp/bad-job")
    assert (
        api.client.get(f"{ROOT}/RayJob/team-nlp/bad-job", headers={"If-None-Match": one.headers["ETag"]}).status_code
        == 304
    )


def test_gzip(api: Api) -> None:
    """With gzip if it is requested, with an ETag of its own."""
    with api.client.stream("GET", ROOT, headers={"Accept-Encoding": "gzip"}) as answer:
        raw = b"".join(answer.iter_raw())
        assert answer.headers["Content-Encoding"] == "gzip"
    plain = api.client.get(ROOT, headers={"Accept-Encoding": "identity"})
    assert json.loads(gzip.decompress(raw))["items"] == plain.json()["items"]
    assert answer.headers["ETag"] != plain.headers["ETag"]
    assert plain.headers["Vary"] == "Accept-Encoding"


def test_requests_share_one_diagnosis(api: Api) -> None:
    """A hundred open pages cost one diagnosis."""
    for _ in range(20):
        api.get()
        api.get(f"{ROOT}/RayJob/team-nlp/bad-job")
    assert api.reads == 1


def test_what_is_kept_of_answers_is_bounded_by_its_size(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not by their number; bodies that are being sent count for what may be prepared."""
    whole = int(api.client.get(ROOT).headers["Content-Length"])
    monkeypatch.setattr("exporter.web.answers.MAX_KEPT_BYTES", 3 * whole)
    for limit in range(100, 110):
        api.get(limit=limit)
    kept = sum(body.length for body in list(api.api.answers._bodies))
    assert 2 * whole < kept <= 3 * whole
    assert not api.api.answers.is_full()
    monkeypatch.setattr("exporter.web.answers.MAX_BODY_BYTES", whole)
    assert api.api.answers.is_full()


def test_not_ready(api: Api) -> None:
    """As `/metrics`: an answer before the first lists would look as if there were no objects."""
    api.status.not_ready = "not listed yet: rayjobs"
    for path in (ROOT, f"{ROOT}/RayJob/team-nlp/bad-job"):
        answer = api.client.get(path)
        assert (answer.status_code, answer.json()) == (503, {"error": "not listed yet: rayjobs"})


def test_other_methods_are_refused(api: Api) -> None:
    """The API only reads."""
    assert api.client.post(ROOT).status_code == 405
    assert api.client.head(ROOT).status_code == 200


def test_without_the_page_there_is_no_api() -> None:
    """--no-web-ui removes it."""
    endpoints = Endpoints(Exposition([], CollectorRegistry()), FakeStatus(), lambda _: None)
    with TestClient(endpoints.application(max_requests=40)) as client:
        assert client.get(ROOT).status_code == 404


def test_a_lost_connection_is_a_new_answer(api: Api) -> None:
    """Also if no object has changed: `fresh` has."""
    etag = api.client.get(ROOT).headers["ETag"]
    assert api.client.get(ROOT, headers={"If-None-Match": etag}).status_code == 304
    api.status.stale_since = 1_700_000_000.0
    answer = api.client.get(ROOT, headers={"If-None-Match": etag})
    assert answer.json()["exporter"]["fresh"] is False
    item = answer.json()["items"][0]
    assert api.get(f"{ROOT}/{item['kind']}/{item['namespace']}/{item['name']}")["exporter"]["fresh"] is False
