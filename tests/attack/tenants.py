"""Attacks by a tenant whose objects, Events and pods are as many and as large as the API accepts.

A second tenant, in the honest namespace, must notice nothing of them.
"""

import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime

from exporter.collectors.event import MAX_EVENTS
from tests.attack.judge import Limits
from tests.attack.scene import Attack, Scene
from tests.attack.simulated import put_paced
from tests.attack.world import HONEST

EVERYTHING = "--collectors=rayclusters,rayjobs,rayservices,events,pods"

LONG = b"x" * 1000

OF_RAY = b'"involvedObject":{"apiVersion":"ray.io/v1"}'
"""What the watch of Events selects by."""


class _Large(Attack):
    """A number of large objects of one kind.

    The memory before is that after the same objects were there once: Python keeps parts of it. A second time must not
    need more.
    """

    flags = (EVERYTHING,)
    history = 32
    plural = "rayclusters"
    count: int
    most_body_mb = 30

    def members(self, _: int, /) -> bytes:
        raise NotImplementedError

    def warm_up(self, scene: Scene) -> None:
        kept = {plural: scene.store.keys(plural) for plural in scene.kinds()}
        self.put_all(scene)
        scene.delete_all_but(kept)
        scene.hold(3)

    def put_all(self, scene: Scene) -> None:
        def put(number: int) -> None:
            scene.store.put(self.plural, f"tenant/large-{number}", self.members(number))

        put_paced(scene.server, self.plural, self.count, put, lambda: not scene.victim.is_alive)

    def strike(self, scene: Scene) -> None:
        self.put_all(scene)
        if not scene.wait_until_shown(self.plural, 60):
            scene.complain(scene.last_difference(self.plural))
        size = len(scene.victim.get("/metrics", timeout_seconds=30).body) / 1e6
        if size > self.most_body_mb:
            scene.complain(f"the body has {size:.0f} MB, {self.most_body_mb} are allowed")


class LongConditions(_Large):
    """124 RayClusters have 1,200 conditions with reasons of 1 KB each, as long as the API accepts."""

    name = "long-conditions"
    count = 124

    def members(self, _: int, /) -> bytes:
        conditions = b",".join(b'{"type":"C%d","status":"True","reason":"%d%b"}' % (n, n, LONG) for n in range(1200))
        return b'"spec":{},"status":{"conditions":[%b]}' % conditions


class LongDeployments(_Large):
    """169 RayServices have 1,200 deployments with names of 1 KB each."""

    name = "long-deployments"
    plural = "rayservices"
    count = 169

    def members(self, _: int, /) -> bytes:
        deployments = b",".join(b'"d%d-%b":{"status":"HEALTHY"}' % (n, LONG) for n in range(1200))
        return _service(deployments)


class LongVersions(_Large):
    """400 RayClusters have a rayVersion of 1.3 MB each, and nobody opens the page."""

    name = "long-versions"
    count = 400

    def members(self, number: int, /) -> bytes:
        return b'"spec":{"rayVersion":"%d-%b"}' % (number, LONG * 1300)


class ManySeries(_Large):
    """600 RayServices of 30 KB have 1,000 deployments each: 605,000 series from 17 MB of objects."""

    name = "many-series"
    plural = "rayservices"
    count = 600
    history = 1000

    def members(self, _: int, /) -> bytes:
        return _service(b",".join(b'"d%d":{"status":"UP"}' % n for n in range(1000)))


class LargeNumbers(Attack):
    """A job has failed, and an Event has occurred, 2^63 - 1 times; a cluster requests 1e300 cores.

    In a counter that has added such a number, nothing that follows can be seen.
    """

    name = "large-numbers"
    flags = (EVERYTHING,)
    is_short = True
    hidden = frozenset({"honest/failed", "honest/cores"})

    def strike(self, scene: Scene) -> None:
        failed = b'"status":{"jobDeploymentStatus":"Retrying","failed":%d}'
        scene.store.put("rayjobs", "honest/failed", failed % (2**63 - 1))
        scene.store.put("rayclusters", "honest/cores", b'"spec":{},"status":{"desiredCPU":"1e300"}')
        _put_event(scene, "honest/e-1", "Large", 2**63 - 1)
        _put_event(scene, "honest/e-2", "Large", 3)
        scene.hold(1)
        _put_event(scene, "honest/e-2", "Large", 7)
        if not scene.wait(lambda: _events(scene, "honest", "Large") == 7, 10):
            scene.complain(f"{_events(scene, 'honest', 'Large'):g} occurrences of an Event are counted in place of 7")
        largest = max(_values(scene.victim.get("/metrics").body), default=0)
        if largest > 1e18:
            scene.complain(f"a counter is {largest:g}")


