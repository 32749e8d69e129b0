"""The engine of the simulation: it writes what the operator writes, in the same order."""

import json
import math
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exporter.simulator.kuberay import fleet, raycluster, rayjob, rayjob_plan, rayjob_scenarios, rayservice
from exporter.simulator.kuberay.engine import Engine
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from exporter.simulator.kuberay.scenarios import scenario_sequence
from exporter.simulator.kuberay.world import Steps, World
from tests.support.events_pods import received
from tests.support.simulation import (
    JSON,
    START,
    Clock,
    RecordingStore,
    advance,
    make_engine,
    no_progress,
    seconds_of,
)

KINDS = ("rayclusters", "rayjobs", "rayservices")


def status_of(obj: JSON) -> JSON:
    status: JSON = obj.get("status", {})
    return status


def conditions_of(obj: JSON) -> dict[str, JSON]:
    return {condition["type"]: condition for condition in status_of(obj).get("conditions", [])}


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Flatten JSON; conditions by type, Serve applications and deployments without their names."""
    if isinstance(value, dict) and value:
        named = path.endswith(("applicationStatuses", "serveDeploymentStatuses"))
        for key, item in value.items():
            yield from leaves(item, f"{path}.*" if named else f"{path}.{key}")
    elif isinstance(value, list):
        for item in value:
            yield from leaves({k: v for k, v in item.items() if k != "type"}, f"{path}.{item['type']}")
    else:
        yield path, value


def recorded(kind: str) -> list[JSON]:
    """Return every object of the recorded stream, in order, including deleted ones."""
    return [obj for _, _, obj in received(kind)]


# --- the same writes as the operator -----------------------------------------------------------------

# What differs between any two objects.
VOLATILE = re.compile(
    r"Time$|stateTransitionTimes|\.(podIP|podName|serviceIP|serviceName|rayClusterName|jobId|dashboardURL|desired(CPU|Memory))$"
)


def content(objects: list[JSON]) -> list[JSON]:
    """Return the content of all writes of one object, with volatile values masked."""
    return [
        {
            "status": {
                path: "*" if VOLATILE.search(path) and value != "0" else value for path, value in leaves(status_of(obj))
            },
            "generation": obj["metadata"]["generation"],
            "finalizers": obj["metadata"].get("finalizers", []),
            "deleted": "deletionTimestamp" in obj["metadata"],
            "managers": sorted(
                (entry["manager"] == "kuberay-operator", entry.get("subresource", ""))
                for entry in obj["metadata"]["managedFields"]
            ),
        }
        for obj in objects
    ]


def changed_conditions(objects: list[JSON]) -> list[set[str]]:
    """Return the conditions whose status changes, for each write."""
    result: list[set[str]] = []
    before: dict[str, str] = {}
    for obj in objects:
        now = {type_: condition["status"] for type_, condition in conditions_of(obj).items()}
        result.append({type_ for type_, status in now.items() if before.get(type_) != status})
        before = now
    return result


def run_scenario(scenario: Callable[[World], Steps], kind: str) -> list[JSON]:
    """Run one scenario without an engine; return the writes of the first object of this kind."""
    store = RecordingStore()
    world = World(store, seed=1, with_pods=False)
    world.now = START
    for seconds in scenario(world):
        if seconds == math.inf:
            break
        world.now += seconds
    name = next(obj["metadata"]["name"] for _, plural, obj in store.writes if plural == kind)
    return [obj for _, plural, obj in store.writes if plural == kind and obj["metadata"]["name"] == name]


def a_cluster(workers: int, then: str = "") -> Callable[[World], Steps]:
    def scenario(world: World) -> Steps:
        queued: JSON = {"suspend": True} if then == "admit" else {}
        cluster = raycluster.create(world, fleet.random_tenant(world), Shape(replicas=workers), **queued)
        if then == "admit":
            yield from cluster.start_suspended()
            yield from cluster.resume("kueue")
            return
        yield from cluster.provision(4, 4)
        if then == "suspend":
            yield from cluster.suspend("kueue")
            yield from cluster.resume("kueue")
        if then == "delete":
            cluster.delete()

    return scenario


def a_job(plan: JobPlan, *, deleted: bool = True) -> Callable[[World], Steps]:
    def scenario(world: World) -> Steps:
        for seconds in rayjob.create(world, fleet.random_tenant(world), plan, shape=Shape()).run():
            yield seconds
            if not deleted and seconds == plan.kept_seconds[0]:
                return

    return scenario


def a_service(then: str) -> Callable[[World], Steps]:
    def scenario(world: World) -> Steps:
        service = rayservice.create(world, fleet.random_tenant(world), shape=Shape())
        service.app = "fruit_app", ("FruitMarket", "MangoStand")
        yield from service.start()
        if then == "upgrade":
            yield from service.begin_upgrade()
            yield from service.provision_pending()
            yield from service.finish_upgrade()
        elif then == "suspend":
            yield from service.suspend()
            yield from service.resume()
        else:
            yield from service.delete()

    return scenario


def kept(*attempts: str, **more: Any) -> Callable[[World], Steps]:
    """Return the scenario of a job that is not deleted before the recording ends."""
    return a_job(JobPlan(attempts, kept_seconds=(777.0, 777.0), **more), deleted=False)


CASES: dict[str, tuple[str, str, Callable[[World], Steps]]] = {
    "cluster": ("rayclusters", "raycluster-complete", a_cluster(2)),
    "cluster, deleted": ("rayclusters", "raycluster-tmp", a_cluster(0, "delete")),
    "cluster, suspended and resumed": ("rayclusters", "interactive-dev", a_cluster(1, "suspend")),
    "cluster, created as suspended": ("rayclusters", "kueue-queued", a_cluster(1, "admit")),
    "job": ("rayjobs", "rayjob-sample", kept("SUCCEEDED")),
    "job, failed and deleted": (
        "rayjobs",
        "nightly-etl",
        a_job(JobPlan(("AppFailed",), mode="HTTPMode", kept_seconds=(777.0, 777.0))),
    ),
    "job, retried twice": (
        "rayjobs",
        "train-llm",
        kept("AppFailed", "AppFailed", "AppFailed", mode="HTTPMode", backoff_limit=2),
    ),
    "job, retried once": (
        "rayjobs",
        "batch-infer",
        kept("AppFailed", "SUCCEEDED", mode="HTTPMode", backoff_limit=2),
    ),
    "job, preempted": (
        "rayjobs",
        "preempted",
        kept("Preempted", "SUCCEEDED", mode="HTTPMode", deletes_cluster=True),
    ),
    "job, interactive": ("rayjobs", "notebook-session", kept("SUCCEEDED", mode="InteractiveMode")),
    "job, deletes itself": ("rayjobs", "self-deleting", a_job(JobPlan(mode="HTTPMode", ttl_seconds=25))),
    "job, invalid": ("rayjobs", "bad-spec", rayjob_scenarios.invalid),
    "job, created as suspended": (
        "rayjobs",
        "waiting-for-quota",
        a_job(JobPlan(("Queued",), wait_seconds=(math.inf, math.inf))),
    ),
    "service, upgraded": ("rayservices", "llm-serve", a_service("upgrade")),
    "service, suspended and resumed": ("rayservices", "summarizer", a_service("suspend")),
    "service, deleted": ("rayservices", "rayservice-sample", a_service("delete")),
}


@pytest.mark.parametrize("case", CASES)
def test_writes_what_the_operator_wrote(case: str) -> None:
    """The scenario and its recording are the same sequence of statuses and metadata."""
    kind, name, scenario = CASES[case]
    theirs = [obj for obj in recorded(kind) if obj["metadata"]["name"] == name]
    ours = run_scenario(scenario, kind)

    assert content(ours) == content(theirs)
    assert changed_conditions(ours) == changed_conditions(theirs)


# --- what must hold at every write --------------------------------------------------------------------


class Auditor:
    """Checks every write against the rules of the operator, and against the object's earlier writes."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: dict[str, JSON] = {}
        self._allowed = allowed_fields()
        self.seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, event: str, plural: str, obj: JSON) -> None:
        before = self._last.get(obj["metadata"]["uid"], {})
        self._last[obj["metadata"]["uid"]] = obj
        assert_times_past(obj, self._clock.now)
        assert_conditions_keep_their_time(before, obj)
        assert_status_time_is_managed(before, obj)
        if plural == "rayjobs":
            assert_job_rules(before, obj)
        if plural == "rayclusters":
            assert status_of(obj).get("readyWorkerReplicas", 0) <= status_of(obj).get("desiredWorkerReplicas", 0)
        if plural in KINDS and "status" in obj:
            # An empty struct is written as well.
            fields = {path for path, value in leaves(obj["status"]) if value != {}}
            assert fields - self._allowed[plural, state_of(plural, obj)] == set(), state_of(plural, obj)
        self._note(event, plural, obj)

    def _note(self, event: str, plural: str, obj: JSON) -> None:
        status = status_of(obj)
        self.seen[plural, event] += 1
        self.seen[plural, state_of(plural, obj)] += 1
        self.seen["reason", status.get("reason", "")] += 1
        self.seen["jobStatus", status.get("jobStatus", "")] += 1
        for type_, condition in conditions_of(obj).items():
            self.seen[type_, condition["status"]] += 1
            self.seen[type_, condition["reason"]] += 1


