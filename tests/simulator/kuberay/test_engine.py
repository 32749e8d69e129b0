"""The engine of the demo: it writes what the operator writes, in the same order, and stays lifelike."""

import json
import math
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from exporter.simulator.kuberay import fleet, raycluster, rayjob, rayjob_plan, rayjob_scenarios, rayservice
from exporter.simulator.kuberay.engine import Engine
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.rayjob_plan import Plan
from exporter.simulator.kuberay.scenarios import casting
from exporter.simulator.kuberay.world import Stays, World

RECORDINGS = Path(__file__).parents[2] / "testdata"
KINDS = ("rayclusters", "rayjobs", "rayservices")
START = 1_800_000_000.4

JSON = dict[str, Any]


class RecordingStore:
    """Keeps every write as JSON text, as a store that copies would, and refuses what an API server would."""

    def __init__(self) -> None:
        self.live: dict[tuple[str, str, str], JSON] = {}
        self.writes: list[tuple[str, str, JSON]] = []
        self.watch: Callable[[str, str, JSON], None] | None = None

    def create(self, plural: str, obj: JSON) -> str:
        assert _key(plural, obj) not in self.live
        return self._keep("ADDED", plural, obj)

    def update(self, plural: str, obj: JSON) -> str:
        assert self.live[_key(plural, obj)]["metadata"]["uid"] == obj["metadata"]["uid"]
        return self._keep("MODIFIED", plural, obj)

    def delete(self, plural: str, namespace: str, name: str) -> str:
        obj = self.live.pop((plural, namespace, name))
        return self._note("DELETED", plural, obj)

    def _keep(self, event: str, plural: str, obj: JSON) -> str:
        copy = json.loads(json.dumps(obj))
        self.live[_key(plural, obj)] = copy
        return self._note(event, plural, copy)

    def _note(self, event: str, plural: str, obj: JSON) -> str:
        self.writes.append((event, plural, obj))
        if self.watch is not None:
            self.watch(event, plural, obj)
        return str(len(self.writes))


class Clock:
    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> float:
        return self.now


def _key(plural: str, obj: JSON) -> tuple[str, str, str]:
    return plural, obj["metadata"]["namespace"], obj["metadata"]["name"]


def make_engine(seed: int = 1, speed: float = 1.0, objects: int = 60) -> tuple[Engine, RecordingStore, Clock]:
    store, clock = RecordingStore(), Clock()
    return Engine(store, seed=seed, speed=speed, objects=objects, clock=clock), store, clock


def unwatched(_made: int, _wanted: int) -> None:
    """Progress nobody looks at."""


def advance(engine: Engine, clock: Clock, seconds: float) -> None:
    """Let simulated time pass, act by act."""
    end = clock.now + seconds
    while engine.next_due <= end:
        clock.now = engine.next_due
        engine.step(clock.now)
    clock.now = end


def seconds_of(timestamp: str) -> float:
    return datetime.fromisoformat(timestamp).timestamp()


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


def recorded(kind: str) -> Iterator[JSON]:
    """Every object of the recorded stream, in order, DELETED ones included."""
    for text in (RECORDINGS / f"{kind}.jsonl").read_text().splitlines():
        line = json.loads(text)
        if line["op"] == "event":
            event = json.loads(line["line"])
            if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                yield event["object"] | {"event": event["type"]}


# --- the same writes as the operator -----------------------------------------------------------------

# What differs between any two objects.
VOLATILE = re.compile(
    r"Time$|stateTransitionTimes|\.(podIP|podName|serviceIP|serviceName|rayClusterName|jobId|dashboardURL|desired(CPU|Memory))$"
)


def story(objects: list[JSON]) -> list[JSON]:
    """What the writes of one object say, volatile values masked."""
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


def flips(objects: list[JSON]) -> list[set[str]]:
    """Which conditions' statuses each write changed."""
    result: list[set[str]] = []
    before: dict[str, str] = {}
    for obj in objects:
        now = {type_: condition["status"] for type_, condition in conditions_of(obj).items()}
        result.append({type_ for type_, status in now.items() if before.get(type_) != status})
        before = now
    return result


def perform(life: Callable[[World], Stays], kind: str) -> list[JSON]:
    """Let one life pass, without an engine; return what was written of the first object of this kind."""
    store = RecordingStore()
    world = World(store, seed=1)
    world.now = START
    for stay in life(world):
        if stay == math.inf:
            break
        world.now += stay
    name = next(obj["metadata"]["name"] for _, plural, obj in store.writes if plural == kind)
    return [obj for _, plural, obj in store.writes if plural == kind and obj["metadata"]["name"] == name]


def place(world: World) -> fleet.Place:
    return fleet.place(world)


def a_cluster(workers: int, then: str = "") -> Callable[[World], Stays]:
    def life(world: World) -> Stays:
        queued: JSON = {"suspend": True} if then == "admit" else {}
        cluster = raycluster.create(world, place(world), Shape(replicas=workers), **queued)
        if then == "admit":
            yield from cluster.suspended_from_birth()
            yield from cluster.resume("kueue")
            return
        yield from cluster.provision(4, 4)
        if then == "suspend":
            yield from cluster.suspend("kueue")
            yield from cluster.resume("kueue")
        if then == "delete":
            cluster.delete()

    return life


