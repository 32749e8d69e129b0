"""Lifecycle totals of one kind, and versions of its objects."""

from typing import Any

from exporter.families.lifecycle import LifecycleTotals, Observation
from exporter.families.table import AnyKind
from tests.support.clocks import FakeClock
from tests.support.objects import decode, manifest

START, END = "2026-11-23T10:00:10Z", "2026-11-23T10:01:10Z"
"""A minute, which is a bucket."""

RUNNING = {"jobDeploymentStatus": "Running", "startTime": START}
COMPLETE = {"jobDeploymentStatus": "Complete", "jobStatus": "SUCCEEDED", "startTime": START, "endTime": END}
FAILED = COMPLETE | {"jobDeploymentStatus": "Failed", "jobStatus": "FAILED", "reason": "AppFailed", "failed": 1}
INVALID = {"jobDeploymentStatus": "ValidationFailed", "reason": "ValidationFailed"}
STAGES = ("queued", "starting", "running", "total")
STAGE_FAMILIES = tuple(f"{stage}_duration_seconds" for stage in STAGES)
Counted = dict[str, float]


class Lifecycles:
    """Lifecycle totals of one kind, and versions of objects by uid."""

    def __init__(self, kind: AnyKind) -> None:
        self.kind = kind
        self.clock = FakeClock()
        self.totals: LifecycleTotals[Any] = LifecycleTotals(kind, (60.0, 3600.0), clock=self.clock)
        self.present: dict[str, Any] = {}
        self.remembered: dict[str, Any] = {}

    def on_list(self, *versions: dict[str, Any], undecodable: tuple[str, ...] = ()) -> "Lifecycles":
        self.present = {obj.metadata.uid: obj for obj in (decode(self.kind, version) for version in versions)}
        self.totals.on_list(map(self._observe, self.present.values()), undecodable)
        return self

    def change(self, *versions: dict[str, Any], removed: tuple[str, ...] = ()) -> "Lifecycles":
        """One step: an event where it is one object, a list's difference where there are more."""
        changed = [decode(self.kind, version) for version in versions]
        self.totals.on_change(map(self._observe, changed), [self.present.pop(uid) for uid in removed])
        self.present |= {obj.metadata.uid: obj for obj in changed}
        return self

    def _observe(self, obj: Any) -> Observation[Any]:
        uid = obj.metadata.uid
        self.remembered[uid] = self.kind.remember(obj, self.remembered.get(uid), None)
        return self.totals.observe(obj, self.remembered[uid])

    def counted(self, namespace: str = "ns") -> Counted:
        """Return what is not 0: families without their prefix and unit, with the values of own labels."""
        counted = {}
        for family, samples in zip(self.totals.families, self.totals.samples(namespace), strict=True):
            short = family.name.removeprefix(f"kuberay_{self.kind.plural.removeprefix('ray')}_")
            for sample in samples:
                names = sample.label_names or family.label_names
                own = [v for name, v in zip(names, sample.labels, strict=True) if name != "namespace"]
                if sample.value:
                    counted[" ".join([short.removesuffix("_total") + sample.suffix, *own])] = sample.value
        return counted


def job(status: dict[str, Any] | None = None, uid: str = "1", **metadata: Any) -> dict[str, Any]:
    return manifest(status, uid=uid, **metadata)
