"""Events and pods of the simulated API server over real HTTP, compared with recordings of a real one."""

import http.client
import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
import urllib3

from exporter.simulator.apiserver.store import ObjectStore
from tests.support.faults import FaultServer
from tests.support.recordings import TESTDATA
from tests.support.recordings import response as recorded

DEADLINE_SECONDS = 10.0
EVENTS, PODS = "/api/v1/events", "/api/v1/pods"
OF_RAY = "fieldSelector=involvedObject.apiVersion%3Dray.io%2Fv1"

JSON = dict[str, Any]


def items(name: str) -> list[JSON]:
    found: list[JSON] = json.loads(recorded(name)["body"])["items"]
    return found


def lines(name: str) -> list[str]:
    return list(recorded(name)["body"].splitlines())


def as_sent(text: str) -> str:
    """Return recorded JSON as the simulated server writes it: without Go's escapes for HTML."""
    return json.dumps(json.loads(text), separators=(",", ":"), ensure_ascii=False)


def without_versions(text: str) -> str:
    return re.sub(r'"(resourceVersion|continue)":"[^"]*"', r'"\1":"*"', text)


def pod(name: str, namespace: str = "ml", **labels: str) -> JSON:
    keys = {key.replace("__", "/").replace("_", "-"): value for key, value in labels.items()}
    return {"metadata": {"name": name, "namespace": namespace, "labels": keys}, "spec": {}}


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(ObjectStore(), bookmark_seconds=0.05) as server:
        yield server


def get(server: FaultServer, path: str) -> urllib3.BaseHTTPResponse:
    return urllib3.PoolManager(retries=False, timeout=DEADLINE_SECONDS).request("GET", server.url + path)


def names(server: FaultServer, path: str) -> list[str]:
    return [item["metadata"]["name"] for item in get(server, path).json()["items"]]


def watch(server: FaultServer, path: str, *, until: str = "") -> list[str]:
    """Return the lines of a watch up to the first one of this type, or all."""
    url = urlsplit(server.url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=DEADLINE_SECONDS)
    connection.request("GET", f"{path}&watch=true")
    response, found = connection.getresponse(), []
    for line in response:
        found.append(line.decode().rstrip("\n"))
        if until and json.loads(line)["type"] == until:
            break
    connection.close()
    return found


@pytest.mark.parametrize(
    "name", ["403-events", "403-watch-events", "403-pods", "400-events-unknown-field", "events-none"]
)
def test_answers_as_recorded(name: str, server: FaultServer) -> None:
    """Refusals name the kind without a group, and an empty list has Go's order of keys."""
    answer = recorded(name)
    if name.startswith("403"):
        server.forbidden |= {("list", "events"), ("watch", "events"), ("list", "pods")}
    response = get(server, answer["request"]["path"])
    assert response.status == answer["status"]
    assert without_versions(response.data.decode()) == without_versions(answer["body"])


@pytest.mark.parametrize("kind", ["events", "pods"])
def test_pages_with_a_selector_are_those_recorded(kind: str, server: FaultServer) -> None:
    """The objects byte for byte, without kind and apiVersion, and no remainingItemCount."""
    pages = [name for name in ("1", "2", "3") if (TESTDATA / "responses" / f"{kind}-page-{name}.json").exists()]
    for page in pages:
        for item in items(f"{kind}-page-{page}"):
            server.store.create(kind, item)
    # An object between the others that the selector leaves out, and one after them: three pages were not all Events.
    server.store.create(kind, {**pod("a", "ml-platform"), "involvedObject": {"apiVersion": "v1"}})
    server.store.create("events", {**pod("z", "z"), "involvedObject": {"apiVersion": "ray.io/v1"}})
    token = ""
    for page in pages:
        answer = recorded(f"{kind}-page-{page}")
        path = re.sub(r"&continue=[^&]*", "", answer["request"]["path"]) + token
        body = get(server, path).data.decode()
        assert without_versions(as_sent(body)) == without_versions(as_sent(answer["body"]))
        token = f"&continue={json.loads(body)['metadata'].get('continue')}"


