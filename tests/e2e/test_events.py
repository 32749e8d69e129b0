"""The collector events: occurrences are written through both APIs of a real API server, and counted."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.api import MERGE_PATCH
from tests.e2e.cluster import READER_RULES, Cluster
from tests.e2e.rays import KINDS
from tests.e2e.scraping import wait_until_connected
from tests.support.processes import Process, serving, value
from tests.support.watching import wait_until

RAYCLUSTER = next(kind for kind in KINDS if kind.plural == "rayclusters")
RULES: list[dict[str, Any]] = [*READER_RULES, {"apiGroups": [""], "resources": ["events"], "verbs": ["list", "watch"]}]
NOW = datetime.now(UTC)
"""The time of a Warning is exported for an hour only."""

AT = NOW.isoformat(timespec="microseconds").replace("+00:00", "Z")


@pytest.fixture
def process(cluster: Cluster, namespace: str, tmp_path: Path) -> Iterator[Process]:
    with cluster.account(namespace, "exporter", RULES) as account:
        kubeconfig = cluster.write_kubeconfig(tmp_path, account.token("exporter"))
        with serving(kubeconfig, "--collectors", "rayclusters,events", "--log-events") as process:
            wait_until_connected(process, "rayclusters", "events")
            yield process


class Recorder:
    """Writes Events about one RayCluster, as the operator of one version or the other does."""

    def __init__(self, cluster: Cluster, namespace: str) -> None:
        self._api = cluster.api
        self._namespace = namespace
        self._object = {
            "apiVersion": "ray.io/v1",
            "kind": "RayCluster",
            "namespace": namespace,
            "name": "a",
            "uid": cluster.create(RAYCLUSTER, namespace, "a"),
        }

    def series(self, name: str, reason: str) -> None:
        """Through events.k8s.io/v1, as KubeRay does since v1.7: one occurrence, without a count."""
        event = {
            "metadata": {"name": name},
            "regarding": self._object,
            "type": "Warning",
            "reason": reason,
            "action": "Create",
            "note": "exceeded quota",
            "eventTime": AT,
            "reportingController": "raycluster-controller",
            "reportingInstance": "operator-1",
        }
        self._api.call("POST", f"/apis/events.k8s.io/v1/namespaces/{self._namespace}/events", event)

    def grow_series(self, name: str, count: int) -> None:
        path = f"/apis/events.k8s.io/v1/namespaces/{self._namespace}/events/{name}"
        self._api.call("PATCH", path, {"series": {"count": count, "lastObservedTime": AT}}, content_type=MERGE_PATCH)

    def counted(self, name: str, reason: str) -> None:
        """Through core/v1, as KubeRay did before."""
        event = {
            "metadata": {"name": name},
            "involvedObject": self._object,
            "type": "Warning",
            "reason": reason,
            "message": "exceeded quota",
            "count": 1,
            "firstTimestamp": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "lastTimestamp": NOW.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "source": {"component": "raycluster-controller"},
        }
        self._api.call("POST", f"/api/v1/namespaces/{self._namespace}/events", event)

    def grow_count(self, name: str, count: int) -> None:
        path = f"/api/v1/namespaces/{self._namespace}/events/{name}"
        self._api.call("PATCH", path, {"count": count}, content_type=MERGE_PATCH)


def test_occurrences_of_both_apis_are_counted_and_logged(cluster: Cluster, namespace: str, process: Process) -> None:
    """The growth of a series and of a count, not only the first occurrence; the Warnings have a last time."""
    recorder = Recorder(cluster, namespace)
    recorder.series("a.series", "FailedToCreateHeadPod")
    recorder.counted("a.counted", "FailedToCreateWorkerPod")
    wait_until(lambda: occurrences(process, namespace) == {"FailedToCreateHeadPod": 1, "FailedToCreateWorkerPod": 1})
    recorder.grow_series("a.series", 5)
    recorder.grow_count("a.counted", 3)
    wait_until(lambda: occurrences(process, namespace) == {"FailedToCreateHeadPod": 5, "FailedToCreateWorkerPod": 3})
    logged = [line for line in process.lines if line["logger"] == "kuberay.events"]
    assert sum(line["occurrences"] for line in logged) == 8
    assert {(line["kind"], line["name"], line["namespace"]) for line in logged} == {("RayCluster", "a", namespace)}
    assert b"kuberay_event_last_timestamp_seconds{" in process.get("/metrics").body


def occurrences(process: Process, namespace: str) -> dict[str, float]:
    """Return the counts of the two reasons in a namespace."""
    body = process.get("/metrics").body
    found = {}
    for reason in ("FailedToCreateHeadPod", "FailedToCreateWorkerPod"):
        series = f'kuberay_events_total{{kind="RayCluster",namespace="{namespace}",reason="{reason}",type="Warning"}}'
        if series.encode() in body:
            found[reason] = value(body, series)
    return found
