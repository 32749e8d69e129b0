"""Scrapes the exporter all the time, and says what no fault may cause: lost and partial scrapes, falling counters."""

import re
import threading
from functools import lru_cache
from http.client import HTTPException
from typing import NamedTuple

from tests.attack.world import INFO_FAMILIES
from tests.chaos.exporter import Exporter
from tests.support import bodies
from tests.support.bodies import ParsedFamily

SCRAPE_SECONDS = 0.5
UID_FAMILIES = INFO_FAMILIES | {"pods": "kuberay_pod_info"}
"""The family that has exactly one series for each object of the kind."""


class Scrape(NamedTuple):
    """A body of /metrics, strictly parsed; counters are named without `_total`."""

    body: bytes
    families: dict[str, ParsedFamily]

    @classmethod
    def of(cls, body: bytes) -> "Scrape":
        """Parse a body family by family, most of which are as in the last one; raises AssertionError, ValueError."""
        assert body.startswith(b"# HELP "), "an empty body"
        parts = [_parsed(part) for part in re.split(rb"(?m)^(?=# HELP )", body)[1:]]
        families = {name: family for part in parts for name, family in part.items()}
        assert len(families) == len(parts), "a family twice"
        return cls(body, families)

    def uids(self, plural: str) -> set[str]:
        family = self.families.get(UID_FAMILIES[plural])
        return {dict(labels)["uid"] for _, labels in family.series} if family else set()

    def own(self, name: str, plural: str) -> float:
        """Return one of the exporter's own metrics of a kind."""
        series = self.families[f"kuberay_exporter_{name}"].series
        return next(value for (_, labels), value in series.items() if ("resource", plural) in labels)

    def total(self, family: str) -> int:
        """Return the sum of all series of a counter."""
        return round(sum(self.families[family].series.values())) if family in self.families else 0


@lru_cache(4096)
def _parsed(part: bytes) -> dict[str, ParsedFamily]:
    return bodies.parse(part)


class Watcher:
    """Scrapes in a thread of its own until stopped.

    Attributes:
        wrong: what must not be, in words.
        lost: how many scrapes were not answered, not 200, not parsed, or partial.
    """

    def __init__(self, exporter: Exporter) -> None:
        self._exporter = exporter
        self._stopping = threading.Event()
        # Guards the rest, and the order of scrapes: both threads scrape.
        self._lock = threading.Lock()
        self.scrapes = self.lost = 0
        self.wrong: list[str] = []
        self._last: tuple[int, Scrape] | None = None
        # Since the start of the exporter: the kinds that were listed.
        self._synced: set[str] = set()
        # Since all was quiet: the uids that were there, those that scrapes missed, and objects whose counters fell.
        self._quiet: dict[str, set[str]] = {}
        self._missed: list[set[str]] = []
        self._fallen: dict[str, str] = {}
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join()

    def scrape(self) -> Scrape | None:
        """Scrape once; None if the exporter is starting, or the scrape is lost."""
        with self._lock:
            exporter, generation = self._exporter, self._exporter.generation
            try:
                health, answer = exporter.get("/healthz"), exporter.get("/metrics")
                if answer.status != 200 and not exporter.is_up:
                    return None
                for path, got in (("/healthz", health), ("/metrics", answer)):
                    assert got.status == 200, f"{path} {got.status}: {got.body[:200]!r}"
                scrape = Scrape.of(answer.body)
            except (OSError, HTTPException, AssertionError, ValueError) as exc:
                if exporter.is_up and exporter.generation == generation:
                    self._lose(f"a scrape is lost: {type(exc).__name__} {exc}")
                return None
            self.scrapes += 1
            if exporter.generation == generation:
                exporter.is_up = True
            self._compare(generation, scrape)
            return scrape

    def settle(self, gone: set[str], present: dict[str, set[str]]) -> None:
        """Judge what was seen since the last call; `gone` are the uids that were not there all the time."""
        with self._lock:
            for partial in filter(None, (missed - gone for missed in self._missed)):
                self._lose(f"a scrape is partial: {len(partial)} objects are missing, such as {min(partial)}")
            self.wrong += [what for uid, what in self._fallen.items() if uid not in gone]
            self._quiet, self._missed, self._fallen = present, [], {}

    def _lose(self, what: str) -> None:
        self.lost += 1
        self.wrong.append(what)

    def _run(self) -> None:
        while not self._stopping.wait(SCRAPE_SECONDS):
            self.scrape()

    def _compare(self, generation: int, scrape: Scrape) -> None:
        last, self._last = self._last, (generation, scrape)
        is_first = last is None or last[0] != generation
        # A kind whose lists are refused is served without its objects, as is documented, but only after a start.
        self._synced = {p for p in UID_FAMILIES if scrape.own("synced", p)} | (set() if is_first else self._synced)
        self._missed.append({uid for p in self._synced for uid in self._quiet.get(p, set()) - scrape.uids(p)})
        for name, family in last[1].families.items() if last and not is_first else ():
            if family.type in ("counter", "histogram") and not name.startswith("python_"):
                now = scrape.families[name].series if name in scrape.families else {}
                for key, before in family.series.items():
                    self._check_counter(*key, before, now.get(key))

    def _check_counter(self, name: str, labels: bodies.Labels, before: float, now: float | None) -> None:
        """Complain of a counter that fell; those of an object end with it, or fall if its own number does."""
        uid = dict(labels).get("uid")
        if (now is not None and now >= before) or (uid and now is None):
            return
        what = f"{name}{dict(labels)} fell from {before} to {now}"
        if uid:
            self._fallen[uid] = what
        else:
            self.wrong.append(what)