def state_of(plural: str, obj: JSON) -> str:
    status = status_of(obj)
    if plural == "rayjobs":
        return str(status.get("jobDeploymentStatus", ""))
    if plural == "rayservices":
        upgrading = conditions_of(obj).get("UpgradeInProgress", {}).get("status", "")
        return f"{status.get('serviceStatus', '')} {upgrading}"
    return str(status.get("state", ""))


# The operator writes these as well, but no object of the recordings has them.
UNRECORDED = {
    "rayclusters": {
        ".minWorkerReplicas",
        *(f".conditions.ReplicaFailure.{key}" for key in ("lastTransitionTime", "message", "reason", "status")),
    },
    "rayjobs": {".jobStatusCheckFailureStartTime"},
    "rayservices": {
        f".{side}ServiceStatus.{field}"
        for side in ("active", "pending")
        for field in (
            "targetCapacity",
            "trafficRoutedPercent",
            "lastTrafficMigratedTime",
            "applicationStatuses.*.message",
        )
    },
}


def allowed_fields() -> dict[tuple[str, str], set[str]]:
    """Return the status fields of the recorded streams, by kind and state; an upgrade may follow a suspension."""
    allowed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind in KINDS:
        everything = set(UNRECORDED[kind])
        for obj in recorded(kind):
            fields = {path for path, _ in leaves(status_of(obj))}
            allowed[kind, state_of(kind, obj)] |= fields | UNRECORDED[kind]
            everything |= fields
        # States of services are combinations; those without a recording may have the fields of any.
        if kind == "rayservices":
            for state in ("Running True", "Running False", " True", " False"):
                allowed[kind, state] |= everything
    # The recorded clusters inside jobs had one worker at most, which came at the end.
    for fields in allowed.values():
        for path in [path for path in fields if path.endswith(".desiredWorkerReplicas")]:
            prefix = path.removesuffix("desiredWorkerReplicas")
            fields |= {f"{prefix}{kind}WorkerReplicas" for kind in ("ready", "available", "min")}
    return allowed


