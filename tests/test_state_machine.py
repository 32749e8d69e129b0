"""Whatever happens, in whatever order: after quiet the exporter's view equals the server's, uid by uid.

And at no time does an object disappear that existed unchanged throughout, but after 404 twice, 30 s apart.
What was counted of the objects' lives adds up to what is there.
"""

import time
from collections.abc import Collection, Sequence

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule

from exporter.collectors.job_ends import end_of
from exporter.collectors.rayjob import RAYJOBS
from exporter.families.lifecycle import LifecycleTotals
from exporter.resources.rayjob import RayJob
from tests.support.any_order import FAULTS, IDLE_TIMEOUT_SECONDS, NAMES, PAGE_SIZE, InformersAndServer, settings
from tests.support.metrics_stores import total
from tests.support.stores import install, restore, save, uninstall
from tests.support.watching import View, Watched, job, wait_until

STATES = st.sampled_from(["Initializing", "Running", "Complete", "Failed", "Retrying"])
NEWS = st.sampled_from([0, 0, 1, 2, 4])
"""How much the informer is to see before the next step; often nothing, so that steps fall together."""


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


class ExporterAndServer(InformersAndServer):
    """A server to which things happen, a network that breaks, and an informer that has to cope."""

    @initialize()
    def start(self) -> None:
        self.serve()
        self.snapshot = save(self.store)
        self.view = StrictView()
        self.seen: set[str] = set()
        # How often 404 may have been answered since all was quiet.
        self.missing_answers = 0
        self.own = Watched(
            self.server, self.clock, view=self.view, page_size=PAGE_SIZE, idle_timeout_seconds=IDLE_TIMEOUT_SECONDS
        )
        self.counts, self.informers, self.held = self.own.counts, [self.own.informer], [self.own.held]
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

    @rule(what=st.sampled_from(["save", "write another kind", "uninstall or install"]), news=NEWS)
    def keep_house(self, what: str, news: int) -> None:
        """A backup is made; another kind is written; the CRD goes or comes."""
        if what == "save":
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

    @rule()
    def restart_with_a_backup(self) -> None:
        """The server comes back with an older state of its storage."""
        before = self.store.version
        self.stop_server()
        restore(self.store, self.snapshot)
        self.view.may_go |= self.seen - self.present().keys()
        self.seen |= self.present().keys()
        self.serve()
        if self.store.is_installed("rayjobs"):
            # Whoever asks before the new history has caught up with the old one finds it out; later nobody can.
            self.server.wait_for_watch("rayjobs")
            while self.store.version <= before:
                self._write_another_kind()

    # What happens to requests.

    @rule(name=st.sampled_from(sorted(FAULTS)), news=NEWS)
    def break_something(self, name: str, news: int) -> None:
        super().break_something(name)
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
        return self.counts["event_received"] + len(self.clock.waits)

    def expected_versions(self) -> list[dict[str, str]]:
        return [self.versions("rayjobs") if self.store.is_installed("rayjobs") else {}]

    def check_counts(self) -> None:
        wait_until(lambda: self.view.objects == self.own.held.by_uid, f"{self.view.objects} is what is held")
        self.view.check_totals()
        if self.store.is_installed("rayjobs"):
            # Not only seen by the server, which may still hold a watch that the informer has given up.
            wait_until(lambda: self.own.reflector.state.is_connected and self.own.reflector._missing_since is None)
        self.view.may_go, self.view.all_may_go = self.seen - self.present().keys(), False
        self.missing_answers = 0

    @invariant()
    def nothing_disappeared_that_was_there(self) -> None:
        assert not self.view.violations

    def present(self) -> dict[str, str]:
        """Return the names of the objects on the server by uid."""
        if not self.store.is_installed("rayjobs"):
            return {}
        return {uid: name for name in "abcd" for uid in self.versions("rayjobs", name.__eq__)}


TestExporterAndServer = ExporterAndServer.TestCase
TestExporterAndServer.settings = settings(60, soaked=1500)
