"""What the web part asks of the exporter: a seam, so that it does not depend on Kubernetes."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class KindStatus:
    """One row of the landing page."""

    name: str
    objects: int
    state: str


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
