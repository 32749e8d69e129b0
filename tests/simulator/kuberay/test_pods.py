"""Pods of the simulated clusters and jobs: their statuses are those that were recorded, and they have causes."""

import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from exporter.simulator.kuberay import fleet, pod_templates, raycluster, raycluster_scenarios, rayjob
from exporter.simulator.kuberay.manifests import Shape
from exporter.simulator.kuberay.rayjob_plan import JobPlan
from exporter.simulator.kuberay.simulated_object import SimulatedObject
from exporter.simulator.kuberay.simulated_pod import SimulatedPod
from exporter.simulator.kuberay.world import Run, Steps, World
from tests.support.events_pods import received
from tests.support.simulation import (
    JSON,
    START,
    RecordingStore,
    fleet_writes,
    make_engine,
    no_progress,
    seconds_of,
)


def state_of(state: JSON) -> tuple[object, ...]:
    return tuple((key, value.get("reason"), value.get("exitCode")) for key, value in state.items())


def containers_of(status: JSON) -> Iterator[tuple[object, ...]]:
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key, []):
            # How often it was restarted does not matter, and neither does an init container that has done its work.
            if key == "containerStatuses" or not container["ready"]:
                facts = (container["ready"], bool(container["restartCount"]), container["started"])
                yield key, state_of(container["state"]), state_of(container["lastState"]), facts


def essence(pod: JSON) -> tuple[object, ...]:
    """Return what a version of a pod says, without names and times."""
    status, metadata = pod["status"], pod["metadata"]
    conditions = [(item["type"], item["status"], item.get("reason")) for item in status.get("conditions", [])]
    grace = metadata.get("deletionGracePeriodSeconds")
    return status["phase"], status.get("reason"), *conditions, *containers_of(status), grace


def paths(value: Any, path: str = "") -> set[str]:
    if isinstance(value, dict) and value:
        return set[str]().union(*(paths(item, f"{path}.{key}") for key, item in value.items()))
    if isinstance(value, list) and value:
        return set[str]().union(*(paths(item, f"{path}[]") for item in value))
    return {path}


Lines = list[tuple[str, JSON]]


@pytest.fixture(scope="module")
def written() -> Lines:
    return [(type_, obj) for type_, kind, obj in fleet_writes() if kind == "pods"]


def test_every_status_is_one_of_those_recorded(written: Lines) -> None:
    """Phase, conditions with reasons, states of containers; what was not recorded follows from two that were."""
    theirs = {essence(pod) for name in ("pods", "submitter-pods") for _, _, pod in received(name)}
    unknown = {essence(pod) for type_, pod in written if type_ != "DELETED" and essence(pod) not in theirs}
    for pod in unknown:
        text = str(pod)
        # The same cause for the second time, ready again after a crash, and the deletion of a pod that was restarted.
        assert "('terminated', 'OOMKilled', 137)" in text or "('terminated', 'Error', 1)" in text
        assert "True, True" in text or "False, (True" in text or "(False, True, False)" in text
    assert len(unknown) <= 8


def test_fields_are_those_recorded(written: Lines) -> None:
    """No field that the API server does not have, and each that a collector may read."""
    known = {path for name in ("pods", "submitter-pods") for _, _, pod in received(name) for path in paths(pod)}
    ours = {path for _, pod in written for path in paths(pod)}
    # An empty lastState is a leaf in most versions, and of the conditions' messages the recordings have all.
    assert ours - known == set()


def test_labels_and_owners_are_those_recorded(written: Lines) -> None:
    """And names of containers, by node type; a submitter has none, and its RayJob instead."""

    def keys(pods: Iterator[JSON]) -> dict[str, set[tuple[object, ...]]]:
        found: dict[str, set[tuple[object, ...]]] = defaultdict(set)
        for pod in pods:
            labels = pod["metadata"]["labels"]
            # Only pods of a RayService have it in the recordings.
            names = frozenset(labels) - {"ray.io/serve"}
            owner, spec = pod["metadata"]["ownerReferences"][0], pod["spec"]
            containers = tuple(container["name"] for container in spec["containers"])
            facts = (owner["apiVersion"], owner["kind"], spec["restartPolicy"], pod["status"]["qosClass"], containers)
            found[labels.get("ray.io/node-type", "")].add((names, *facts))
        return found

    theirs = keys(pod for name in ("pods", "submitter-pods") for _, _, pod in received(name))
    ours = keys(pod for _, pod in written)
    assert set(ours) == {"head", "worker", "redis-cleanup", ""}
    assert [node_type for node_type, found in ours.items() if not found <= theirs[node_type]] == []


