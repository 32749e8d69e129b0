"""A campaign: rounds of random faults, each followed by a quiet in which the exporter must show what the server has."""

import json
import math
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any, Self

import msgspec

from exporter.commands.documents import Item
from exporter.commands.render import Renderer
from exporter.kinds import KINDS
from exporter.options import RAY_PLURALS
from tests.chaos.exporter import Exporter, Usage
from tests.chaos.network import Link, Network
from tests.chaos.server import ANSWERS, NAMESPACES, PLURALS, ServerProcess
from tests.chaos.watcher import UID_FAMILIES, Scrape, Watcher

FAULTS_AFTER_RESTORE = 8
PAUSE_SECONDS = (0.02, 0.25)
OUTAGE_SECONDS = (1.5, 4.0)
QUIET_SECONDS = 75.0
"""Until all is shown: a kind that was refused waits 30 s, and one whose list was cut lists once more."""

SETTLE_SECONDS = 1.0

REQUESTS_A_SECOND, REQUESTS_AT_ONCE = 10, 5
KIND_REQUESTS_A_SECOND, KIND_REQUESTS_AT_ONCE = 1, 4
"""In an outage: on average, and in addition at its beginning, where delays begin at less than a second. Of all
requests, those are besides the first one of each informer, whose watch has just ended.
"""

GROWTH = Usage(mib=30, threads=6, descriptors=10)
"""What it may hold more than in the first quiet after its start, besides kept connections: with new credentials or CAs
each informer opens a new one, while watches with the old ones go on.
"""

WRITES = ("history compacted", "CRD deleted", "CRDs installed")
"""What makes versions grow: a history that has caught up would hide that etcd was restored."""

FAMILIES = {row.name for kind in KINDS for row in kind.rows} - {"kuberay_job_execution_duration_seconds"}
"""Families that show nothing but the present version of an object."""

LIVES = {"rayclusters": "kuberay_clusters", "rayjobs": "kuberay_jobs", "rayservices": "kuberay_services"}
OWN_FAULTS = ("kuberay_exporter_informer_crashes", "kuberay_exporter_collect_failures")
Uids = dict[str, set[str]]


