"""Whatever happens, in whatever order: only Workloads of Ray objects are held, and waits and evictions count once.

Workloads of all frameworks are created, admitted, evicted, requeued, finished and deleted, while the watch is cut, too
old or refused and the API server is restarted, perhaps as one with only the older version of Kueue's API. A reservation
that ended before the exporter could see it is not counted, so none ends unseen; evictions may.
"""

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from exporter.collectors.workload import WORKLOADS
from exporter.families.lifecycle import LifecycleTotals
from exporter.families.object_families import ObjectFamilies
from exporter.simulator.api_conventions import KUEUE_VERSIONS, timestamp
from tests.support.any_order import IDLE_TIMEOUT_SECONDS, NAMES, InformersAndServer, settings
from tests.support.metrics_stores import metrics_store, total
from tests.support.objects import condition
from tests.support.stores import install
from tests.support.workloads import workload

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


class WorkloadsAndServer(InformersAndServer):
    """A server on which Workloads wait and run, a network that breaks, and an informer of Workloads."""

    @initialize(name=NAMES)
    def start(self, name: str) -> None:
        self.jobs, self.now = dict[str, Job](), 1_800_000_000
        install(self.store, "workloads")
        self.evicted, self.waits = 0, list[int]()
        self.create(name, "ray.io/v1")
        self.serve()
        self.totals = LifecycleTotals(WORKLOADS, (60.0,))
        handler = metrics_store(ObjectFamilies(WORKLOADS), self.totals)
        self.watch(WORKLOADS, handler, idle_timeout_seconds=IDLE_TIMEOUT_SECONDS)

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

    @rule(versions=st.sampled_from([KUEUE_VERSIONS, KUEUE_VERSIONS[1:]]))
    def restart(self, versions: tuple[str, ...]) -> None:
        """An outage that is noticed, perhaps with an older or a newer Kueue after it."""
        self.stop_server()
        self.serve(versions)

    def expected_versions(self) -> list[dict[str, str]]:
        return [self.versions("workloads", lambda name: self.jobs[name].is_of_ray)]

    def check_counts(self) -> None:
        assert total(self.totals, "kuberay_workloads_evictions_total") == self.evicted
        assert self._observed() == (len(self.waits), sum(self.waits))

    def _observed(self) -> tuple[float, float]:
        """Return the number and the sum of the waits for quota."""
        samples = [sample for key in self.totals.present_keys() for sample in self.totals.samples(key)[0]]
        by_suffix = {suffix: sum(one.value for one in samples if one.suffix == suffix) for suffix in ("_count", "_sum")}
        return by_suffix["_count"], by_suffix["_sum"]


TestWorkloadsAndServer = WorkloadsAndServer.TestCase
TestWorkloadsAndServer.settings = settings(25)
