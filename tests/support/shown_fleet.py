"""Objects that the page and its API show, without a cluster: what is read from the API server is written here."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from prometheus_client import CollectorRegistry
from starlette.applications import Starlette

from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.exposition.exposition import Exposition
from exporter.web.api import ObjectsApi
from exporter.web.application import Endpoints
from exporter.web.page import Page, PageSettings
from exporter.web.snapshot import Snapshots
from tests.support.exporter_status import FakeStatus
from tests.support.fleets import fleet_of

Manifest = dict[str, Any]
Item = tuple[str, Manifest]

LINKS = {
    "history": "https://logs.example.com/{namespace}/{cluster}",
    "grafana": "https://grafana.example.com/d/kuberay?var-namespace={namespace}&var-cluster={cluster}",
    "dashboard": "https://ray.example.com/{namespace}/{cluster}",
    "alerts": "https://alerts.example.com/#/alerts?filter=%7Bnamespace%3D%22{namespace}%22%7D",
    "runbook": "https://example.com/runbooks",
}


def ago(**duration: float) -> str:
    return (datetime.now(UTC) - timedelta(**duration)).strftime("%Y-%m-%dT%H:%M:%SZ")


def item(kind: str, name: str, status: Manifest | None = None, spec: Manifest | None = None, **metadata: Any) -> Item:
    """Return an object in namespace `ml` that was created two hours ago."""
    uid = f"{kind}-{metadata.get('namespace', 'ml')}-{name}"
    base = {"name": name, "namespace": "ml", "uid": uid, "creationTimestamp": ago(hours=2)}
    return kind, {"metadata": base | metadata, "spec": spec or {}, "status": status or {}}


def job(name: str, state: str, **more: Any) -> Item:
    """Return a job that was started nine minutes ago; a failed one for a reason of its program."""
    failed = {"reason": "AppFailed", "message": "RuntimeError: loss is NaN"} if state == "Failed" else {}
    ended = {"endTime": ago(minutes=2)} if state in ("Failed", "Complete") else {}
    job_status = {"Failed": "FAILED", "Complete": "SUCCEEDED"}.get(state, "RUNNING")
    cluster = {"rayClusterName": f"{name}-x"} if state == "Running" else {}
    status = {"jobDeploymentStatus": state, "jobStatus": job_status, "startTime": ago(minutes=9)}
    return item("RayJob", name, status | failed | ended | cluster, **more)


def many(number: int) -> list[Item]:
    """Return jobs that run, and one that failed for each hundred."""
    return [
        job(f"job-{index:05}", "Failed" if index % 100 == 0 else "Running", namespace=f"team-{index % 20}")
        for index in range(number)
    ]


class ShownFleet:
    """The objects, which tests change, and the application that shows them."""

    def __init__(self, *items: Item, known: Known | None = None, **settings: Any) -> None:
        self.items = list(items)
        self.status = FakeStatus()
        self._known = known
        usual: Any = {"links": LINKS, "labels": {kind: ["team"] for kind in ("RayJob", "RayCluster")}}
        self._settings = PageSettings(**(usual | settings))

    def application(self, max_requests: int = 40) -> Starlette:
        snapshots = Snapshots(self._fleet)
        page = Page(snapshots, self.status, self._settings)
        api = ObjectsApi(snapshots, self.status)
        exposition = Exposition([], CollectorRegistry())
        return Endpoints(exposition, self.status, lambda _: None, api, page).application(max_requests)

    def replace(self, name: str, items: Sequence[Item]) -> None:
        """Delete the objects with this name, and create others."""
        self.items = [*(one for one in self.items if one[1]["metadata"]["name"] != name), *items]

    def _fleet(self) -> Fleet:
        return fleet_of(*self.items, known=self._known)
