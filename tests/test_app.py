"""The wiring: what is started for a configuration, and that all of it ends."""

import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from exporter import app
from exporter import readiness as status
from exporter.app import Exporter, serve
from exporter.config import Address, Config, family_filter_of
from exporter.errors import ConfigError
from exporter.exposition.text import Format
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.bodies import parse
from tests.support.faults import FaultServer
from tests.support.watching import job, wait_until

CONFIG = Config(
    metrics_address=Address("127.0.0.1", 0),
    probe_address=None,
    namespaces=(),
    collectors=("rayclusters", "rayjobs"),
    family_filter=family_filter_of(),
    user_labels=lambda _: (),
    histogram_buckets=(60.0,),
    object_series_limit=1000,
    retain_deleted_seconds=0.0,
    page_size=500,
    max_requests=40,
    log_events=False,
)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    store = ObjectStore()
    store.create("rayjobs", job("a"))
    with FaultServer(store) as server:
        yield server


@pytest.fixture(autouse=True)
def _stack_size() -> Iterator[None]:
    """Threads of later tests have the usual stack."""
    size = threading.stack_size()
    yield
    threading.stack_size(size)


def exporter_of(config: Config, url: str) -> Exporter:
    return Exporter(config, ApiTransport(lambda: anonymous(url), connections=8))


def test_an_informer_for_each_kind_and_namespace() -> None:
    """One metrics store for each kind, whatever the namespaces."""
    exporter = exporter_of(replace(CONFIG, namespaces=("x", "y")), "http://127.0.0.1:1")
    assert [informer.settings.name for informer in exporter.informers] == [
        "rayclusters in x", "rayclusters in y", "rayjobs in x", "rayjobs in y",
    ]  # fmt: skip
    assert len(exporter.metrics_stores) == 2


def test_from_the_api_server_to_the_exposition(server: FaultServer) -> None:
    """Then all threads end."""
    exporter = exporter_of(CONFIG, server.url)
    exporter.start()
    try:
        wait_until(lambda: all(informer.state().is_connected for informer in exporter.informers))
        families = parse(bytes(exporter.exposition.body(Format.TEXT)))
        assert {"kuberay_job_info", "kuberay_exporter_objects", "kuberay_jobs_created_total"} <= families.keys() | {
            f"{name}_total" for name in families
        }
    finally:
        exporter.stop()
    assert not any(informer.state().is_alive for informer in exporter.informers)


def test_the_page_says_since_when_the_api_server_does_not_answer(
    server: FaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And shows the objects as they were."""
    monkeypatch.setattr(status, "STALE_SECONDS", 0.0)
    exporter = exporter_of(CONFIG, server.url)
    exporter.start()
    try:
        web = TestClient(exporter.endpoints.application(max_requests=4))
        wait_until(lambda: "Connected, up to date" in web.get("/").text)
        server.stop()
        wait_until(lambda: "No connection to the API server for" in web.get("/").text)
        answer = web.get("/").text
        assert re.search(r"No connection to the API server for \d+ s; what you see is from \d\d:\d\d:\d\d", answer)
        assert 'aria-expanded="false">a</a>' in answer
        assert web.get("/api/v1/objects").json()["exporter"]["fresh"] is False
    finally:
        exporter.stop()


def test_families_that_are_filtered_out_are_printed_nowhere(server: FaultServer) -> None:
    """Neither of objects nor of the exporter itself."""
    chosen = family_filter_of((re.compile("^kuberay_job_info$"),))
    exporter = exporter_of(replace(CONFIG, family_filter=chosen), server.url)
    exporter.start()
    try:
        wait_until(lambda: all(informer.state().is_connected for informer in exporter.informers))
        assert parse(bytes(exporter.exposition.body(Format.TEXT))).keys() == {"kuberay_job_info"}
    finally:
        exporter.stop()


def test_the_end_does_not_wait_for_a_server_that_hangs(server: FaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """All threads together have the time of one."""
    monkeypatch.setattr(app, "THREADS_END_SECONDS", 0.2)
    server.stall_answer(times=None)
    exporter = exporter_of(replace(CONFIG, namespaces=tuple("abcdef")), server.url)
    exporter.start()
    server.wait_for_requests(1)
    started = time.monotonic()
    exporter.stop()
    assert time.monotonic() - started < 5
    server.clear_faults()
    for informer in exporter.informers:
        informer.join(10)


def test_an_address_that_is_in_use_is_a_wrong_setting(server: FaultServer) -> None:
    """Before any thread is started; the message names the flag."""
    port = int(server.url.rsplit(":", 1)[1])
    threads = threading.active_count()
    with pytest.raises(ConfigError, match=f"--metrics-addr: couldn't listen on '127.0.0.1:{port}'"):
        serve(replace(CONFIG, metrics_address=Address("127.0.0.1", port)), lambda: anonymous(server.url))
    assert threading.active_count() == threads
