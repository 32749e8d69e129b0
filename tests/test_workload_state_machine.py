"""Whatever happens, in whatever order: only Workloads of Ray objects are held, and waits and evictions count once.

Workloads of all frameworks are created, admitted, evicted, requeued, finished and deleted, while the watch is cut, too
old or refused and the API server is restarted, perhaps as one with only the older version of Kueue's API. A reservation
that ended before the exporter could see it is not counted, so none ends unseen; evictions may.
"""

import json
import random
from dataclasses import replace
from typing import Any

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.collectors.workload import WORKLOADS
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from exporter.kube.backoff import SharedByInformers
from exporter.kube.client.access import anonymous
from exporter.kube.client.api_transport import ApiTransport
from exporter.kube.informer import Informer
from exporter.kube.store import Store
from exporter.pipeline.watched_kind import informer_settings
from exporter.resources.workload import Workload
from exporter.simulator.api_conventions import KUEUE_VERSIONS, timestamp
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.clocks import FakeClock
from tests.support.faults import FaultServer
from tests.support.metrics_stores import metrics_store, total
from tests.support.objects import condition
from tests.support.replaying import config
from tests.support.stores import install
from tests.support.watching import DEADLINE_SECONDS, Counts, wait_until
from tests.support.workloads import workload
from tests.test_state_machine import BOOKMARK_SECONDS, FAULTS, IDLE_TIMEOUT_SECONDS

NAMES = st.sampled_from(["a", "b", "c", "d"])
OWNERS = st.sampled_from(["ray.io/v1", "ray.io/v1", "batch/v1"])
EVICTIONS = st.dictionaries(
    st.sampled_from([("Preempted", ""), ("PodsReadyTimeout", "WaitForStart"), ("Deactivated", "AdmissionCheck")]),
    st.integers(1, 5),
    min_size=1,
)


class Job:
    """A Workload as Kueue would write it."""

    def __init__(self, name: str, api_version: str, now: int) -> None:
        self.name, self.api_version = name, api_version
        self.is_of_ray = api_version.startswith("ray.io")
        self.waiting_since: int | None = now
        self.created_at = now
        self.conditions: dict[str, dict[str, Any]] = {}
        self.evictions: dict[tuple[str, str], int] = {}

    def set(self, type_: str, status: str, now: int) -> None:
        self.conditions[type_] = condition(type_, status, timestamp(now))

    def manifest(self) -> dict[str, Any]:
        entries = [
            {"reason": reason, "underlyingCause": cause, "count": count}
            for (reason, cause), count in self.evictions.items()
        ]
        one = workload(
            *self.conditions.values(),
            name=self.name,
            owner=("RayJob", self.name),
            api_version=self.api_version,
            schedulingStats={"evictions": entries},
        )
        identity = {key: one["metadata"][key] for key in ("name", "namespace", "ownerReferences")}
        return one | {"metadata": identity | {"creationTimestamp": timestamp(self.created_at)}}


