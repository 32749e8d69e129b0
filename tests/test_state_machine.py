"""Whatever happens, in whatever order: after quiet the exporter's view equals the server's, uid by uid.

And at no time does an object disappear that existed unchanged throughout, but after 404 twice, 30 s apart.
What was counted of the objects' lives adds up to what is there.
"""

import json
import time
from collections.abc import Callable, Collection, Sequence

import hypothesis
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from exporter.collectors.job_ends import end_of
from exporter.collectors.rayjob import RAYJOBS
from exporter.families.lifecycle import LifecycleTotals
from exporter.resources.rayjob import RayJob
from exporter.simulator.apiserver.store import ObjectStore
from tests.support.clocks import FakeClock
from tests.support.faults import FaultServer
from tests.support.metrics_stores import total
from tests.support.recordings import answer
from tests.support.stores import install, restore, save, uninstall
from tests.support.watching import DEADLINE_SECONDS, View, Watched, job, wait_until

NAMES = st.sampled_from(["a", "b", "c", "d"])
STATES = st.sampled_from(["Initializing", "Running", "Complete", "Failed", "Retrying"])
PAGE_SIZE = 2
BOOKMARK_SECONDS = 0.02
IDLE_TIMEOUT_SECONDS = 0.25
"""Twelve bookmarks: shorter than anybody's patience, long enough for a busy machine."""


NEWS = st.sampled_from([0, 0, 1, 2, 4])
"""How much the informer is to see before the next step; often nothing, so that steps fall together."""


def answers(status: int, verb: str, times: int) -> Callable[[FaultServer], object]:
    return lambda server: server.answer_next(status, b"{}", verb=verb, times=times)


def lists(body: bytes) -> Callable[[FaultServer], object]:
    return lambda server: server.answer_next(200, body, verb="list")


def recorded(name: str, verb: str) -> Callable[[FaultServer], object]:
    status, headers, body = answer(name)
    return lambda server: server.answer_recorded({"status": status, "headers": headers, "body": body}, verb=verb)


def events(line: bytes) -> Callable[[FaultServer], object]:
    return lambda server: server.garbage(line + b"\n")


FAULTS: dict[str, Callable[[FaultServer], object]] = {
    "watch cut before a line": lambda server: server.cut_after(0),
    "watch cut in a line": lambda server: server.cut_after(40),
    "watch cut after a line": lambda server: server.cut_after(400),
    "watch ended in a line": lambda server: server.half_line(),
    "watch silent": lambda server: server.stall(),
    "watch in pieces": lambda server: server.split_line(3),
    "event: garbage": events(b"\x00\xff"),
    "event: {}": events(b"{}"),
    "event: empty line": events(b""),
    "event: unknown type": events(b'{"type":"NEW","object":{}}'),
    "event: DELETED of nothing": events(b'{"type":"DELETED","object":1}'),
    "event: ERROR 410": events(b'{"type":"ERROR","object":{"code":410,"message":"m"}}'),
    "event: ERROR 429": events(b'{"type":"ERROR","object":{"code":429,"message":"m"}}'),
    "event: ERROR 500": events(b'{"type":"ERROR","object":{"code":500,"message":"m"}}'),
    "watch: recorded 410": recorded("410-watch-too-old", "watch"),
    "watch: recorded 429": recorded("429-watch-initializing", "watch"),
    "watch: 401": answers(401, "watch", 2),
    "watch: 403 for long": answers(403, "watch", 5),
    "watch: 410": answers(410, "watch", 1),
    "watch: 500 for long": answers(500, "watch", 5),
    "watch: 503": answers(503, "watch", 2),
    "version: 503": answers(503, "check", 1),
    "version: {}": lambda server: server.answer_next(200, b"{}", verb="check"),
    "watch: empty answer": answers(200, "watch", 2),
    "list: recorded 410": recorded("410-expired-continue", "list"),
    "list: 401": answers(401, "list", 2),
    "list: 403 for long": answers(403, "list", 5),
    "list: 429": answers(429, "list", 2),
    "list: 500": answers(500, "list", 2),
    "list cut": lambda server: server.cut_answer(100),
    "list cut at once": lambda server: server.cut_answer(0),
    "list of a wrong length": lambda server: server.wrong_content_length(7),
    "list: {}": lists(b"{}"),
    "list: HTML": lists(b"<html>"),
    "list: 404 of a proxy": lambda server: server.answer_next(404, b"<html>not found</html>", verb="list"),
    "list: no metadata": lists(b'{"items":[]}'),
    "list: no version": lists(b'{"metadata":{},"items":[]}'),
}


