"""Attacks from the side of the API: a restored etcd, an outage, answers without an end."""

import time
import zlib

from tests.attack.judge import Limits
from tests.attack.scene import Attack, Scene
from tests.attack.simulated import ApiResponse
from tests.attack.world import HONEST, HONEST_NAMESPACE
from tests.support.stores import compact, restore, save

GHOSTS = 1049


class RestoredEtcd(Attack):
    """etcd is restored from a backup in which 1,049 objects do not exist, and the watches end cleanly.

    A watch from a version that the server has not reached yet is silent: without a check of the history the
    objects are shown for good.
    """

    name = "restored-etcd"
    is_short = True

    def strike(self, scene: Scene) -> None:
        backup = save(scene.store)
        for number in range(GHOSTS):
            scene.store.put("rayjobs", f"tenant/ghost-{number}", HONEST["rayjobs"])
        if not scene.wait_until_shown("rayjobs", 10):
            scene.complain("the objects were not shown before the backup was restored")
        # A watch that ends within its first second counts as a failed one.
        scene.hold(1.5)
        restore(scene.store, backup)
        for plural in scene.kinds():
            if not scene.wait_until_shown(plural, 10):
                scene.complain(f"{scene.last_difference(plural)} 10 s after the restore")


class NamespacesInOutage(Attack):
    """300 namespaces are watched, and everything is answered 503 from the start.

    Each of the 900 collections has its own back-off, but all are requests to the one server that is away.
    """

    name = "namespaces-503"
    flags = ("--watch-namespace=" + ",".join([HONEST_NAMESPACE, *(f"ns-{number}" for number in range(299))]),)
    starts_ready = False
    # 20 of them are the kubernetes client.
    limits = Limits(peak_mib=120)
    most_requests_a_second = 12.0

    def strike(self, scene: Scene) -> None:
        scene.server.is_out = True
        scene.hold(4)
        before, started_at = scene.server.requests, time.monotonic()
        scene.hold(6)
        rate = (scene.server.requests - before) / (time.monotonic() - started_at)
        if rate > self.most_requests_a_second:
            threads = scene.victim.threads()
            scene.complain(f"{rate:.1f} requests a second in an outage, from {threads} threads; 12 are allowed")
        scene.server.is_out = False
        scene.wait_until_ready(60)


class GzipBomb(Attack):
    """Lists are answered with 600 KB of gzip that decompress to 600 MB."""

    name = "gzip-bomb"

    def strike(self, scene: Scene) -> None:
        headers = (("Content-Type", "application/json"), ("Content-Encoding", "gzip"))
        answer = ApiResponse(200, bomb(600), headers)
        scene.server.instead["rayjobs"] = [answer, answer]
        compact(scene.store)
        scene.server.end_watches()
        if not scene.wait(lambda: not scene.server.instead["rayjobs"], 15):
            scene.complain("the bombs were not asked for")


class EndlessLine(Attack):
    """A watch sends one line of 100 MB, three times."""

    name = "endless-line"

    def strike(self, scene: Scene) -> None:
        for number in range(3):
            # Removed before the list that follows: that would be another attack.
            scene.store.put("rayjobs", "tenant/endless", b'"spec":{"entrypoint":"%b"}' % (b"x" * 100_000_000))
            scene.store.remove("rayjobs", "tenant/endless")
            scene.store.put("rayjobs", f"honest/after-{number}", HONEST["rayjobs"])
            scene.hold(2)


def bomb(mebibytes: int) -> bytes:
    """Return so many MiB of spaces as one gzip stream, which take a second to compress."""
    compress = zlib.compressobj(9, wbits=31)
    space = b" " * (1 << 20)
    return b"".join([compress.compress(space) for _ in range(mebibytes)] + [compress.flush()])


SERVER: tuple[type[Attack], ...] = (RestoredEtcd, NamespacesInOutage, GzipBomb, EndlessLine)
