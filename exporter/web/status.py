"""What the web part asks of the exporter: a seam, so that it does not depend on Kubernetes."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class KindStatus:
    """One list and watch.

    Attributes:
        last_event_time: Unix seconds of the last list, change or bookmark; 0.0 before the first.
        stale_since: Unix seconds since when no changes are received; None if they are.
        problem: what is missing, and what to do, as a sentence; "" if nothing is.
    """

    name: str
    objects: int
    state: str
    last_event_time: float = 0.0
    stale_since: float | None = None
    problem: str = ""


class ExporterStatus(Protocol):
    """Answers from memory, without waiting; any thread may call."""

    def why_not_ready(self) -> str | None:
        """Return in plain words why `/metrics` would be incomplete; None if it is complete."""

    def incomplete(self) -> list[str]:
        """Return the kinds that `/metrics` does not have, although it answers, each with the reason."""

    def why_not_alive(self) -> str | None:
        """Return in plain words why the process should be restarted; None if it should not."""

    def kinds(self) -> list[KindStatus]:
        """Return every exported kind."""
