"""Whatever happens, in whatever order: the pods that are held are those selected, and restarts are counted once.

Pods start, restart, lose and regain the label that selects them, are deleted and created again, while the watch is cut,
too old or refused and the API server is restarted. Only restarts of a pod that is deleted before the exporter could see
them are not counted, so nothing is deleted unseen.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from exporter.collectors.pod import PODS
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from tests.support.any_order import IDLE_TIMEOUT_SECONDS, NAMES, InformersAndServer, settings
from tests.support.metrics_stores import metrics_store, total
from tests.support.watching import wait_until

LABELS = {
    "head": {"ray.io/node-type": "head", "ray.io/cluster": "train"},
    "worker": {"ray.io/node-type": "worker", "ray.io/cluster": "train"},
    "submitter": {"ray.io/originated-from-crd": "RayJob", "ray.io/originated-from-cr-name": "etl"},
    # These two are in no selection.
    "redis-cleanup": {"ray.io/node-type": "redis-cleanup"},
    "": {},
}
SELECTED = ("head", "worker", "submitter")
NODE_TYPES = st.sampled_from(list(LABELS))


def pod(name: str, node_type: str, restarts: int) -> dict[str, Any]:
    container: dict[str, Any] = {"name": "ray", "restartCount": restarts, "state": {"running": {}}, "lastState": {}}
    if restarts:
        container["lastState"] = {"terminated": {"reason": "OOMKilled", "exitCode": 137}}
    return {
        "metadata": {"name": name, "namespace": "ns", "labels": LABELS[node_type]},
        "status": {"phase": "Running", "containerStatuses": [container]},
    }


class PodsAndServer(InformersAndServer):
    """A server on which pods run, a network that breaks, and an informer for each selection of pods."""

    @initialize(restarts=st.integers(0, 3))
    def start(self, restarts: int) -> None:
        # Node type and restarts of each present pod.
        self.present: dict[str, tuple[str, int]] = {}
        # All restarts of selected pods; those of the first list are history.
        self.restarts = 0
        self._write("a", "head", restarts)
        self.restarts = 0
        self.serve()
        self.totals = LifecycleTotals(PODS)
        handler = metrics_store(ObjectFamilies(PODS), self.totals)
        self.watch(PODS, handler, idle_timeout_seconds=IDLE_TIMEOUT_SECONDS)

    # What happens to pods.

    @rule(names=st.lists(NAMES, min_size=1, max_size=5), node_type=NODE_TYPES, restarts=st.integers(0, 3))
    def run(self, names: list[str], node_type: str, restarts: int) -> None:
        """Create pods of this type, or restart those that are there."""
        for name in names:
            present_type, before = self.present.get(name, (node_type, 0))
            self._write(name, present_type, before + restarts)

    def _write(self, name: str, node_type: str, restarts: int) -> None:
        write = self.store.update if name in self.present else self.store.create
        write("pods", pod(name, node_type, restarts))
        _, before = self.present.get(name, ("", 0))
        if node_type in SELECTED:
            self.restarts += restarts - before
        self.present[name] = node_type, restarts

    @rule(name=NAMES, node_type=NODE_TYPES)
    def change_labels(self, name: str, node_type: str) -> None:
        """A pod begins or ceases to be selected, or moves from one selection to the other."""
        if name in self.present and not self.present[name][1]:
            self._write(name, node_type, 0)

    @rule(name=NAMES, is_created_again=st.booleans(), node_type=NODE_TYPES)
    def delete(self, name: str, is_created_again: bool, node_type: str) -> None:
        if name not in self.present:
            return
        self.settle()
        del self.present[name]
        self.store.delete("pods", "ns", name)
        if is_created_again:
            self._write(name, node_type, 0)

    def expected_versions(self) -> list[dict[str, str]]:
        return [
            self.versions("pods", lambda name, types=types: self.present[name][0] in types)  # type: ignore[misc]
            for types in (("head", "worker"), ("submitter",))
        ]

    def check_counts(self) -> None:
        wait_until(lambda: self._counted("restarts") == self.restarts, f"{self.restarts} restarts are counted")
        assert self._counted("terminated") == self.restarts

    def _counted(self, name: str) -> float:
        return total(self.totals, f"kuberay_pods_{name}_total")


TestPodsAndServer = PodsAndServer.TestCase
TestPodsAndServer.settings = settings(25)