class StrictView(View):
    """A view that records when an object disappears that was always there, and counts all lifecycles."""

    def __init__(self) -> None:
        super().__init__()
        self.totals = LifecycleTotals(RAYJOBS)
        self.known_from_the_start = 0
        self.ended: set[str] = set()
        self.may_go: set[str] = set()
        self.all_may_go = False
        self.violations: list[str] = []

    def on_list(self, present: Sequence[RayJob], undecodable: Collection[str]) -> None:
        self.totals.on_list(map(self.totals.observe, present), undecodable)
        self.known_from_the_start = len(present)
        self.ended = {obj.metadata.uid for obj in present if end_of(obj)}
        super().on_change(present, [])

    def on_change(self, changed: Sequence[RayJob], removed: Sequence[RayJob]) -> None:
        self.totals.on_change(map(self.totals.observe, changed), removed)
        if not self.all_may_go:
            self.violations += [obj.metadata.uid for obj in removed if obj.metadata.uid not in self.may_go]
        super().on_change(changed, removed)

    def counted(self, name: str) -> float:
        """Return a total of the only namespace, over all its own labels."""
        return total(self.totals, f"kuberay_jobs_{name}_total")

    def check_totals(self) -> None:
        """What was counted adds up to what is there: nothing twice, nothing left out."""
        created, deleted = self.counted("created"), self.counted("deleted")
        assert self.known_from_the_start + created - deleted == len(self.objects)
        ends = {uid for uid, obj in self.objects.items() if end_of(obj)} - self.ended
        assert len(ends) <= self.counted("finished") <= self.known_from_the_start + created


