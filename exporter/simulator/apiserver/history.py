"""The earlier versions of the objects of one kind, the log of their events, and its readers.

It hides how old versions stay readable while objects change: the pages of a list have the version of the first
page, and a watch can begin at any version that the bounded log still covers.

Not promised: a lock of its own (it is the store's), or the refusal of versions below `compacted`: for these the
results are wrong.
"""

import threading
import time
from bisect import bisect_left, bisect_right, insort
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

# The pages of one list are read one after the other: one view for each running list is enough.
_VIEWS_KEPT = 8
# Bounds the memory of a watch while it writes; later events stay in the log.
_EVENTS_AT_ONCE = 500

# Go sorts the keys of a custom resource, so they are sorted in the recordings; those of a core object it does not.
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode
_encode = msgspec.json.encode

Matches = Callable[["StoredEvent"], bool]
"""Whether a selector selects the object in the version that the event shows."""


class StoredEvent(msgspec.Struct, frozen=True, gc=False):
    """One version of one object: the line that every watch sends, and the object in it."""

    version: int
    type: str
    key: str
    line: bytes

    @classmethod
    def of(cls, type_: str, version: int, key: str, obj: dict[str, Any], *, is_sorted: bool = True) -> "StoredEvent":
        """Return the event of an object; raise TypeError if JSON cannot represent it."""
        return cls._of_body(type_, version, key, _encode_sorted(obj) if is_sorted else _encode(obj))

    @classmethod
    def _of_body(cls, type_: str, version: int, key: str, body: bytes) -> "StoredEvent":
        return cls(version, type_, key, b'{"type":"%b","object":%b}\n' % (type_.encode(), body))

    @property
    def body(self) -> bytes:
        """Return the object alone, as JSON."""
        return self.line[len('{"type":"","object":') + len(self.type) : -2]

    @property
    def added_line(self) -> bytes:
        """Return the line for a watch that begins with the present objects."""
        return self.retyped("ADDED").line

    def retyped(self, type_: str) -> "StoredEvent":
        """Return the same version of the object as an event of another type."""
        return self._of_body(type_, self.version, self.key, self.body)

    def ended_at(self, version: int) -> "StoredEvent":
        """Return this state of the object as a DELETED of that version."""
        old, new = (b'"resourceVersion":"%d"' % number for number in (self.version, version))
        return self._of_body("DELETED", version, self.key, self.body.replace(old, new, 1))


class StoredPage(msgspec.Struct, frozen=True):
    """A part of a list at `version`; `remaining` objects follow `last_key`, whether they are selected or not."""

    items: list[StoredEvent]
    version: int
    remaining: int

    @property
    def last_key(self) -> str:
        """Return the key of the last object; IndexError on an empty page."""
        return self.items[-1].key


