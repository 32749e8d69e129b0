"""The limit of open files and sockets: raised at the start, and compared with what the exporter needs."""

import logging
import resource
from contextlib import suppress

OTHER_DESCRIPTORS = 32
"""Descriptors for everything else: log files, the event loop, files while they are read, an exec plugin's pipes."""

log = logging.getLogger(__name__)


def raise_descriptor_limit() -> int:
    """Raise the soft limit to the hard one; return the limit.

    The soft limit is 1,024 on most machines, for the sake of programs that use select(), which nothing here does.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):  # macOS has a lower limit than it says
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        soft = hard
    return soft


def reserve_descriptors(watches: int, clients: int) -> int:
    """Raise the limit; return how many connections of clients it leaves room for, at most `clients`.

    Each watch is one connection to the API server. Too low a limit is one log line: what can be watched is watched.
    """
    limit = raise_descriptor_limit()
    needed = watches + clients + OTHER_DESCRIPTORS
    if limit == resource.RLIM_INFINITY or limit >= needed:
        return clients
    room = max(1, limit - watches - OTHER_DESCRIPTORS)
    level = logging.ERROR if limit < watches + OTHER_DESCRIPTORS else logging.WARNING
    log.log(
        level,
        "the limit of open files (ulimit -Hn) is too low for all watches and %d connections of clients",
        clients,
        extra={"limit": limit, "needed": needed, "watches": watches, "client_connections": room},
    )
    return room
