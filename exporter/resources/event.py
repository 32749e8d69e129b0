"""Event of core/v1: what a controller reports about an object. The API server deletes it after about an hour.

Two recorders write them: through events.k8s.io/v1 an Event has `eventTime` and, from its second occurrence on,
`series`; through core/v1 it has `count`, `firstTimestamp` and `lastTimestamp`, and `eventTime` is null.
"""

from datetime import datetime
from typing import NamedTuple

from msgspec import Struct

from exporter.resources.meta import Count, ObjectMeta, Shared, SharedStrings, Text
from exporter.resources.times import Time


class ObjectReference(SharedStrings, frozen=True, gc=False):
    """The object that an Event is about."""

    kind: Shared | None = None
    name: str | None = None
    uid: str | None = None


class EventSeries(Struct, frozen=True, gc=False, rename="camel"):
    """`series` of an Event that has occurred more than once."""

    count: Count | None = None
    last_observed_time: Time | None = None


class EventKey(NamedTuple):
    """What stays the same if an Event is deleted and written again, with another uid."""

    namespace: str
    name: str
    event_time: datetime | None


class Event(SharedStrings, frozen=True, gc=False, rename="camel"):
    """One Event, which stands for all occurrences of the same thing within some minutes."""

    metadata: ObjectMeta
    involved_object: ObjectReference | None = None
    type: str | None = None
    reason: str | None = None
    action: str | None = None
    message: Text | None = None
    count: Count | None = None
    series: EventSeries | None = None
    event_time: Time | None = None
    first_timestamp: Time | None = None
    last_timestamp: Time | None = None

    @property
    def key(self) -> EventKey:
        return EventKey(self.metadata.namespace, self.metadata.name, self.event_time)

    @property
    def occurrences(self) -> int:
        """How often it has occurred so far, as far as was written; at least once."""
        count = self.series.count if self.series and self.series.count else self.count
        return max(count or 1, 1)

    @property
    def first_time(self) -> datetime | None:
        return self.event_time or self.first_timestamp or self.metadata.creation_timestamp

    @property
    def last_time(self) -> datetime | None:
        """Time of the last occurrence: the first of these fields that is set."""
        observed = self.series.last_observed_time if self.series else None
        return (
            observed
            or self.last_timestamp
            or self.event_time
            or self.first_timestamp
            or self.metadata.creation_timestamp
        )

    def without_details(self) -> "Event":
        """Return what is held of it after its occurrences were counted: thousands of Events exist for an hour."""
        meta = self.metadata
        return Event(ObjectMeta(meta.name, meta.uid, meta.namespace, meta.resource_version), event_time=self.event_time)