def assert_times_past(obj: JSON, now: float) -> None:
    meta = obj["metadata"]
    created = seconds_of(meta["creationTimestamp"])
    times = [value for path, value in leaves(status_of(obj)) if re.search(r"Time$|Times\.", path)]
    times += [entry["time"] for entry in meta["managedFields"]]
    times += [meta["deletionTimestamp"]] if "deletionTimestamp" in meta else []
    for text in times:
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text)
        assert seconds_of(text) <= now
        assert seconds_of(text) >= created


def assert_conditions_keep_their_time(before: JSON, obj: JSON) -> None:
    was = conditions_of(before)
    for type_, condition in conditions_of(obj).items():
        if type_ not in was or condition["status"] != was[type_]["status"]:
            continue
        # The operator removes and adds two conditions of a resumed service.
        if (
            condition["message"].endswith("after resuming from suspend.")
            and condition["message"] != was[type_]["message"]
        ):
            continue
        assert condition["lastTransitionTime"] == was[type_]["lastTransitionTime"]


def assert_status_time_is_managed(before: JSON, obj: JSON) -> None:
    entries = [entry for entry in obj["metadata"]["managedFields"] if entry.get("subresource") == "status"]
    assert len(entries) == ("status" in obj)
    if "status" in obj and status_of(before) != obj["status"] and before.get("status"):
        times = [entry["time"] for entry in before["metadata"]["managedFields"] if entry.get("subresource")]
        assert [entry["time"] for entry in entries] >= times