class ManyEvents(Attack):
    """25,000 Events are present in one namespace, with a reason and an object each; 10,500 more come and go.

    The other namespace must keep its warnings, get its new reasons, and count an Event that is written again once.
    """

    name = "many-events"
    flags = (EVERYTHING,)
    history = 2000
    limits = Limits(after_ratio=1.7)
    events = 25_000
    deleted = 10_500

    def strike(self, scene: Scene) -> None:
        _put_event(scene, "honest/first", "Before", 15)
        _put_event(scene, "honest/again", "Again", 15)
        scene.wait(lambda: _events(scene, "honest", "Again") == 15, 10)
        scene.store.remove("events", "honest/again", OF_RAY)
        self.paced(scene, self.events, lambda number: _put_event(scene, f"tenant/e-{number}", f"Odd{number}", 1))
        self.paced(scene, 2 * self.deleted, lambda number: self.come_or_go(scene, number))
        _put_event(scene, "honest/again", "Again", 15)
        _put_event(scene, "honest/last", "After", 2)
        if not scene.wait(lambda: _events(scene, "honest", "After") == 2, 30):
            scene.complain("a new reason of the other namespace is not shown")
        if (again := _events(scene, "honest", "Again")) != 15:
            scene.complain(f"an Event that is written again is counted {again:g} times in place of 15")
        held = re.search(rb'kuberay_exporter_objects{resource="events"} (\d+)', scene.victim.get("/metrics").body)
        if held is None or int(held[1]) > MAX_EVENTS[1] + 10:
            scene.complain(f"{held and int(held[1])} Events are held, {MAX_EVENTS[1]} of a namespace are allowed")
        warnings = scene.victim.get("/metrics?name[]=kuberay_event_last_timestamp_seconds").body
        if b'reason="Before"' not in warnings:
            scene.complain("the warning of the other namespace is not shown any more")
        self.paced(scene, self.events, lambda number: scene.store.remove("events", f"tenant/e-{number}", OF_RAY))

    def paced(self, scene: Scene, count: int, change: Callable[[int], None]) -> None:
        put_paced(scene.server, "events", count, change, lambda: not scene.victim.is_alive)

    def come_or_go(self, scene: Scene, number: int) -> None:
        if number % 2:
            scene.store.remove("events", f"tenant/gone-{number - 1}", OF_RAY)
        else:
            _put_event(scene, f"tenant/gone-{number}", "Gone", 1)


class JobsOnOneCluster(Attack):
    """2,000 jobs run on one cluster with 1,000 pending pods, and the page's API is asked for all objects.

    A cluster that is diagnosed once for each of its jobs takes half a minute, in which nothing new is shown.
    """

    name = "jobs-on-cluster"
    flags = (EVERYTHING,)
    jobs = 2000
    pods = 1000
    # The first snapshot also imports what makes the page, and its memory is used again.
    limits = Limits(after_ratio=1.4)
    most_seconds = 25.0

    def strike(self, scene: Scene) -> None:
        scene.store.put("rayclusters", "tenant/shared", HONEST["rayclusters"])
        labels = b'{"ray.io/cluster":"shared","ray.io/node-type":"worker","ray.io/group":"w"}'
        condition = b'{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/9 nodes: %d"}'
        for number in range(self.pods):
            members = b'"spec":{},"status":{"phase":"Pending","conditions":[%b]}' % (condition % number)
            scene.store.put("pods", f"tenant/w-{number}", members, labels=labels)
        job = HONEST["rayjobs"].replace(b'"rayClusterName":"train-x"', b'"rayClusterName":"shared"')
        for number in range(self.jobs):
            scene.store.put("rayjobs", f"tenant/job-{number}", job)
        scene.wait_until_shown("rayjobs", 30)
        started_at = time.monotonic()
        self.listed(scene)
        first = time.monotonic() - started_at
        scene.store.put("rayjobs", "honest/new", HONEST["rayjobs"])
        started_at = time.monotonic()
        is_shown = scene.wait(lambda: b'"new"' in self.listed(scene, "?namespace=honest"), 60)
        new = time.monotonic() - started_at
        if first > self.most_seconds or new > self.most_seconds or not is_shown:
            scene.complain(f"the first answer took {first:.0f} s, a new job of another namespace {new:.0f} s")
        for number in range(self.pods):
            scene.store.remove("pods", f"tenant/w-{number}", labels=labels)

    def listed(self, scene: Scene, query: str = "") -> bytes:
        return scene.victim.get(f"/api/v1/objects{query}", timeout_seconds=60).body


def _service(deployments: bytes) -> bytes:
    return (
        b'"spec":{},"status":{"activeServiceStatus":{"rayClusterName":"c","applicationStatuses":'
        b'{"app":{"status":"RUNNING","serveDeploymentStatuses":{%b}}}}}' % deployments
    )


def _put_event(scene: Scene, key: str, reason: str, count: int) -> None:
    name = key.partition("/")[2]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    about = {"apiVersion": "ray.io/v1", "kind": "RayJob", "name": name, "uid": name}
    event = {"involvedObject": about, "type": "Warning", "reason": reason, "count": count, "lastTimestamp": now}
    scene.store.put("events", key, json.dumps(event).encode()[1:-1])


def _events(scene: Scene, namespace: str, reason: str) -> float:
    """Return how many occurrences are counted."""
    body = scene.victim.get("/metrics?name[]=kuberay_events_total").body
    lines = [line for line in body.splitlines() if b'reason="%b"' % reason.encode() in line]
    return sum(_values(b"\n".join(line for line in lines if b'namespace="%b"' % namespace.encode() in line)))


def _values(body: bytes) -> list[float]:
    return [float(value) for value in re.findall(rb"^kuberay_\w+_total\{.*\} (\S+)$", body, re.MULTILINE)]


TENANTS: tuple[type[Attack], ...] = (
    LongConditions, LongDeployments, LongVersions, ManySeries, LargeNumbers, ManyEvents, JobsOnOneCluster,
)  # fmt: skip
