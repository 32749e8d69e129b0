"""The simulated API server over real HTTP, compared with recordings of a real one."""

import gzip
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3

from exporter.simulator.apiserver.server import ApiServer
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.certificates import Certificates
from tests.support.faults import FaultServer
from tests.support.recordings import response as recorded
from tests.support.stores import compact, install, uninstall
from tests.support.watching import wait_until
from tests.support.web_configs import client_context

DEADLINE_SECONDS = 10.0
RAY = "/apis/ray.io/v1"
JOBS = f"{RAY}/rayjobs"


def recorded_header(answer: dict[str, Any], name: str) -> str | None:
    return next((value for key, value in answer["headers"] if key == name), None)


def job(name: str, namespace: str = "ml", **fields: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": fields}


class Client:
    """A client; each watch has a connection of its own."""

    def __init__(self, server: FaultServer) -> None:
        self.server = server
        self.pool = urllib3.PoolManager(retries=False, timeout=DEADLINE_SECONDS)
        self.connections: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        self.pool.clear()
        for connection in self.connections:
            connection.close()

    def get(self, path: str, **headers: str) -> urllib3.BaseHTTPResponse:
        return self.pool.request("GET", self.server.url + path, headers=headers)

    def json(self, path: str) -> Any:
        return self.get(path).json()

    def connect(self) -> http.client.HTTPConnection:
        url = urlsplit(self.server.url)
        connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=DEADLINE_SECONDS)
        self.connections.append(connection)
        return connection

    def watch(self, query: str = "", path: str = JOBS) -> http.client.HTTPResponse:
        connection = self.connect()
        connection.request("GET", f"{path}?watch=true&{query}")
        response = connection.getresponse()
        assert response.status == 200
        return response


@pytest.fixture
def store() -> ObjectStore:
    return ObjectStore()


@pytest.fixture
def server(store: ObjectStore) -> Iterator[FaultServer]:
    with FaultServer(store) as server:
        yield server


@pytest.fixture
def client(server: FaultServer) -> Iterator[Client]:
    client = Client(server)
    yield client
    client.close()


def next_event(response: http.client.HTTPResponse) -> tuple[str, str]:
    """Return type and name of the next line."""
    event = json.loads(response.readline())
    return event["type"], event["object"]["metadata"].get("name", "")


# Responses compared with the recordings.


@pytest.mark.parametrize(
    "name",
    [
        "200-healthz",
        "200-version",
        "400-bad-version",
        "404-no-such-group",
        "404-no-such-resource",
        "404-no-such-version",
        "403-list",
        "403-watch",
        "403-anonymous",
        "401-no-such-token",
        "404-crd-missing",
        "list-empty",
        "504-future-version",
    ],
)
def test_answers_as_recorded(name: str, client: Client) -> None:
    """Status, body and the headers that a client reads are those of the real server."""
    answer = recorded(name)
    server, headers = client.server, {}
    if name in ("403-list", "403-watch"):
        server.forbidden |= {("list", "rayclusters"), ("watch", "rayclusters")}
    if name in ("403-anonymous", "401-no-such-token"):
        server.required_token = "good"
        headers = {"Authorization": "Bearer bad"} if name.startswith("401") else {}
    if name == "404-crd-missing":
        uninstall(server.store, "raycronjobs")
    response = client.get(answer["request"]["path"], **headers)
    version = str(server.store.version)
    assert response.status == answer["status"]
    assert response.data.decode() == answer["body"].replace("1129", version)
    for header in ("Content-Type", "Retry-After", "X-Content-Type-Options"):
        assert response.headers.get(header) == recorded_header(answer, header)
    assert {"Date", "Audit-Id", "Content-Length"} <= set(response.headers)


def test_the_right_token_is_accepted(client: Client) -> None:
    """Other tokens are refused; probes need no token."""
    client.server.required_token = "good"
    assert client.get(JOBS, Authorization="Bearer good").status == 200
    assert client.get("/readyz").status == 200


def test_names_the_namespace_in_a_refusal(client: Client) -> None:
    """A namespaced request is refused in the namespace."""
    client.server.forbidden.add(("list", "rayjobs"))
    message = client.json("/apis/ray.io/v1/namespaces/ml/rayjobs")["message"]
    assert message.endswith('in API group "ray.io" in the namespace "ml"')


