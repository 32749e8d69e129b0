"""One log line for each Event with new occurrences, for log systems: a replacement for a separate event exporter."""

import logging
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from exporter.collectors.event import NewOccurrences
from exporter.resources.event import ObjectReference

LOGGER = "kuberay.events"

MAX_MESSAGE_BYTES = 1024
"""Maximum size of a message, as in the API; one that is written through the older API can be longer."""

_CUT_MARK = "…"
_log = logging.getLogger(LOGGER)


class LogFields(dict[str, Any]):
    """The fields of a log line about an object, under any names; as text, what a person reads.

    `extra` of the standard library refuses `name` and `message`. Texts are cut to MAX_MESSAGE_BYTES.
    """

    def __init__(self, kind: str, namespace: str, name: str, what: str, fields: Mapping[str, Any]) -> None:
        """`what` has happened to the object."""
        fields = {"kind": kind, "namespace": namespace, "name": name, **fields}
        super().__init__({key: cut_bytes(value) if isinstance(value, str) else value for key, value in fields.items()})
        self._text = cut_bytes(f"{kind} {namespace}/{name}: {what}")

    def __str__(self) -> str:
        return self._text


def log_event(new: NewOccurrences) -> None:
    """Log the new occurrences of an Event, however many, as one line.

    `count` is how often it has occurred in all, `occurrences` how many of these are new.
    """
    event = new.event
    about = event.involved_object or ObjectReference()
    fields = {
        "uid": about.uid or "",
        "type": event.type or "",
        "reason": event.reason or "",
        "action": event.action or "",
        "count": event.occurrences,
        "occurrences": new.occurrences,
        "message": event.message or "",
        "first_time": time_text(event.first_time),
        "last_time": time_text(event.last_time),
        "event_uid": event.metadata.uid,
    }
    _log.info(LogFields(about.kind or "", event.metadata.namespace, about.name or "", event.reason or "", fields))


def cut_bytes(text: str) -> str:
    """Return text of at most MAX_MESSAGE_BYTES in UTF-8."""
    encoded = text.encode("utf-8", "replace")
    if len(encoded) <= MAX_MESSAGE_BYTES:
        return text
    return encoded[: MAX_MESSAGE_BYTES - len(_CUT_MARK.encode())].decode("utf-8", "ignore") + _CUT_MARK


def time_text(time: datetime | None) -> str:
    """Return a time as RFC 3339 in UTC, empty if there is none."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z") if time else ""
