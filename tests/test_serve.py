"""`kuberay-exporter serve`: the process, from start to SIGTERM, against the simulated API server."""

import json
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter import __version__
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.bodies import GROWING, parse, parse_gzip
from tests.support.commands import error_line, run
from tests.support.faults import FaultServer
from tests.support.parity import NINE
from tests.support.processes import serving, value, write_kubeconfig
from tests.support.recordings import PLURALS, captures
from tests.support.stores import install
from tests.support.watching import job, wait_until
from tests.support.workloads import workload

LARGE_BODY_JOBS = 4000
"""Their body has 8 MB: more than the buffers of a connection."""


@pytest.fixture
def server() -> Iterator[FaultServer]:
    with FaultServer(ObjectStore()) as server:
        yield server


@pytest.fixture
def kubeconfig(server: FaultServer, tmp_path: Path) -> Path:
    return write_kubeconfig(tmp_path / "kubeconfig", server.url)


def load_capture(store: ObjectStore) -> None:
    for plural, listed in captures()[4].lists.items():
        for item in listed["items"]:
            store.create(plural, item)


def test_start_scrape_stop(server: FaultServer, kubeconfig: Path) -> None:
    """All nine families within seconds, in both formats, compressed; SIGTERM ends it with 0."""
    load_capture(server.store)
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        text = process.get("/metrics").body
        openmetrics = process.get("/metrics", Accept="application/openmetrics-text;version=1.0.0").body
        compressed = process.get("/metrics", Accept_Encoding="gzip").body
        assert parse(text).keys() > NINE
        assert parse(openmetrics, openmetrics=True).keys() == parse(text).keys() == parse_gzip(compressed).keys()
        assert process.get("/healthz").status == 200
        assert "20" in process.get("/").body.decode()
        assert process.end(signal.SIGTERM) == 0
        assert process.messages[-2:] == ["stopping", "stopped"]
        assert {line["level"] for line in process.lines} == {"info"}


def test_own_metrics(server: FaultServer, kubeconfig: Path) -> None:
    """Everything that tells whether the rest is true, by resource."""
    load_capture(server.store)
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        for plural in PLURALS:
            server.wait_for_watch(plural)
        server.store.create("rayjobs", job("bad", {"failed": "many"}))
        wait_until(
            lambda: value(process.get("/metrics").body, 'kuberay_exporter_events_total{resource="rayjobs"}') == 1
        )
        body = process.get("/metrics").body
        for name, expected in {
            "objects": 12, "objects_undecodable": 1, "synced": 1, "watch_connected": 1, "lists_total": 1,
            "list_failures_total": 0, "watches_total": 1, "watch_failures_total": 0, "events_total": 1,
            "decode_failures_total": 1, "collect_failures_total": 0,
        }.items():  # fmt: skip
            assert value(body, f'kuberay_exporter_{name}{{resource="rayjobs"}}') == expected, name
        for name in ("last_sync_timestamp_seconds", "last_event_timestamp_seconds"):
            assert time.time() - 30 < value(body, f'kuberay_exporter_{name}{{resource="rayjobs"}}') <= time.time()
        assert value(body, f'kuberay_exporter_build_info{{version="{__version__}"}}') == 1
        assert value(body, "kuberay_exporter_scrapes_total") >= 1
        assert value(body, 'kuberay_exporter_scrape_duration_seconds_bucket{le="+Inf"}') >= 1
        families = parse(body)
        assert {"process_resident_memory_bytes", "python_info"} <= families.keys()
        # `…_created_total` is a counter of ours, `…_created` what prometheus_client adds to each counter.
        samples = {name for family in families.values() for name, _ in family.series}
        assert not any(name.endswith("_created") for name in samples)


def test_is_not_ready_until_every_kind_is_complete(server: FaultServer, kubeconfig: Path) -> None:
    """Or a restart would look like "all objects deleted"."""
    load_capture(server.store)
    stalled = server.stall_answer(verb="list", plural="rayjobs")
    with serving(kubeconfig) as process:
        stalled.wait_until_used()
        wait_until(lambda: b"not listed yet: rayjobs\n" in process.get("/metrics").body)
        assert process.get("/metrics").status == process.get("/readyz").status == 503
        assert process.get("/healthz").status == 200
        stalled.release()
        process.wait_until_ready()
        assert b"kuberay_job_info" in process.get("/metrics").body


def test_is_not_ready_while_all_is_refused(server: FaultServer, kubeconfig: Path) -> None:
    """An empty answer would be a lie; the reason says what to do."""
    load_capture(server.store)
    server.forbidden = {("list", plural) for plural in PLURALS}
    with serving(kubeconfig) as process:
        wait_until(lambda: b"refuses every list" in process.get("/readyz").body)
        errors = [line for line in process.lines if line["level"] == "error"]
        assert sorted(line["resource"] for line in errors) == sorted(PLURALS)


def test_an_outage_takes_nothing_away(server: FaultServer, kubeconfig: Path) -> None:
    """The last known state is served, its age is told, liveness does not care, and it heals by itself."""
    load_capture(server.store)
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        for plural in PLURALS:
            server.wait_for_watch(plural)
        before = own_objects(process.get("/metrics").body)
        port = int(server.url.rsplit(":", 1)[1])
        server.stop()
        wait_until(
            lambda: value(process.get("/metrics").body, 'kuberay_exporter_watch_connected{resource="rayjobs"}') == 0
        )
        assert own_objects(process.get("/metrics").body) == before
        requested = memory_seconds(process.get("/metrics").body)
        wait_until(
            lambda: memory_seconds(process.get("/metrics").body) > requested,
            "that the last known request goes on counting",
        )
        assert process.get("/readyz").status == process.get("/healthz").status == 200
        server.store.create("rayjobs", job("during-the-outage"))
        with FaultServer(server.store, port=port):
            wait_until(lambda: b"during-the-outage" in process.get("/metrics").body)


