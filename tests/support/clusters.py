"""A metrics store of RayClusters whose clock a test moves."""

from typing import Any

from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.families.integrals import Integrals, LabelledIntegrals
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from tests.support.clocks import FakeClock
from tests.support.metrics_stores import metrics_store
from tests.support.objects import decode, manifest, text

ASKED: dict[str, Any] = {"desiredCPU": "1500m", "desiredMemory": "2Gi", "desiredGPU": "8", "desiredTPU": "4"}
WORKERS: dict[str, Any] = {"desiredWorkerReplicas": 3, "readyWorkerReplicas": 2}


class Clusters:
    """A metrics store of RayClusters, its clock, and the versions that are present by uid."""

    def __init__(self, allowed: str = "") -> None:
        self.clock = FakeClock(1000.0)
        self.failures = 0
        self.integrals: Integrals[Any] = Integrals(RAYCLUSTERS, lambda name: allowed in name, clock=self.clock)
        labelled = LabelledIntegrals(RAYCLUSTERS, lambda name: allowed in name, clock=self.clock)
        self.store = metrics_store(
            ObjectFamilies(RAYCLUSTERS),
            LifecycleTotals(RAYCLUSTERS, (60.0,), clock=self.clock),
            self.integrals,
            *([labelled] if labelled.reads else []),
            collect_failed=self._fail,
            clock=self.clock,
        )
        self.present: dict[str, Any] = {}

    def _fail(self) -> None:
        self.failures += 1

    def on_list(self, *versions: dict[str, Any]) -> "Clusters":
        self.present = {obj.metadata.uid: obj for obj in (decode(RAYCLUSTERS, version) for version in versions)}
        self.store.on_list(list(self.present.values()), ())
        return self

    def change(self, *versions: dict[str, Any], removed: tuple[str, ...] = ()) -> "Clusters":
        changed = [decode(RAYCLUSTERS, version) for version in versions]
        self.store.on_change(changed, [self.present.pop(uid) for uid in removed])
        self.present |= {obj.metadata.uid: obj for obj in changed}
        return self

    def after(self, seconds: float) -> "Clusters":
        self.clock.advance(seconds)
        return self

    def lines(self) -> list[str]:
        """Return the lines of counters that grow, without what all of their names begin with."""
        self.store.expire()
        return [
            line.removeprefix("kuberay_")
            for line in text(self.store).splitlines()
            if "_seconds_total{" in line and ("_requested_" in line or "_ready_" in line)
        ]

    def counter(self, name: str) -> float:
        (line,) = [line for line in self.lines() if line.startswith(name)]
        return float(line.rpartition(" ")[2])

    def exact(self, name: str) -> float:
        """Return the only sample of a family before it is rounded."""
        (sample,) = [s for metric in self.store.collect() for s in metric.samples if s.name == name]
        return float(sample.value)


def cluster(uid: str = "1", *, spec: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    return manifest(status, uid=uid, name=f"c{uid}") | ({"spec": spec} if spec else {})
