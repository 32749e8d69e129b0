"""The open connections of all listeners: how many there may be, and which one makes room for a new one."""

import asyncio
import logging
from typing import Protocol

from exporter.web.client_log import ClientLog

MAX_CONNECTIONS = 512
"""With a receive buffer of 16 KiB and what the kernel holds of an answer, these are bounded to some 10 MB."""

READ_BYTES = 16 * 1024
"""How much is read from a client at once."""


class Closable(Protocol):
    """A connection, as the pool sees it."""

    def finish(self) -> None:
        """Close after the answer that is being sent, or now if there is none."""

    def abort(self) -> None:
        """Close now; what has not been sent is dropped."""


class ConnectionPool:
    """At most `maximum` connections. A new one closes the one that has been idle for the longest time.

    So a probe or a scrape always gets in, however many clients connect and then do nothing. Only connections
    with a request in progress are never closed for others. For the event loop's thread.
    """

    def __init__(self, client_log: ClientLog, maximum: int = MAX_CONNECTIONS) -> None:
        self.client_log = client_log
        self.is_draining = False
        # Used between get_buffer and buffer_updated, which the event loop calls without a pause between them.
        self.read_buffer = memoryview(bytearray(READ_BYTES))
        self._maximum = maximum
        self._busy: set[Closable] = set()
        self._idle: dict[Closable, None] = {}  # in the order in which they became idle
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        return len(self._busy) + len(self._idle)

    def admit(self, connection: Closable) -> bool:
        """Add a new connection, idle at first; False if every other one has a request in progress."""
        if len(self) >= self._maximum and not self.close_longest_idle():
            self.client_log.log(logging.WARNING, "refused a connection: all others have a request in progress")
            return False
        self._idle[connection] = None
        return True

    def close_longest_idle(self) -> bool:
        """Make room for another connection, if any is idle."""
        connection = next(iter(self._idle), None)
        if connection is None:
            return False
        self.client_log.log(logging.WARNING, "closed an idle connection to make room for a new one")
        self.discard(connection)
        connection.abort()
        return True

    def set_busy(self, connection: Closable) -> None:
        """A request has arrived."""
        self._idle.pop(connection, None)
        self._busy.add(connection)

    def set_idle(self, connection: Closable) -> None:
        """The answer has been sent."""
        self._busy.discard(connection)
        self._idle[connection] = None

    def discard(self, connection: Closable) -> None:
        """The connection is closed."""
        self._busy.discard(connection)
        self._idle.pop(connection, None)
        self._changed.set()

    def finish_all(self) -> None:
        """Close what is idle, and the others after their answers."""
        for connection in [*self._idle, *self._busy]:
            connection.finish()

    async def drain(self) -> None:
        """Close what is idle, and the others after their answers; return when none is left."""
        self.is_draining = True
        self.finish_all()
        while len(self):
            self._changed.clear()
            await self._changed.wait()

    def abort_all(self) -> int:
        """Close what is left; return how many that were."""
        connections = [*self._idle, *self._busy]
        for connection in connections:
            connection.abort()
        return len(connections)