def a_job(plan: Plan, *, deleted: bool = True) -> Callable[[World], Stays]:
    def life(world: World) -> Stays:
        for stay in rayjob.create(world, place(world), plan, shape=Shape()).live():
            yield stay
            if not deleted and stay == plan.lingers[0]:
                return

    return life


def a_service(then: str) -> Callable[[World], Stays]:
    def life(world: World) -> Stays:
        service = rayservice.create(world, place(world), shape=Shape())
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

    return life


def kept(*attempts: str, **more: Any) -> Callable[[World], Stays]:
    """A job that is still there when the recording ends."""
    return a_job(Plan(attempts, lingers=(777.0, 777.0), **more), deleted=False)


CASES: dict[str, tuple[str, str, Callable[[World], Stays]]] = {
    "cluster": ("rayclusters", "raycluster-complete", a_cluster(2)),
    "cluster, deleted": ("rayclusters", "raycluster-tmp", a_cluster(0, "delete")),
    "cluster, suspended and resumed": ("rayclusters", "interactive-dev", a_cluster(1, "suspend")),
    "cluster, suspended from birth": ("rayclusters", "kueue-queued", a_cluster(1, "admit")),
    "job": ("rayjobs", "rayjob-sample", kept("SUCCEEDED")),
    "job, failed and deleted": (
        "rayjobs",
        "nightly-etl",
        a_job(Plan(("AppFailed",), mode="HTTPMode", lingers=(777.0, 777.0))),
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
        kept("Preempted", "SUCCEEDED", mode="HTTPMode", shuts_down=True),
    ),
    "job, interactive": ("rayjobs", "notebook-session", kept("SUCCEEDED", mode="InteractiveMode")),
    "job, deletes itself": ("rayjobs", "self-deleting", a_job(Plan(mode="HTTPMode", ttl=25))),
    "job, invalid": ("rayjobs", "bad-spec", rayjob_scenarios.invalid),
    "job, suspended from birth": (
        "rayjobs",
        "waiting-for-quota",
        a_job(Plan(("Queued",), waits=(math.inf, math.inf))),
    ),
    "service, upgraded": ("rayservices", "llm-serve", a_service("upgrade")),
    "service, suspended and resumed": ("rayservices", "summarizer", a_service("suspend")),
    "service, deleted": ("rayservices", "rayservice-sample", a_service("delete")),
}


@pytest.mark.parametrize("case", CASES)
def test_writes_what_the_operator_wrote(case: str) -> None:
    """A life and the recording of the same life are the same sequence of statuses and metadata."""
    kind, name, life = CASES[case]
    theirs = [obj for obj in recorded(kind) if obj["metadata"]["name"] == name]
    ours = perform(life, kind)

    assert story(ours) == story(theirs)
    assert flips(ours) == flips(theirs)


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
            # A struct without anything in it is there all the same.
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


# Written by the operator too, but by no object of the recordings.
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
    """The status fields of the recorded streams, by kind and state; an upgrade may follow a suspension."""
    allowed: dict[tuple[str, str], set[str]] = defaultdict(set)
    for kind in KINDS:
        everything = set(UNRECORDED[kind])
        for obj in recorded(kind):
            fields = {path for path, _ in leaves(status_of(obj))}
            allowed[kind, state_of(kind, obj)] |= fields | UNRECORDED[kind]
            everything |= fields
        # States of services are combinations; those not recorded may have what any has.
        if kind == "rayservices":
            for state in ("Running True", "Running False", " True", " False"):
                allowed[kind, state] |= everything
    # The recorded clusters inside jobs had one worker at most, which came at the end.
    for fields in allowed.values():
        for path in [path for path in fields if path.endswith(".desiredWorkerReplicas")]:
            stem = path.removesuffix("desiredWorkerReplicas")
            fields |= {f"{stem}{kind}WorkerReplicas" for kind in ("ready", "available", "min")}
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


@pytest.mark.parametrize("seed", [1, 2])
def test_every_write_follows_the_rules(seed: int) -> None:
    """Times, counters, conditions and fields hold at every write; the population keeps its size."""
    engine, store, clock = make_engine(seed=seed, objects=120)
    auditor = Auditor(clock)
    store.watch = auditor
    engine.populate(unwatched)
    for _ in range(8):
        advance(engine, clock, 60)
        assert 90 <= len(store.live) <= 150
        assert len(store.live) == engine.objects
    assert auditor.seen["rayjobs", "DELETED"] > 20
    assert auditor.seen["rayclusters", "DELETED"] > 20


def test_everything_happens() -> None:
    """Every state, and every reason that somebody may look for, occurs within half an hour or so."""
    engine, store, clock = make_engine(seed=4, speed=30, objects=120)
    auditor = Auditor(clock)
    store.watch = auditor
    engine.populate(unwatched)
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


