"""What is known about one collection: written by the reflector's thread, read by any."""

import enum
from dataclasses import dataclass


class SyncState(enum.Enum):
    """Whether the objects of a collection are known; the value is a phrase for people."""

    LISTING = "not listed yet"
    SYNCED = "synced"
    NOT_INSTALLED = "not installed"
    REFUSED = "refused by the API server"
    INCOMPLETE = "every list fails"

    @property
    def is_complete(self) -> bool:
        """What the store holds may be served."""
        return self is not SyncState.LISTING


@dataclass
class InformerState:
    """What is known about one collection.

    Attributes:
        name: of the informer, for people.
        sync: SYNCED from the first finished list on, unless the kind is not installed any more; REFUSED
            after three refusals (401, 403) without a list before; INCOMPLETE by `mark_incomplete`.
        is_alive: the informer's thread runs.
        is_connected: a watch is open.
        failing_seconds: how long every list has failed; 0.0 if the last one did not.
        failure: why the last list failed, "" if it did not.
        objects, undecodable: how many are held, and how many have a version that cannot be decoded.
        last_sync_time, last_event_time: Unix seconds of the last finished list, and of the last list,
            event or bookmark; 0.0 before the first.
        failing_since: when the first of the lists that failed in a row was started; monotonic seconds.
        version: the last resource version whose change the store has.
    """

    name: str
    sync: SyncState = SyncState.LISTING
    is_alive: bool = False
    is_connected: bool = False
    failing_seconds: float = 0.0
    failure: str = ""
    objects: int = 0
    undecodable: int = 0
    last_sync_time: float = 0.0
    last_event_time: float = 0.0
    failing_since: float | None = None
    version: str = ""

    def mark_incomplete(self) -> None:
        """Let a collection whose lists all fail count as complete. Any thread may call this."""
        if self.sync is SyncState.LISTING:
            self.sync = SyncState.INCOMPLETE
