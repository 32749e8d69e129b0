"""What the page and its API read: the stores of all kinds, and a bounded number of Events with their messages.

Nothing here is computed when an event arrives: objects are found and diagnosed when somebody asks.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import chain
from typing import Any

from msgspec.structs import replace

from exporter.collectors.event import EVENTS
from exporter.collectors.pod import PODS
from exporter.collectors.raycluster import RAYCLUSTERS
from exporter.collectors.workload import WORKLOADS
from exporter.diagnosis.fleet import Fleet
from exporter.diagnosis.related import Known
from exporter.families.limits import Shares
from exporter.families.table import AnyKind
from exporter.kinds import DECLARATIONS, DIAGNOSED
from exporter.kube.informer import Informer
from exporter.kube.store import EventHandler, Store
from exporter.kube.sync_state import SyncState
from exporter.resources.event import Event
from exporter.resources.meta import cut
from exporter.shard import Shard

MAX_EVENTS = 10_000
"""Events that are kept with their messages: about 10 MB. Beyond it, the namespace that has most loses its oldest."""

REMEDY = "add pods and events to --collectors (chart value collectors)"
"""Of an exporter that does not watch them."""


class ShownObjects:
    """The stores of the watched kinds. Filled before the informers start; any thread may call `fleet`."""

    def __init__(self, shard: Shard | None = None) -> None:
        self._shard = shard
        self._stores: dict[str, list[Store[Any]]] = {}
        self._informers: Sequence[Informer[Any]] = ()
        self._events = EventTable()

    def add(
        self, kind: AnyKind, stores: Iterable[Store[Any]], handler: EventHandler[Any], dropped: Callable[[], object]
    ) -> EventHandler[Any]:
        """Show the objects of a kind; return the event handler that its informers write to.

        `dropped` is called for each Event that is no longer shown because there are too many.
        """
        self._stores[kind.plural] = list(stores)
        return EventTableHandler(self._events, handler, dropped) if kind.plural == EVENTS.plural else handler

    def watch(self, informers: Sequence[Informer[Any]]) -> None:
        """Take the informers that write to the stores: a kind that they could not list is not known."""
        self._informers = informers

    def fleet(self) -> Fleet:
        """Return all objects as they are now."""
        listed = self._listed()
        known = Known(
            clusters=RAYCLUSTERS.plural in listed,
            pods=PODS.plural in listed,
            events=EVENTS.plural in listed,
            is_listed=True,
            workloads=WORKLOADS.plural in listed,
            remedy=REMEDY,
            shard=self._shard,
        )
        fleet = Fleet(DIAGNOSED, known)
        for kind in DECLARATIONS:
            if kind.diagnosed:
                fleet.add_objects(self._held(kind.tables.plural))
        fleet.add_pods(self._held(PODS.plural))
        fleet.add_events(self._events.newest())
        fleet.add_workloads(self._held(WORKLOADS.plural))
        return fleet

    def _listed(self) -> set[str]:
        """Return the kinds of which every list has finished: what is absent of them does not exist."""
        plurals = {informer.settings.plural for informer in self._informers}
        missing = {
            informer.settings.plural for informer in self._informers if informer.state().sync is not SyncState.SYNCED
        }
        return plurals - missing

    def _held(self, plural: str) -> Iterable[Any]:
        return chain.from_iterable(self._stores.get(plural, ()))


class EventTable:
    """The newest Events with their messages, by uid. Informers' threads write, any thread reads."""

    def __init__(self, max_events: int = MAX_EVENTS) -> None:
        # Guards the writes of several informers, and is held for the time of a few dict operations only.
        self._lock = threading.Lock()
        self._by_uid: dict[str, Event] = {}
        self._shares = Shares[str](max_events)

    def newest(self) -> list[Event]:
        # One call into C: no other thread can change the dict during it.
        return list(self._by_uid.values())

    def put(self, events: Iterable[Event], dropped: Callable[[], object]) -> None:
        """Keep copies, with messages of a bounded length: the store holds Events without their details.

        `dropped` is called for each Event that is no longer kept because there are too many.
        """
        for event in events:
            copy = _copy(event)
            with self._lock:
                # At the end of the order, as it is the newest now.
                self._by_uid.pop(event.metadata.uid, None)
                self._by_uid[event.metadata.uid] = copy
                if (oldest := self._shares.add(event.metadata.namespace, event.metadata.uid)) is not None:
                    del self._by_uid[oldest]
                    dropped()

    def remove(self, events: Iterable[Event]) -> None:
        with self._lock:
            for event in events:
                self._by_uid.pop(event.metadata.uid, None)
                self._shares.discard(event.metadata.namespace, event.metadata.uid)


class EventTableHandler:
    """An event handler that keeps Events in a table, and then passes everything on to another one."""

    def __init__(self, table: EventTable, handler: EventHandler[Any], dropped: Callable[[], object]) -> None:
        self._table, self._handler, self._dropped = table, handler, dropped

    def on_list(self, present: Sequence[Any], undecodable: Collection[str]) -> None:
        self._table.put(present, self._dropped)
        self._handler.on_list(present, undecodable)

    def on_change(self, changed: Sequence[Any], removed: Sequence[Any]) -> None:
        self._table.put(changed, self._dropped)
        self._table.remove(removed)
        self._handler.on_change(changed, removed)


def _copy(event: Event) -> Event:
    message = cut(event.message) if event.message else None
    return replace(event, message=message, metadata=replace(event.metadata, labels=None))