def assert_job_rules(before: JSON, obj: JSON) -> None:
    was, now = status_of(before), status_of(obj)
    state, former = now.get("jobDeploymentStatus", ""), was.get("jobDeploymentStatus", "")
    assert now.get("endTime") == was.get("endTime") or ("endTime" not in was and state in ("Complete", "Failed"))
    assert ("endTime" in now) == (state in ("Complete", "Failed"))
    if "endTime" in now:
        assert now["startTime"] <= now["endTime"]
    if was and state != former:
        assert now["failed"] == was["failed"] + (state in ("Failed", "Retrying"))
    if was and now.get("startTime") != was.get("startTime"):
        assert (former, state) == ("", "Initializing")
    if state == "Retrying":
        assert now["failed"] <= obj["spec"]["backoffLimit"]


def test_every_write_follows_the_rules() -> None:
    """Times, counters, conditions and fields hold at every write; the population keeps its size."""
    engine, store, clock = make_engine(objects=120)
    auditor = Auditor(clock)
    store.watch = auditor
    engine.populate(no_progress)
    for _ in range(8):
        advance(engine, clock, 60)
        assert 90 <= len(store.live) <= 150
        assert len(store.live) == engine.objects
    assert auditor.seen["rayjobs", "DELETED"] > 20
    assert auditor.seen["rayclusters", "DELETED"] > 20


def test_every_state_and_reason_occurs() -> None:
    """Within half an hour or so there is every state, and every reason that a user may look for."""
    engine, store, clock = make_engine(seed=4, speed=30, objects=120)
    auditor = Auditor(clock)
    store.watch = auditor
    engine.populate(no_progress)
    advance(engine, clock, 60)
    wanted = {
        "rayjobs": (
            "",
            "Initializing",
            "Waiting",
            "Running",
            "Complete",
            "Failed",
            "Retrying",
            "Suspending",
            "Suspended",
            "ValidationFailed",
        ),
        "rayclusters": ("", "ready", "suspended"),
        "jobStatus": ("", "PENDING", "RUNNING", "STOPPED", "SUCCEEDED", "FAILED"),
        "reason": (*rayjob_plan.FAILURES, "ValidationFailed"),
        "HeadPodReady": ("ImagePullBackOff", "ErrImagePull", "CrashLoopBackOff", "HeadPodNotFound"),
        "ReplicaFailure": ("FailedCreateHeadPod", "FailedCreateWorkerPod"),
        "RayClusterProvisioned": ("True", "False"),
        "RayClusterSuspended": ("True", "False"),
        "Ready": (
            "NonZeroServeEndpoints",
            "Initializing",
            "ZeroServeEndpoints",
            "InitializingTimeout",
            "SuspendInProgress",
            "SuspendComplete",
        ),
        "UpgradeInProgress": ("True", "False"),
        "RollbackInProgress": ("True",),
    }
    missing = [(family, name) for family, names in wanted.items() for name in names]
    assert [pair for pair in missing if not auditor.seen[pair]] == []


