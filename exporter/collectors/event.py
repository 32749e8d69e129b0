"""Events that controllers record about Ray's custom resources, counted by difference.

An Event is not an object with a state: it stands for occurrences, of which the API server keeps one document for an
hour. So what is printed is not the Events but what they show: how often each reason has occurred, and when last.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from exporter.clock import Clock, SystemClock
from exporter.collectors.event_reasons import KUBERAY_REASONS, NORMAL, WARNING
from exporter.collectors.event_series import EventCounts, LastWarnings
from exporter.exposition.model import Family, Sample
from exporter.families.lifecycle import Changes, Observation
from exporter.families.limits import NO_REPORT, Limits, Shares
from exporter.families.table import OTHER, RAY_API_VERSION, Kind, Occurrence, Selection, remember_nothing
from exporter.resources.event import Event, EventKey, ObjectReference

MAX_OTHER_REASONS = 200
"""Maximum number of other reasons than KubeRay's in a namespace: anyone who may create Events can write any."""

MAX_EVENTS = (50_000, 20_000)
"""Maximum number of present Events that are remembered, in all and of one namespace: about 30 MB."""

MAX_DELETED_EVENTS = 10_000
"""Maximum number of remembered deleted Events: an ended series is written again up to half an hour after its end."""


class NewOccurrences(NamedTuple):
    """New occurrences of an Event; of all but the last the API shows nothing but their number."""

    event: Event
    occurrences: int


def occurred(event: Event) -> Occurrence:
    """Return how often an Event has occurred so far, with kind, type and reason as they were written."""
    about = event.involved_object or ObjectReference()
    return Occurrence(event.occurrences, (about.kind or "", event.type or "", event.reason or ""))


class EventFamily(NamedTuple):
    """One family of series that Events leave behind; attributes as of a row of a table."""

    name: str
    type: str
    text: str
    source: str
    labels: tuple[str, ...]

    @property
    def help(self) -> str:
        return f"{self.text} ({self.source})."

    @property
    def family(self) -> Family:
        return Family(self.name, self.type, self.help, sorted(self.labels))


# fmt: off
EVENTS_TOTAL = EventFamily("kuberay_events_total", "counter",
    "Number of occurrences of Events about Ray's custom resources; reasons that are neither KubeRay's nor among "
    f"the first {MAX_OTHER_REASONS} others of their namespace are `{OTHER}`",
    "series.count, count", ("namespace", "kind", "type", "reason"))
LAST_WARNING = EventFamily("kuberay_event_last_timestamp_seconds", "gauge",
    "Time of the last occurrence of a Warning about an object, in Unix seconds, until the object is deleted or an "
    "hour has passed", "series.lastObservedTime, lastTimestamp, eventTime, firstTimestamp, metadata.creationTimestamp",
    ("namespace", "kind", "name", "uid", "type", "reason"))
# fmt: on

EVENTS: Kind[Event, None] = Kind(
    plural="events",
    name="Event",
    object_type=Event,
    remember=remember_nothing,
    is_default=False,
    api_version="v1",
    stored=Event.without_details,
    selections=(Selection(field_selector=f"involvedObject.apiVersion={RAY_API_VERSION}"),),
    max_held=MAX_EVENTS,
    sends_bookmarks=False,
    rows=(),
)


class SeenEvents:
    """How often each Event has occurred when it was last seen, also of some that were deleted since."""

    def __init__(self, dropped: Callable[[], object] = lambda: None) -> None:
        """`dropped` is called for each deleted Event that is forgotten because of a limit."""
        self._dropped = dropped
        self._present: dict[EventKey, int] = {}
        self._deleted: dict[EventKey, int] = {}
        self._shares = Shares[EventKey](MAX_DELETED_EVENTS)

    def __len__(self) -> int:
        return len(self._present) + len(self._deleted)

    def growth(self, key: EventKey, occurrences: int) -> int:
        """Remember the number; return how many are new."""
        before = self._present.get(key, 0) or self._deleted.pop(key, 0)
        self._shares.discard(key.namespace, key)
        self._present[key] = max(before, occurrences)
        return max(occurrences - before, 0)

    def deleted(self, key: EventKey) -> None:
        """Keep the number for a while: the recorder may write the Event again, under another uid."""
        occurrences = self._present.pop(key, None)
        if occurrences is None:
            return
        self._deleted[key] = occurrences
        if (forgotten := self._shares.add(key.namespace, key)) is not None:
            del self._deleted[forgotten]
            self._dropped()


