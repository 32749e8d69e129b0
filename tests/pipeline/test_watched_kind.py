"""What is requested for Events and pods, and what their watches do that others do not."""

import json
import logging
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from exporter.app import Exporter
from exporter.exposition.text import Format
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.client.response import Response
from exporter.kube.list_watch import IDLE_TIMEOUT_SECONDS
from exporter.readiness import InformerStatus
from exporter.simulator.apiserver.requests import Request
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.bodies import parse
from tests.support.events import event
from tests.support.faults import FaultServer
from tests.support.objects import manifest
from tests.support.recordings import PLURALS, answer
from tests.support.replaying import config
from tests.support.watching import wait_until

EVENT_SELECTOR = {"fieldSelector": "involvedObject.apiVersion=ray.io/v1"}
NODE_SELECTOR = {"labelSelector": "ray.io/node-type in (head,worker)"}
SUBMITTER_SELECTOR = {"labelSelector": "ray.io/originated-from-crd=RayJob,!ray.io/node-type"}


class TimedTransport(ApiTransport):
    """A transport that keeps the read timeouts of watches, by the last part of their path."""

    def __init__(self, url: str) -> None:
        super().__init__(lambda: anonymous(url), connections=8)
        self.timeouts: dict[str, tuple[float, int]] = {}

    def get(self, path: str, query: Mapping[str, str], *, read_timeout_seconds: float, gzip: bool = False) -> Response:
        if query.get("watch"):
            self.timeouts[path.rpartition("/")[2]] = read_timeout_seconds, int(query["timeoutSeconds"])
        return super().get(path, query, read_timeout_seconds=read_timeout_seconds, gzip=gzip)


class Running:
    """An exporter on a server that has Events and pods, too."""

    def __init__(self, server: FaultServer, **settings: Any) -> None:
        self.server = server
        self.store = server.store
        self.transport = TimedTransport(server.url)
        self.exporter = Exporter(config(**settings), self.transport)

    def start(self) -> None:
        """Start, and wait for all watches."""
        self.exporter.start()
        wait_until(lambda: len(self.server.open_watches()) == len(self.exporter.informers), "all watches")

    def families(self) -> dict[str, Any]:
        return parse(bytes(self.exporter.exposition.body(Format.TEXT)))

    def own(self, name: str, resource: str) -> float:
        """Return one of the exporter's own metrics of a resource."""
        family = self.families()[f"kuberay_exporter_{name.removesuffix('_total')}"]
        return float(family.series[f"kuberay_exporter_{name}", frozenset({("resource", resource)})])

    def requests(self) -> list[Request]:
        return [request for request in self.server.requests if request.plural]


@contextmanager
def running(**settings: Any) -> Iterator[Running]:
    with FaultServer(ObjectStore()) as server:
        own = Running(server, **settings)
        try:
            yield own
        finally:
            own.exporter.stop()
            server.clear_faults()


def test_with_both_off_nothing_is_requested_or_printed() -> None:
    """No request outside ray.io, no series, no counter of the exporter's own."""
    with running() as own:
        own.start()
        assert all(request.path.startswith("/apis/ray.io/v1/") for request in own.requests())
        families = own.families()
    assert not [name for name in families if name.startswith(("kuberay_event", "kuberay_pod"))]
    resources = {dict(labels).get("resource") for family in families.values() for _, labels in family.series}
    assert resources <= {None, *PLURALS}


def test_lists_and_watches_have_path_and_selectors() -> None:
    """Of the core group, cluster-wide; pods in two selections."""
    with running(collectors=("events", "pods")) as own:
        own.start()
        asked = {(request.verb, request.path, *_selector(request)) for request in own.requests()}
    expected = [
        ("/api/v1/events", EVENT_SELECTOR),
        ("/api/v1/pods", NODE_SELECTOR),
        ("/api/v1/pods", SUBMITTER_SELECTOR),
    ]
    assert asked == {(verb, path, *selector.items()) for verb in ("list", "watch") for path, selector in expected}


def test_only_watched_namespaces_are_asked() -> None:
    """Pods and Events of other namespaces are not shown, and Roles are enough."""
    with running(collectors=("events", "pods"), namespaces=("ns",)) as own:
        own.start()
        own.store.create("events", _plain(event()))
        own.store.create("events", _plain(event("b.1", namespace="other")))
        wait_until(lambda: "kuberay_events" in own.families(), "the Event is counted")
        namespaces = {dict(key)["namespace"] for _, key in own.families()["kuberay_events"].series}
        paths = {request.path for request in own.requests()}
    assert paths == {"/api/v1/namespaces/ns/events", "/api/v1/namespaces/ns/pods"}
    assert namespaces == {"ns"}


def test_two_selections_of_pods_are_one_kind() -> None:
    """One set of series, one resource; the state names the selections."""
    with running(collectors=("pods",)) as own:
        own.start()
        names = [informer.state().name for informer in own.exporter.informers]
        assert names == ["pods (nodes)", "pods (submitters)"]
        assert own.own("synced", "pods") == 1
        assert own.own("lists_total", "pods") == 2