def test_first_population_reaches_usual_alerts() -> None:
    """From the start something is stuck in every way that people have alerts for."""
    engine, store, clock = make_engine()
    engine.populate(unwatched)
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


@pytest.mark.parametrize("seed", range(5))
def test_is_bustling_within_twenty_seconds(seed: int) -> None:
    """At the default size and speed a watcher soon sees a retry, and every usual state."""
    engine, store, clock = make_engine(seed=seed)
    engine.populate(unwatched)
    first = Counter(state_of(plural, obj) for (plural, _, _), obj in store.live.items())
    store.writes.clear()
    advance(engine, clock, 15)
    seen = Counter(state_of(plural, obj) for _, plural, obj in store.writes) + first
    provisioned = {conditions_of(obj).get("RayClusterProvisioned", {}).get("status") for obj in store.live.values()}

    assert {"Complete", "Failed", "Running", "Initializing", "Retrying"} <= set(seen)
    assert {"True", "False"} <= provisioned
    assert {"Running False", "Running True", " False"} <= set(seen)


def test_small_and_large_fleets_have_the_size_asked_for() -> None:
    """`objects` is met but for the last life's own objects, and progress ends at the target."""
    for objects in (1, 10, 300):
        engine, store, _ = make_engine(objects=objects)
        progress = Counter[tuple[int, int]]()
        engine.populate(lambda *call, progress=progress: progress.update([call]))
        assert objects <= len(store.live) <= objects + 5
        assert max(progress) == (objects, objects)


def test_encoded_objects_are_as_large_as_real_ones() -> None:
    """About three to ten kilobytes for an object with a status, 40 % or so of it managedFields."""
    engine, store, _ = make_engine(objects=200)
    engine.populate(unwatched)
    objects = [obj for obj in store.live.values() if "status" in obj and obj["kind"] != "RayCronJob"]
    sizes = [len(json.dumps(obj, separators=(",", ":"))) for obj in objects]
    managed = [len(json.dumps(obj["metadata"]["managedFields"], separators=(",", ":"))) for obj in objects]
    assert min(sizes) > 2500
    assert max(sizes) < 11000
    assert 0.3 < sum(managed) / sum(sizes) < 0.6


# --- time and chance -------------------------------------------------------------------------------------


def test_same_seed_gives_the_same_writes() -> None:
    """Names, uids, statuses and their order depend on the seed and the clock alone."""

    def digest(seed: int) -> list[str]:
        engine, store, clock = make_engine(seed=seed)
        engine.populate(unwatched)
        advance(engine, clock, 60)
        return [json.dumps(write, sort_keys=True) for write in store.writes]

    assert digest(7) == digest(7)
    assert digest(7) != digest(8)


def test_speed_divides_every_stay() -> None:
    """Ten times the speed makes about ten times as many writes."""

    def writes(speed: float) -> int:
        engine, store, clock = make_engine(speed=speed, objects=150)
        engine.populate(unwatched)
        before = len(store.writes)
        advance(engine, clock, 30)
        return len(store.writes) - before

    assert 5 < writes(10) / writes(1) < 15


def test_late_engine_does_not_write_old_times() -> None:
    """After a long halt acts happen now; nothing runs after the past with old timestamps."""
    engine, store, clock = make_engine()
    engine.populate(unwatched)
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


def test_cron_job_ticks_on_its_schedule() -> None:
    """lastScheduleTime is a whole minute of the wall clock, and each tick has its RayJob."""
    engine, store, clock = make_engine(speed=1)
    engine.populate(unwatched)
    store.writes.clear()
    advance(engine, clock, 200)
    ticks = [
        obj for _, plural, obj in store.writes if plural == "raycronjobs" and obj["spec"]["schedule"] == "* * * * *"
    ]
    made = {obj["metadata"]["name"] for event, _, obj in store.writes if event == "ADDED"}
    assert 3 <= len(ticks) <= 4
    for tick in ticks:
        minute = int(seconds_of(tick["status"]["lastScheduleTime"]))
        assert minute % 60 == 0
        assert f"{tick['metadata']['name']}-{minute // 60}" in made


def test_runs_until_stopped() -> None:
    """`run` writes in real time and returns soon after the stop."""
    store = RecordingStore()
    engine = Engine(store, seed=1, speed=100, objects=60)
    engine.populate(unwatched)
    before, busy, stop = len(store.writes), threading.Event(), threading.Event()
    store.watch = lambda *_: busy.set() if len(store.writes) > before + 20 else None
    thread = threading.Thread(target=engine.run, args=(stop,), daemon=True)
    thread.start()
    assert busy.wait(5)
    stop.set()
    thread.join(2)
    assert not thread.is_alive()


def test_every_scenario_is_cast_once_before_any_is_repeated() -> None:
    """A small fleet is a cross-section, in an order that puts first what it should not lack."""
    engine, _, _ = make_engine()
    cast = casting(engine._world.random)
    names = [next(cast).name for _ in range(50)]
    assert len(set(names)) == 50