def reasons(pod: JSON) -> set[str]:
    status = pod["status"]
    found = {status.get("reason", "")}
    found |= {item.get("reason", "") for item in status.get("conditions", [])}
    for key in ("initContainerStatuses", "containerStatuses"):
        for container in status.get(key, []):
            for state in (*container["state"].values(), *container["lastState"].values()):
                found.add(state.get("reason", ""))
    return found


def test_there_is_every_cause(written: Lines) -> None:
    """Each by the type of node that has it."""
    seen: Counter[tuple[str, str]] = Counter()
    for _, pod in written:
        node_type = pod["metadata"]["labels"].get("ray.io/node-type", "submitter")
        seen.update((node_type, reason) for reason in reasons(pod))
    assert [
        pair
        for pair in (
            ("worker", "Unschedulable"),
            ("worker", "Evicted"),
            ("worker", "PodInitializing"),
            ("head", "ContainerCreating"),
            ("head", "ErrImagePull"),
            ("head", "ImagePullBackOff"),
            ("worker", "ImagePullBackOff"),
            ("head", "CrashLoopBackOff"),
            ("head", "OOMKilled"),
            ("submitter", "Completed"),
            ("submitter", "Error"),
            ("redis-cleanup", "Completed"),
        )
        if not seen[pair]
    ] == []


def test_conditions_keep_their_time_and_restarts_only_grow(written: Lines) -> None:
    """From one version of a pod to the next; no time is from before its creation."""
    before: dict[str, JSON] = {}
    for type_, pod in written:
        was = before.get(pod["metadata"]["uid"])
        before[pod["metadata"]["uid"]] = pod
        assert (was is None) == (type_ == "ADDED")
        created = seconds_of(pod["metadata"]["creationTimestamp"])
        for condition in pod["status"].get("conditions", []):
            assert seconds_of(condition["lastTransitionTime"]) >= created
        if was is None:
            continue
        former = {item["type"]: item for item in was["status"].get("conditions", [])}
        for condition in pod["status"].get("conditions", []):
            same = former.get(condition["type"])
            if same is not None and same["status"] == condition["status"]:
                assert condition["lastTransitionTime"] == same["lastTransitionTime"]
        assert restarts(pod) >= restarts(was)


def restarts(pod: JSON) -> int:
    return sum(container["restartCount"] for container in pod["status"].get("containerStatuses", []))


def run(scenario: Callable[[World], Steps], until: Callable[[RecordingStore], object]) -> RecordingStore:
    """Run a scenario, and what it spawns, until a condition is true of what is stored."""
    store = RecordingStore()
    world = World(store, seed=1)
    world.now = START
    waiting: list[tuple[float, Run]] = [(START, Run(scenario(world), world.random))]
    for _ in range(2000):
        waiting.sort(key=lambda item: item[0])
        world.now, running = waiting.pop(0)
        pause = next(running.steps, None)
        waiting += [(world.now, spawned) for spawned in world.spawned]
        world.spawned.clear()
        if pause is not None:
            waiting.append((world.now + pause, running))
        if until(store) or not waiting:
            return store
    raise AssertionError("the condition was never true")


def pods_in(store: RecordingStore) -> list[JSON]:
    return [obj for (kind, _, _), obj in store.live.items() if kind == "pods"]


def test_a_cluster_has_the_pods_that_its_status_counts() -> None:
    """After each step of provisioning and scaling: as many ready workers, and one head under the name of the status."""

    def scenario(world: World) -> Steps:
        cluster = raycluster.create(world, fleet.random_tenant(world), Shape(replicas=3))
        yield from cluster.provision(10, 10)
        for replicas in (1, 5, 0, 2):
            yield from cluster.scale(replicas)
            yield 5.0
            by_type = Counter(
                pod["metadata"]["labels"]["ray.io/node-type"]
                for pod in pods_in(world._store)  # type: ignore[arg-type]
                if any(item["type"] == "Ready" and item["status"] == "True" for item in pod["status"]["conditions"])
            )
            assert by_type == Counter({"head": 1, "worker": replicas})
            assert cluster.status.get("readyWorkerReplicas", 0) == replicas
            assert ("pods", cluster.obj.namespace, cluster.status["head"]["podName"]) in world._store.live  # type: ignore[attr-defined]
        cluster.delete()

    store = run(scenario, lambda store: store.writes[-1][:2] == ("DELETED", "rayclusters"))
    names = {obj["metadata"]["name"] for _, kind, obj in store.writes if kind == "pods"}
    assert len(names) == 1 + 3 + 4 + 2