# --- the first population -------------------------------------------------------------------------------


def test_first_population_has_objects_for_usual_alerts() -> None:
    """From the start there is an object for each usual alert on what takes too long."""
    engine, store, clock = make_engine()
    engine.populate(no_progress)
    now, stuck = clock.now, set()
    for obj in store.live.values():
        status, conditions = status_of(obj), conditions_of(obj)
        age = now - seconds_of(obj["metadata"]["creationTimestamp"])
        state = status.get("jobDeploymentStatus", "")
        started = now - seconds_of(status.get("startTime", "2999-01-01T00:00:00Z"))
        stuck |= {
            "no status" if not status and age > 300 else "",
            f"job {state}" if started > 3600 and state in ("Initializing", "Running") else "",
            f"job {state}" if state == "ValidationFailed" else "",
            f"job {state}" if state == "Failed" and now - seconds_of(status["endTime"]) < 3600 else "",
            "deleting" if "deletionTimestamp" in obj["metadata"] else "",
        }
        for type_, value, name in (
            ("RayClusterProvisioned", "False", "cluster not provisioned"),
            ("Ready", "False", "service not ready"),
            ("UpgradeInProgress", "True", "upgrade"),
        ):
            condition = conditions.get(type_, {"status": ""})
            if condition["status"] == value and now - seconds_of(condition["lastTransitionTime"]) > 7200:
                stuck.add(name)
    assert stuck - {""} == {
        "no status",
        "job Initializing",
        "job Running",
        "job ValidationFailed",
        "job Failed",
        "deleting",
        "cluster not provisioned",
        "service not ready",
        "upgrade",
    }


@pytest.mark.parametrize("seed", range(2))
def test_shows_all_usual_states_within_twenty_seconds(seed: int) -> None:
    """At the default size and speed there is soon a retry, and every usual state."""
    engine, store, clock = make_engine(seed=seed)
    engine.populate(no_progress)
    first = Counter(state_of(plural, obj) for (plural, _, _), obj in store.live.items())
    store.writes.clear()
    advance(engine, clock, 15)
    seen = Counter(state_of(plural, obj) for _, plural, obj in store.writes) + first
    provisioned = {conditions_of(obj).get("RayClusterProvisioned", {}).get("status") for obj in store.live.values()}

    assert {"Complete", "Failed", "Running", "Initializing", "Retrying"} <= set(seen)
    assert {"True", "False"} <= provisioned
    assert {"Running False", "Running True", " False"} <= set(seen)


def test_small_and_large_fleets_have_the_size_asked_for() -> None:
    """`objects` is exceeded by the objects of the last scenario at most, and progress ends at the desired number."""
    for objects in (1, 10, 300):
        engine, store, _ = make_engine(objects=objects)
        progress = Counter[tuple[int, int]]()
        engine.populate(lambda *call, progress=progress: progress.update([call]))
        assert objects <= len(store.live) <= objects + 5
        assert max(progress) == (objects, objects)


def test_encoded_objects_are_as_large_as_real_ones() -> None:
    """About three to ten kilobytes for an object with a status, 40 % or so of it managedFields."""
    engine, store, _ = make_engine(objects=200)
    engine.populate(no_progress)
    objects = [
        obj
        for obj in store.live.values()
        # These have no spec of a cluster.
        if "status" in obj and obj["kind"] != "RayCronJob" and "clusterSelector" not in obj["spec"]
    ]
    sizes = [len(json.dumps(obj, separators=(",", ":"))) for obj in objects]
    managed = [len(json.dumps(obj["metadata"]["managedFields"], separators=(",", ":"))) for obj in objects]
    assert min(sizes) > 2500
    assert max(sizes) < 11000
    assert 0.3 < sum(managed) / sum(sizes) < 0.6


