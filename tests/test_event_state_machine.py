"""Whatever happens, in whatever order: what was recorded of Events is what is counted and what is reported.

Occurrences are recorded through both APIs; Events expire, are written again, and grow while the watch is cut, too old
or refused. Only an Event that expires before the exporter could see it is not counted, so nothing expires unseen.
"""

import time
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from exporter.collectors.event import EVENTS, EventTotals, NewOccurrences
from exporter.families.object_families import ObjectFamilies
from exporter.kinds import DIAGNOSED
from tests.support.any_order import FAULTS, NAMES, InformersAndServer, settings
from tests.support.events import event, old_event
from tests.support.metrics_stores import metrics_store, total

# A watch of Events has no idle timeout: silence would last for minutes.
EVENT_FAULTS = sorted(set(FAULTS) - {"watch silent"})


class EventsAndServer(InformersAndServer):
    """A server on which Events are recorded, a network that breaks, and counts that must be right."""

    @initialize(count=st.integers(1, 4))
    def start(self, count: int) -> None:
        self.written: dict[str, dict[str, Any]] = {}
        self.recorded = 0
        self._record("a", count, is_old=False)
        self.recorded = 0  # the first list is history
        self.serve()
        self.reported = 0
        self.totals = EventTotals(report=self._report, kinds=DIAGNOSED)
        self.watch(EVENTS, metrics_store(ObjectFamilies(EVENTS), self.totals))

    def _report(self, new: NewOccurrences) -> None:
        self.reported += new.occurrences

    # What happens to Events.

    @rule(names=st.lists(NAMES, min_size=1, max_size=5), times=st.integers(1, 20), is_old=st.booleans())
    def record(self, names: list[str], times: int, is_old: bool) -> None:
        for name in names:
            self._record(name, times, is_old=is_old)

    def _record(self, name: str, times: int, *, is_old: bool) -> None:
        """Let something occur again: its Event grows, or is written if there is none."""
        before = self.written.get(name)
        if before is None:
            self.written[name] = self._event(name, times, is_old=is_old, number=self.store.version)
            self.store.create("events", self.written[name])
        else:
            count = (before["series"] or {}).get("count") or before.get("count") or 1
            is_old, number = before["eventTime"] is None, before["number"]
            self.written[name] = self._event(name, count + times, is_old=is_old, number=number)
            self.store.update("events", self.written[name])
        self.recorded += times

    def _event(self, name: str, count: int, *, is_old: bool, number: int) -> dict[str, Any]:
        """Return an Event; the name of each new one has a number, as recorders write it."""
        one = (old_event if is_old else event)(f"{name}.{number:x}", count)
        # The server gives it a uid and a version; the number is only for the test.
        one["metadata"] = {key: one["metadata"][key] for key in ("name", "namespace")}
        return one | {"number": number}

    @rule(name=NAMES, is_written_again=st.booleans(), times=st.integers(0, 3))
    def expire(self, name: str, is_written_again: bool, times: int) -> None:
        """An Event is deleted; perhaps its series ends later, and is written again with what it has grown by."""
        if name not in self.written:
            return
        self.settle()
        expired = self.written.pop(name)
        self.store.delete("events", "ns", expired["metadata"]["name"])
        if is_written_again:
            self.written[name] = expired
            self.store.create("events", expired)
            if times:
                self._record(name, times, is_old=False)

    @rule(name=st.sampled_from(EVENT_FAULTS))
    def break_something(self, name: str) -> None:
        super().break_something(name)

    @rule()
    def cut_all_watches(self) -> None:
        """As when the API server restarts."""
        for _ in range(2):
            self.server.cut_after(0)
        self._record("d", 1, is_old=False)

    @rule()
    def pass_some_time(self) -> None:
        before, deadline = self.counts["event_received"], time.monotonic() + 0.05
        while self.counts["event_received"] == before and time.monotonic() < deadline:
            time.sleep(0.002)

    def expected_versions(self) -> list[dict[str, str]]:
        return [self.versions("events")]

    def check_counts(self) -> None:
        counted = total(self.totals, "kuberay_events_total")
        assert (counted, self.reported) == (self.recorded, self.recorded)


TestEventsAndServer = EventsAndServer.TestCase
TestEventsAndServer.settings = settings(40)
