"""The series that Events leave behind, each under a key of its own, and how long they stay."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from exporter.clock import Clock
from exporter.exposition.model import Sample
from exporter.families.limits import Limits, Shares
from exporter.families.namespaces import EMPTY_NAMESPACE_SECONDS, ExpiringKeys
from exporter.resources.event import Event, ObjectReference

WARNING_SECONDS = 3600.0
"""How long the time of a Warning is shown after its last occurrence: as long as the API server keeps Events."""

MAX_WARNINGS = 10_000
"""Maximum number of series of Warnings: anyone who may create Events can write any name and uid of an object."""

EXPIRY_STEP_SECONDS = 1.0

MAX_NAMESPACES = 10_000
"""Maximum number of namespaces, so that namespaces that are created in a loop do not make the memory grow."""

Labels = tuple[str, ...]


class EventCounts:
    """Occurrences by namespace, kind, type and reason. Not for several threads at once."""

    def __init__(
        self, clock: Clock, namespace_dropped: Callable[[], object], forget: Callable[[str], object] = lambda _: None
    ) -> None:
        """`forget` is called with each namespace whose series end."""
        self._forget = forget
        self._counts: dict[str, tuple[Labels, int]] = {}
        # By namespace: the keys of its series.
        self._keys: dict[str, set[str]] = {}
        # Since their last occurrence.
        self._namespaces = ExpiringKeys(clock, EMPTY_NAMESPACE_SECONDS, MAX_NAMESPACES, namespace_dropped)

    def add(self, namespace: str, labels: Labels, times: int) -> str:
        """Add occurrences, or make the series exist; return its key."""
        kind, type_, reason = labels
        printed = (kind, namespace, reason, type_)
        key = repr(printed)
        _, count = self._counts.get(key, (printed, 0))
        self._counts[key] = printed, count + times
        self._keys.setdefault(namespace, set()).add(key)
        self._namespaces.add(namespace)
        return key

    def present_keys(self) -> list[str]:
        return list(self._counts)

    def samples(self, key: str) -> list[Sample]:
        """Return the series of this key; nothing if there is none."""
        found = self._counts.get(key)
        return [Sample(*found)] if found else []

    def expire(self) -> list[str]:
        """Drop the series of namespaces without an occurrence for long; return their keys."""
        namespaces = self._namespaces.expire()
        expired = [key for namespace in namespaces for key in self._keys.pop(namespace)]
        for key in expired:
            del self._counts[key]
        for namespace in namespaces:
            self._forget(namespace)
        return expired


class Warned(NamedTuple):
    """The last occurrence of a Warning: its labels, its time in Unix seconds, and until when it is shown."""

    labels: Labels
    seconds: float
    uid: str
    until: float

    @property
    def namespace(self) -> str:
        return self.labels[2]


class LastWarnings:
    """When Warnings last occurred, by object and reason. Not for several threads at once, but `object_deleted`."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._warnings: dict[str, Warned] = {}
        # Of a namespace, the longest unchanged first.
        self._shares = Shares[str](MAX_WARNINGS)
        self._excess: list[str] = []
        # When the first of them is out of date.
        self._next_expiry = float("inf")
        # Appended to by any thread, emptied by the one that expires.
        self._deleted_objects: deque[str] = deque(maxlen=MAX_WARNINGS)

    def add(self, event: Event, labels: Labels, seconds: float) -> str:
        """Show the time of an occurrence, unless a later one is shown or it is too long ago; return the key."""
        kind, type_, reason = labels
        about = event.involved_object or ObjectReference()
        identity = (about.name or "", event.metadata.namespace, reason, type_, about.uid or "")
        printed = self._limits.values((kind, *identity))
        key = repr(printed)
        before = self._warnings.get(key)
        seconds = max(seconds, before.seconds if before else seconds)
        # Clocks differ: an occurrence of the future is shown for an hour from now.
        rest = min(seconds + WARNING_SECONDS - self._clock.time(), WARNING_SECONDS)
        warned = Warned(printed, seconds, printed[-1], self._clock.monotonic() + rest)
        self._warnings[key] = warned
        if (excess := self._shares.add(warned.namespace, key)) is not None:
            del self._warnings[excess]
            self._excess.append(excess)
        self._next_expiry = min(self._next_expiry, warned.until)
        return key

    def object_deleted(self, uid: str) -> None:
        self._deleted_objects.append(uid)

    def present_keys(self) -> list[str]:
        return list(self._warnings)

    def samples(self, key: str) -> list[Sample]:
        """Return the series of this key; nothing if there is none."""
        warned = self._warnings.get(key)
        return [Sample(warned.labels, warned.seconds)] if warned else []

    def expire(self) -> list[str]:
        """Drop what is out of date, too much, or about deleted objects; return the keys."""
        deleted = {self._deleted_objects.popleft() for _ in range(len(self._deleted_objects))}
        expired: list[str] = []
        if deleted or self._clock.monotonic() >= self._next_expiry:
            expired = self._drop_expired(deleted)
        # One that has come again since has its series.
        excess = [key for key in self._excess if key not in self._warnings]
        self._excess = []
        if excess:
            self._limits.series_dropped(len(excess))
        return [*expired, *excess]

    def _drop_expired(self, deleted: set[str]) -> list[str]:
        now = self._clock.monotonic()
        expired = [key for key, warned in self._warnings.items() if warned.until <= now or warned.uid in deleted]
        for key in expired:
            self._shares.discard(self._warnings.pop(key).namespace, key)
        first = min((warned.until for warned in self._warnings.values()), default=float("inf"))
        # All are looked through: at most once a second, however many expire one after the other.
        self._next_expiry = max(first, now + EXPIRY_STEP_SECONDS)
        return expired