class Campaign:
    """One run with one seed. A context manager: its processes end with the block.

    Attributes:
        ordered, faults: how many faults were ordered, and how many took effect by kind.
        diverged: in how many quiets the view was not the server's.
        usage: of the exporter in the quiets since its start.
        highest_rate: requests a second in the worst outage.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self._rng = rng = Random(seed)
        self._server = server = ServerProcess(folder, seed, 3)
        self._network = Network(server.port())
        # Half of the campaigns watch each namespace by itself: four times the requests.
        watched = [] if seed % 2 else ["--watch-namespace", ",".join(NAMESPACES)]
        # Pods have two: of Ray's nodes, and of submitters.
        self._informers = (len(PLURALS) + 1) * (len(NAMESPACES) if watched else 1)
        flags = ("--collectors", ",".join(PLURALS), "--kube-page-size", "4", *watched)
        self.exporter = Exporter(folder, f"https://{self._network.address}", *flags)
        self.ordered = self.diverged = 0
        self.faults: Counter[str] = Counter()
        self.quiet_seconds: list[float] = []
        self.usage: list[Usage] = []
        self.highest_rate = 0.0
        self._bases: dict[str, int] = {}
        self._is_restored = False
        self._own: dict[str, Callable[[], Any]] = {
            "connection cut": lambda: self._break(is_reset=rng.random() < 0.5, cut_after=rng.randrange(2000)),
            "connection stalled": lambda: self._break(held_until=time.monotonic() + rng.uniform(0.3, 3)),
            "connection half-open": lambda: self._break(held_until=math.inf),
            "TLS reset": self._reset,
            "network down": self._network_down,
            "API server out": self._server_out,
            "watches ended": server.end_watches,
            "history compacted": server.compact,
            "etcd backed up": server.back_up,
            "etcd restored": self._restore,
            "CRD deleted": server.uninstall,
            "CRDs installed": server.install,
            "certificate renewed": server.renew_certificate,
            "CA rotated": lambda: server.rotate_authority(rng.random() < 0.5),
            "token rotated": lambda: server.rotate_token(rng.random() < 0.5),
            "files written": server.write_files,
            "clock jump": lambda: self.exporter.move_clock(rng.choice((-1, 1)) * rng.choice((1, 3600, 30 * 86400))),
            "disk full": lambda: self.exporter.limit_files(rng.randrange(300)),
            "disk free": lambda: self.exporter.limit_files(None),
            "SIGSTOP, SIGCONT": self._stop_and_continue,
            "SIGKILL, start": self._kill,
        }

    def __enter__(self) -> Self:
        self._network.__enter__()
        self._server.change(100)
        self._server.back_up()
        self.exporter.start()
        self.watcher = Watcher(self.exporter)
        self._quiet()
        return self

    def __exit__(self, *_: object) -> None:
        self.watcher.stop()
        self.exporter.end()
        self._network.__exit__()
        self._server.end()

    def round(self, count: int) -> None:
        """Order so many faults, perhaps with a restore near their end, then heal everything, and compare."""
        self.ordered += count
        self._server.set_changing(True)
        names = [self._rng.choice([*self._own, *ANSWERS]) for _ in range(count)]
        if "etcd restored" in names:
            names = [name for name in names if name != "etcd restored"]
            names.insert(-FAULTS_AFTER_RESTORE, "etcd restored")
        for name in names:
            if name in ANSWERS:
                self._server.fault(name, self._rng.getrandbits(32))
            # What grows needs some time for it, before a start ends it.
            elif not (self._is_restored if name in WRITES else name == "SIGKILL, start" and len(self.usage) < 2):
                self._own[name]()
                self.faults[name] += 1
            time.sleep(self._rng.uniform(*PAUSE_SECONDS))
        self.faults.update(self._server.heal())
        self._network.heal()
        self.exporter.limit_files(None)
        self._server.set_changing(False)
        self._quiet()

    def finish(self) -> None:
        """End the exporter, and check its end and its log."""
        if code := self.exporter.end(signal.SIGTERM):
            self._complain(f"SIGTERM ended it with {code}")
        for line in self.exporter.errors():
            self._complain(f"on standard error: {line}")
        broken = sum(not _is_json(line) for line in self.exporter.log_file.read_bytes().splitlines())
        if broken > self.faults["disk full"] + self.faults["SIGKILL, start"]:
            self._complain(f"{broken} lines of the log file are broken")

    def _complain(self, what: str) -> None:
        self.watcher.wrong.append(what)

    # Faults.

    def _break(self, **faults: object) -> list[Link]:
        """Set faults of one of the connections, or of all; return them."""
        links = self._network.links()
        chosen = links if not links or self._rng.random() < 0.2 else [self._rng.choice(links)]
        for link in chosen:
            vars(link).update(faults)
        return chosen

    def _reset(self) -> None:
        for link in self._break(is_reset=True):
            link.end()

    def _network_down(self) -> None:
        before, seconds = self._network.refused, self._rng.uniform(*OUTAGE_SECONDS)
        self._network.close()
        time.sleep(seconds)
        self._network.is_open = True
        self._check_rate("connections", self._network.refused - before, seconds)

    def _server_out(self) -> None:
        seconds = self._rng.uniform(*OUTAGE_SECONDS)
        self._server.start_outage(self._rng.choice((500, 502, 503, 504)))
        time.sleep(seconds)
        requests = self._server.end_outage()
        self._check_rate("requests", sum(requests.values()), seconds)
        for plural, count in requests.items() if self._informers == len(PLURALS) + 1 else ():
            informers = 2 if plural == "pods" else 1
            if count > informers * (seconds * KIND_REQUESTS_A_SECOND + KIND_REQUESTS_AT_ONCE):
                self._complain(f"{count} requests for {plural} in an outage of {seconds:.1f} s")

    def _check_rate(self, what: str, count: int, seconds: float) -> None:
        self.highest_rate = max(self.highest_rate, count / seconds)
        if count > seconds * REQUESTS_A_SECOND + REQUESTS_AT_ONCE + self._informers:
            self._complain(f"{count} {what} in an outage of {seconds:.1f} s")

    def _restore(self) -> None:
        """Restore an older backup, while the network is down; until all is shown, nothing is written."""
        self._is_restored = True
        self._server.set_changing(False)
        self._network.close()
        time.sleep(self._rng.uniform(*OUTAGE_SECONDS))
        self._server.restore()
        self._network.is_open = True

    def _stop_and_continue(self) -> None:
        self.exporter.signal(signal.SIGSTOP)
        time.sleep(self._rng.uniform(0.1, 2))
        self.exporter.signal(signal.SIGCONT)

    def _kill(self) -> None:
        self.exporter.end()
        self.exporter.start()
        self._bases.clear()
        self.usage.clear()

    # Quiets.

    def _quiet(self) -> None:
        started_at, problems, scrape = time.monotonic(), ["no scrape"], None
        state = self._server.state()
        while problems and time.monotonic() < started_at + QUIET_SECONDS:
            time.sleep(0.2)
            scrape = self.watcher.scrape()
            problems = differences(scrape, state["present"]) if scrape else ["no scrape"]
        self.quiet_seconds.append(time.monotonic() - started_at)
        # What has been counted of Events shows only in counters: they get a moment to arrive after all is connected.
        time.sleep(SETTLE_SECONDS)
        scrape = self.watcher.scrape() or scrape
        if problems or not scrape:
            self.diverged += 1
            self._complain(f"diverged after {QUIET_SECONDS:.0f} s: {'; '.join(problems[:5])}")
            return
        uids = uids_of(state["present"])
        self.watcher.settle(set(state["gone"]), uids)
        self._check_counts(scrape, uids, state["occurrences"])
        self._check_usage()
        self._server.settled(self._is_restored)
        self._is_restored = False

    def _check_counts(self, scrape: Scrape, uids: Uids, occurrences: int) -> None:
        """What was counted since the start adds up to what is there, and no part of the exporter has failed."""
        bases = {
            plural: len(uids[plural]) - scrape.total(f"{name}_created") + scrape.total(f"{name}_deleted")
            for plural, name in LIVES.items()
        }
        bases["events"] = occurrences - scrape.total("kuberay_events")
        if self._is_restored:
            # Occurrences that were lost before anybody saw them are not counted.
            self._bases.pop("events", None)
        for what, base in bases.items():
            if self._bases.get(what, base) != base:
                self.diverged += 1
                self._complain(f"counters of {what} are {base - self._bases[what]:+} beside what happened")
        self._bases = bases
        for name in filter(scrape.total, OWN_FAULTS):
            self._complain(f"{name} is not 0")

    def _check_usage(self) -> None:
        self.usage.append(self.exporter.usage())
        kept = Usage(0, 0, 2 * self._informers)
        for name, before, now, *more in zip(Usage._fields, self.usage[0], self.usage[-1], GROWTH, kept, strict=True):
            if now > before + sum(more):
                self._complain(f"{name} grew from {before:.0f} to {now:.0f}")


def uids_of(present: dict[str, list[Any]]) -> Uids:
    return {plural: {obj["metadata"]["uid"] for obj in objects} for plural, objects in present.items()}


def differences(scrape: Scrape, present: dict[str, list[Any]]) -> list[str]:
    """Return how the scrape differs from what `render` prints of the server's objects."""
    uids = uids_of(present)
    wrong = {plural: scrape.uids(plural) ^ uids[plural] for plural in UID_FAMILIES}
    found = [f"{len(some)} {plural}, such as {min(some)}" for plural, some in wrong.items() if some]
    # What the first list shows is not counted, so it has to come before the next changes.
    for metric in ("synced", "watch_connected"):
        found += [f"{plural}: {metric} is 0" for plural in PLURALS if not scrape.own(metric, plural)]
    if scrape.own("objects", "events") != len(uids["events"]):
        found.append(f"{scrape.own('objects', 'events'):.0f} Events, not {len(uids['events'])}")
    renderer = Renderer(RAY_PLURALS, FAMILIES.__contains__, lambda _: (), found.append)
    for obj in (obj for plural in RAY_PLURALS for obj in present[plural]):
        renderer.add(Item(obj["kind"], obj["apiVersion"], msgspec.Raw(msgspec.json.encode(obj))))
    names = {name.encode() for name in FAMILIES if not name.startswith("kuberay_pod_")}
    expected, shown = (
        {line for line in body.splitlines() if line.partition(b"{")[0] in names}
        for body in (renderer.exposition(), scrape.body)
    )
    if wrong_lines := expected ^ shown:
        found.append(f"{len(wrong_lines)} lines, such as {min(wrong_lines).decode()}")
    return found


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True