def test_the_first_page_continues_where_the_real_one_does(server: FaultServer) -> None:
    """The token names the last object of the page, as etcd's does."""
    for page in ("1", "2"):
        for item in items(f"pods-page-{page}"):
            server.store.create("pods", item)
    last = items("pods-page-1")[-1]["metadata"]
    second = get(server, f"{PODS}?labelSelector=ray.io%2Fnode-type&limit=20").json()["metadata"]["continue"]
    rest = names(server, f"{PODS}?labelSelector=ray.io%2Fnode-type&limit=20&continue={second}")
    assert last["name"] not in rest
    assert rest == [item["metadata"]["name"] for item in items("pods-page-2")]


def test_a_limit_holds_for_events_at_version_zero_and_not_for_pods(server: FaultServer) -> None:
    """Events are not in the watch cache."""
    for name in "abcd":
        server.store.create("events", {**pod(name), "involvedObject": {"apiVersion": "ray.io/v1"}})
        server.store.create("pods", pod(name, ray_io__x="1"))
    assert len(names(server, f"{EVENTS}?{OF_RAY}&resourceVersion=0&limit=3")) == 3
    assert len(names(server, f"{PODS}?resourceVersion=0&limit=3")) == 4


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("type", "abc"),
        ("type=head", "a"),
        ("type==head", "a"),
        ("type!=head", "bcd"),
        ("type in (head, worker)", "ab"),
        ("type notin (head,worker)", "cd"),
        ("!type", "d"),
        ("origin=job,!type", "d"),
        ("type,origin", "c"),
        ("type=", ""),
    ],
)
def test_label_selectors(selector: str, expected: str, server: FaultServer) -> None:
    """All operators, alone and together, as `kubectl -l` has them."""
    for name, labels in {
        "a": {"type": "head"},
        "b": {"type": "worker"},
        "c": {"type": "other", "origin": "job"},
        "d": {"origin": "job"},
    }.items():
        server.store.create("pods", pod(name, **labels))
    query = urlencode({"labelSelector": selector})
    assert "".join(names(server, f"{PODS}?{query}")) == expected


@pytest.mark.parametrize(
    ("selector", "expected"),
    [
        ("involvedObject.apiVersion=ray.io/v1", ["job", "old"]),
        ("involvedObject.apiVersion!=ray.io/v1", ["alpha"]),
        ("involvedObject.apiVersion=ray.io/v1,type=Warning", ["old"]),
        ("source=kueue", ["old"]),
        ("metadata.name=job", ["job"]),
        ("involvedObject.apiVersion=ray.io", []),
    ],
)
def test_field_selectors_are_exact(selector: str, expected: list[str], server: FaultServer) -> None:
    """A prefix of the version does not match; several terms have to hold together."""
    for name, fields in {
        "job": {"involvedObject": {"apiVersion": "ray.io/v1"}, "type": "Normal", "reportingComponent": "rayjob"},
        "old": {"involvedObject": {"apiVersion": "ray.io/v1"}, "type": "Warning", "source": {"component": "kueue"}},
        "alpha": {"involvedObject": {"apiVersion": "ray.io/v1alpha1"}, "type": "Warning"},
    }.items():
        server.store.create("events", {"metadata": {"name": name, "namespace": "ml"}, **fields})
    query = urlencode({"fieldSelector": selector})
    assert names(server, f"{EVENTS}?{query}") == expected


@pytest.mark.parametrize(
    "path",
    [
        f"{EVENTS}?fieldSelector=type",
        f"{PODS}?fieldSelector=type%3DNormal&watch=true",
        f"{PODS}?labelSelector=a+in",
        f"{PODS}?labelSelector=%3D",
        "/apis/ray.io/v1/rayjobs?fieldSelector=status.phase%3Dx",
    ],
)
def test_a_selector_that_is_not_understood_is_a_bad_request(path: str, server: FaultServer) -> None:
    """For a list and for a watch, before it begins."""
    assert get(server, path).status == 400


