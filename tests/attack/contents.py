"""Attacks by a tenant whose objects hold what no decoder or reader takes: each may cost only that object."""

from typing import ClassVar

from tests.attack.scene import ALL_KINDS, Attack, Scene
from tests.attack.simulated import AttackStore
from tests.attack.world import HONEST

DIGITS = b"1" * 400

BAD_BYTES = {
    "rayclusters": ("a lone surrogate", b'"spec":{"rayVersion":"a\\ud800b"}'),
    "rayjobs": ("a raw control character", b'"spec":{"entrypoint":"a\x01b"}'),
    "rayservices": ("nesting of 1,100 levels", b'"spec":{"serveConfig":%b%b}' % (b"[" * 1100, b"]" * 1100)),
    "raycronjobs": ("bytes that are no UTF-8", b'"spec":{"schedule":"a\xff\xfeb"}'),
}
"""One for each kind, so that a row shows which of them is not withstood."""

HOSTILE = "tenant/hostile"


class BadBytesInList(Attack):
    """One object of each kind has bytes that are not valid JSON, and all are there when the exporter starts.

    A page that is decoded at once fails as a whole: the kind is never listed.
    """

    name = "bad-bytes-list"
    is_short = True
    flags = (ALL_KINDS,)
    starts_ready = False
    hidden = frozenset({HOSTILE})

    def prepare(self, store: AttackStore) -> None:
        put_bad_bytes(store)

    def strike(self, scene: Scene) -> None:
        if scene.wait_until_ready(10):
            check_each_kind(scene, 0.5)


class BadBytesInWatch(Attack):
    """The same objects are created while the exporter watches.

    A line that cannot be decoded ends the watch, the list after it fails too, and the kind is never updated again.
    """

    name = "bad-bytes-watch"
    is_short = True
    flags = (ALL_KINDS,)
    hidden = frozenset({HOSTILE})

    def strike(self, scene: Scene) -> None:
        put_bad_bytes(scene.store)
        # Long enough for the watch to be opened again.
        scene.hold(2)
        for plural in BAD_BYTES:
            scene.store.put(plural, "honest/later", HONEST[plural])
        check_each_kind(scene, 3)


class Numbers(Attack):
    """RayJobs and others have numbers of 400 digits, out of the range of int64 and of double, or none at all.

    Such a number must not be printed (a strict reader refuses the whole body), and not end the informer.
    """

    name = "numbers"
    is_short = True
    members: ClassVar = {
        "rayjobs": {
            "failed": b'"status":{"jobDeploymentStatus":"Failed","failed":%b}' % DIGITS,
            "backoff-limit": b'"spec":{"backoffLimit":%b},"status":{"jobDeploymentStatus":"Running"}' % DIGITS,
            "negative": b'"status":{"jobDeploymentStatus":"Running","succeeded":-%b}' % DIGITS,
            "exponent": b'"spec":{"activeDeadlineSeconds":1e400}',
        },
        "rayclusters": {
            "workers": b'"status":{"desiredWorkerReplicas":%b}' % DIGITS,
            "memory": b'"status":{"desiredMemory":"%b"}' % DIGITS,
            "cpu-exponent": b'"status":{"desiredCPU":"1e999999999"}',
        },
        "rayservices": {"endpoints": b'"status":{"numServeEndpoints":%b}' % DIGITS},
    }
    hidden = frozenset(f"tenant/{name}" for names in members.values() for name in names)

    def strike(self, scene: Scene) -> None:
        for plural, objects in self.members.items():
            for name, members in objects.items():
                scene.store.put(plural, f"tenant/{name}", members)
        # Updates count differences, which is arithmetic on these numbers.
        for plural, objects in self.members.items():
            for name, members in objects.items():
                scene.store.put(plural, f"tenant/{name}", members)
        scene.hold(2)


class Versions(Attack):
    """Objects in a watch have resourceVersions that are no numbers, or have 5,000 digits.

    Python refuses to convert the latter, with an exception that no decoder expects.
    """

    name = "versions"
    hidden = frozenset({"tenant/word", "tenant/digits"})

    def strike(self, scene: Scene) -> None:
        scene.store.put("rayjobs", "tenant/word", HONEST["rayjobs"], version=b"latest")
        scene.hold(0.5)
        scene.store.put("rayclusters", "tenant/digits", HONEST["rayclusters"], version=b"9" * 5000)
        scene.hold(2)


def put_bad_bytes(store: AttackStore) -> None:
    for plural, (_, members) in BAD_BYTES.items():
        store.put(plural, HOSTILE, members)


def check_each_kind(scene: Scene, seconds: float) -> None:
    """Complain of each kind that is not shown as it is, and say which bytes it was attacked with."""
    for plural, (what, _) in BAD_BYTES.items():
        if not scene.wait_until_shown(plural, seconds):
            scene.complain(f"{scene.last_difference(plural)} ({what})")


CONTENTS: tuple[type[Attack], ...] = (BadBytesInList, BadBytesInWatch, Numbers, Versions)