# --- time and randomness -------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_writes() -> None:
    """Names, uids, statuses and their order depend on the seed and the clock alone; those of pods and Events, too."""

    def digest(seed: int) -> list[str]:
        engine, store, clock = make_engine(seed=seed, with_pods=True)
        engine.populate(no_progress)
        advance(engine, clock, 60)
        return [json.dumps(write, sort_keys=True) for write in store.writes]

    assert digest(7) == digest(7)
    assert digest(7) != digest(8)


def test_same_seed_gives_the_same_objects_at_another_time() -> None:
    """Only the jobs of RayCronJobs follow the clock; so some of the last scenarios may be needed or not."""

    def uids(start: float) -> dict[tuple[str, str, str], str]:
        engine, store, clock = make_engine(objects=300)
        clock.now = start
        engine.populate(no_progress)
        return {
            key: obj["metadata"]["uid"]
            for key, obj in store.live.items()
            if obj["metadata"].get("ownerReferences", [{}])[0].get("kind") != "RayCronJob"
            and "ray.io/cronjob-name" not in obj["metadata"].get("labels", {})
        }

    first, later = uids(START), uids(START + 50_030)
    assert len(first) > 250
    assert len(first.items() ^ later.items()) <= 10


def test_speed_divides_every_wait() -> None:
    """Ten times the speed makes about ten times as many writes."""

    def writes(speed: float) -> int:
        engine, store, clock = make_engine(speed=speed, objects=150)
        engine.populate(no_progress)
        before = len(store.writes)
        advance(engine, clock, 30)
        return len(store.writes) - before

    assert 5 < writes(10) / writes(1) < 15


def test_late_engine_does_not_write_old_times() -> None:
    """After a long pause the next steps have the present time, not that when they were due."""
    engine, store, clock = make_engine()
    engine.populate(no_progress)
    store.writes.clear()
    clock.now += 3600
    engine.step(clock.now)
    newest = [
        max(seconds_of(entry["time"]) for entry in obj["metadata"]["managedFields"])
        for event, _, obj in store.writes
        if event != "DELETED" and "deletionTimestamp" not in obj["metadata"]
    ]
    assert newest
    assert min(newest) > clock.now - 1
    assert len(store.writes) < 200


def test_cron_job_follows_its_schedule() -> None:
    """lastScheduleTime is a whole minute of the wall clock, and each scheduled time has its RayJob."""
    engine, store, clock = make_engine(speed=1)
    engine.populate(no_progress)
    store.writes.clear()
    advance(engine, clock, 200)
    scheduled = [
        obj for _, plural, obj in store.writes if plural == "raycronjobs" and obj["spec"]["schedule"] == "* * * * *"
    ]
    made = {obj["metadata"]["name"] for event, _, obj in store.writes if event == "ADDED"}
    assert 3 <= len(scheduled) <= 4
    for cron_job in scheduled:
        minute = int(seconds_of(cron_job["status"]["lastScheduleTime"]))
        assert minute % 60 == 0
        assert f"{cron_job['metadata']['name']}-{minute // 60}" in made


def test_runs_until_stopped() -> None:
    """`run` writes in real time and returns soon after the stop."""
    store = RecordingStore()
    engine = Engine(store, seed=1, speed=100, objects=60)
    engine.populate(no_progress)
    before, busy, stop = len(store.writes), threading.Event(), threading.Event()
    store.watch = lambda *_: busy.set() if len(store.writes) > before + 20 else None
    thread = threading.Thread(target=engine.run, args=(stop,), daemon=True)
    thread.start()
    assert busy.wait(5)
    stop.set()
    thread.join(2)
    assert not thread.is_alive()


def test_every_scenario_is_used_once_before_any_is_repeated() -> None:
    """Each of the first fifty is another one."""
    engine, _, _ = make_engine()
    scenarios = scenario_sequence(engine._random)
    names = [next(scenarios).name for _ in range(50)]
    assert len(set(names)) == 50