class BoundedReasons:
    """KubeRay's reasons, the first others that occur in a namespace, and `other` for the rest."""

    def __init__(self) -> None:
        self._others: dict[str, set[str]] = {}

    def label(self, namespace: str, reason: str) -> str:
        if reason in KUBERAY_REASONS:
            return reason
        others = self._others.setdefault(namespace, set())
        if reason not in others and len(others) >= MAX_OTHER_REASONS:
            return OTHER
        others.add(reason)
        return reason

    def forget(self, namespace: str) -> None:
        self._others.pop(namespace, None)


class EventTotals:
    """Counts new occurrences, each once, and reports them (a `Totals` of Events).

    Guarantees: what the first list shows is history and not counted; what a later list or a watch shows is counted
    by difference per namespace, name and eventTime. A deleted Event changes nothing. Events of any age are counted.
    `object_deleted` may be called by any thread.
    """

    def __init__(
        self,
        family_filter: Callable[[str], bool] = lambda _: True,
        report: Callable[[NewOccurrences], object] = lambda _: None,
        *,
        kinds: Collection[str],
        clock: Clock | None = None,
        limits: Limits = NO_REPORT,
        namespace_dropped: Callable[[], object] = lambda: None,
        retained_dropped: Callable[[], object] = lambda: None,
    ) -> None:
        """`report` is called once for each Event that has new occurrences; `kinds` are those that become labels.

        `namespace_dropped` is called for each namespace whose series were dropped before their time,
        `retained_dropped` for each deleted Event whose occurrences count again if it is written again.
        """
        clock = clock or SystemClock()
        self._report = report
        self._kinds = frozenset(kinds)
        self._limits = limits
        self._seen = SeenEvents(retained_dropped)
        self._reasons = BoundedReasons()
        # Present in the first list, but not decodable yet.
        self._undecodable: set[str] = set()
        self._counts = EventCounts(clock, namespace_dropped, self._reasons.forget)
        self._warnings = LastWarnings(clock, limits)
        self._series: list[tuple[Family, EventCounts | LastWarnings]] = [
            (row.family, series)
            for row, series in ((EVENTS_TOTAL, self._counts), (LAST_WARNING, self._warnings))
            if family_filter(row.name)
        ]
        self.families = tuple([family for family, _ in self._series])
        self.reads = frozenset[str]()

    def observe(self, event: Event, remembered: None = None) -> Observation[Event]:  # noqa: ARG002 - as of all totals
        return Observation(event, (occurred(event),))

    def on_list(self, present: Iterable[Observation[Event]], undecodable: Collection[str]) -> Changes:
        """Take the first list as history; return the keys of the series that exist now."""
        self._undecodable.update(undecodable)
        return self._changes(self._take(present, is_history=True))

    def on_change(self, changed: Iterable[Observation[Event]], removed: Iterable[Event]) -> Changes:
        """Count and report what is new; return the keys of the series that changed."""
        for event in removed:
            self._seen.deleted(event.key)
        return self._changes(self._take(changed, is_history=False))

    def object_deleted(self, uid: str) -> None:
        """Drop the Warnings about an object with the next change or scrape. Any thread may call this."""
        self._warnings.object_deleted(uid)

    def expire(self) -> list[str]:
        return [*self._counts.expire(), *self._warnings.expire()]

    def samples(self, key: str, places: Collection[int] | None = None) -> tuple[list[Sample], ...]:
        """Return the one sample that has this key, at the place of its family."""
        places = range(len(self._series)) if places is None else places
        return tuple([self._series[place][1].samples(key) for place in places])

    def present_keys(self) -> list[str]:
        return [*self._counts.present_keys(), *self._warnings.present_keys()]

    def _changes(self, keys: Iterable[str]) -> Changes:
        return dict.fromkeys(keys, range(len(self.families)))

    def _take(self, observations: Iterable[Observation[Event]], *, is_history: bool) -> set[str]:
        touched: set[str] = set()
        for event, (occurrence,) in observations:
            uid = event.metadata.uid
            if new := self._seen.growth(event.key, occurrence.times):
                is_old = is_history or uid in self._undecodable
                touched |= self._count(event, occurrence, 0 if is_old else new)
            self._undecodable.discard(uid)
        return touched

    def _count(self, event: Event, occurrence: Occurrence, times: int) -> set[str]:
        """Add to the series of an Event; its history makes them exist at 0."""
        kind, type_, reason = occurrence.labels
        labels = (
            kind if kind in self._kinds else OTHER,
            type_ if type_ in (NORMAL, WARNING) else OTHER,
            self._reasons.label(event.metadata.namespace, *self._limits.values((reason,))),
        )
        if times:
            self._report(NewOccurrences(event, times))
        touched = {self._counts.add(event.metadata.namespace, labels, times)}
        if type_ == WARNING:
            touched.add(self._warnings.add(event, labels, _seconds(event.last_time)))
        return touched


def _seconds(time: datetime | None) -> float:
    return 0.0 if time is None else time.timestamp()
