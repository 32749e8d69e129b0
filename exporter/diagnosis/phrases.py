"""Figures and texts in sentences: ages, counts, messages of other programs."""

import re
from datetime import UTC, datetime

from exporter.resources.times import MAX_SECONDS

_MAX_QUOTED = 160

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""Escape sequences of a terminal that logs of Ray are full of; others stay, and are shown as such."""

_PIP = "[notice]"
"""Beginning of pip's notices about its own version, which follow the error if a runtime environment fails."""

NEVER = datetime.min.replace(tzinfo=UTC)
"""Sorts what has no time as the oldest."""


def age_seconds(now: datetime, since: datetime | None) -> float:
    """Return how long ago a time was; 0.0 if it is absent or in the future."""
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())


def duration(seconds: float) -> str:
    """Return a duration, rounded down: `45 s`, `14 min`, `3 h 5 min`, `2 d 1 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min"
    if whole < 86400:
        first, second = f"{whole // 3600} h", f"{whole % 3600 // 60} min"
    else:
        first, second = f"{whole // 86400} d", f"{whole % 86400 // 3600} h"
    return first if second.startswith("0 ") else f"{first} {second}"


def exactly(seconds: int) -> str:
    """Return a duration that somebody has set: as `duration` does if that leaves out nothing, else in seconds."""
    step = 1 if seconds < 60 else 60 if seconds < 86400 else 3600
    return duration(seconds) if seconds % step == 0 else f"{seconds} s"


def age(now: datetime, since: datetime | None) -> str:
    """Return how long ago a time was; `an unknown time` if it is absent, or one that cannot be true."""
    return duration(age_seconds(now, since)) if _is_known(now, since) else "an unknown time"


def lasting(now: datetime, since: datetime | None) -> str:
    """Return ` for 14 min`; "" if the time is not known."""
    return f" for {age(now, since)}" if _is_known(now, since) else ""


def ago(now: datetime, since: datetime | None) -> str:
    """Return ` 14 min ago`; "" if the time is not known."""
    return f" {age(now, since)} ago" if _is_known(now, since) else ""


def _is_known(now: datetime, since: datetime | None) -> bool:
    """Return whether a time can be true: the zero times of Go and Unix are none."""
    return since is not None and age_seconds(now, since) <= MAX_SECONDS


def count(number: int, noun: str) -> str:
    """Return `1 pod`, `4 pods`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def one_line(text: str | None) -> str:
    """Return a text without line breaks and colours."""
    return " ".join(_COLOURS.sub("", text or "").split())


def quoted(message: str | None) -> str:
    """Return the beginning of a message, for a sentence; the evidence has more of it."""
    line = one_line(message).rstrip(".")
    return line if len(line) <= _MAX_QUOTED else f"{line[: _MAX_QUOTED - 1]}…"


def unsaid(message: str, sentence: str) -> str:
    """Return what of a message on one line a sentence does not quote: nothing, the rest of one that was cut, or all."""
    if message.rstrip(".") in sentence:
        return ""
    beginning, rest = message[: _MAX_QUOTED - 1], message[_MAX_QUOTED - 1 :]
    return f"…{rest}" if f"{beginning}…" in sentence else message


def last_line(message: str | None) -> str:
    """Return the last line of a text that has several, such as a traceback; else its beginning."""
    lines = [line for line in map(one_line, (message or "").splitlines()) if line and not line.startswith(_PIP)]
    return quoted(lines[-1] if lines else "")


def with_detail(text: str, detail: str) -> str:
    """Return `text: detail`, or the text if there is no detail."""
    return f"{text}: {detail}" if detail else text


def continued(text: str) -> str:
    """Return a text as the end of a sentence: in lower case, unless it begins with a reason such as `FailedMount`."""
    first, *_ = text.split(maxsplit=1) or [""]
    return text[:1].lower() + text[1:] if first[1:].islower() else text


def ended(text: str) -> str:
    """Return a text that ends with one full stop, or with the mark of a text that was cut."""
    return text if text.endswith("…") else f"{text.rstrip('. ')}."