def test_deleted_clusters_leave_no_pod() -> None:
    """Their containers end within the grace period, and then the pods are gone."""

    def scenario(world: World) -> Steps:
        cluster = raycluster.create(world, fleet.random_tenant(world), Shape(replicas=2))
        yield from cluster.provision(10, 10)
        cluster.delete()

    store = run(scenario, lambda _: False)
    assert store.live.keys() & {key for key in store.live if key[0] == "pods"} == set()
    pods = [obj for type_, kind, obj in store.writes if kind == "pods" and type_ == "MODIFIED"]
    marked = next(obj["metadata"] for obj in pods if obj["metadata"].get("deletionGracePeriodSeconds"))
    assert pods[-1]["metadata"]["deletionGracePeriodSeconds"] == 0
    terminated = pods[-1]["status"]["containerStatuses"][0]["state"]["terminated"]
    assert terminated["exitCode"] == 143
    assert seconds_of(marked["deletionTimestamp"]) >= seconds_of(terminated["finishedAt"])


def test_a_head_that_runs_out_of_memory_is_restarted() -> None:
    """The same pod, one restart more, and the reason in lastState."""
    store = run(raycluster_scenarios.out_of_memory, lambda store: any(restarts(pod) for pod in pods_in(store)))
    (head,) = [pod for pod in pods_in(store) if restarts(pod)]
    status = head["status"]["containerStatuses"][0]
    assert status["lastState"]["terminated"]["reason"] == "OOMKilled"
    assert status["lastState"]["terminated"]["exitCode"] == 137
    assert "running" in status["state"]
    assert len([pod for pod in pods_in(store) if "head" in pod["metadata"]["name"]]) == 1


def test_an_evicted_worker_is_replaced() -> None:
    """It is Failed with the reason Evicted, then gone; the Event of its deletion and a new worker follow."""

    def is_replaced(store: RecordingStore) -> bool:
        evicted = [obj for _, kind, obj in store.writes if kind == "pods" and obj["status"].get("reason") == "Evicted"]
        return bool(evicted) and len(pods_in(store)) == 3

    store = run(raycluster_scenarios.out_of_memory, is_replaced)
    assert [obj["reason"] for _, kind, obj in store.writes if kind == "events"][-2:] == [
        "DeletedWorkerPod",
        "CreatedWorkerPod",
    ]


def test_submitters_end_with_their_job_and_are_deleted_with_it() -> None:
    """A pod named after the job, without a node type, Succeeded until the RayJob is deleted."""

    def scenario(world: World) -> Steps:
        plan = JobPlan(run_seconds=(30, 30))
        yield from rayjob.create(world, fleet.random_tenant(world), plan, shape=Shape()).run()

    ended = run(scenario, lambda store: any(pod["status"]["phase"] == "Succeeded" for pod in pods_in(store)))
    (submitter,) = [pod for pod in pods_in(ended) if "ray.io/node-type" not in pod["metadata"]["labels"]]
    job = next(obj for (kind, _, _), obj in ended.live.items() if kind == "rayjobs")
    assert re.fullmatch(rf"{job['metadata']['name']}-[a-z0-9]{{5}}", submitter["metadata"]["name"])
    assert submitter["metadata"]["labels"]["ray.io/originated-from-cr-name"] == job["metadata"]["name"]
    assert pods_in(run(scenario, lambda _: False)) == []


def test_the_first_population_has_pods_for_the_usual_alerts() -> None:
    """At the default size, at once: unschedulable, waiting for an image, crashed and killed for memory."""
    engine, store, _ = make_engine(with_pods=True)
    engine.populate(no_progress)
    found = set[str]().union(*map(reasons, pods_in(store)))
    assert {"Unschedulable", "ImagePullBackOff", "CrashLoopBackOff"} <= found


def test_pods_are_of_clusters_and_jobs_that_exist() -> None:
    """Except for those that are being deleted with their owner."""
    live: dict[str, tuple[str, JSON]] = {}
    for type_, kind, obj in fleet_writes():
        live[obj["metadata"]["uid"]] = (kind, obj["metadata"])
        if type_ == "DELETED":
            del live[obj["metadata"]["uid"]]
    owners = {uid: meta for uid, (kind, meta) in live.items() if kind in ("rayclusters", "rayjobs")}
    names = {(meta["namespace"], meta["name"]) for meta in owners.values()}
    pods = [meta for kind, meta in live.values() if kind == "pods"]
    assert len(pods) > 50
    for meta in pods:
        if "deletionTimestamp" in meta:
            continue
        owner = meta["ownerReferences"][0]
        labels = meta["labels"]
        parent = labels.get("ray.io/cluster") or labels.get("ray.io/originated-from-cr-name")
        assert owner["uid"] in owners or (meta["namespace"], parent) in names


@pytest.mark.parametrize("write", ["run", "run_init", "restart"])
def test_writes_without_containers_create_none(write: str) -> None:
    """A pod that was never on a node."""
    owner = SimulatedObject("rayclusters", "ns", "c", "uid", START, {})
    pod = SimulatedPod(pod_templates.head(owner, Shape()), "ns", "c-head-x", START)
    getattr(pod, write)(START)
    assert "containerStatuses" not in pod.manifest()["status"]