def test_a_watch_sends_added_and_deleted_when_an_object_begins_or_ceases_to_match(server: FaultServer) -> None:
    """The label is removed, added again, and the pod is deleted: the lines are those recorded."""
    theirs = [json.loads(line) for line in lines("watch-pods-relabelled")]
    states = [event["object"] for event in theirs if event["type"] != "BOOKMARK"]
    store, version = server.store, server.store.version
    store.create("pods", states[0])
    store.update("pods", pod("relabelled", "default"))
    store.update("pods", states[2])
    store.update("pods", states[3])
    store.delete("pods", "default", "relabelled")
    found = watch(server, f"{PODS}?labelSelector=ray.io%2Fnode-type&resourceVersion={version}&timeoutSeconds=1")
    events = [json.loads(line) for line in found]
    assert [event["type"] for event in events] == ["ADDED", "DELETED", "ADDED", "MODIFIED", "DELETED"]
    assert [int(event["object"]["metadata"]["resourceVersion"]) - version for event in events] == [1, 2, 3, 4, 5]
    assert without_versions(found[1]) == without_versions(as_sent(lines("watch-pods-relabelled")[1]))


def test_a_watch_of_events_has_no_bookmarks(server: FaultServer) -> None:
    """One of pods has; a watch that begins with the present Events gets the one that ends them."""
    version = server.store.version
    query = f"allowWatchBookmarks=true&timeoutSeconds=1&resourceVersion={version}"
    assert watch(server, f"{EVENTS}?{query}") == []
    bookmark = watch(server, f"{PODS}?{query}", until="BOOKMARK")[-1]
    assert without_versions(bookmark) == without_versions(lines("watch-quiet-pods")[-1])
    initial = "sendInitialEvents=true&allowWatchBookmarks=true&timeoutSeconds=1"
    for kind, path in (("events", EVENTS), ("pods", PODS)):
        theirs = next(line for line in lines(f"watch-list-{kind}") if "BOOKMARK" in line)
        ours = watch(server, f"{path}?{initial}", until="BOOKMARK")[-1]
        assert without_versions(ours) == without_versions(theirs)


def test_a_watch_of_events_from_a_compacted_version_is_answered_as_recorded(server: FaultServer) -> None:
    """HTTP 200, one ERROR event with etcd's message, then the end."""
    server.expire_tokens()
    assert watch(server, f"{EVENTS}?{OF_RAY}&resourceVersion=1") == lines("410-watch-events-too-old")


def test_lines_of_a_watch_of_events_are_those_recorded(server: FaultServer) -> None:
    """Byte for byte, with kind and apiVersion first."""
    recorded_lines = lines("watch-list-events")
    end = next(number for number, line in enumerate(recorded_lines) if "BOOKMARK" in line)
    theirs = recorded_lines[:end]
    for line in theirs:
        server.store.create("events", json.loads(line)["object"])
    ours = watch(server, f"{EVENTS}?{OF_RAY}&sendInitialEvents=true&allowWatchBookmarks=true", until="BOOKMARK")
    assert list(map(without_versions, ours[:-1])) == [without_versions(as_sent(line)) for line in theirs]


def test_kinds_are_served_under_their_own_group_only(server: FaultServer) -> None:
    """Pods are not in ray.io/v1, RayJobs are not in core/v1; discovery of each names its own."""
    assert get(server, "/apis/ray.io/v1/pods").status == get(server, "/api/v1/rayjobs").status == 404
    found = {
        path: {resource["name"] for resource in get(server, path).json()["resources"]}
        for path in ("/api/v1", "/apis/ray.io/v1")
    }
    assert found["/api/v1"] == {"events", "pods"}
    assert get(server, "/apis/kueue.x-k8s.io/v1beta2").data == b"404 page not found\n", "no kind of it is installed"
    assert not found["/apis/ray.io/v1"] & {"events", "pods"}


def test_one_namespace_and_one_object(server: FaultServer) -> None:
    """The paths of kubectl."""
    for namespace in ("ml", "nlp"):
        server.store.create("pods", pod("a", namespace))
    assert len(names(server, "/api/v1/namespaces/ml/pods")) == 1
    assert get(server, "/api/v1/namespaces/ml/pods/a").json()["kind"] == "Pod"
    missing = get(server, "/api/v1/namespaces/ml/pods/b").json()
    assert missing["message"] == 'pods "b" not found'
    assert missing["details"] == {"name": "b", "kind": "pods"}


def test_a_list_of_one_object_with_a_selector_only_asks_for_the_version(server: FaultServer) -> None:
    """Faults for lists do not apply to it."""
    server.answer_next(503, verb="list", plural="events")
    assert get(server, f"{EVENTS}?{OF_RAY}&limit=1").status == 200
    assert len(server.seen("check", "events")) == 1
