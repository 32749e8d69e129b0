"""Attacks by a tenant who may write objects: large values, many values, many names."""

from collections import Counter

from exporter.families.limits import MAX_SERIES
from exporter.families.namespaces import MAX_EMPTY_NAMESPACES
from tests.attack.judge import Limits
from tests.attack.scene import Attack, Scene
from tests.attack.simulated import AttackStore, put_paced
from tests.attack.world import HONEST

MEGABYTE = 1_000_000
ALL_LABELS = "--metric-labels-allowlist=rayjobs=[*]"


class RayVersion(Attack):
    """One RayCluster is updated 400 times with another 1.3 MB rayVersion.

    A cache or intern table whose keys are what objects contain keeps every one of them.
    """

    name = "ray-version"
    is_short = True
    history = 32
    updates = 400

    def strike(self, scene: Scene) -> None:
        rest = b"v" * 1_300_000

        def put(number: int) -> None:
            scene.store.put("rayclusters", "tenant/big", b'"spec":{"rayVersion":"%d-%b"}' % (number, rest))

        put_paced(scene.server, "rayclusters", self.updates, put, lambda: not scene.victim.is_alive)


class LabelKeys(Attack):
    """All labels are allowed, and one RayJob is updated 250 times with 2,000 keys that were never there.

    A cache whose keys are tuples of label names keeps all of them.
    """

    name = "label-keys"
    flags = (ALL_LABELS,)
    updates = 250

    def strike(self, scene: Scene) -> None:
        def put(number: int) -> None:
            labels = b",".join(b'"team-%d.of/member-%d":"x"' % (number, member) for member in range(2000))
            scene.store.put("rayjobs", "tenant/labelled", HONEST["rayjobs"], labels=b"{%b}" % labels)

        put_paced(scene.server, "rayjobs", self.updates, put, lambda: not scene.victim.is_alive)


class LabelConflicts(Attack):
    """One RayJob has 40,000 labels, and all of them come to the same name in Prometheus.

    A search for free names that compares each with all others needs minutes, and nothing else is shown meanwhile.
    """

    name = "label-conflicts"
    flags = (ALL_LABELS,)
    labels = 40_000

    def strike(self, scene: Scene) -> None:
        # Both characters are replaced by an underscore.
        keys = [f"{number:016b}".replace("0", "a-").replace("1", "a.") + "a" for number in range(self.labels)]
        labels = ",".join(f'"{key}":"x"' for key in keys)
        scene.store.put("rayjobs", "tenant/labelled", HONEST["rayjobs"], labels=f"{{{labels}}}".encode())


class Namespaces(Attack):
    """A RayJob is created and deleted in one new namespace after the other.

    The counters of a namespace outlive its objects, so their number needs a bound. The memory before is that
    after 1,500 namespaces; 4,500 more must not need more.
    """

    name = "namespaces"
    warm = 1500
    more = 4500
    most_series = MAX_EMPTY_NAMESPACES + 100

    def warm_up(self, scene: Scene) -> None:
        self.visit(scene, 0, self.warm)

    def strike(self, scene: Scene) -> None:
        self.visit(scene, self.warm, self.warm + self.more)
        body = scene.victim.get("/metrics?name[]=kuberay_jobs_created_total").body
        series = body.count(b"\nkuberay_jobs_created_total{")
        if series > self.most_series:
            scene.complain(f"counters of {series} namespaces are kept, {self.most_series} are allowed")

    def visit(self, scene: Scene, first: int, end: int) -> None:
        for number in range(first, end):
            scene.store.put("rayjobs", f"loop-{number}/job", HONEST["rayjobs"])
            scene.store.remove("rayjobs", f"loop-{number}/job")
            if number % 500 == 499:
                # The watch must not fall behind the server's history. What is shown last says how far it is.
                scene.store.put("rayjobs", f"honest/step-{number}", HONEST["rayjobs"])
                scene.wait_until_shown("rayjobs", 10)
                scene.store.remove("rayjobs", f"honest/step-{number}")


class ManyParts(Attack):
    """One RayService has 10,000 applications, and one RayCluster 10,000 conditions, each within etcd's limit.

    Without a bound one object makes more series than a whole cluster.
    """

    name = "many-parts"

    def strike(self, scene: Scene) -> None:
        applications = b",".join(
            b'"app-%d":{"status":"RUNNING","serveDeploymentStatuses":{"d":{"status":"HEALTHY"}}}' % number
            for number in range(10_000)
        )
        conditions = b",".join(
            b'{"type":"Type%d","status":"True","reason":"Ready","lastTransitionTime":"2026-11-23T10:01:00Z"}' % number
            for number in range(10_000)
        )
        service = b'"spec":{},"status":{"activeServiceStatus":{"rayClusterName":"c","applicationStatuses":{%b}}}'
        scene.store.put("rayservices", "tenant/many-parts", service % applications)
        scene.store.put("rayclusters", "tenant/many-parts", b'"spec":{},"status":{"conditions":[%b]}' % conditions)
        scene.check_truth()
        body = scene.victim.get("/metrics", timeout_seconds=30).body
        for plural, prefix in (("rayservices", b"kuberay_service"), ("rayclusters", b"kuberay_cluster")):
            lines = [line for line in body.splitlines() if line.startswith(prefix) and b'"many-parts"' in line]
            family, series = Counter(line.partition(b"{")[0].decode() for line in lines).most_common(1)[0]
            if series > MAX_SERIES:
                scene.complain(f"{series} series of one object of {plural} in {family}, {MAX_SERIES} are allowed")


class Entrypoints(Attack):
    """300 RayJobs with 1 MB of entrypoint each are there when the exporter starts, with the default page size.

    They are one page of a list, which compresses to almost nothing. It must never be in memory as a whole.
    """

    name = "entrypoints"
    is_short = True
    starts_ready = False
    limits = Limits(peak_mib=200)

    def prepare(self, store: AttackStore) -> None:
        members = b'"spec":{"entrypoint":"%b"},"status":{"jobDeploymentStatus":"Running"}' % (b"x" * MEGABYTE)
        for number in range(300):
            store.put("rayjobs", f"tenant/entrypoint-{number}", members)

    def strike(self, scene: Scene) -> None:
        scene.wait_until_ready(60)


OBJECTS: tuple[type[Attack], ...] = (RayVersion, LabelKeys, LabelConflicts, Namespaces, ManyParts, Entrypoints)