def test_a_quiet_watch_of_events_is_no_failure() -> None:
    """The server sends no bookmarks of Events: only a watch that outlives its time is half open."""
    with running(collectors=("events", "pods", "rayjobs")) as own:
        own.start()
        timeouts = own.transport.timeouts
    read_seconds, watch_seconds = timeouts["events"]
    assert watch_seconds < read_seconds < watch_seconds + 60
    assert timeouts["pods"][0] == timeouts["rayjobs"][0] == IDLE_TIMEOUT_SECONDS


def test_an_ordinary_410_of_a_renewed_watch_is_no_failure(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing has moved the version of a quiet watch on, and etcd was compacted: list again, without a warning."""
    status, headers, body = answer("410-watch-events-too-old")
    caplog.set_level(logging.INFO)
    with running(collectors=("events",)) as own:
        own.server.answer_recorded({"status": status, "headers": headers, "body": body}, verb="watch")
        own.start()
        own.server.wait_for_requests(2, "watch", "events")
        wait_until(lambda: own.own("lists_total", "events") == 2, "listed again")
        failures = own.own("list_failures_total", "events") + own.own("watch_failures_total", "events")
    assert failures == 0
    assert not [record for record in caplog.records if record.levelno > logging.INFO]


def test_the_time_of_a_warning_goes_with_the_deleted_object() -> None:
    """As soon as the watch of the object's kind shows the deletion; the counter stays."""
    with running(collectors=("rayjobs", "events")) as own:
        own.store.create("rayjobs", {"metadata": {"name": "a", "namespace": "ns", "uid": "u"}})
        own.start()
        own.store.create("events", _plain(event(kind="RayJob", at=_now())))
        family = "kuberay_event_last_timestamp_seconds"
        wait_until(lambda: family in own.families(), "the Warning is shown")
        own.store.delete("rayjobs", "ns", "a")
        wait_until(lambda: family not in own.families(), "the Warning goes")
        assert "kuberay_events" in own.families()


def test_events_are_refused_without_their_right() -> None:
    """The other kinds are served; the reason is in the state."""
    with running(collectors=("rayjobs", "events")) as own:
        own.server.forbidden = {("list", "events")}
        own.exporter.start()
        own.server.wait_for_requests(3, "list", "events")
        wait_until(lambda: InformerStatus(own.exporter.informers).why_not_ready() is None, "ready")
        assert own.own("synced", "events") == 0


def test_a_storm_of_events_leaves_no_objects_with_details() -> None:
    """Thousands of Events in seconds: each is counted, and of each only what identifies it is held."""
    count = 2000
    with running(collectors=("events",)) as own:
        own.start()
        writer = threading.Thread(target=_storm, args=(own.store, count))
        writer.start()
        writer.join()
        wait_until(lambda: own.exporter.informers[0].state().objects == count, "all are held")
        (held,) = [informer._store for informer in own.exporter.informers]
        assert all(one.message is None and one.involved_object is None for one in held)
        assert sum(own.families()["kuberay_events"].series.values()) == count


def _storm(store: ObjectStore, count: int) -> None:
    for number in range(count):
        store.create("events", _plain(event(f"a.{number}", about=f"a{number}")) | {"message": "m" * 500})


def _selector(request: Request) -> list[tuple[str, str]]:
    return [(name, value) for name, value in request.query.items() if name.endswith("Selector")]


def _plain(one: dict[str, Any]) -> dict[str, Any]:
    """Return an Event that gets uid and version from the server."""
    return one | {"metadata": {key: one["metadata"][key] for key in ("name", "namespace")}}


def _now() -> str:

    return datetime.now(UTC).isoformat()


@pytest.mark.parametrize("has_web_ui", [True, False])
@pytest.mark.parametrize(("allowed", "is_decoded"), [("extended_resources", True), ("gpu|_group_min", False)])
def test_pod_templates_are_decoded_only_if_something_reads_them(
    allowed: str, is_decoded: bool, has_web_ui: bool
) -> None:
    """They take a quarter of the time; what the page needs is decoded in any case."""
    settings = {"family_filter": lambda name: bool(re.search(allowed, name)), "has_web_ui": has_web_ui}
    exporter = Exporter(config(**settings), ApiTransport(lambda: anonymous("http://127.0.0.1:1"), connections=1))
    decoder = msgspec.json.Decoder(exporter.informers[0].settings.object_type)
    version = manifest({"state": "ready", "reason": "x"}) | {"spec": {"suspend": True, "headGroupSpec": 5}}
    if is_decoded:
        with pytest.raises(msgspec.ValidationError, match="headGroupSpec"):
            decoder.decode(json.dumps(version))
    else:
        cluster = decoder.decode(json.dumps(version))
        assert (cluster.spec.suspend, cluster.status.state, cluster.kind) == (True, "ready", "RayCluster")
        assert getattr(cluster.status, "reason", None) == ("x" if has_web_ui else None)
