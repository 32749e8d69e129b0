"""Whatever happens, in whatever order: the pods that are held are those selected, and restarts are counted once.

Pods start, restart, lose and regain the label that selects them, are deleted and created again, while the watch is cut,
too old or refused and the API server is restarted. Only restarts of a pod that is deleted before the exporter could see
them are not counted, so nothing is deleted unseen.
"""

import json
import random
from collections.abc import Collection
from dataclasses import replace
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.collectors.pod import PODS
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from exporter.kube.backoff import SharedByInformers
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.informer import Informer
from exporter.kube.store import Store
from exporter.pipeline.watched_kind import informer_settings
from exporter.resources.pod import Pod
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.clocks import FakeClock
from tests.support.faults import FaultServer
from tests.support.metrics_stores import metrics_store, total
from tests.support.replaying import config
from tests.support.watching import DEADLINE_SECONDS, Counts, wait_until
from tests.test_state_machine import BOOKMARK_SECONDS, FAULTS, IDLE_TIMEOUT_SECONDS

NAMES = st.sampled_from(["a", "b", "c", "d"])
PAGE_SIZE = 2
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


class PodsAndServer(RuleBasedStateMachine):
    """A server on which pods run, a network that breaks, and an informer for each selection of pods."""

    @initialize(restarts=st.integers(0, 3))
    def start(self, restarts: int) -> None:
        self.store = ObjectStore()
        # Node type and restarts of each present pod.
        self.present: dict[str, tuple[str, int]] = {}
        # All restarts of selected pods; those of the first list are history.
        self.restarts = 0
        self._write("a", "head", restarts)
        self.restarts = 0
        self.server = FaultServer(self.store, bookmark_seconds=BOOKMARK_SECONDS)
        self.server.start()
        self.port = int(self.server.url.rsplit(":", 1)[1])
        self.totals = LifecycleTotals(PODS)
        self.counts, self.clock = Counts(), FakeClock()
        self.held: list[Store[Pod]] = [Store(), Store()]
        self._start_informers(self.server.url)
        wait_until(lambda: all(informer.state().is_connected for informer in self.informers), "the first watches")

    def _start_informers(self, url: str) -> None:
        handler = metrics_store(ObjectFamilies(PODS), self.totals)
        self.informers = [
            Informer(
                ApiTransport(lambda: anonymous(url), connections=2),
                replace(
                    informer_settings(PODS, "", selection, config(page_size=PAGE_SIZE)),
                    idle_timeout_seconds=IDLE_TIMEOUT_SECONDS,
                ),
                held,
                handler,
                self.counts,
                shared=SharedByInformers(self.clock, random.Random(1)),
            )
            for selection, held in zip(PODS.selections, self.held, strict=True)
        ]
        for informer in self.informers:
            informer.start()

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

    # What happens to the server and to requests.

    @rule()
    def compact(self) -> None:
        self.server.expire_tokens()

    @rule()
    def restart(self) -> None:
        """An outage that is noticed."""
        self.server.stop()
        waits = len(self.clock.waits)
        wait_until(lambda: len(self.clock.waits) > waits + 2, "the outage is noticed")
        self.server = FaultServer(self.store, port=self.port, bookmark_seconds=BOOKMARK_SECONDS)
        self.server.start()

    @rule(name=st.sampled_from(sorted(FAULTS)))
    def break_something(self, name: str) -> None:
        hypothesis.event(name)
        FAULTS[name](self.server)

    @rule()
    def settle(self) -> None:
        """Without faults, what is held and counted is soon what is there, and stays so."""
        self.server.clear_faults()
        expected = [self._versions(types) for types in (("head", "worker"), ("submitter",))]
        wait_until(
            lambda: (
                [{uid: one.metadata.resource_version for uid, one in held.by_uid.items()} for held in self.held]
                == expected
            ),
            f"{expected} is held",
        )
        wait_until(lambda: self._counted("restarts") == self.restarts, f"{self.restarts} restarts are counted")
        assert self._counted("terminated") == self.restarts

    @invariant()
    def the_threads_live(self) -> None:
        if hasattr(self, "informers"):
            assert all(informer.state().is_alive for informer in self.informers)
            assert self.counts["crashed"] == 0

    def teardown(self) -> None:
        if hasattr(self, "informers"):
            try:
                self.settle()
            finally:
                for informer in self.informers:
                    informer.stop()
                self.server.stop()
                for informer in self.informers:
                    informer.join(DEADLINE_SECONDS)
        super().teardown()

    def _counted(self, name: str) -> float:
        return total(self.totals, f"kuberay_pods_{name}_total")

    def _versions(self, node_types: Collection[str]) -> dict[str, str]:
        """Return the versions of the present pods of these types by uid."""
        items = [json.loads(item.body)["metadata"] for item in self.store.page("pods").items]
        return {item["uid"]: item["resourceVersion"] for item in items if self.present[item["name"]][0] in node_types}


TestPodsAndServer = PodsAndServer.TestCase
# No shrinking: a failure waits for its deadline.
TestPodsAndServer.settings = hypothesis.settings(
    phases=[hypothesis.Phase.reuse, hypothesis.Phase.generate],
    max_examples=25 if hypothesis.settings().derandomize else 1000,
    stateful_step_count=40,
)
