"""Events and pods for tests: as the API server sends them, and totals of Events with what they print and report."""

from typing import Any

from exporter.collectors.event import EVENTS, EventTotals, NewOccurrences
from exporter.exposition.text import FamilyText
from exporter.kinds import DIAGNOSED
from exporter.resources.event import Event
from tests.support.clocks import FakeClock
from tests.support.objects import decode

AT = "2026-11-23T10:00:00.123456Z"


def event(
    name: str = "a.1",
    count: int = 1,
    *,
    uid: str = "1",
    version: str = "1",
    reason: str = "FailedToCreateHeadPod",
    type_: str = "Warning",
    kind: str = "RayCluster",
    about: str = "a",
    about_uid: str = "u",
    namespace: str = "ns",
    at: str = AT,
    **more: Any,
) -> dict[str, Any]:
    """Return an Event as KubeRay 1.7 records it: with a series from the second occurrence on."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": namespace, "uid": uid, "resourceVersion": version},
        "involvedObject": {"apiVersion": "ray.io/v1", "kind": kind, "name": about, "uid": about_uid},
        "type": type_,
        "reason": reason,
        "action": "Create",
        "message": "exceeded quota",
        "eventTime": at,
        "firstTimestamp": None,
        "lastTimestamp": None,
        "source": {},
        "series": {"count": count, "lastObservedTime": at} if count > 1 else None,
    } | more


def old_event(name: str = "a.1", count: int = 1, **more: Any) -> dict[str, Any]:
    """Return an Event as recorders write it through core/v1: with a count, and no eventTime."""
    times = {"firstTimestamp": "2026-11-23T10:00:00Z", "lastTimestamp": "2026-11-23T10:05:00Z"}
    return event(name, **more) | times | {"eventTime": None, "series": None, "count": count}


class Totals:
    """Totals of Events, the reported growths, and a clock that shows the time of the Events."""

    def __init__(self, **options: Any) -> None:
        self.clock = FakeClock(now=1_795_428_000.0)
        self.reported: list[tuple[str, int]] = []
        self.totals = EventTotals(report=self._report, kinds=DIAGNOSED, clock=self.clock, **options)

    def _report(self, new: NewOccurrences) -> None:
        self.reported.append((new.event.metadata.name, new.occurrences))

    def listed(self, *events: dict[str, Any], undecodable: tuple[str, ...] = ()) -> "Totals":
        self.totals.on_list([self.totals.observe(decode(EVENTS, one)) for one in events], undecodable)
        return self

    def seen(self, *events: dict[str, Any], removed: tuple[dict[str, Any], ...] = ()) -> "Totals":
        """One step: an event of a watch where it is one object, a list's difference where there are more."""
        observations = [self.totals.observe(decode(EVENTS, one)) for one in events]
        self.totals.on_change(observations, [decode(EVENTS, one) for one in removed])
        return self

    def lines(self, family: str) -> list[str]:
        """Return the lines of one family, sorted."""
        self.totals.expire()
        place = [one.name for one in self.totals.families].index(f"kuberay_{family}")
        text = FamilyText(self.totals.families[place])
        samples = [self.totals.samples(key)[place] for key in self.totals.present_keys()]
        return sorted(line for some in samples for line in text.lines(some).decode().splitlines())

    @property
    def counted(self) -> dict[str, float]:
        """Return the counters that are not 0, by reason."""
        counted: dict[str, float] = {}
        for line in self.lines("events_total"):
            reason = line.partition('reason="')[2].partition('"')[0]
            counted[reason] = counted.get(reason, 0) + float(line.rpartition(" ")[2])
        return {reason: count for reason, count in counted.items() if count}


def decoded(one: dict[str, Any]) -> Event:
    event: Event = decode(EVENTS, one)
    return event