class ExporterAndServer(RuleBasedStateMachine):
    """A server to which things happen, a network that breaks, and an informer that has to cope."""

    @initialize()
    def start(self) -> None:
        self.store = ObjectStore()
        self.server = FaultServer(self.store, bookmark_seconds=BOOKMARK_SECONDS)
        self.server.start()
        self.port = int(self.server.url.rsplit(":", 1)[1])
        self.snapshot = save(self.store)
        self.view = StrictView()
        self.seen: set[str] = set()
        # How often 404 may have been answered since all was quiet.
        self.missing_answers = 0
        self.own = Watched(
            self.server, FakeClock(), view=self.view, page_size=PAGE_SIZE, idle_timeout_seconds=IDLE_TIMEOUT_SECONDS
        )
        self.own.informer.start()

    # What happens to objects.

    @rule(names=st.lists(NAMES, min_size=1, max_size=6), state=STATES, news=NEWS)
    def write(self, names: list[str], state: str, news: int) -> None:
        if self.store.is_installed("rayjobs"):
            for name in names:
                self._write(name, state)
        self._pass_some_time(news)

    def _write(self, name: str, state: str) -> None:
        if name in self.present().values():
            self.store.update("rayjobs", job(name, {"jobDeploymentStatus": state}))
        else:
            self.store.create("rayjobs", job(name, {"jobDeploymentStatus": state}))
        self.seen |= self.present().keys()

    @rule(name=NAMES, again=st.booleans())
    def delete_and_perhaps_create_again(self, name: str, again: bool) -> None:
        if name in self.present().values():
            self.view.may_go |= {uid for uid, present in self.present().items() if present == name}
            self.store.delete("rayjobs", "ns", name)
            if again:
                self._write(name, "")

    # What happens to the server.

    @rule(what=st.sampled_from(["compact", "save", "write another kind", "uninstall or install"]), news=NEWS)
    def keep_house(self, what: str, news: int) -> None:
        """Old versions are forgotten; a backup is made; another kind is written; the CRD goes or comes."""
        if what == "compact":
            self.server.expire_tokens()
        elif what == "save":
            self.snapshot = save(self.store)
        elif what == "write another kind":
            self._write_another_kind()
        elif self.store.is_installed("rayjobs"):
            self.missing_answers += 1
            self.view.may_go |= self.present().keys()
            uninstall(self.store, "rayjobs")
        else:
            install(self.store, "rayjobs")
        self._pass_some_time(news)

    def _write_another_kind(self) -> None:
        """Versions go up without a word in this watch."""
        self.store.create("raycronjobs", {"metadata": {"name": f"c{self.store.version}", "namespace": "ns"}})

    @rule(is_older=st.booleans())
    def restart(self, is_older: bool) -> None:
        """An outage that is noticed; perhaps the server comes back with an older state of its storage."""
        before = self.store.version
        self.server.stop()
        waits = len(self.own.clock.waits)
        wait_until(lambda: len(self.own.clock.waits) > waits + 2, "the outage is noticed")
        if is_older:
            restore(self.store, self.snapshot)
            self.view.may_go |= self.seen - self.present().keys()
            self.seen |= self.present().keys()
        self.server = FaultServer(self.store, port=self.port, bookmark_seconds=BOOKMARK_SECONDS)
        self.server.start()
        if is_older and self.store.is_installed("rayjobs"):
            # Whoever asks before the new history has caught up with the old one finds it out; later nobody can.
            self.server.wait_for_watch("rayjobs")
            while self.store.version <= before:
                self._write_another_kind()

    # What happens to requests.

    @rule(name=st.sampled_from(sorted(FAULTS)), news=NEWS)
    def break_something(self, name: str, news: int) -> None:
        hypothesis.event(name)
        FAULTS[name](self.server)
        self._pass_some_time(news)

    @rule(times=st.sampled_from([1, 1, 1, 2, 3]), news=NEWS)
    def answer_lists_with_404(self, times: int, news: int) -> None:
        """Once takes nothing away; in a row, 30 s apart, it does."""
        self.missing_answers += times
        self.view.all_may_go |= self.missing_answers > 1
        self.server.hidden = {"rayjobs"}
        self.server.answer_next(404, b"404 page not found\n", verb="list", times=times)
        FAULTS["event: ERROR 410"](self.server)
        self._pass_some_time(news)

    def _pass_some_time(self, news: int) -> None:
        """Wait until the informer has got so many more events, or waited so often: faults apply to events."""
        deadline = time.monotonic() + 2 * IDLE_TIMEOUT_SECONDS
        until = self._news() + news
        while self._news() < until and time.monotonic() < deadline:
            time.sleep(0.002)

    def _news(self) -> int:
        return self.own.counts["event_received"] + len(self.own.clock.waits)

    @rule()
    def settle(self) -> None:
        """No more faults: soon the view is the server's state, version by version."""
        self.server.clear_faults()
        expected = self.versions()
        wait_until(
            lambda: {uid: obj.metadata.resource_version for uid, obj in self.view.objects.items()} == expected,
            f"{expected}, but {self.view.objects}",
        )
        self.view.check_totals()
        if self.store.is_installed("rayjobs"):
            # Not only seen by the server, which may still hold a watch that the informer has given up.
            wait_until(lambda: self.own.reflector.state.is_connected and self.own.reflector._missing_since is None)
        self.view.may_go, self.view.all_may_go = self.seen - self.present().keys(), False
        self.missing_answers = 0

    @invariant()
    def nothing_disappeared_that_was_there(self) -> None:
        assert not self.view.violations

    @invariant()
    def the_thread_lives(self) -> None:
        assert self.own.informer.state().is_alive
        assert self.own.counts["crashed"] == 0

    def teardown(self) -> None:
        if hasattr(self, "own"):
            try:
                self.settle()
            finally:
                self.own.informer.stop()
                self.server.stop()
                self.own.informer.join(DEADLINE_SECONDS)
        super().teardown()

    def present(self) -> dict[str, str]:
        """Return the names of the objects on the server by uid."""
        return {item["metadata"]["uid"]: item["metadata"]["name"] for item in self._items()}

    def versions(self) -> dict[str, str]:
        return {item["metadata"]["uid"]: item["metadata"]["resourceVersion"] for item in self._items()}

    def _items(self) -> list[dict[str, dict[str, str]]]:
        if not self.store.is_installed("rayjobs"):
            return []
        return [json.loads(event.body) for event in self.store.page("rayjobs").items]


TestExporterAndServer = ExporterAndServer.TestCase
# No shrinking: a failure here waits for its deadline, and shrinking it would wait for a hundred of them.
TestExporterAndServer.settings = hypothesis.settings(
    phases=[hypothesis.Phase.reuse, hypothesis.Phase.generate],
    max_examples=60 if hypothesis.settings().derandomize else 1500,
    stateful_step_count=40,
)