def test_expired_tokens_get_the_recorded_response_and_a_new_token(client: Client) -> None:
    """HTTP 410 with a token for the rest of the list, at a newer version."""
    store = client.server.store
    for name in ("a", "train-llm", "z"):
        store.create("rayjobs", job(name, "ml-platform"))
    token = client.json(f"{JOBS}?limit=2")["metadata"]["continue"]
    compact(store)
    response = client.get(f"{JOBS}?limit=2&continue={token}")
    # The recorded list stopped at the same key, so the returned token is the same, too.
    assert (response.status, response.data.decode()) == (410, recorded("410-expired-continue")["body"])
    rest = client.json(f"{JOBS}?limit=2&continue={response.json()['metadata']['continue']}")
    assert [item["metadata"]["name"] for item in rest["items"]] == ["z"]
    assert rest["metadata"] == {"continue": "", "resourceVersion": str(store.version)}


def test_continue_token_has_the_format_of_real_ones(client: Client) -> None:
    """The opaque token has the format of the recorded one."""
    answer = recorded("list-page-1")
    version = json.loads(answer["body"])["metadata"]["resourceVersion"]
    store = client.server.store
    for name in ("a", "train-llm", "z"):
        store.create("rayjobs", job(name, "ml-platform"))
    while store.version < int(version):
        store.create("rayclusters", job(f"filler-{store.version}"))
    metadata = client.json(f"{JOBS}?limit=2")["metadata"]
    assert metadata["continue"] == json.loads(answer["body"])["metadata"]["continue"]
    assert metadata["remainingItemCount"] == 1


def test_exact_version_too_old_is_answered_as_recorded(client: Client) -> None:
    """A compacted version cannot be listed."""
    compact(client.server.store)
    answer = recorded("410-list-exact-too-old")
    response = client.get(answer["request"]["path"])
    assert (response.status, response.data.decode()) == (410, answer["body"])


def test_watch_too_old_is_answered_as_recorded(client: Client) -> None:
    """HTTP 200, one ERROR event, then the end."""
    store = client.server.store
    compact(store)
    body = client.watch("resourceVersion=1&allowWatchBookmarks=true").read().decode()
    assert body == recorded("410-watch-too-old")["body"].replace("1129", str(store.version))


def test_recorded_objects_come_back_byte_for_byte(client: Client) -> None:
    """A list of recorded objects has the bytes that the real server sent, except for the versions."""
    answer = recorded("list-one-namespace")
    path, body = answer["request"]["path"], json.loads(answer["body"])
    for item in body["items"]:
        item["metadata"]["resourceVersion"] = client.server.store.create("rayclusters", item)
    body["metadata"]["resourceVersion"] = str(client.server.store.version)
    expected = json.dumps(body, separators=(",", ":"), ensure_ascii=False) + "\n"
    response = client.get(path)
    assert response.data.decode() == expected
    assert response.headers["Transfer-Encoding"] == recorded_header(answer, "Transfer-Encoding")


# Lists.


def test_pages_stay_at_the_version_of_the_first(client: Client) -> None:
    """A change between two pages does not show in the second."""
    store = client.server.store
    for name in "abcd":
        store.create("rayjobs", job(name))
    first = client.json(f"{JOBS}?limit=2")
    store.delete("rayjobs", "ml", "c")
    store.update("rayjobs", job("d", changed=True))
    store.create("rayjobs", job("e"))
    second = client.json(f"{JOBS}?limit=2&continue={first['metadata']['continue']}")
    assert [(i["metadata"]["name"], i["spec"]) for i in second["items"]] == [("c", {}), ("d", {})]
    assert second["metadata"] == {"continue": "", "resourceVersion": first["metadata"]["resourceVersion"]}


def test_pages_within_a_namespace(client: Client) -> None:
    """A namespaced list continues in its namespace and ends with it."""
    for namespace, name in (("a", "1"), ("b", "1"), ("b", "2"), ("b", "3"), ("c", "1")):
        client.server.store.create("rayjobs", job(name, namespace))
    path = "/apis/ray.io/v1/namespaces/b/rayjobs?limit=2"
    first = client.json(path)
    second = client.json(f"{path}&continue={first['metadata']['continue']}")
    assert first["metadata"]["remainingItemCount"] == 1
    assert [i["metadata"]["name"] for i in first["items"] + second["items"]] == ["1", "2", "3"]


