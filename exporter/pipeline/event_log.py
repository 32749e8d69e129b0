"""One log line for each Event with new occurrences, for log systems: a replacement for a separate event exporter."""

import logging
from datetime import datetime
from typing import Any

from exporter.collectors.event import NewOccurrences
from exporter.resources.event import ObjectReference

LOGGER = "kuberay.events"

MAX_MESSAGE_BYTES = 1024
"""Maximum size of a message, as in the API; one that is written through the older API can be longer."""

_CUT_MARK = "…"
_log = logging.getLogger(LOGGER)


class _Fields(dict[str, Any]):
    """The fields of a log line, under any names; as text, what a person reads.

    `extra` of the standard library refuses `name` and `message`.
    """

    def __str__(self) -> str:
        return f"{self['kind']} {self['namespace']}/{self['name']}: {self['reason']}"


def log_event(new: NewOccurrences) -> None:
    """Log the new occurrences of an Event, however many, as one line.

    `count` is how often it has occurred in all, `occurrences` how many of these are new.
    """
    event = new.event
    about = event.involved_object or ObjectReference()
    fields = {
        "kind": about.kind or "",
        "namespace": event.metadata.namespace,
        "name": about.name or "",
        "uid": about.uid or "",
        "type": event.type or "",
        "reason": event.reason or "",
        "action": event.action or "",
        "count": event.occurrences,
        "occurrences": new.occurrences,
        "message": cut_bytes(event.message or ""),
        "first_time": _time(event.first_time),
        "last_time": _time(event.last_time),
        "event_uid": event.metadata.uid,
    }
    _log.info(_Fields({name: cut_bytes(value) if isinstance(value, str) else value for name, value in fields.items()}))


def cut_bytes(text: str) -> str:
    """Return text of at most MAX_MESSAGE_BYTES in UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return text
    return encoded[: MAX_MESSAGE_BYTES - len(_CUT_MARK.encode())].decode("utf-8", "ignore") + _CUT_MARK


def _time(time: datetime | None) -> str:
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z") if time else ""