class History:
    """The objects of one kind, at the present version and at those that the log covers.

    The caller holds `lock`, which is the store's; `changed` is a condition of it.
    """

    def __init__(self, lock: threading.Lock, compacted: int, present: Iterable[StoredEvent] = ()) -> None:
        self.changed = threading.Condition(lock)
        self.is_closed = False
        # Versions below this are refused. It is never below the last event that `log` has dropped.
        self.compacted = compacted
        self.log: deque[StoredEvent] = deque()
        self.forgotten = 0  # the number of events dropped from `log`: log[i] is event number forgotten + i
        # The versions of each object, oldest first. Deleted objects stay as long as the history covers them.
        self.chains: dict[str, list[StoredEvent]] = {event.key: [event] for event in present}
        self.keys = sorted(self.chains)
        self.views: dict[int, list[str]] = {}

    def append(self, event: StoredEvent, kept: int) -> None:
        """Add a version, drop the oldest event if there are more than `kept`, and wake the watches."""
        chain = self.chains.get(event.key)
        if chain is None:
            chain = self.chains[event.key] = []
            insort(self.keys, event.key)
        chain.append(event)
        self.log.append(event)
        if len(self.log) > kept:
            self.forget_oldest()
        self.changed.notify_all()

    def forget_oldest(self) -> None:
        """Drop the oldest event, and the versions that only a list before that event could contain."""
        event = self.log.popleft()
        self.forgotten += 1
        self.compacted = max(self.compacted, event.version)
        chain = self.chains[event.key]
        while len(chain) > 1 and chain[1].version <= self.compacted:
            del chain[0]
        if len(chain) == 1 and chain[0].type == "DELETED" and chain[0].version <= self.compacted:
            del self.chains[event.key]
            del self.keys[bisect_left(self.keys, event.key)]

    def get(self, key: str, version: int) -> StoredEvent | None:
        """Return the object as it was at `version`, which must not be below `compacted`; None if there was none."""
        chain = self.chains.get(key, ())
        if chain and chain[-1].version > version:
            chain = chain[: bisect_right(chain, version, key=lambda event: event.version)]
        return chain[-1] if chain and chain[-1].type != "DELETED" else None

    def before(self, event: StoredEvent) -> StoredEvent | None:
        """Return the version of the object that this event replaced; None if there was none.

        The event must be in the log.
        """
        return self.get(event.key, event.version - 1)

    def keys_at(self, version: int) -> list[str]:
        """Return the sorted keys of the objects at `version`, computed once for all pages of a list."""
        view = self.views.get(version)
        if view is None:
            view = [key for key in self.keys if self.get(key, version)]
            while len(self.views) >= _VIEWS_KEPT:
                del self.views[next(iter(self.views))]
            self.views[version] = view
        return view

    def page(
        self,
        version: int,
        namespace: str | None = None,
        *,
        limit: int = 0,
        start: str = "",
        matches: Matches | None = None,
    ) -> StoredPage:
        """Return up to `limit` objects (0: all) from key `start` on, as they were at `version`."""
        keys = self.keys_at(version)
        first, last = 0, len(keys)
        if namespace:
            # "0" follows "/": the end of all keys of this namespace.
            first, last = bisect_left(keys, f"{namespace}/"), bisect_left(keys, f"{namespace}0")
        first = max(first, bisect_left(keys, start))
        limit = limit or len(keys)
        items: list[StoredEvent] = []
        while first < last and len(items) < limit:
            event = self.get(keys[first], version)
            if event and (matches is None or matches(event)):
                items.append(event)
            first += 1
        return StoredPage(items, version, max(0, last - first))

    def close(self) -> None:
        """End the watches as soon as they have read all events."""
        self.is_closed = True
        self.changed.notify_all()


class Watch:
    """The position of one reader in a History. `next` is for one thread, `close` for any.

    Events are returned in order, each once. A watch whose next event has been dropped ends, as on the real server
    if a client reads too slowly.
    """

    def __init__(
        self,
        history: History,
        prefix: str,
        after: int,
        current_version: Callable[[], int],
        matches: Matches | None = None,
    ) -> None:
        self._history = history
        self._prefix = prefix
        self._matches = matches
        # The store's version: a watch without events advances with the writes to other kinds.
        self._current_version = current_version
        self._after = after
        self._is_closed = False
        self._number = history.forgotten + bisect_right(history.log, after, key=lambda event: event.version)
        # No later event has this version or a lower one. Used by the reader's thread only.
        self.version = after

    def next(self, timeout_seconds: float) -> list[StoredEvent] | None:
        """Return the next events, none if there are none for `timeout_seconds`, and None after the end."""
        deadline = time.monotonic() + timeout_seconds
        history = self._history
        with history.changed:
            while self._is_waiting() and (left := deadline - time.monotonic()) > 0:
                history.changed.wait(left)
            if self._is_closed or self._number < history.forgotten:
                return None
            if history.is_closed and self._number == history.forgotten + len(history.log):
                return None
            return self._take()

    def close(self) -> None:
        """End the watch: its next result is None."""
        with self._history.changed:
            self._is_closed = True
            self._history.changed.notify_all()

    def _is_waiting(self) -> bool:
        history = self._history
        return not (self._is_closed or history.is_closed or self._number != history.forgotten + len(history.log))

    def _take(self) -> list[StoredEvent]:
        log, first = self._history.log, self._number - self._history.forgotten
        stop = min(len(log), first + _EVENTS_AT_ONCE)
        events = [log[i] for i in range(first, stop)]
        self._number += len(events)
        self.version = events[-1].version if stop < len(log) else self._current_version()
        # After a restore of etcd `after` may be a future version: events up to it are omitted.
        wanted = [e for e in events if e.version > self._after and e.key.startswith(self._prefix)]
        if self._matches is None:
            return wanted
        return [selected for event in wanted if (selected := self._selected(event, self._matches))]

    def _selected(self, event: StoredEvent, matches: Matches) -> StoredEvent | None:
        """Return what a watch with a selector sends: an object that begins or ceases to match is ADDED or DELETED."""
        before = self._history.before(event)
        was, fits = before is not None and matches(before), matches(event)
        if event.type == "DELETED":
            return event if was else None
        if was and not fits and before is not None:
            return before.ended_at(event.version)
        if not fits:
            return None
        return event if was or event.type == "ADDED" else event.retyped("ADDED")