def test_ignores_the_limit_at_version_zero(client: Client) -> None:
    """As recorded in list-limit-from-cache."""
    for name in "abc":
        client.server.store.create("rayjobs", job(name))
    assert len(client.json(f"{JOBS}?limit=1&resourceVersion=0")["items"]) == 3


def test_lists_at_an_exact_version(client: Client) -> None:
    """An old version is returned only if the client asks for exactly that one."""
    version = client.server.store.create("rayjobs", job("a"))
    client.server.store.create("rayjobs", job("b"))
    exact = f"{JOBS}?resourceVersion={version}&resourceVersionMatch="
    assert len(client.json(exact + "Exact")["items"]) == 1
    assert len(client.json(exact + "NotOlderThan")["items"]) == 2
    assert len(client.json(f"{JOBS}?resourceVersion={version}&limit=5")["items"]) == 1


def test_gets_one_object(client: Client) -> None:
    """By name, or a NotFound Status."""
    client.server.store.create("rayjobs", job("a"))
    path = "/apis/ray.io/v1/namespaces/ml/rayjobs/"
    assert client.json(path + "a")["metadata"]["name"] == "a"
    missing = client.get(path + "b")
    assert (missing.status, missing.json()["message"]) == (404, 'rayjobs.ray.io "b" not found')


@pytest.mark.parametrize(
    "query",
    ["continue=%00", "continue=e30", "limit=many", "limit=-1", "limit=1.5", "continue=bm8", "watch=1&timeoutSeconds=x"],
)
def test_refuses_parameters_that_it_cannot_parse(query: str, client: Client) -> None:
    """With 400 and a Status; the connection is not closed."""
    response = client.get(f"{JOBS}?{query}")
    assert (response.status, response.json()["reason"]) == (400, "BadRequest")


