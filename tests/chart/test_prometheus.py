"""deploy/prometheus: a real Prometheus discovers the exporter with these configurations and keeps the namespaces."""

import json
import os
import subprocess
import threading
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.bodies import GROWING, Labels, parse
from tests.support.demo_process import demo
from tests.support.helm_chart import ROOT
from tests.support.prometheus_process import prometheus, query
from tests.support.watching import wait_until

CONFIGURATIONS = sorted(
    path for path in (ROOT / "deploy" / "prometheus").glob("*.yaml") if "scrape_configs:" in path.read_text()
)

POD_NAMESPACE = "monitoring"

PATIENCE_SECONDS = 60
"""Prometheus applies a discovery after five seconds; a busy machine needs more."""

TARGET_LABELS = ("job", "instance", "pod")
"""Labels that a scrape adds to every series; `namespace` exists already, and so does `pod` on series of pods."""

OF_PODS = "kuberay_pod_"


def pods(port: int) -> list[dict[str, Any]]:
    """Return an exporter at this port of loopback, an earlier one that has ended, and another program's pod."""

    def pod(name: str, container: str, phase: str, annotations: dict[str, str]) -> dict[str, Any]:
        return {
            "metadata": {"name": name, "namespace": POD_NAMESPACE, "uid": name, "annotations": annotations},
            "spec": {"containers": [{"name": container, "ports": [{"name": "metrics", "containerPort": port}]}]},
            "status": {"phase": phase, "podIP": "127.0.0.1", "hostIP": "127.0.0.1"},
        }

    annotations = {"prometheus.io/scrape": "true", "prometheus.io/port": str(port)}
    return [
        pod("kuberay-exporter-1", "kuberay-exporter", "Running", annotations),
        pod("kuberay-exporter-0", "kuberay-exporter", "Failed", annotations),
        pod("other-0", "other", "Running", {}),
    ]


class PodsHandler(BaseHTTPRequestHandler):
    """Answers lists and watches of pods, for Prometheus' service discovery; the pods never change."""

    pods: list[dict[str, Any]]
    closing: threading.Event

    def do_GET(self) -> None:
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path != "/api/v1/pods":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        if "watch" not in query:
            answer = {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": self.pods}
            self.wfile.write(json.dumps(answer).encode())
            return
        if "sendInitialEvents" in query:
            for pod in self.pods:
                self._send("ADDED", pod)
            self._send("BOOKMARK", {"metadata": {"annotations": {"k8s.io/initial-events-end": "true"}}})
        self.closing.wait()

    def _send(self, kind: str, thing: dict[str, Any]) -> None:
        thing = {"kind": "Pod", "apiVersion": "v1", **thing}
        thing["metadata"] = {"resourceVersion": "1", **thing["metadata"]}
        self.wfile.write(json.dumps({"type": kind, "object": thing}).encode() + b"\n")
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - http.server's name
        """Print no access log."""


@contextmanager
def listing_pods(port: int) -> Iterator[str]:
    closing = threading.Event()
    handler = type("Handler", (PodsHandler,), {"pods": pods(port), "closing": closing})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            closing.set()
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_promtool_accepts_the_configuration(path: Path) -> None:
    """As it is in the repository."""
    result = subprocess.run([os.environ["PROMTOOL"], "check", "config", path], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("path", CONFIGURATIONS, ids=lambda path: path.stem)
def test_prometheus_scrapes_the_demo(path: Path, tmp_path: Path) -> None:
    """One target, every sample, and each object's own namespace in `namespace`."""
    # So slow that nothing changes between Prometheus' scrape and the one of this test.
    with demo("--speed", "0.0001") as url, listing_pods(int(url.split(":")[2].split("/")[0])) as api:
        configuration = yaml.safe_load(path.read_text())
        (job,) = configuration["scrape_configs"]
        job["scrape_interval"] = "1s"
        job["kubernetes_sd_configs"][0]["api_server"] = api
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(configuration))
        with prometheus(tmp_path / "prometheus.yml", tmp_path) as address:
            wait_until(
                lambda: [target["value"][1] for target in query(address, "up")] == ["1"], "up", PATIENCE_SECONDS, 0.1
            )
            with urllib.request.urlopen(url, timeout=10) as answer:
                families = parse(answer.read())
            (up,) = query(address, "up")
            seen = query(address, '{__name__=~"kuberay_.+"}')
            (scraped,) = query(address, "scrape_samples_scraped")

    assert up["metric"]["namespace"] == POD_NAMESPACE
    assert up["metric"]["pod"] == "kuberay-exporter-1"
    # Prometheus drops empty labels.
    printed = {
        frozenset({"__name__": name, **{label: text for label, text in labels if text}}.items()): value
        for family in families.values()
        for (name, labels), value in family.series.items()
    }
    assert int(scraped["value"][1]) == len(printed)
    of_objects = {labels: value for labels, value in printed.items() if "uid" in dict(labels)}
    assert len({dict(labels)["namespace"] for labels in of_objects}) > 1
    stored = {own_labels(series["metric"]): float(series["value"][1]) for series in seen if "uid" in series["metric"]}
    assert stored.keys() == of_objects.keys()
    # Counters that grow with the time have other values at another time.
    assert unchanging(stored) == unchanging(of_objects)


def own_labels(metric: dict[str, str]) -> Labels:
    """Return the labels of a stored series without those that the scrape has added."""
    kept = {"pod"} if metric["__name__"].startswith(OF_PODS) else set()
    return frozenset((name, value) for name, value in metric.items() if name in kept or name not in TARGET_LABELS)


def unchanging(series: dict[Labels, float]) -> dict[Labels, float]:
    """Return the series that change by events only."""
    return {
        labels: value for labels, value in series.items() if not dict(labels)["__name__"].encode().startswith(GROWING)
    }