def memory_seconds(body: bytes) -> float:
    return sum(parse(body)["kuberay_clusters_requested_memory_byte_seconds"].series.values())


def own_objects(body: bytes) -> list[bytes]:
    """Return the lines of objects that stay as they are."""
    lines = [line for line in body.splitlines() if line.startswith(b"kuberay_") and b"_exporter_" not in line]
    return [line for line in lines if not line.startswith(GROWING)]


def test_starts_without_a_cluster(tmp_path: Path) -> None:
    """It keeps trying, is not ready, and says so in one line for each kind."""
    with serving(write_kubeconfig(tmp_path / "kubeconfig", "http://127.0.0.1:1")) as process:
        wait_until(lambda: len([line for line in process.lines if line["level"] == "warn"]) == 3)
        assert process.get("/readyz").status == 503
        assert process.end(signal.SIGTERM) == 0
        assert all("Connection refused" in line["msg"] for line in process.lines if line["level"] == "warn")


def test_sigterm_lets_a_running_scrape_finish(server: FaultServer, kubeconfig: Path) -> None:
    """A client that reads slowly gets all of its body."""
    for i in range(LARGE_BODY_JOBS):
        server.store.create("rayjobs", job(f"job-with-a-name-that-is-rather-long-{i}"))
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        with socket.create_connection(process.address(), timeout=10) as client:
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            head = client.recv(1024)
            process.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "stopping" in process.messages)
            assert "stopped" not in process.messages
            body = head
            while chunk := client.recv(65536):
                body += chunk
        head, _, body = body.partition(b"\r\n\r\n")
        assert f"content-length: {len(body)}".encode() in head.lower()
        assert body.count(b"\nkuberay_job_info{") == LARGE_BODY_JOBS
        assert body.endswith(b"\n")
        assert process.process.wait(10) == 0


def test_sigterm_ends_within_ten_seconds_whatever_hangs(server: FaultServer, kubeconfig: Path) -> None:
    """A server that does not answer, and a client that does not read."""
    for i in range(LARGE_BODY_JOBS):
        server.store.create("rayjobs", job(f"job-with-a-name-that-is-rather-long-{i}"))
    server.stall_answer(verb="watch", times=None)
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        server.wait_for_requests(3, "watch")
        with socket.create_connection(process.address(), timeout=10) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
            client.recv(100)
            started = time.monotonic()
            assert process.end(signal.SIGTERM) == 0
            assert time.monotonic() - started < 10


def test_clean_watch_ends_log_nothing(server: FaultServer, kubeconfig: Path) -> None:
    """Nothing above debug per event, watch or scrape."""
    line = b'{"type":"ADDED","object":{"metadata":{"name":"x","uid":"x","resourceVersion":"2"}}}\n'
    server.answer_next(200, line, verb="watch", plural="rayjobs")
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        server.wait_for_requests(2, "watch", "rayjobs")
        wait_until(lambda: "listed again" in process.messages)
        count = len(process.lines)
        server.store.create("rayservices", {"metadata": {"name": "takes version 2", "namespace": "ns"}})
        server.store.create("rayjobs", job("a"))
        wait_until(lambda: b'kuberay_job_info{name="a"' in process.get("/metrics").body)
        assert len(process.lines) == count, json.dumps(process.lines[count:])


def test_without_metrics_only_the_probes_are_answered(server: FaultServer, kubeconfig: Path) -> None:
    """For command lines of the operator: nothing is listed."""
    with serving(kubeconfig, "--enable-metrics=false") as process:
        process.wait_until_ready()
        statuses = {path: process.get(path).status for path in ("/healthz", "/readyz", "/metrics", "/")}
        assert statuses == {"/healthz": 200, "/readyz": 200, "/metrics": 404, "/": 404}
        assert not server.requests


def test_more_namespaces_than_can_be_watched_are_one_line_and_exit_code_2(kubeconfig: Path) -> None:
    """Before any thread is started; the line says what to do instead."""
    names = ",".join(f"ns-{number}" for number in range(351))
    result = run("serve", "--kubeconfig", str(kubeconfig), "--metrics-addr", "127.0.0.1:0", "--watch-namespace", names)
    assert result.returncode == 2
    error = "351 namespaces need 1053 watches with these collectors, more than 1050; leave it out to"
    assert error in error_line(result)


def test_workloads_are_read_only_on_request(server: FaultServer, kubeconfig: Path) -> None:
    """Without the collector no request names Kueue, and no series and no byte is about it."""
    install(server.store, "workloads")
    server.store.create("workloads", workload())
    server.store.create("rayjobs", job("a", metadata={"name": "a", "namespace": "ns", "uid": "owner"}))
    with serving(kubeconfig) as process:
        process.wait_until_ready()
        without = process.get("/metrics").body
    assert not [request.path for request in server.requests if "kueue" in request.path]
    assert b"workload" not in without
    with serving(kubeconfig, "--collectors", "rayjobs,workloads") as process:
        process.wait_until_ready()
        body = process.get("/metrics").body
        (listed,) = json.loads(process.get("/api/v1/objects?kind=RayJob").body)["items"]
    assert [item["evidence"][0]["name"] for item in listed["findings"]] == ["rayjob-a"]
    assert value(body, 'kuberay_workload_state{namespace="ns",state="pending",uid="w",workload="rayjob-a"}') == 1
    assert value(body, 'kuberay_exporter_synced{resource="workloads"}') == 1
