"""What the web part asks of the exporter: a seam, so that it knows nothing of Kubernetes."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class ResourceState:
    """One row of the landing page."""

    name: str
    objects: int
    state: str


class State(Protocol):
    """Answers at once, from memory; any thread may ask."""

    def why_not_ready(self) -> str | None:
        """Return in plain words why `/metrics` would not tell the truth; None when it would."""

    def why_not_alive(self) -> str | None:
        """Return in plain words why the process should be started again; None when it should not."""

    def resources(self) -> list[ResourceState]:
        """Return every exported kind."""