def test_compresses_only_large_lists_for_clients_that_accept_gzip(client: Client) -> None:
    """gzip above 128 KB, as the real server does."""
    store = client.server.store
    store.create("rayjobs", job("small", "small"))
    store.create("rayjobs", job("large", padding="x" * 200_000))
    plain = client.get(JOBS)
    zipped = client.pool.request(
        "GET", client.server.url + JOBS, headers={"Accept-Encoding": "br, gzip"}, decode_content=False
    )
    assert zipped.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(zipped.data) == plain.data
    assert "Content-Encoding" not in plain.headers
    small = client.get("/apis/ray.io/v1/namespaces/small/rayjobs", **{"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in small.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "HEAD"])
def test_refuses_to_write_and_keeps_the_connection(method: str, client: Client) -> None:
    """405 after the body of the request has been read, so that the next request can be parsed."""
    connection = client.connect()
    connection.request(method, JOBS, body=b'{"kind":"RayJob"}')
    refused = connection.getresponse()
    refused.read()
    before = connection.sock
    connection.request("GET", "/readyz")
    assert (refused.status, connection.getresponse().read()) == (405, b"ok")
    assert connection.sock is before


# Watches.


def test_watch_begins_after_a_version(client: Client) -> None:
    """Later changes only, each at once, ended cleanly after timeoutSeconds."""
    store = client.server.store
    version = store.create("rayjobs", job("a"))
    response = client.watch(f"resourceVersion={version}&timeoutSeconds=1")
    store.update("rayjobs", job("a"))
    assert next_event(response) == ("MODIFIED", "a")
    store.delete("rayjobs", "ml", "a")
    assert next_event(response) == ("DELETED", "a")
    assert response.read() == b""


@pytest.mark.parametrize("query", ["", "resourceVersion=0&", "sendInitialEvents=true&resourceVersion=2&"])
def test_watch_may_start_with_the_present_objects(query: str, client: Client) -> None:
    """ADDED for each, a bookmark after them, then changes."""
    store = client.server.store
    store.create("rayjobs", job("a"))
    store.update("rayjobs", job("a"))
    store.create("rayjobs", job("b"))
    response = client.watch(f"{query}allowWatchBookmarks=true")
    assert [next_event(response) for _ in "ab"] == [("ADDED", "a"), ("ADDED", "b")]
    bookmark = recorded("watch-from-zero")["body"].splitlines()[-1]
    assert response.readline().decode() == bookmark.replace("1129", str(store.version)) + "\n"
    store.create("rayjobs", job("c"))
    assert next_event(response) == ("ADDED", "c")


def test_bookmarks_have_the_present_version(store: ObjectStore) -> None:
    """The version over all kinds, in a line as recorded, for clients that asked for bookmarks."""
    with FaultServer(store, bookmark_seconds=0.01) as server, closing(Client(server)) as client:
        for _ in range(3):
            store.create("rayjobs", job(f"job-{store.version}"))
        response = client.watch(
            f"resourceVersion={store.version - 1}&allowWatchBookmarks=true", "/apis/ray.io/v1/rayclusters"
        )
        line = recorded("watch-bookmarks")["body"].splitlines()[0]
        expected = line.replace("1146", str(store.version)) + "\n"
        assert [response.readline().decode() for _ in range(2)] == [expected, expected]
        assert client.watch(f"resourceVersion={store.version}&timeoutSeconds=1").read() == b""


def test_watch_from_a_future_version_sends_nothing(store: ObjectStore) -> None:
    """Not even bookmarks: their versions would be too low."""
    with FaultServer(store, bookmark_seconds=0.01) as server, closing(Client(server)) as client:
        query = "resourceVersion=99999999&allowWatchBookmarks=true&timeoutSeconds=1"
        assert client.watch(query).read() == b""


def test_watch_ends_when_its_kind_is_uninstalled(client: Client) -> None:
    """DELETED for every object, a clean end, then 404; the kind can be listed after a new install."""
    store = client.server.store
    for name in "ab":
        store.create("rayjobs", job(name))
    response = client.watch(f"resourceVersion={store.version}")
    uninstall(store, "rayjobs")
    lines = [json.loads(line) for line in response.read().splitlines()]
    assert [(line["type"], line["object"]["metadata"]["name"]) for line in lines] == [
        ("DELETED", "a"),
        ("DELETED", "b"),
    ]
    assert client.get(JOBS).data == client.get(f"{RAY}/namespaces/ml/rayjobs/a").data == b"404 page not found\n"
    install(store, "rayjobs")
    assert client.json(JOBS)["items"] == []


def test_ends_a_watch_whose_client_has_closed(client: Client, server: FaultServer) -> None:
    """Also if there are no events."""
    _response = client.watch(f"resourceVersion={server.store.version}")
    server.wait_for_watch("rayjobs")
    client.close()
    wait_until(lambda: not server.open_watches())


def test_watch_of_a_namespace_has_only_its_events(client: Client) -> None:
    """Events of other namespaces are not sent."""
    store = client.server.store
    response = client.watch("resourceVersion=1", "/apis/ray.io/v1/namespaces/mine/rayjobs")
    store.create("rayjobs", job("a", "other"))
    store.create("rayjobs", job("b", "mine"))
    assert next_event(response) == ("ADDED", "b")


# Start and stop.


def test_stop_ends_watches_and_idle_connections_and_frees_the_port(store: ObjectStore) -> None:
    """Cleanly and at once; no thread remains, and a new server can use the port."""
    before = set(threading.enumerate())
    server = FaultServer(store)
    server.start()
    client = Client(server)
    assert client.get("/readyz").status == 200
    response = client.watch(f"resourceVersion={store.version}")
    server.wait_for_watch()
    server.stop()
    assert response.read() == b""
    assert set(threading.enumerate()) <= before
    with FaultServer(store, port=urlsplit(server.url).port) as again:
        assert again.url == server.url
        assert client.get("/readyz").status == 200
    client.close()


def test_stop_without_start_frees_the_port(store: ObjectStore) -> None:
    """A server that was never started can be stopped, twice."""
    server = ApiServer(store)
    server.stop()
    server.stop()
    port = urlsplit(server.url).port
    with socket.create_server(("127.0.0.1", port or 0)):
        pass


def test_continues_after_clients_that_break_off(client: Client, capfd: pytest.CaptureFixture[str]) -> None:
    """Partial requests, resets and garbage: nothing is printed, and other requests are answered."""
    url = urlsplit(client.server.url)
    client.server.store.create("rayjobs", job("large", padding="x" * 5_000_000))
    for data in (b"", b"GET /apis", b"nonsense\r\n\r\n", f"GET {JOBS} HTTP/1.1\r\n\r\n".encode()):
        connection = socket.create_connection((url.hostname or "", url.port or 0))
        # With a linger time of 0 the connection is closed with a reset.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        connection.sendall(data)
        connection.close()
    assert client.get("/readyz").status == 200
    client.server.stop()
    assert capfd.readouterr() == ("", "")


# Faults.


def test_queued_responses_are_used_in_order(client: Client, server: FaultServer) -> None:
    """Each for as many matching requests as asked for; other requests get the real response."""
    server.answer_next(500, "broken", verb="list", plural="rayjobs", times=2)
    server.answer_recorded(recorded("429-watch-initializing"), verb="list")
    refused = client.get("/apis/ray.io/v1/rayclusters")
    assert (refused.status, refused.headers["Retry-After"]) == (429, "1")
    assert [client.get(JOBS).status for _ in range(3)] == [500, 500, 200]
    assert [r.path for r in server.seen("list", "rayjobs")] == [JOBS] * 3


def test_stalled_answers_wait_for_release(client: Client, server: FaultServer) -> None:
    """Before it nothing arrives, after it everything."""
    fault = server.stall_answer(verb="list")
    statuses: list[int] = []
    thread = threading.Thread(target=lambda: statuses.append(client.get(JOBS).status))
    thread.start()
    fault.wait_until_used()
    assert statuses == []
    fault.release()
    thread.join(DEADLINE_SECONDS)
    assert statuses == [200]


def test_slow_answers_arrive(client: Client, server: FaultServer) -> None:
    """They are late but complete."""
    server.slow(0.05, verb="list")
    before = time.monotonic()
    assert client.get(JOBS).status == 200
    assert time.monotonic() - before >= 0.05


def test_lines_of_a_watch_can_be_long_or_in_pieces(client: Client, server: FaultServer) -> None:
    """Tests of the reflector would not notice that they are not."""
    response = client.watch(f"resourceVersion={server.store.version}")
    server.long_line(1_000_000)
    server.split_line(7)
    for name in "ab":
        server.store.create("rayjobs", job(name))
    line = response.readline()
    assert (len(line), json.loads(line)["type"]) == (1_000_000, "PADDING")
    assert next_event(response) == ("ADDED", "a")
    assert response.read1() == b'{"type"'


def test_a_stalled_watch_stays_open_until_released(client: Client, server: FaultServer) -> None:
    """Only the stream to which the fault was applied is held; the next one is not."""
    held = client.watch(f"resourceVersion={server.store.version}")
    server.wait_for_watch()
    fault = server.stall()
    server.store.create("rayjobs", job("a"))
    fault.wait_until_used()
    other = client.watch("resourceVersion=1")
    assert next_event(other) == ("ADDED", "a")
    fault.release()
    assert next_event(held) == ("ADDED", "a")


def test_stop_releases_what_faults_hold(store: ObjectStore) -> None:
    """A stall that was not released does not block the end of a test."""
    client = Client(FaultServer(store))
    with client.server as server:
        response = client.watch(f"resourceVersion={store.version}")
        server.wait_for_watch()
        fault = server.stall(times=None)
        store.create("rayjobs", job("a"))
        fault.wait_until_used()
    assert next_event(response) == ("ADDED", "a")
    assert response.read() == b""
    client.close()


def test_failed_wait_names_the_requests_so_far(client: Client, server: FaultServer) -> None:
    """The message of a failed wait lists the requests."""
    client.get(JOBS)
    with pytest.raises(AssertionError, match="seen: list rayjobs"):
        server.wait_for_requests(2, verb="list", timeout_seconds=0.01)


def test_serves_tls(store: ObjectStore, certificates: Certificates) -> None:
    """Lists and watches work over TLS; `stop` ends them as cleanly as without it."""
    with FaultServer(store, ssl_context=certificates.server_context()) as server:
        pool = urllib3.PoolManager(ssl_context=client_context(certificates), retries=False, timeout=DEADLINE_SECONDS)
        assert pool.request("GET", server.url + JOBS).status == 200
        query = f"?watch=1&resourceVersion={store.version}"
        response = pool.request("GET", server.url + JOBS + query, preload_content=False)
        store.create("rayjobs", job("a"))
        line = response.read1()
        assert line is not None
        assert json.loads(line)["type"] == "ADDED"
    assert response.read() == b""
    pool.clear()