class WorkloadsAndServer(RuleBasedStateMachine):
    """A server on which Workloads wait and run, a network that breaks, and an informer of Workloads."""

    @initialize(name=NAMES)
    def start(self, name: str) -> None:
        self.store, self.jobs, self.now = ObjectStore(), dict[str, Job](), 1_800_000_000
        install(self.store, "workloads")
        self.evicted, self.waits = 0, list[int]()
        self.create(name, "ray.io/v1")
        self.server = FaultServer(self.store, bookmark_seconds=BOOKMARK_SECONDS)
        self.server.start()
        self.port = int(self.server.url.rsplit(":", 1)[1])
        self.totals = LifecycleTotals(WORKLOADS, (60.0,))
        self.counts, self.clock, url = Counts(), FakeClock(), self.server.url
        self.held: Store[Workload] = Store()
        families = ObjectFamilies(WORKLOADS)
        settings = informer_settings(WORKLOADS, "", WORKLOADS.selections[0], config(page_size=2))
        self.informer = Informer(
            ApiTransport(lambda: anonymous(url), connections=2),
            replace(settings, idle_timeout_seconds=IDLE_TIMEOUT_SECONDS),
            self.held,
            metrics_store(families, self.totals),
            self.counts,
            shared=SharedByInformers(self.clock, random.Random(1)),
        )
        self.informer.start()
        wait_until(lambda: self.informer.state().is_connected, "the first watch")

    # What happens to Workloads.

    @rule(name=NAMES, api_version=OWNERS)
    def create(self, name: str, api_version: str) -> None:
        if name not in self.jobs:
            self.now += 1
            self.jobs[name] = Job(name, api_version, self.now)
            self.store.create("workloads", self.jobs[name].manifest())

    @rule(name=NAMES, seconds=st.integers(1, 200))
    def admit(self, name: str, seconds: int) -> None:
        job = self.jobs.get(name)
        if job is None or job.waiting_since is None or "Finished" in job.conditions:
            return
        self.settle()
        self.now += seconds
        job.set("QuotaReserved", "True", self.now)
        job.set("Admitted", "True", self.now)
        if "Evicted" in job.conditions:
            job.set("Evicted", "False", self.now)
        if job.is_of_ray:
            self.waits.append(self.now - job.waiting_since)
        job.waiting_since = None
        self._write(job)

    @rule(name=NAMES, evictions=EVICTIONS)
    def evict(self, name: str, evictions: dict[tuple[str, str], int]) -> None:
        """Once or several times before the exporter may see it; then it is in its queue again."""
        job = self.jobs.get(name)
        if job is None or job.waiting_since is not None or "Finished" in job.conditions:
            return
        self.settle()
        self.now += 1
        for labels, times in evictions.items():
            job.evictions[labels] = job.evictions.get(labels, 0) + times
            self.evicted += times * job.is_of_ray
        job.set("Evicted", "True", self.now)
        self._write(job)
        self.now += 1
        job.set("QuotaReserved", "False", self.now)
        job.set("Admitted", "False", self.now)
        job.set("Requeued", "True", self.now)
        job.waiting_since = self.now
        self._write(job)

    @rule(name=NAMES)
    def finish(self, name: str) -> None:
        if (job := self.jobs.get(name)) is not None and "Finished" not in job.conditions:
            self.now += 1
            job.set("Finished", "True", self.now)
            self._write(job)

    @rule(name=NAMES)
    def delete(self, name: str) -> None:
        if name in self.jobs:
            self.settle()
            del self.jobs[name]
            self.store.delete("workloads", "ns", name)

    def _write(self, job: Job) -> None:
        self.store.update("workloads", job.manifest())

    # What happens to the server and to requests.

    @rule()
    def compact(self) -> None:
        self.server.expire_tokens()

    @rule(versions=st.sampled_from([KUEUE_VERSIONS, KUEUE_VERSIONS[1:]]))
    def restart(self, versions: tuple[str, ...]) -> None:
        """An outage that is noticed, perhaps with an older or a newer Kueue after it."""
        self.server.stop()
        waits = len(self.clock.waits)
        wait_until(lambda: len(self.clock.waits) > waits + 2, "the outage is noticed")
        self.server = FaultServer(self.store, port=self.port, bookmark_seconds=BOOKMARK_SECONDS)
        self.server.kueue_versions = versions
        self.server.start()

    @rule(name=st.sampled_from(sorted(FAULTS)))
    def break_something(self, name: str) -> None:
        hypothesis.event(name)
        FAULTS[name](self.server)

    @rule()
    def settle(self) -> None:
        """Without faults, what is held and counted is soon what is there, and stays so."""
        self.server.clear_faults()
        expected = self._versions()
        wait_until(
            lambda: {uid: one.metadata.resource_version for uid, one in self.held.by_uid.items()} == expected,
            f"{expected} is held",
        )
        assert total(self.totals, "kuberay_workloads_evictions_total") == self.evicted
        assert self._observed() == (len(self.waits), sum(self.waits))

    @invariant()
    def the_thread_lives(self) -> None:
        if hasattr(self, "informer"):
            assert self.informer.state().is_alive
            assert self.counts["crashed"] == 0

    def teardown(self) -> None:
        if hasattr(self, "informer"):
            try:
                self.settle()
            finally:
                self.informer.stop()
                self.server.stop()
                self.informer.join(DEADLINE_SECONDS)
        super().teardown()

    def _observed(self) -> tuple[float, float]:
        """Return the number and the sum of the waits for quota."""
        samples = [sample for key in self.totals.present_keys() for sample in self.totals.samples(key)[0]]
        by_suffix = {suffix: sum(one.value for one in samples if one.suffix == suffix) for suffix in ("_count", "_sum")}
        return by_suffix["_count"], by_suffix["_sum"]

    def _versions(self) -> dict[str, str]:
        """Return the versions of the present Workloads of Ray objects by uid."""
        items = [json.loads(item.body)["metadata"] for item in self.store.page("workloads").items]
        return {item["uid"]: item["resourceVersion"] for item in items if self.jobs[item["name"]].is_of_ray}


TestWorkloadsAndServer = WorkloadsAndServer.TestCase
# No shrinking: a failure waits for its deadline.
TestWorkloadsAndServer.settings = hypothesis.settings(
    phases=[hypothesis.Phase.reuse, hypothesis.Phase.generate],
    max_examples=25 if hypothesis.settings().derandomize else 1000,
    stateful_step_count=40,
)
